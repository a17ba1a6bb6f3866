"""The result is on every console the machine has, also where its driver comes late; customizer.debug gives a shell."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

from guests.phony import phony_disk
from host import vm
from host.console import Transcript
from machine import MAC, customize, pack, with_words

if TYPE_CHECKING:
    from pathlib import Path

    from guest.protocol import Result


def result_in(log: Path) -> Result | None:
    transcript = Transcript()
    events = transcript.feed(log.read_bytes() + b"\n")
    assert events[0]["event"] == "hello", f"{log.name} lacks what was said before it was there"
    return transcript.result


def test_paravirtual_consoles(iso: Path, document: Path, tmp_path: Path) -> None:
    console, port = tmp_path / "hvc0", tmp_path / "port"
    extra = ("-device", "virtio-serial-pci")
    extra += ("-chardev", f"file,id=hvc,path={console}", "-device", "virtconsole,chardev=hvc")
    extra += (
        "-chardev",
        f"file,id=port,path={port}",
        "-device",
        "virtserialport,chardev=port,name=org.guest-customizer.0",
    )
    disk = phony_disk("debian12", tmp_path / "disk.img")
    result = customize(vm.Vm(disks=(disk,), iso=iso, config=pack(document), macs=(MAC,), extra=extra))
    assert result.code == "done"
    assert result_in(console) == result
    assert result_in(port) == result


def test_debug_gives_a_shell_before_and_after(iso: Path, document: Path, tmp_path: Path) -> None:
    """On the serial port, which the command line makes the console."""
    image = with_words(iso, "customizer.debug console=ttyS0", tmp_path / "debug.iso")
    disk = phony_disk("debian12", tmp_path / "disk.img")
    machine = vm.Vm(disks=(disk,), iso=image, config=pack(document), macs=(MAC,))
    argv = vm.arguments(machine, tmp_path / "unused", None)
    argv[argv.index("-serial") + 1] = "stdio"
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        try:
            said = converse(running, [b"test -e /run/guest-customizer/result-sent; echo before=$?\nexit\n"] * 2)
        finally:
            running.kill()
    assert said.count(b"before=1") == 1
    assert said.count(b"before=0") == 1
    assert said.index(b"before=1") < said.index(b'"event":"result"') < said.index(b"before=0")
    assert b'"code":"done"' in said


def converse(running: subprocess.Popen[bytes], answers: list[bytes], seconds: float = 120) -> bytes:
    """Everything the machine says until it is off; each shell that it offers gets the next answer."""
    assert running.stdin is not None
    assert running.stdout is not None
    os.set_blocking(running.stdout.fileno(), False)
    said, seen, deadline = b"", 0, time.monotonic() + seconds
    while time.monotonic() < deadline:
        data = running.stdout.read()
        if data == b"":
            return said
        said += data or b""
        offered = said.find(b"leave it with exit", seen)
        if answers and offered >= 0 and said.find(b"# ", offered) >= 0:
            seen = len(said)
            time.sleep(1)  # the shell's own start throws away what was typed before it
            running.stdin.write(answers.pop(0))
            running.stdin.flush()
        time.sleep(0.05)
    raise AssertionError(f"the machine did not power off:\n{said[-2000:].decode(errors='replace')}")
