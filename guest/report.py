"""Says what happens: events on every serial port and paravirtual console, sentences on the screen, a log for the guest."""

from __future__ import annotations

import fcntl
import os
import select
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from guest.protocol import HEARTBEAT_SECONDS, Result, encode
from guest.secrets import blot, blot_event, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

_VIRTIO_PORT = "/dev/virtio-ports/org.guest-customizer.0"
_WARNINGS_SENT = 100
_TCSBRK = 0x5409  # <asm-generic/ioctls.h>; with 1 it is tcdrain(3), for which there would be a module to load
# A console nobody reads must not hold up the machine; one that is slow (57,600 baud is 6 KiB a second) must get all of it.
_STALL_SECONDS, _LINE_SECONDS, _DRAIN_SECONDS = 2.0, 15.0, 3.0


class Console:
    """One output, written without ever blocking for long; once it blocks it is given up."""

    def __init__(self, path: str) -> None:
        # The flags: not our controlling terminal, and no wait for a modem's carrier.
        self._fd = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        self.is_alive = True

    def write(self, data: bytes) -> None:
        begun = advanced = time.monotonic()
        while data and self.is_alive:
            wait = min(advanced + _STALL_SECONDS, begun + _LINE_SECONDS) - time.monotonic()
            if wait <= 0 or not select.select([], [self._fd], [], wait)[1]:
                self.is_alive = False
                return
            try:
                data = data[os.write(self._fd, data) :]
                advanced = time.monotonic()
            except BlockingIOError:
                continue
            except OSError:
                self.is_alive = False

    def drain(self) -> None:
        """Waits until what was written has left the machine: for ever on a port whose other end takes nothing."""
        try:
            fcntl.ioctl(self._fd, _TCSBRK, 1)
        except OSError:
            # The virtio port is no terminal. It can be written to again when the host has taken what it holds.
            select.select([], [self._fd], [], _DRAIN_SECONDS)


def find_consoles() -> list[str]:
    """Every serial port with hardware behind it, every hypervisor console, our virtio port; those that are here by now."""
    serial = [name for name in sorted(os.listdir("/sys/class/tty")) if name.startswith("ttyS") and _has_uart(name)]
    hypervisor = [name for name in sorted(os.listdir("/dev")) if name.startswith("hvc")]
    ports = [_VIRTIO_PORT] if os.path.exists(_VIRTIO_PORT) else []
    return [*(f"/dev/{name}" for name in (*serial, *hypervisor)), *ports]


def _open(path: str) -> Console | None:
    try:
        return Console(path)
    except OSError:
        return None  # no hardware behind it: the others speak


def _has_uart(name: str) -> bool:
    try:
        with open(f"/sys/class/tty/{name}/type", encoding="ascii") as file:
            return file.read().strip() != "0"
    except OSError:
        return False


