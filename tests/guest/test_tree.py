"""plan touches nothing and prints a diff; apply does it; what goes wrong has a code and status 1."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from guest.__main__ import main
from guest.errors import CustomizerError
from guest.machine.description import parse_machine
from guests import trees

CASE = Path(__file__).parents[1] / "golden/debian-12/static-two-cards"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    trees.plant(CASE.parent / "tree", tmp_path / "root")
    trees.plant(CASE / "before", tmp_path / "root")
    return tmp_path / "root"


def arguments(command: str, root: Path) -> list[str]:
    return [command, "--root", str(root), "--machine", str(CASE / "machine.json"), str(CASE / "customization.conf")]


def test_plan_prints_a_diff_and_touches_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.lstat().st_mtime_ns for path in root.rglob("*")}
    assert main(arguments("plan", root)) == 0
    diff = capsys.readouterr().out
    assert "--- a/etc/hostname\n+++ b/etc/hostname\n@@ -1 +1 @@\n-template\n+web01\n" in diff
    assert "touch /root/was-here" not in diff, "a command may hold a secret"
    assert {path: path.lstat().st_mtime_ns for path in root.rglob("*")} == before


def test_apply_once(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments("apply", root), "--json"]) == 0
    assert "/etc/hostname" in json.loads(capsys.readouterr().out)["changed"]
    assert (root / "etc/hostname").read_text() == "web01\n"
    assert main(arguments("apply", root)) == 0
    assert "carried out here before" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("--root", "/does/not/exist", "usage.root"),
        ("--machine", "/does/not/exist", "usage.machine"),
        (str(CASE / "customization.conf"), "/does/not/exist", "usage.file"),
        (str(CASE / "customization.conf"), "nosuch.conf", "usage.file"),
    ],
)
def test_what_is_not_there(root: Path, option: str, value: str, code: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = arguments("plan", root)
    line[line.index(option) + option.startswith("--")] = value
    assert main(line) == 1
    assert capsys.readouterr().err.startswith(code)


@pytest.mark.parametrize(
    ("machine", "message"),
    [
        ("[]", "AttributeError"),
        ("{", "JSONDecodeError"),
        ('{"cards": {}}', "a list is needed"),
        ('{"card": []}', "unknown: card"),
        ('{"cards": [{"name": "eth0"}]}', "KeyError: 'mac'"),
        ('{"cards": [{"mac": "52:54:00:12:34:56", "predicted": "ens3"}]}', "a list is needed"),
        ('{"cards": [{"mac": "52:54:00:12:34:56", "names": ["ens3"]}]}', "unknown: names"),
        ('{"cards": [{"mac": "52:54:00:12:34"}]}', "'52:54:00:12:34' is no hardware address"),
        ('{"cards": [{"mac": "52:54:00:12:34:56", "predicted": ["../../x"]}]}', "'../../x' is no"),
        ('{"cards": [{"mac": "52:54:00:12:34:56", "name": ".."}]}', "'..' is no"),
        ('{"cards": [{"mac": "52:54:00:12:34:56", "name": 5}]}', "5 is no"),
    ],
)
def test_a_machine_that_is_none(machine: str, message: str) -> None:
    with pytest.raises(CustomizerError) as caught:
        parse_machine(machine.encode())
    assert caught.value.code == "usage.machine"
    assert message in caught.value.message


def test_a_mac_with_dashes() -> None:
    (card,) = parse_machine(b'{"cards": [{"mac": "52-54-00-AB-34-56"}]}').cards
    assert (card.name, card.mac, card.predicted) == ("eth0", "52:54:00:ab:34:56", ())


def test_json_says_what_was_done_before(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments("apply", root)) == 0
    for command in ("plan", "apply"):
        capsys.readouterr()
        assert main([*arguments(command, root), "--json"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert said == {
            "ok": True, "code": "guest.already-customized", "id": "golden-1",
            "family": None, "release": None, "stack": None, "changed": [], "warnings": [],
        }  # fmt: skip


def test_json_has_one_shape(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    undo = ["undo", "--root", str(root), "--id", "golden-1"]
    shapes = []
    for line, code in (
        (arguments("plan", root), "done"),
        (arguments("apply", root), "done"),
        (undo, "undone"),
        (undo, "guest.already-undone"),
    ):
        assert main([*line, "--json"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["ok"], said["code"], said["id"]) == (True, code, "golden-1")
        shapes.append(set(said))
    assert shapes == [shapes[0]] * 4
    bad = tmp_path / "bad.conf"
    bad.write_text("format = 1\nid = a\nb = c\n")
    for document, code in ((bad, "config.unknown-key"), (tmp_path / "none.conf", "usage.file")):
        assert main(["plan", "--root", str(root), "--json", str(document)]) == 1
        said = json.loads(capsys.readouterr().out)
        assert (said["ok"], said["code"]) == (False, code)
        assert said["message"]
        assert said["hint"]


def test_a_reader_that_has_enough_is_no_error(root: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "guest", *arguments("plan", root)]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_plan_of_an_undo_says_that_nothing_was_done(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments("apply", root)) == 0
    document = tmp_path / "undo.conf"
    document.write_text("format = 1\nid = golden-1\n[request]\naction = undo\n")
    capsys.readouterr()
    assert main(["plan", "--root", str(root), str(document)]) == 0
    assert "/etc/hostname: would be put back\n" in capsys.readouterr().out
    assert (root / "etc/hostname").read_text() == "web01\n"
    assert main(["apply", "--root", str(root), str(document)]) == 0
    assert "/etc/hostname: back as it was\n" in capsys.readouterr().out


def test_a_name_too_long_for_linux_is_said(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = tmp_path / "long.conf"
    document.write_text(f"format = 1\nid = long\n[identity]\nhostname = web01\ndomain = {'a' * 60}.test\n")
    assert main(["plan", "--root", str(root), str(document)]) == 0
    assert "warning: the full name is longer than the 64 characters" in capsys.readouterr().err


def test_a_card_that_is_not_there(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = arguments("plan", root)
    machine = tmp_path / "machine.json"
    machine.write_text('{"cards": []}')
    line[line.index("--machine") + 1] = str(machine)
    assert main(line) == 1
    assert capsys.readouterr().err.startswith("network.no-such-card")
