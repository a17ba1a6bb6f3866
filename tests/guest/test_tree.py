"""plan touches nothing and prints a diff; apply does it; what goes wrong has a code and status 1."""

import json
from pathlib import Path

import pytest

from guest.__main__ import main
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
    [("--root", "/does/not/exist", "usage.root"), ("--machine", "/does/not/exist", "usage.machine")],
)
def test_what_is_not_there(root: Path, option: str, value: str, code: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = arguments("plan", root)
    line[line.index(option) + 1] = value
    assert main(line) == 1
    assert capsys.readouterr().err.startswith(code)


def test_a_card_that_is_not_there(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = arguments("plan", root)
    machine = tmp_path / "machine.json"
    machine.write_text('{"cards": []}')
    line[line.index("--machine") + 1] = str(machine)
    assert main(line) == 1
    assert capsys.readouterr().err.startswith("network.no-such-card")
