"""The other family and the other stack: the files that an EL8 release leaves behind, on its xfs disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guests.phony import phony_disk
from guests.reader import list_files, read_file
from host.vm import Vm
from machine import MAC, customize, pack

if TYPE_CHECKING:
    from pathlib import Path

ROOT = 2


def test_el8(iso: Path, document: Path, tmp_path: Path) -> None:
    disk = phony_disk("el8", tmp_path / "disk.img")
    before = list_files(disk, ROOT, "/etc")
    result = customize(Vm(disks=(disk,), iso=iso, config=pack(document), macs=(MAC,)))
    assert (result.code, result.family, result.stack) == ("done", "redhat", "ifcfg")
    assert read_file(disk, ROOT, "/etc/hostname") == b"web01.example.com\n"
    profile = (read_file(disk, ROOT, "/etc/sysconfig/network-scripts/ifcfg-ens3") or b"").decode().splitlines()
    assert {"DEVICE=ens3", "HWADDR=52:54:00:12:34:56", "BOOTPROTO=none", "IPADDR=10.0.0.11", "PREFIX=24"} <= set(
        profile
    )
    assert {"GATEWAY=10.0.0.1", "DNS1=10.0.0.2"} <= set(profile)
    assert not [line for line in profile if line.startswith("UUID=")], "the template's UUID must not be kept"
    assert b"nameserver 10.0.0.2" in (read_file(disk, ROOT, "/etc/resolv.conf") or b"")
    after = list_files(disk, ROOT, "/etc")
    rc_local = after["/etc/rc.d/rc.local"]
    assert rc_local.mode & 0o111, "rc.local must be executable to run"
    # Files that were there keep owner and SELinux label.
    for path in ("/etc/hostname", "/etc/hosts", "/etc/sysconfig/network-scripts/ifcfg-ens3", "/etc/rc.d/rc.local"):
        old, new = before[path], after[path]
        assert (old.uid, old.gid, old.label) == (new.uid, new.gid, new.label), path
    # New ones get the label that the guest's own policy gives them.
    pin = after["/etc/systemd/network/10-guest-customizer-ens3.link"]
    assert pin.label == "system_u:object_r:etc_t:s0"
