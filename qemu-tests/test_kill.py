"""The machine killed in the middle of a run: the next run puts the guest right, and a real guest boots from its disk.

KILL_MOMENTS sets how many moments (`make kill-test`: 40, spread over the whole run); the suite takes a few of the write phase.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from demo import before_customization
from guests.boot import CARDS, boot_guest
from guests.debian import debian_disk
from host import media, vm
from host.console import Transcript
from machine import customize

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "build"
DOCUMENT = HERE / "demo/customization.conf"
MOMENTS = int(os.environ.get("KILL_MOMENTS", "0"))
# Of a run that is not disturbed, in seconds after its `write` begins.
IN_WRITE = (0.02, 0.12, 0.25)


def run_until(machine: vm.Vm, is_time: Callable[[Transcript, float], bool]) -> Transcript:
    """Boots our ISO and kills QEMU: whatever the guest's memory held is gone."""
    with tempfile.TemporaryDirectory(prefix="kill-") as folder:
        serial = Path(folder, "serial")
        serial.touch()
        transcript, started = Transcript(), time.monotonic()
        process = subprocess.Popen(
            vm.arguments(machine, serial, None), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        try:
            with serial.open("rb") as reader:
                while process.poll() is None and time.monotonic() - started < 120:
                    transcript.feed(reader.read(1 << 20))
                    if is_time(transcript, time.monotonic() - started):
                        break
                    time.sleep(0.002)
        finally:
            process.kill()
            process.wait()
        return transcript


class After:
    """So many seconds after the machine has said that a step begins."""

    def __init__(self, step: str, seconds: float) -> None:
        self._step, self._seconds = step, seconds
        self._begun: float | None = None

    def __call__(self, transcript: Transcript, now: float) -> bool:
        if self._begun is None and self._step in transcript.steps:
            self._begun = now
        return self._begun is not None and now - self._begun >= self._seconds


def prepare(folder: Path) -> tuple[Path, vm.Vm]:
    """A clone of the demo's guest, and the machine that customizes it."""
    clone, config = folder / "clone.qcow2", folder / "config.iso"
    clone.unlink(missing_ok=True)
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", debian_disk(BUILD, lambda _: None), clone]
    subprocess.run(command, check=True)
    if not config.exists():
        media.pack(DOCUMENT, config, "iso")
    return clone, vm.Vm(disks=(clone,), iso=BUILD / "guest-customizer.iso", config=config, macs=CARDS)


def put_right(clone: Path, machine: vm.Vm) -> str:
    """What the next run comes to; the guest boots as its new self after it."""
    result = customize(machine)
    assert result.is_ok, result
    tells = boot_guest(clone)
    assert tells["hostname"] == "web01"
    assert tells["failed_units"] == []
    interrupted = any("interrupted" in warning for warning in result.warnings)
    return "taken back, then carried out" if interrupted else result.code


@pytest.mark.usefixtures("iso")
@pytest.mark.skipif(MOMENTS > 0, reason="the long variant runs")
@pytest.mark.parametrize("seconds", IN_WRITE)
def test_killed_while_it_writes(tmp_path: Path, seconds: float) -> None:
    clone, machine = prepare(tmp_path)
    run_until(machine, After("write", seconds))
    print(f"{seconds} s into write: {put_right(clone, machine)}")


@pytest.mark.usefixtures("iso")
@pytest.mark.skipif(MOMENTS == 0, reason="half an hour: make kill-test")
def test_killed_at_any_moment(tmp_path: Path) -> None:
    """Half of the moments spread over the run from its first sign of life, half over its write phase.

    After each kill the guest boots at once, half-way as it may be; then the next run puts it right, and it boots again.
    """
    template = before_customization(debian_disk(BUILD, print), print)
    began: dict[str, float] = {}
    clone, machine = prepare(tmp_path)

    def watch(transcript: Transcript, now: float) -> bool:
        for step in transcript.steps:
            began.setdefault(step, now)
        return transcript.result is not None

    run_until(machine, watch)
    hello, write, end = began["devices"], began["write"], began["unmount"]
    half = MOMENTS // 2
    moments = [After("devices", (end + 0.5 - hello) * number / half) for number in range(half)]
    moments += [After("write", (end - write) * number / half) for number in range(MOMENTS - half)]
    outcomes: dict[str, int] = {}
    for number, moment in enumerate(moments):
        clone, machine = prepare(tmp_path)
        run_until(machine, moment)
        boots = boot_guest(clone, snapshot=True)
        assert boots["hostname"] in (template["hostname"], "web01")
        outcome = put_right(clone, machine)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        print(f"moment {number}: booted as {boots['hostname']}; next run: {outcome}", flush=True)
    print(outcomes)
