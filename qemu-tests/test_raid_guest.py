"""A real Debian guest whose root is a logical volume on a RAID1: customized by our ISO, then booted from its own disks."""

from __future__ import annotations

from pathlib import Path

from demo import DOCUMENT, addresses
from guests.boot import CARDS, boot_guest
from guests.debian_raid import clones, raid_disks
from host import media
from host.vm import Vm
from machine import customize

BUILD = Path(__file__).resolve().parent.parent / "build"


def test_it_boots_as_its_new_self(iso: Path, tmp_path: Path) -> None:
    disks = clones(raid_disks(BUILD, print), tmp_path)
    config = tmp_path / "config.iso"
    media.pack(DOCUMENT, config, "iso")
    result = customize(Vm(disks=disks, iso=iso, config=config, macs=CARDS))
    assert (result.code, result.warnings) == ("done", ()), result
    tells = boot_guest(disks[0], more_disks=disks[1:], seconds=480, console=tmp_path / "console.log")
    assert (tells["hostname"], tells["fqdn"]) == ("web01", "web01.example.com")
    assert "ens3 10.0.0.11/24" in addresses(tells)
    assert tells["failed_units"] == []
