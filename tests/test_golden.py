"""Golden cases: before/ + document + machine -> exactly after/, and a second run changes nothing (shared/STYLE.md)."""

import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from guest import apply
from guest.decide import decide
from guest.machine.description import parse_machine
from guest.settings.document import load
from guest.sysroot import Sysroot
from guest.tree import summary

CASES = Path(__file__).parent / "golden"
NAMES = sorted(str(path.parent.relative_to(CASES)) for path in CASES.glob("*/*/customization.conf"))
# Our own bookkeeping: journals hold times and hashes, and are proved by tests of their own.
BOOKKEEPING = "var/lib/guest-customizer/requests"


def snapshot(root: Path) -> dict[str, tuple[str, bytes]]:
    """Every file and link: (mode or "link", content or target)."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in [*names, *os.listdir(folder)]:
            path = Path(folder, name)
            relative = str(path.relative_to(root))
            if relative.startswith(BOOKKEEPING):
                continue
            if path.is_symlink():
                found[relative] = ("link", os.readlink(path).encode())
            elif path.is_file():
                # git keeps the x bit alone; the tree tests of apply.py look at all of the mode.
                found[relative] = ("x" if path.stat().st_mode & stat.S_IXUSR else "-", path.read_bytes())
    return found


def customize(case: Path, root: Path) -> dict[str, object]:
    with Sysroot(case) as medium, Sysroot(root) as guest:
        settings = load(medium)
        machine = parse_machine((case / "machine.json").read_bytes())
        decision = decide(settings, machine, guest)
        apply.apply(guest, settings.request_id, decision.plan.edits)
        return summary(decision)


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    case, root = CASES / name, tmp_path / "root"
    shutil.copytree(case / "before", root, symlinks=True)
    before = snapshot(root)
    report = customize(case, root)
    after = snapshot(root)
    changed = {path: what for path, what in after.items() if before.get(path) != what}
    gone = sorted(set(before) - set(after))

    if request.config.getoption("--update-golden"):
        update(case, changed, {**report, "gone": gone})

    expected = snapshot(case / "after")
    assert set(changed) == set(expected), "other paths changed than after/ holds"
    assert changed == expected
    assert {**report, "gone": gone} == json.loads((case / "report.json").read_text())

    # As if another request asked for the same: the record of this one is taken away.
    shutil.rmtree(root / BOOKKEEPING)
    assert customize(case, root)["changed"] == []
    assert snapshot(root) == after


def update(case: Path, changed: dict[str, tuple[str, bytes]], report: dict[str, object]) -> None:
    shutil.rmtree(case / "after", ignore_errors=True)
    for relative, (kind, content) in changed.items():
        path = case / "after" / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "link":
            path.symlink_to(content.decode())
        else:
            path.write_bytes(content)
            path.chmod(0o755 if kind == "x" else 0o644)
    (case / "report.json").write_text(json.dumps(report, indent=1) + "\n")


def test_there_are_cases() -> None:
    assert len(NAMES) >= 18
