"""Every way of attaching our media works: firmware, boot medium, config medium, little memory."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from guests.phony import phony_disk
from guests.reader import list_files, read_file
from host.vm import Vm
from machine import MAC, customize, pack

if TYPE_CHECKING:
    from pathlib import Path

ROOT = 2  # the partition of the phony guests' root


@pytest.mark.parametrize(
    ("firmware", "iso_as"),
    [("bios", "cd"), ("bios", "stick"), ("uefi", "cd"), ("uefi", "stick"), ("secure-boot", "cd")],
)
def test_boots(iso: Path, document: Path, tmp_path: Path, firmware: str, iso_as: str) -> None:
    disk = phony_disk("debian12", tmp_path / "disk.img")
    result = customize(Vm(disks=(disk,), iso=iso, config=pack(document), macs=(MAC,), firmware=firmware, iso_as=iso_as))
    assert (result.status, result.code, result.disk) == ("ok", "done", "changed")
    assert read_file(disk, ROOT, "/etc/hostname") == b"web01\n"


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
