"""A guest whose file systems are of every plain kind, on two disks, in an fstab that has them in the wrong order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guests.disk import FileSystem, Layout, Partition, Table
from guests.phony import phony_disk
from guests.reader import read_file
from host.vm import Vm
from machine import MAC, customize, pack

if TYPE_CHECKING:
    from pathlib import Path


def uuid(number: int) -> str:
    return f"f11ef11e-0000-4000-8000-{number:012}"


SYSTEM = Layout(
    table=Table.MBR,
    disk_id="0xf11ef11e",
    partitions=(
        Partition(mount_point="/boot", filesystem=FileSystem.EXT2, mib=32, uuid=uuid(1), label="boot"),
        Partition(mount_point="/boot/efi", filesystem=FileSystem.VFAT, mib=40, uuid="F11E-F11E"),
        Partition(mount_point="/", filesystem=FileSystem.BTRFS, mib=160, uuid=uuid(3)),
    ),
)
DATA = Layout(
    table=Table.MBR,
    disk_id="0xda7ada7b",
    partitions=(Partition(mount_point="/", filesystem=FileSystem.EXT3, mib=64, uuid=uuid(4), label="var lib"),),
)
FSTAB = f"""\
LABEL=var\\040lib /var/lib ext3 defaults 0 2
UUID=F11E-F11E /boot/efi vfat umask=0077 0 1
LABEL="boot" /boot ext2 defaults 0 2
UUID={uuid(3)} / btrfs defaults
/dev/cdrom /media/cdrom udf,iso9660 user,noauto 0 0
"""


def test_every_plain_file_system(iso: Path, document: Path, tmp_path: Path) -> None:
    system = phony_disk("debian12", tmp_path / "system.img", SYSTEM, changes={"/etc/fstab": FSTAB})
    data = phony_disk({"/dpkg/status": ""}, tmp_path / "data.img", DATA)
    result = customize(Vm(disks=(data, system), iso=iso, config=pack(document), macs=(MAC,)))
    assert (result.code, result.warnings) == ("done", ())
    assert result.skipped == ("fstab line 5, /media/cdrom: noauto",)
    assert read_file(system, 3, "/etc/hostname") == b"web01\n"
    # /var/lib lies on the other disk, and so does what we keep there.
    assert read_file(data, 1, "/guest-customizer/result.json") is not None
    assert read_file(system, 3, "/var/lib/guest-customizer/result.json") is None
