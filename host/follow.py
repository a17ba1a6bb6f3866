"""Follows a virtual machine from its start to its end: what it says is read, kept and told on as it comes."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from guest.errors import CustomizerError
from guest.protocol import MARKER
from host.console import CONSOLE_LIMIT, Transcript, describe

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import FileIO
    from pathlib import Path

# From the result to the end of a machine that halts, where its kernel says nothing: unmounting took less in every run seen.
_HALT_SECONDS = 15.0
_HALTED = b"reboot: System halted"  # the kernel's last words, at a level that init leaves on
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


@dataclass
class Outcome:
    """What a run came to. `seconds` from power-on to power-off; `powered_off` False where QEMU had to be killed."""

    transcript: Transcript = field(default_factory=Transcript)
    powered_off: bool = False
    seconds: float = 0.0
    first_sign: float | None = None  # seconds from power-on to the customizer's hello
    console: bytearray = field(default_factory=bytearray)

    @property
    def flooded(self) -> bool:
        """Whether the machine said more than anything of ours does; it is stopped then."""
        return len(self.console) >= CONSOLE_LIMIT

    @property
    def halted(self) -> bool:
        """Whether the machine says that it will stand still at the end, as `[power]` can ask."""
        return self.transcript.result is not None and self.transcript.result.power == "halt"

    @property
    def stands_still(self) -> bool:
        """Whether it halted, and the kernel's last words have come after the result."""
        return self.halted and _HALTED in self.console[self.console.rfind(MARKER.encode()) :]


def follow(argv: list[str], serial: Path, timeout: float, say: Callable[[str], None], log: FileIO | None) -> Outcome:
    """Starts QEMU, whose serial port writes to the file `serial`, and reads until it ends or must be stopped.

    `timeout` in seconds. Raises CustomizerError run.qemu-failed; however it ends, QEMU is gone.
    """
    outcome = Outcome()
    started = time.monotonic()
    said: float | None = None  # when a machine that halts has said its result: QEMU does not end by itself then
    errors = serial.with_name("errors")
    with errors.open("wb") as error_file, serial.open("rb") as reader:
        machine = _start(argv, error_file)
        try:
            while True:
                ended = machine.poll() is not None
                data = reader.read(1 << 20)
                outcome.console += data
                log = _keep(data, log, say)
                for event in outcome.transcript.feed(data):
                    outcome.first_sign = outcome.first_sign or time.monotonic() - started
                    if sentence := describe(event):
                        say(f"{time.monotonic() - started:6.1f} s  {sentence}")
                if ended and not data:
                    break
                if time.monotonic() - started > timeout or outcome.flooded:
                    break
                if said is None and outcome.halted:
                    said = time.monotonic()
                if said is not None and (outcome.stands_still or time.monotonic() - said > _HALT_SECONDS):
                    break
                if not data:
                    time.sleep(0.02)
        finally:
            outcome.seconds = time.monotonic() - started
            outcome.powered_off = machine.poll() is not None
            if machine.poll() is None:
                machine.kill()
            machine.wait()
    if machine.returncode and outcome.powered_off:
        message = errors.read_text("utf-8", "replace").strip()
        hint = "see QEMU's message; --console keeps what the machine said"
        raise CustomizerError("run.qemu-failed", f"QEMU ended with status {machine.returncode}: {message}", hint)
    return outcome


def _start(argv: list[str], errors: BinaryIO) -> subprocess.Popen[bytes]:
    ours = os.getpid()

    def end_with_us() -> None:
        # Where we are killed with -9, nobody would stop the machine: it would go on with the guest's disks open.
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != ours:
            os._exit(1)

    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        preexec_fn=end_with_us,  # noqa: PLW1509 (this program has one thread)
    )


def _keep(data: bytes, log: FileIO | None, say: Callable[[str], None]) -> FileIO | None:
    """Writes to the log; where it takes no more, the machine, which may be writing to its disk, goes on without."""
    try:
        while log and data:
            data = data[log.write(data) :]
    except OSError as error:
        say(f"the console's log cannot be written any more: {error.strerror}")
        return None
    return log
