"""Golden cases: before/ + document + machine -> exactly after/, and a second run changes nothing (shared/STYLE.md)."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from guest import apply
from guest.__main__ import main
from guest.decide import decide
from guest.errors import CustomizerError
from guest.machine.description import parse_machine
from guest.settings.document import load
from guest.sysroot import Sysroot
from guest.tree import summary
from guests import trees

CASES = Path(__file__).parent / "golden"
NAMES = sorted(str(path.parent.relative_to(CASES)) for path in CASES.glob("*/*/customization.conf"))
# Our own bookkeeping: journals hold times and hashes, and are proved by tests of their own.
BOOKKEEPING = "var/lib/guest-customizer/requests"
OURS = "var/lib/guest-customizer"


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory where that can be: each case is written five times over, and every write is made to reach the disk."""
    memory = "/dev/shm"  # noqa: S108 (where the file system is memory; the folder in it has a random name)
    with tempfile.TemporaryDirectory(prefix="golden-", dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def snapshot(root: Path) -> trees.Snapshot:
    """The tree without our own bookkeeping, and without the folders above it."""
    return {
        path: state
        for path, state in trees.snapshot(root).items()
        if not path.startswith(BOOKKEEPING) and not BOOKKEEPING.startswith(path + "/")
    }


def exact(root: Path) -> dict[str, tuple[object, ...]]:
    """Everything undo must bring back: kinds, modes, owners, contents, attributes of every path but our own records."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name.startswith(OURS) or OURS.startswith(name + "/"):
            continue
        state = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        attributes = {
            key: os.getxattr(path, key, follow_symlinks=False) for key in os.listxattr(path, follow_symlinks=False)
        }
        found[name] = (oct(state.st_mode), state.st_uid, state.st_gid, content, attributes)
    return found


def customize(case: Path, root: Path) -> dict[str, object]:
    """The report; of a request that is refused, why."""
    try:
        return carry_out(case, root)
    except CustomizerError as error:
        return {"refused": error.code, "message": error.message, "hint": error.hint, "changed": []}


def carry_out(case: Path, root: Path) -> dict[str, object]:
    with Sysroot(case) as medium, Sysroot(root) as guest:
        settings = load(medium)
        machine = parse_machine((case / "machine.json").read_bytes())
        decision = decide(settings, machine, guest)
        apply.apply(guest, settings.request_id, decision.plan.edits, decision.checks)
        return summary(decision)


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    case, root = CASES / name, tmp_path / "root"
    trees.plant(case.parent / "tree", root)
    trees.plant(case / "before", root)
    before, exactly_before = snapshot(root), exact(root)
    report = customize(case, root)
    after = snapshot(root)
    changed: trees.Snapshot = {path: what for path, what in after.items() if before.get(path) != what}
    changed |= dict.fromkeys(before.keys() - after.keys(), ("gone", "", b""))

    if request.config.getoption("--update-golden"):
        trees.write(case / "after", changed)
        (case / "report.json").write_text(json.dumps(report, indent=1) + "\n")

    expected = trees.read(case / "after")
    assert set(changed) == set(expected), "other paths changed than after/ holds"
    assert changed == expected
    assert report == json.loads((case / "report.json").read_text())

    if "refused" in report:
        assert changed == {}
        return
    copy = tmp_path / "undone"
    shutil.copytree(root, copy, symlinks=True)
    assert main(["undo", "--root", str(copy), str(case / "customization.conf")]) == 0
    assert exact(copy) == exactly_before
    assert not (copy / OURS / "first-boot").exists()

    # As if another request asked for the same: the record of this one is taken away.
    shutil.rmtree(root / BOOKKEEPING)
    assert customize(case, root)["changed"] == []
    assert snapshot(root) == after


def test_there_are_cases() -> None:
    """Which ones there have to be says test_golden_coverage.py."""
    assert len(NAMES) >= 120
