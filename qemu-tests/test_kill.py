"""The machine killed in the middle of a run: a real guest boots from its disk at once, and the next run puts it right.

What the guest's disk holds is the clock, which a busy machine does not upset: so many writes after the first one, after the
journal, after the commit. KILL_MOMENTS sets how many moments (`make kill-test`: 40, spread over the whole run); the suite has three.
"""

from __future__ import annotations

import collections
import os
import random
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from demo import before_customization
from guests.boot import CARDS, boot_guest
from guests.debian import debian_disk
from host import media, vm
from host.console import Transcript
from machine import customize, direct

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "build"
DOCUMENT = HERE / "demo/customization.conf"
# What a run writes to the disk, in order. The first is on it before the journal counts, the second only after.
BACKUPS, JOURNAL, STAGED, COMMIT = b"", b'"phase": "applying"', b"10.0.0.11", b'"phase": "committed"'
TAKEN_BACK, FROM_THE_START, DONE_BEFORE = "taken back, then carried out", "carried out", "carried out before"


@dataclass(frozen=True)
class Moment:
    """So many writes after the disk holds a text, or so many seconds after the program has begun."""

    mark: bytes = BACKUPS
    writes: int = 0
    seconds: float | None = None

    def __str__(self) -> str:
        if self.seconds is not None:
            return f"{self.seconds:.2f} s into the run"
        names = {BACKUPS: "begin of writing", JOURNAL: "journal", STAGED: "first new content", COMMIT: "commit"}
        return f"{self.writes} writes after the {names[self.mark]}"


class Watch:
    """Follows a run: by its console which step it is at, by the disk's image what has been written."""

    def __init__(self, clone: Path) -> None:
        self._clone = clone
        self._changed = 0
        self.transcript = Transcript()
        self.begun: float | None = None
        self.writing: float | None = None
        # How often the disk has changed since it held each of these.
        self.writes: dict[bytes, int] = {}

    def look(self, now: float) -> None:
        if "devices" in self.transcript.steps and self.begun is None:
            self.begun = now
        if "write" not in self.transcript.steps:
            return
        self.writing = self.writing or now
        changed = self._clone.stat().st_mtime_ns
        if changed != self._changed:
            self._changed = changed
            held = self._clone.read_bytes()
            for mark in (BACKUPS, JOURNAL, STAGED, COMMIT):
                if mark in self.writes or mark in held:
                    self.writes[mark] = self.writes.get(mark, -1) + 1

    def is_at(self, moment: Moment, now: float) -> bool:
        if moment.seconds is not None:
            return self.begun is not None and now - self.begun >= moment.seconds
        return self.writes.get(moment.mark, -1) >= moment.writes


def run_until(machine: vm.Vm, moment: Moment | None) -> Watch:
    """Boots our program and kills QEMU: whatever the guest's memory held is gone. None: at the result."""
    watch = Watch(machine.disks[0])
    with tempfile.TemporaryDirectory(prefix="kill-") as folder:
        serial = Path(folder, "serial")
        serial.touch()
        started = time.monotonic()
        process = subprocess.Popen(
            vm.arguments(machine, serial, None), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        try:
            with serial.open("rb") as reader:
                while process.poll() is None and (now := time.monotonic() - started) < 120:
                    watch.transcript.feed(reader.read(1 << 20))
                    watch.look(now)
                    if watch.is_at(moment, now) if moment else watch.transcript.result is not None:
                        break
                    time.sleep(0.001)
        finally:
            process.kill()
            process.wait()
    return watch


@pytest.fixture
def machine(tmp_path: Path, iso: Path) -> vm.Vm:
    """What customizes the demo's guest, without firmware and boot loader, which know nothing of its disk."""
    config = tmp_path / "config.iso"
    media.pack(DOCUMENT, config, "iso")
    return vm.Vm(disks=(tmp_path / "clone.qcow2",), iso=direct(iso), config=config, macs=CARDS)


def clone_for(machine: vm.Vm) -> Path:
    (clone,) = machine.disks
    clone.unlink(missing_ok=True)
    template = debian_disk(BUILD, lambda _: None)
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", template, clone]
    subprocess.run(command, check=True)
    return clone


def put_right(machine: vm.Vm) -> str:
    """What the next run comes to."""
    result = customize(machine)
    assert result.is_ok, result
    if result.code != "done":
        return DONE_BEFORE
    return TAKEN_BACK if any("interrupted" in warning for warning in result.warnings) else FROM_THE_START


def assert_is_itself(clone: Path) -> None:
    tells = boot_guest(clone)
    assert tells["hostname"] == "web01"
    assert tells["failed_units"] == []


def spread(count: int, over: int) -> Iterator[int]:
    return (over * number // count for number in range(count))


def moments_of_a_run(machine: vm.Vm, count: int) -> list[Moment]:
    """A fifth over the time from the program's first sign of life, the rest over the writes: most between journal and commit."""
    clone_for(machine)
    watch = run_until(machine, None)
    assert watch.begun is not None
    assert watch.writing is not None
    writes = watch.writes
    early, late = count // 5, count // 5
    middle = count - 2 * early - late
    between = [writes[BACKUPS] - writes[JOURNAL], writes[JOURNAL] - writes[COMMIT], writes[COMMIT]]
    print(f"{watch.writing - watch.begun:.2f} s until it writes; writes until journal, commit, result: {between}")
    seconds = [(watch.writing - watch.begun) * number / early for number in range(early)]
    moments = [
        *(Moment(seconds=moment) for moment in seconds),
        *(Moment(BACKUPS, writes) for writes in spread(early, between[0])),
        *(Moment(JOURNAL, writes) for writes in spread(middle, between[1])),
        *(Moment(COMMIT, writes) for writes in spread(late, between[2])),
    ]
    random.Random(40).shuffle(moments)  # a run that is broken off says something of each kind  # noqa: S311
    return moments


if moments := int(os.environ.get("KILL_MOMENTS", "0")):

    def test_killed_at_any_moment(machine: vm.Vm) -> None:
        template = before_customization(debian_disk(BUILD, print), print)
        outcomes: collections.Counter[str] = collections.Counter()
        for moment in moments_of_a_run(machine, moments):
            clone = clone_for(machine)
            run_until(machine, moment)
            boots = boot_guest(clone, snapshot=True)
            assert boots["hostname"] in (template["hostname"], "web01")
            outcome = put_right(machine)
            outcomes[outcome] += 1
            print(f"{moment}: booted as {boots['hostname']}; next run: {outcome}", flush=True)
            if outcomes[outcome] == 1:
                assert_is_itself(clone)
        print(dict(outcomes))
        assert moments < 40 or min(outcomes[end] for end in (TAKEN_BACK, FROM_THE_START, DONE_BEFORE)) >= 5

else:

    @pytest.mark.parametrize(
        ("moment", "ends"),
        [
            (Moment(JOURNAL, 0), (FROM_THE_START, TAKEN_BACK)),
            (Moment(STAGED, 0), (TAKEN_BACK,)),
            (Moment(COMMIT, 0), (TAKEN_BACK, DONE_BEFORE)),
        ],
        ids=str,
    )
    def test_killed_while_it_writes(machine: vm.Vm, moment: Moment, ends: tuple[str, ...]) -> None:
        clone = clone_for(machine)
        run_until(machine, moment)
        assert put_right(machine) in ends
        assert_is_itself(clone)
