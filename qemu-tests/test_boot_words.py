"""What may be said on the kernel's command line holds in a machine: how long is waited, for which medium, how long a run may take."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from conftest import fingerprint

from guests.phony import phony_disk
from guests.reader import read_file
from host.vm import Vm
from machine import MAC, customize, direct, events, follow, pack

if TYPE_CHECKING:
    from pathlib import Path

    from host.vm import Outcome

ROOT = 2
# The machine's clock is set forward where nothing is to be done: minutes of waiting are over in seconds, and it is the
# machine's own limits that are seen. Of what is waited for in another way (a disk), any time may seem to go by.
HURRIED = ("-icount", "shift=2,sleep=off")


def waited(outcome: Outcome) -> float:
    """Seconds from the first step's begin to the result, by the guest's clock."""
    (result,) = events(outcome, "result")
    return float(result["t"] - events(outcome, "step")[0]["t"])


def test_rubbish_counts_as_not_said(iso: Path, tmp_path: Path) -> None:
    """A medium is waited for 20 s then, and the result warns."""
    disk = phony_disk("debian12", tmp_path / "disk.img")
    before = fingerprint(disk)
    words = "customizer.wait=soon customizer.timeout=1h customizer.wiat=1"
    outcome = follow(Vm(disks=(disk,), iso=direct(iso, words), config=None, cpus=1, extra=HURRIED))
    result = outcome.transcript.result
    assert result is not None
    assert (result.code, result.disk, fingerprint(disk)) == ("config.no-medium", "untouched", before)
    assert outcome.powered_off
    assert 20 <= waited(outcome) < 30
    said = [warning.partition(" on the kernel command line ") for warning in result.warnings]
    assert [(word, what) for word, _, what in said] == [
        ("customizer.wiat", "is unknown"),
        ("customizer.wait", "is no number of seconds from 0 to 999999: 20 it is"),
        ("customizer.timeout", "is no number of seconds from 10 to 999999: 1800 it is"),
    ]


def test_another_medium_is_waited_for_as_long_as_is_said(iso: Path, document: Path, tmp_path: Path) -> None:
    """Where one is named, the one that is labelled GUESTCONF is not taken for it."""
    disk = phony_disk("debian12", tmp_path / "disk.img")
    before = fingerprint(disk)
    words = "customizer.wait=7 customizer.config=NOT-HERE"
    outcome = follow(Vm(disks=(disk,), iso=direct(iso, words), config=pack(document), cpus=1, extra=HURRIED))
    result = outcome.transcript.result
    assert result is not None
    assert (result.code, result.disk, fingerprint(disk)) == ("config.no-medium", "untouched", before)
    assert result.message.startswith(
        "no medium named by customizer.config= on the kernel command line is attached; seen: "
    )
    assert "GUESTCONF" in result.message, "what is here helps"
    assert 7 <= waited(outcome) < 12


@pytest.mark.parametrize("name", ["OTHER", "UUID=0A0B-0C0D", "/dev/vdb"])
def test_the_medium_that_is_named(iso: Path, document: Path, tmp_path: Path, name: str) -> None:
    """By label, UUID and path; another one, which would be taken otherwise, is attached as well."""
    disk = phony_disk("debian12", tmp_path / "disk.img")
    named = pack(document, "disk")
    subprocess.run(["mlabel", "-i", named, "-N", "0A0B0C0D", "::OTHER"], check=True)
    document.write_text(document.read_text().replace("web01", "wrong"))
    extra = ("-drive", f"file={pack(document)},format=raw,if=none,id=second,readonly=on")
    extra += ("-device", "ide-cd,drive=second,bus=ide.1")
    words = f"customizer.config={name}"
    result = customize(
        Vm(disks=(disk,), iso=direct(iso, words), config=named, config_as="disk", macs=(MAC,), extra=extra)
    )
    assert (result.code, result.warnings) == ("done", ())
    assert read_file(disk, ROOT, "/etc/hostname") == b"web01\n"


def test_a_run_that_takes_too_long_ends_itself(iso: Path, tmp_path: Path) -> None:
    disk = phony_disk("debian12", tmp_path / "disk.img")
    before = fingerprint(disk)
    words = "customizer.wait=9999 customizer.timeout=40"
    outcome = follow(Vm(disks=(disk,), iso=direct(iso, words), config=None, cpus=1, extra=HURRIED))
    result = outcome.transcript.result
    assert result is not None
    assert (result.code, result.disk, fingerprint(disk)) == ("internal.timeout", "untouched", before)
    assert (result.message, outcome.powered_off) == ("the run took more than 20 s", True)
    assert 17 < waited(outcome) < 30
    assert events(outcome, "heartbeat"), "nothing else is said meanwhile"


def test_a_disk_that_does_not_answer(iso: Path, document: Path, tmp_path: Path) -> None:
    """Nothing ends a program that waits for it: init says the result, and powers off without it."""
    disk = phony_disk("debian12", tmp_path / "disk.img")
    # One byte a second: the first write goes through, the next one in an hour. No flushes: the clock would run during them.
    extra = (*HURRIED, "-drive", f"file={disk},format=raw,if=none,id=slow,cache=unsafe,throttling.bps-write=1")
    extra += ("-device", "virtio-blk-pci,drive=slow")
    machine = Vm(
        disks=(), iso=direct(iso, "customizer.timeout=120"), config=pack(document), macs=(MAC,), cpus=1, extra=extra
    )
    outcome = follow(machine)
    result = outcome.transcript.result
    assert result is not None
    assert (result.status, result.code, result.disk) == ("failed", "internal", "changed")
    assert result.message == "The customizer did not end within 120 seconds."
    assert events(outcome, "heartbeat")[-1]["step"] == "write"
    assert outcome.powered_off
