"""What power cuts leave of a recorded run, one after the other: mounted, checked, and customized again.

Runs in a mount namespace of its own (`unshare --mount`), because it mounts hundreds of times:
`python -m guests.powercuts BASE LOG OFFSET SIZE FILE_SYSTEM DOCUMENT POINTS` prints one JSON object.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from guest import apply, journal
from guest.__main__ import main as customizer
from guest.sysroot import Sysroot
from guests.writelog import Write, read_log, replay
from whole import Tree, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

_ATOM = 4096  # file systems take it for granted that a block of theirs is written whole or not at all


@dataclass(frozen=True)
class Cut:
    """`whole` writes came to the disk, but for one that the disk still held in its cache; of the next one `torn` bytes did."""

    whole: int
    torn: int = 0
    lost: int | None = None

    def __str__(self) -> str:
        torn = f" and {self.torn} bytes" if self.torn else ""
        return f"after {self.whole} writes{torn}" + ("" if self.lost is None else f", without number {self.lost}")


def all_cuts(writes: list[Write]) -> tuple[list[Cut], list[Cut]]:
    """(every prefix; torn writes and lost ones). A write can be lost until the next flush, unless it was durable itself."""
    prefixes = [Cut(number) for number in range(len(writes) + 1)]
    others = [Cut(number, torn) for number, write in enumerate(writes) for torn in range(_ATOM, write.length, _ATOM)]
    volatile: list[int] = []
    for number, write in enumerate(writes):
        volatile = [] if write.flushes else volatile
        others += [Cut(number + 1, lost=lost) for lost in volatile]
        volatile += [number] if write.length and not write.is_durable else []
    return prefixes, others


def choose(writes: list[Write], count: int) -> list[Cut]:
    """All prefixes, and as many of the others, evenly chosen, as make `count`; in the order in which they happen."""
    prefixes, others = all_cuts(writes)
    room = max(count - len(prefixes), 0)
    step = max(len(others) / room, 1.0) if room else 0.0
    chosen = [others[int(number * step)] for number in range(min(room, len(others)))]
    return sorted({*prefixes, *chosen}, key=lambda cut: (cut.whole, cut.torn, -1 if cut.lost is None else cut.lost))


@dataclass(frozen=True)
class Recording:
    """A disk before a run, what the run wrote to it, and where on it the guest's file system lies, in bytes."""

    base: Path
    log: Path
    offset: int
    size: int
    fs_type: str


class Disk:
    """The disk as it was after some cut."""

    def __init__(self, recording: Recording, folder: Path) -> None:
        self._recording, self._log, self._folder = recording, recording.log, folder
        self._sure = folder / "sure"  # all writes before the last flush
        self._done = 0
        _copy(recording.base, self._sure)
        self.writes = list(read_log(self._log))

    @contextlib.contextmanager
    def after(self, cut: Cut) -> Iterator[Path]:
        """Mounted for writing, which replays the journal. Cuts must come in their order."""
        image, mounted = self._folder / "image", self._folder / "mounted"
        mounted.mkdir(exist_ok=True)
        # What a later cut of this epoch may lose is not yet in `sure`.
        epoch = max((number for number in range(cut.whole) if self.writes[number].flushes), default=0)
        for number in range(self._done, epoch):
            replay(self._log, self.writes[number], self._sure)
        self._done = max(self._done, epoch)
        _copy(self._sure, image)
        for number in range(self._done, cut.whole):
            if number != cut.lost:
                replay(self._log, self.writes[number], image)
        if cut.torn:
            replay(self._log, self.writes[cut.whole], image, cut.torn)
        options = f"loop,offset={self._recording.offset},sizelimit={self._recording.size}"
        subprocess.run(["mount", "-t", self._recording.fs_type, "-o", options, image, mounted], check=True)
        try:
            yield mounted
        finally:
            subprocess.run(["umount", mounted], check=True)


def _copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    subprocess.run(["cp", "--sparse=always", source, target], check=True)


def state_of(root: Path) -> Tree:
    return {path: value for path, value in whole(root, with_records=False).items() if path != "lost+found"}


def next_run(root: Path, document: Path) -> int:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return customizer(["apply", "--root", str(root), str(document)])


def judge(root: Path, document: Path, old: Tree, new: Tree, ends: dict[str, int]) -> str | None:
    """What is wrong with the guest after a cut; None where the next run makes it old or new, and then new."""
    with Sysroot(root) as guest:
        interrupted = journal.unfinished(guest)
        for one in interrupted:
            apply.recover(guest, one)
        is_done = journal.is_done(guest, "test-1")
    found = state_of(root)
    ends["taken back"] = ends.get("taken back", 0) + bool(interrupted)
    ends["new" if is_done else "old"] = ends.get("new" if is_done else "old", 0) + 1
    if found != (new if is_done else old):
        return f"a mixture: {sorted({key for key, _ in found.items() ^ (new if is_done else old).items()})}"
    if next_run(root, document) != 0 or state_of(root) != new:
        return "the next run does not carry it out"
    return None


def check_all(recording: Recording, document: Path, count: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="powercuts-", dir=recording.base.parent) as folder:
        disk = Disk(recording, Path(folder))
        with disk.after(Cut(0)) as root:
            old = state_of(root)
            next_run(root, document)
            new = state_of(root)
        cuts = choose(disk.writes, count)
        wrong: dict[str, str] = {}
        ends: dict[str, int] = {}
        for cut in cuts:
            with disk.after(cut) as root:
                if complaint := judge(root, document, old, new, ends):
                    wrong[str(cut)] = complaint
        possible = sum(map(len, all_cuts(disk.writes)))
    return {"writes": len(disk.writes), "possible": possible, "cuts": len(cuts), **ends, "wrong": wrong}


if __name__ == "__main__":
    base, log, offset, size, fs_type, document, count = sys.argv[1:]
    recording = Recording(Path(base), Path(log), int(offset), int(size), fs_type)
    json.dump(check_all(recording, Path(document), int(count)), sys.stdout)
