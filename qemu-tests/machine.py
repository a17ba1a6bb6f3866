"""One run of our ISO in a test: the machine is off afterwards and has said exactly one result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest.protocol import MARKER, Result
from host import media, vm

if TYPE_CHECKING:
    from pathlib import Path

MAC = "52:54:00:12:34:56"
TIMEOUT_SECONDS = 180
# In passphrases, commands and scripts of the tests' documents, and in private files of their guests: printed nowhere.
PLANTED = "pl4nted"
# A kernel's words, 0.03 s after its start, where the host was too busy for QEMU's emulated clock; nothing of ours has run.
STARVED = b"IO-APIC + timer doesn't work"


def pack(document: Path, form: str = "iso") -> Path:
    image = document.with_suffix(f".{form}")
    media.pack(document, image, form)
    return image


def customize(machine: vm.Vm) -> Result:
    """Asserts what holds for every run, whatever it comes to."""
    outcome = vm.run(machine, timeout=TIMEOUT_SECONDS, say=lambda _: None)
    if STARVED in outcome.console:
        outcome = vm.run(machine, timeout=TIMEOUT_SECONDS, say=lambda _: None)
    console = outcome.console.decode("utf-8", "replace")
    assert outcome.powered_off, f"the machine did not power off:\n{console[-2000:]}"
    assert PLANTED not in console
    results = [line for line in console.splitlines() if MARKER in line and '"event":"result"' in line]
    assert len(results) == 1, f"{len(results)} results:\n{console[-2000:]}"
    assert outcome.transcript.result is not None, f"a malformed result: {results[0]}"
    return outcome.transcript.result
