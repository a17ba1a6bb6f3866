"""The first-boot runner, really run by the shells that guests have: in order, once, recorded, the hook gone."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from guest.changes.firstboot import BEGIN, END, insert_hook

HOOK = f"{BEGIN}\n/bin/sh /var/lib/guest-customizer/first-boot/run || :\n{END}\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("#!/bin/sh -e\nexit 0\n", f"#!/bin/sh -e\n{HOOK}exit 0\n"),
        ("#!/bin/sh\ntrue\n", f"#!/bin/sh\ntrue\n{HOOK}"),
        ("#!/bin/sh\ntrue", f"#!/bin/sh\ntrue\n{HOOK}"),
        ("#!/bin/sh\nif x; then\n  exit 1\nfi\nexit\n", f"#!/bin/sh\nif x; then\n  exit 1\nfi\n{HOOK}exit\n"),
        (
            "#!/bin/sh\nexit_code=0\n# exit 0\nexit $exit_code\n",
            f"#!/bin/sh\nexit_code=0\n# exit 0\n{HOOK}exit $exit_code\n",
        ),
        ("#!/bin/sh\nexit 0\nnever\nexit 0\n", f"#!/bin/sh\n{HOOK}exit 0\nnever\nexit 0\n"),
    ],
)
def test_the_hook_stands_before_the_exit(old: str, new: str) -> None:
    assert insert_hook(old) == new


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    """A golden case's first boot, with its absolute paths moved to a folder."""
    case = Path(__file__).parents[2] / "golden/debian-12/rc-local-kept/after"
    state = tmp_path / "var/lib/guest-customizer"
    steps = state / "first-boot/steps"
    steps.mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    rc_local = (case / "etc/rc.local").read_text()
    (tmp_path / "etc/rc.local").write_text(rc_local.replace("/var/lib", f"{tmp_path}/var/lib"))
    (tmp_path / "etc/rc.local").chmod(0o755)
    runner = (case / "var/lib/guest-customizer/first-boot/run").read_text()
    moved = runner.replace("/var/lib", f"{tmp_path}/var/lib").replace("/etc/rc.local", f"{tmp_path}/etc/rc.local")
    (state / "first-boot/run").write_text(moved)
    (state / "first-boot/pending").touch()
    for name, text in {
        "001-command": f"#!/bin/sh\necho first >>{tmp_path}/order\n",
        "002-command": f"#!/bin/sh\necho second >>{tmp_path}/order\numask >{tmp_path}/umask\nexit 7\n",
        "003-10-app.sh": f"#!/bin/sh\necho third >>{tmp_path}/order\n",
    }.items():
        (steps / name).write_text(text)
        (steps / name).chmod(0o700)
    return tmp_path


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_the_runner(guest: Path, shell: str) -> None:
    run = guest / "var/lib/guest-customizer/first-boot/run"
    subprocess.run([*shell.split(), str(run)], check=True)
    record_file = guest / "var/lib/guest-customizer/first-boot.json"
    record = json.loads(record_file.read_text())
    assert record["id"] == "golden-1"
    assert record["exit_status"] == 7
    assert [(step["step"], step["exit_status"]) for step in record["steps"]] == [
        ("001-command", 0),
        ("002-command", 7),
        ("003-10-app.sh", 0),
    ]
    assert (guest / "order").read_text() == "first\nsecond\nthird\n"
    assert (guest / "umask").read_text() == "0022\n"
    assert record_file.stat().st_mode & 0o777 == 0o600
    assert "002-command: exit status 7" in (guest / "var/lib/guest-customizer/first-boot.log").read_text()
    assert not run.parent.exists()
    before = Path(__file__).parents[2] / "golden/debian-12/rc-local-kept/before/etc/rc.local"
    assert (guest / "etc/rc.local").read_text() == before.read_text()
    assert os.access(guest / "etc/rc.local", os.X_OK)


def test_a_step_that_reboots_the_machine_leaves_a_report(guest: Path) -> None:
    run = guest / "var/lib/guest-customizer/first-boot/run"
    (run.parent / "steps/002-command").write_text("#!/bin/sh\nkill -9 $PPID\n")
    subprocess.run(["sh", str(run)], check=False)
    record_file = guest / "var/lib/guest-customizer/first-boot.json"
    subprocess.run(["sh", str(run)], check=True)  # the next start
    record = json.loads(record_file.read_text())
    assert (record["ended"], record["exit_status"]) == (None, 0)
    assert [step["step"] for step in record["steps"]] == ["001-command"]
    assert (guest / "order").read_text() == "first\n"
    assert not run.parent.exists()


def test_a_second_start_does_not_run_the_steps_again(guest: Path) -> None:
    run = guest / "var/lib/guest-customizer/first-boot/run"
    (run.parent / "pending").unlink()  # as after a power cut in the middle of the first
    subprocess.run(["sh", str(run)], check=True)
    assert not (guest / "order").exists()
    assert not run.parent.exists()
