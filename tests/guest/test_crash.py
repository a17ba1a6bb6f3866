"""Stopped before any system call that changes something, as often as may be: the next run ends in old or new, no mixture.

From each state that a run passes through, the next run is followed in the same way, and so on until no state is new: so
every chain of interruptions, of whatever length, is covered, for these edits.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from guest import apply, journal
from guest.edits import Edit, MakeFolder, MakeLink, Overlay, SetAside, WriteFile
from guest.standing import IMMUTABLE
from guest.sysroot import Sysroot
from guest.undo import plan_undo, undo
from tracer import IS_SUPPORTED, run_stopping
from whole import copy, guard, remove, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(
    not IS_SUPPORTED or os.geteuid() != 0, reason="needs x86-64's system calls, and root for chattr and chown"
)

MEMORY = "/dev/shm"  # noqa: S108 (a folder of our own is made in it, by mkdtemp)
EDITS: tuple[Edit, ...] = (
    WriteFile("/etc/locked/immutable", b"new", "", owner=(7, 7)),
    WriteFile("/etc/added/deep/file", b"x", "", mode=0o600),
    MakeFolder("/etc/keys", "", 0o700, (7, 7)),
    WriteFile("/etc/keys/key", b"key", "", mode=0o600, secret=True),
    SetAside("/etc/stale", ""),
    MakeLink("/etc/link", "kept2", ""),
)


@pytest.fixture
def folder() -> Iterator[Path]:
    # In memory where that is possible: each run flushes several times.
    path = Path(tempfile.mkdtemp(prefix="crash-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
    yield path
    remove(path)


def make_root(root: Path) -> Path:
    (root / "etc/locked").mkdir(parents=True)
    (root / "var/lib").mkdir(parents=True)
    (root / "etc/kept").write_text("kept")
    for name in ("locked/immutable", "stale"):
        (root / "etc" / name).write_text("old")
        os.chown(root / "etc" / name, 5, 6)
        (root / "etc" / name).chmod(0o640)
        os.setxattr(root / "etc" / name, "security.selinux", b"label\0")
    (root / "etc/link").symlink_to("kept")
    os.chown(root / "etc/link", 5, 6, follow_symlinks=False)
    for name in ("locked/immutable", "locked"):
        guard(root / "etc" / name, IMMUTABLE)
    return root


def customize(root: Path) -> None:
    with Sysroot(root) as guest:
        apply.apply(guest, "test", Overlay(guest).with_edits(EDITS).edits)


def recover(root: Path) -> None:
    """What every run does first."""
    with Sysroot(root) as guest:
        for interrupted in journal.unfinished(guest):
            apply.recover(guest, interrupted)


def take_back(root: Path) -> None:
    with Sysroot(root) as guest:
        plan = plan_undo(guest, "test", force=False)
        assert plan is not None
        undo(guest, plan)


class Explorer:
    """Follows runs from state to state; a state is the whole tree, our records with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: set[int] = set()
        self.states: list[Path] = []

    def follow(self, start: Path, action: Callable[[Path], None]) -> Path:
        """Runs the action on a copy of `start`, keeping each new state on the way; returns where it ends."""
        root = self._folder / "running"
        if root.exists():
            remove(root)
        copy(start, root)

        def at_stop(_number: int) -> bool:
            self._keep(root)
            return True

        def in_child() -> int:
            action(root)
            return 0

        assert run_stopping(in_child, at_stop) == 0
        self._keep(root)
        return root

    def _keep(self, root: Path) -> None:
        signature = hash(frozenset(whole(root).items()))
        if signature not in self._seen:
            self._seen.add(signature)
            state = self._folder / f"state-{len(self.states)}"
            copy(root, state)
            self.states.append(state)


def explore(folder: Path, start: Path, action: Callable[[Path], None], ends: list[object]) -> int:
    """Asserts that one undisturbed run of recover() leads from every reachable state to one of `ends`."""
    explorer = Explorer(folder)
    explorer.follow(start, action)
    first = len(explorer.states)
    assert first > 30
    number = 0
    while number < len(explorer.states):
        state = explorer.states[number]
        after = whole(explorer.follow(state, recover), with_records=False)
        assert after in ends, f"a mixture after an interruption at {state.name}: {differences(after, ends)}"
        with Sysroot(folder / "running") as guest:
            assert journal.unfinished(guest) == ()
        remove(state)
        number += 1
    assert len(explorer.states) > first, "recovery itself was never interrupted"
    return len(explorer.states)


def differences(tree: dict[str, tuple[object, ...]], ends: list[object]) -> list[object]:
    return [set(tree.items()) ^ set(end.items()) for end in ends if isinstance(end, dict)]


def test_apply_stopped_at_every_change(folder: Path) -> None:
    start = make_root(folder / "start")
    old = whole(start, with_records=False)
    copy(start, folder / "done")
    customize(folder / "done")
    new = whole(folder / "done", with_records=False)
    assert new != old
    assert not [path for path in new if path.endswith(".guest-customizer")]
    print(explore(folder, start, customize, [old, new]), "states")


def test_undo_stopped_at_every_change(folder: Path) -> None:
    start = make_root(folder / "start")
    old = whole(start, with_records=False)
    customize(start)
    new = whole(start, with_records=False)
    print(explore(folder, start, take_back, [old, new]), "states")


def kill_at(root: Path, point: int) -> int | None:
    def in_child() -> int:
        customize(root)
        return 0

    return run_stopping(in_child, lambda number: number < point)


def test_killed_for_real(folder: Path) -> None:
    """As above, but with SIGKILL at each point and the whole of apply run again after it: nothing but new is left."""
    start = make_root(folder / "start")
    copy(start, folder / "done")
    customize(folder / "done")
    new = whole(folder / "done", with_records=False)
    for point in range(1000):
        root = folder / "killed"
        copy(start, root)
        status = kill_at(root, point)
        recover(root)
        with Sysroot(root) as guest:
            if not journal.is_done(guest, "test"):
                apply.apply(guest, "test", Overlay(guest).with_edits(EDITS).edits)
        assert whole(root, with_records=False) == new
        remove(root)
        if status == 0:
            break
    assert 30 < point < 1000
