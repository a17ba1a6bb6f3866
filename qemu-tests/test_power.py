"""[power]: what the machine does at the end is what its result says, also after a failure."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from conftest import fingerprint

from guests.phony import phony_disk
from guests.reader import read_file
from host.vm import Vm
from machine import MAC, direct, follow, pack

if TYPE_CHECKING:
    from pathlib import Path

    from guest.protocol import Result

ROOT = 2
POWER = "[power]\non_success = reboot\non_failure = halt\n"


def run(iso: Path, document: Path, disk: Path, mac: str) -> tuple[Result, bool, list[str], bytes]:
    """The result, whether the machine went off by itself, why QEMU says that it ended, the kernel's words after the result."""
    document.write_text(document.read_text() + POWER)
    orders, told = document.with_name("qmp.in"), document.with_name("qmp.out")
    for fifo in (orders, told):
        os.mkfifo(fifo)
    # Both ends open, so that neither side waits for the other; what QEMU tells fits into the FIFO.
    ours = [os.open(fifo, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC) for fifo in (orders, told)]
    os.write(ours[0], b'{"execute": "qmp_capabilities"}\n')
    extra = ("-chardev", f"pipe,id=qmp,path={orders.with_suffix('')}", "-mon", "chardev=qmp,mode=control")
    outcome = follow(Vm(disks=(disk,), iso=direct(iso), config=pack(document), macs=(mac,), extra=extra))
    assert outcome.transcript.result is not None
    said = [json.loads(line) for line in os.read(ours[1], 65536).splitlines()]
    for end in ours:
        os.close(end)
    ends = [event["data"]["reason"] for event in said if event.get("event") == "SHUTDOWN"]
    return (
        outcome.transcript.result,
        outcome.powered_off,
        ends,
        bytes(outcome.console).rpartition(b'"event":"result"')[2],
    )


def test_reboot(iso: Path, document: Path, tmp_path: Path) -> None:
    """Here it ends there: QEMU runs with -no-reboot, as our media are still attached."""
    disk = phony_disk("debian12", tmp_path / "disk.img")
    result, off, ends, words = run(iso, document, disk, MAC)
    assert (result.code, result.power, off, ends) == ("done", "reboot", True, ["guest-reset"])
    assert b"reboot: Restarting system" in words
    assert read_file(disk, ROOT, "/etc/hostname") == b"web01\n"


def test_halt(iso: Path, document: Path, tmp_path: Path) -> None:
    """The machine stays on and does nothing more; the result is out, and whoever reads it may switch it off."""
    disk = phony_disk("debian12", tmp_path / "disk.img")
    before = fingerprint(disk)
    result, off, ends, words = run(iso, document, disk, "52:54:00:00:00:01")
    assert (result.code, result.power, off, ends) == ("network.no-such-card", "halt", False, [])
    assert b"reboot: System halted" in words
    assert fingerprint(disk) == before
