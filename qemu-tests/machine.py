"""One run of our ISO in a test: the machine is off afterwards and has said exactly one result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guest.protocol import MARKER, Result, parse_line
from host import iso as boot_iso
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


def direct(iso: Path, words: str = "") -> vm.Direct:
    """What this ISO holds, started without firmware and boot loader; `words` go behind those of its command line."""
    return vm.Direct(iso.with_name("vmlinuz"), iso.with_name("initrd.img"), _command_line(words))


def with_words(iso: Path, words: str, output: Path) -> Path:
    """The same ISO with more words on its command line."""
    boot_iso.write_iso(
        kernel=iso.with_name("vmlinuz"),
        initrd=iso.with_name("initrd.img"),
        output=output,
        command_line=_command_line(words),
        source_date_epoch=0,
        progress=lambda _: None,
    )
    return output


def _command_line(words: str) -> str:
    return f"{boot_iso.DEFAULT_COMMAND_LINE} {words}".rstrip()


def customize(machine: vm.Vm) -> Result:
    """Asserts what holds for every run, whatever it comes to."""
    outcome = follow(machine)
    assert outcome.powered_off, f"the machine did not power off:\n{outcome.console[-2000:].decode(errors='replace')}"
    assert outcome.transcript.result is not None
    return outcome.transcript.result


def follow(machine: vm.Vm) -> vm.Outcome:
    """A run that may end in another way than by powering off; the rest is asserted here."""
    outcome = vm.run(machine, timeout=TIMEOUT_SECONDS, say=lambda _: None)
    if STARVED in outcome.console:
        outcome = vm.run(machine, timeout=TIMEOUT_SECONDS, say=lambda _: None)
    console = outcome.console.decode("utf-8", "replace")
    assert PLANTED not in console
    results = [line for line in console.splitlines() if MARKER in line and '"event":"result"' in line]
    assert len(results) == 1, f"{len(results)} results:\n{console[-2000:]}"
    assert outcome.transcript.result is not None, f"a malformed result: {results[0]}"
    return outcome


def events(outcome: vm.Outcome, kind: str) -> list[dict[str, Any]]:
    """All that the machine said of one kind, in order."""
    said = (parse_line(line) for line in outcome.console.split(b"\n"))
    return [event for event in said if event and event["event"] == kind]
