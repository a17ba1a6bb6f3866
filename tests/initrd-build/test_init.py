"""init's promise: exactly one result line and a power action, whatever becomes of the customizer (run for real in a sandbox)."""

import fnmatch
import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

INIT = Path(__file__).parents[2] / "initrd-build/init"


def test_every_acpi_device_with_a_driver_is_announced() -> None:
    """init names them one by one; hardware.toml is where the next one will be added."""
    groups = tomllib.loads(INIT.with_name("hardware.toml").read_text()).values()
    aliases = [
        entry["modalias"] for group in groups for entry in group if entry.get("modalias", "").startswith("acpi:")
    ]
    patterns = re.findall(r"/sys/bus/acpi/devices/(\S+:\*)", INIT.read_text())
    assert aliases
    for alias in aliases:
        device = alias.removeprefix("acpi:") + "00"  # such as PNP0700:00
        assert any(fnmatch.fnmatchcase(device, pattern) for pattern in patterns), alias


@pytest.fixture
def functions(tmp_path: Path) -> str:
    """init's own functions, its folder moved, its last lines (which act) left out."""
    text = INIT.read_text()
    body = text[: text.index("\nmount_api\nopen_console\n")]
    state = tmp_path / "state"
    state.mkdir()
    return body.replace("state=/run/guest-customizer", f"state={state}").replace("PATH=/usr/sbin:/usr/bin\n", "")


def judge(functions: str, status: int) -> str:
    script = functions + f'\nemit() {{ echo "$1"; }}\njudge {status} 2>/dev/null\njudge {status} 2>/dev/null\n'
    script = script.replace("} >/dev/tty0", "} >/dev/null")
    return subprocess.run(["busybox", "sh", "-c", script], capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("writing", [False, True])
def test_a_customizer_that_died_leaves_one_result(functions: str, tmp_path: Path, writing: bool) -> None:
    if writing:
        (tmp_path / "state/writing").touch()
    lines = judge(functions, 139).splitlines()
    assert len(lines) == 1
    marker, version, text = lines[0].split(" ", 2)
    assert (marker, version) == ("@@GUESTCUSTOMIZER", "1")
    result = json.loads(text)
    assert (result["status"], result["code"]) == ("failed", "internal")
    assert result["disk"] == ("changed" if writing else "untouched")


def test_a_customizer_that_reported_is_not_spoken_for(functions: str, tmp_path: Path) -> None:
    (tmp_path / "state/result-sent").touch()
    assert judge(functions, 1) == ""


def test_init_is_executable() -> None:
    assert os.access(INIT, os.X_OK)


def test_what_a_dead_customizer_left_assembled_is_taken_apart(functions: str, tmp_path: Path) -> None:
    """A container on an array: the array can be stopped only once the container is gone."""
    script = f"""{functions}
cd {tmp_path}; touch dm-0 md0
find() {{ ls dm-0 md0 2>/dev/null; }}
timeout() {{ shift 3; "$@"; }}
dmsetup() {{ echo "dmsetup $*"; rm -f dm-0; }}
mdadm() {{ echo "mdadm $*"; [ -e dm-0 ] || rm -f md0; }}
take_apart
"""
    # No device-mapper and no md on a build machine: their modules' folders stand in for it.
    script = script.replace("/sys/module/dm_mod", "/sys").replace("/sys/module/md_mod", "/sys")
    done = subprocess.run(["busybox", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["dmsetup remove_all", "mdadm --stop --scan"]
    assert not (tmp_path / "md0").exists()
