"""Every way of attaching our media works: firmware, boot medium, config medium, little memory."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from guests.phony import phony_disk
from guests.reader import list_files, read_file
from host.vm import Vm
from machine import MAC, customize, events, follow, pack, with_words

if TYPE_CHECKING:
    from pathlib import Path

    from host.vm import Outcome

ROOT = 2  # the partition of the phony guests' root
SECURE_BOOT = {"bios": None, "uefi": False, "secure-boot": True}  # as `hello` says it


@pytest.mark.parametrize(("firmware", "iso_as"), [("bios", "cd"), ("bios", "stick"), ("uefi", "cd"), ("uefi", "stick")])
def test_boots(iso: Path, document: Path, tmp_path: Path, firmware: str, iso_as: str) -> None:
    boots(iso, document, tmp_path, firmware, iso_as)


def boots(iso: Path, document: Path, folder: Path, firmware: str, iso_as: str) -> Outcome:
    disk = phony_disk("debian12", folder / "disk.img")
    outcome = follow(Vm((disk,), iso, pack(document), macs=(MAC,), firmware=firmware, iso_as=iso_as))
    result = outcome.transcript.result
    assert result is not None
    assert (result.status, result.code, result.disk) == ("ok", "done", "changed")
    assert outcome.powered_off
    assert read_file(disk, ROOT, "/etc/hostname") == b"web01\n"
    assert [event["secure_boot"] for event in events(outcome, "hello")] == [SECURE_BOOT[firmware]]
    return outcome


@pytest.fixture(scope="module")
def loud_iso(iso: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same but for the kernel's own words on the console, until init."""
    return with_words(iso, "loglevel=7", tmp_path_factory.mktemp("loud") / "loud.iso")


@pytest.mark.parametrize("iso_as", ["cd", "stick"])
def test_secure_boot(loud_iso: Path, document: Path, tmp_path: Path, iso_as: str) -> None:
    """It is on, the kernel says, which locks itself down then; so does the customizer."""
    console = boots(loud_iso, document, tmp_path, "secure-boot", iso_as).console
    assert b"secureboot: Secure boot enabled" in console
    assert b"Kernel is locked down from EFI Secure Boot" in console


@pytest.mark.parametrize(("config_as", "form"), [("cd", "iso"), ("floppy", "floppy"), ("disk", "disk")])
def test_config_medium(iso: Path, document: Path, tmp_path: Path, config_as: str, form: str) -> None:
    disk = phony_disk("debian12", tmp_path / "disk.img")
    config = pack(document, form)
    result = customize(Vm(disks=(disk,), iso=iso, config=config, config_as=config_as, macs=(MAC,)))
    assert (result.status, result.code) == ("ok", "done")
    kept = json.loads(read_file(disk, ROOT, "/var/lib/guest-customizer/result.json") or b"{}")
    assert (kept["code"], kept["id"]) == ("done", "test-1")
    assert list_files(disk, ROOT, "/var/lib/guest-customizer")["/var/lib/guest-customizer/result.json"].mode == 0o600
    if form != "iso":
        # A medium that can be written to brings the result back.
        done = subprocess.run(["mtype", "-i", config, "::result.json"], capture_output=True, check=True)
        assert json.loads(done.stdout)["code"] == "done"


def test_ide_cds(iso: Path, document: Path, tmp_path: Path) -> None:
    """As VMware, VirtualBox and Hyper-V's first generation attach them."""
    disk = phony_disk("debian12", tmp_path / "disk.img")
    result = customize(Vm(disks=(disk,), iso=iso, config=pack(document), macs=(MAC,), cd_bus="ide"))
    assert result.code == "done"


def test_little_memory(iso: Path, document: Path, tmp_path: Path) -> None:
    disk = phony_disk("debian12", tmp_path / "disk.img")
    result = customize(Vm(disks=(disk,), iso=iso, config=pack(document), macs=(MAC,), memory_mib=256, cpus=1))
    assert result.code == "done"