class Report:
    """Collects and emits events. Texts given to it must hold no secret; what the document marks as one is blotted out."""

    def __init__(self, screen: str | None = None, age: float = 0.0) -> None:
        """`screen` is the device that gets sentences for people; `age` is how many seconds ago the program was started."""
        self._secrets: tuple[str, ...] = ()
        self._warnings = 0
        self._consoles: dict[str, Console | None] = {}
        self._screen = _open(screen) if screen else None
        self._said: list[bytes] = []
        self._lock = threading.Lock()
        self._started = time.monotonic() - age
        self._last = time.monotonic()
        self._ended = False
        self._step = "start"
        self._program: str | None = None  # that runs now
        self._logged_program: str | None = None
        self.log: list[str] = []
        self.phases: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self._started, 3)

    def add_consoles(self, paths: list[str]) -> None:
        """Opens those that are new; each gets what was said before it was there (a paravirtual one waits for its driver)."""
        with self._lock:
            for path in paths:
                if path not in self._consoles:
                    console = self._consoles[path] = _open(path)
                    if console:
                        console.write(b"\r\n" + b"".join(self._said))

    def keep_secret(self, secrets: tuple[str, ...]) -> None:
        """From now on these texts appear in no event and no sentence, whoever puts them there."""
        self._secrets = secrets

    def start_heartbeat(self) -> None:
        threading.Thread(target=self._beat, daemon=True).start()

    def hello(self, version: str, kernel: str, *, secure_boot: bool | None = None) -> None:
        # CLOCK_BOOTTIME starts with the kernel: what came before it was firmware and boot loader.
        uptime = round(time.clock_gettime(time.CLOCK_BOOTTIME), 3)
        event = {"event": "hello", "version": version, "kernel": kernel, "uptime": uptime, "secure_boot": secure_boot}
        self._emit(event, f"guest-customizer {version}")

    def request(self, request_id: str) -> None:
        """The id is known only once the document was read."""
        self._emit({"event": "step", "name": "request", "phase": "end", "id": request_id}, f"request {request_id}")

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One phase of the pipeline: begin, and end with its seconds."""
        begin = time.monotonic()
        self._step = name
        self._emit({"event": "step", "name": name, "phase": "begin"}, None)
        yield
        took = round(time.monotonic() - begin, 3)
        self.phases[name] = took
        self._emit({"event": "step", "name": name, "phase": "end", "seconds": took}, f"{name}: {took:.2f} s")

    def warning(self, message: str) -> None:
        """The first ones as they come: on a serial line thousands would take minutes. All of them are in the log."""
        self._warnings += 1
        if self._warnings <= _WARNINGS_SENT:
            self._emit({"event": "warning", "message": message}, f"warning: {message}")
        else:
            self.log.append(f"{self.seconds:9.3f} warning: {printable(blot(message, self._secrets))}")

    def program(self, line: str | None) -> None:
        """That runs now, or None: for the log, and for the heartbeat, should it hang. One that is repeated is logged once."""
        self._program = line and printable(blot(line, self._secrets))
        if line is not None and line != self._logged_program:
            self._logged_program = line
            self.log.append(f"{self.seconds:9.3f} runs {self._program}")

    def result(self, result: Result) -> None:
        """The last event, on its way out of the machine when this returns; whatever comes after is dropped.

        What a serial port still holds when the power goes is lost: up to 4 KiB, 0.4 s at 115,200 baud.
        """
        sentence = f"{'OK' if result.is_ok else 'FAILED'} {result.code}: {result.message}"
        if result.hint:
            sentence += f"\n  {result.hint}"
        self._emit({**result.to_json(), "phases": self.phases}, sentence + f"\n  the guest's disks are {result.disk}")
        with self._lock:
            self._ended = True
            self._drain()

    def _drain(self) -> None:
        """All at the same time, each in a thread that nobody waits for longer."""
        alive = [console for console in self._consoles.values() if console and console.is_alive]
        threads = [threading.Thread(target=console.drain, daemon=True) for console in alive]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + _DRAIN_SECONDS
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def _emit(self, event: dict[str, Any], sentence: str | None) -> None:
        with self._lock:
            if self._ended:
                return
            self._last = time.monotonic()
            line = encode(blot_event({**event, "t": self.seconds}, self._secrets))
            self._said.append(line)
            for console in self._consoles.values():
                if console:
                    # A line of its own: the kernel may have left the cursor in the middle of one.
                    console.write(b"\r\n" + line if event["event"] == "result" else line)
            if sentence is not None:
                sentence = printable(blot(sentence, self._secrets))
                self.log.append(f"{self.seconds:9.3f} {sentence}")
                if self._screen:
                    self._screen.write((sentence + "\n").encode("utf-8", "replace").replace(b"\n", b"\r\n"))

    def _beat(self) -> None:
        while not self._ended:
            time.sleep(0.5)
            if time.monotonic() - self._last >= HEARTBEAT_SECONDS:
                self._emit({"event": "heartbeat", "step": self._step, "program": self._program}, None)
