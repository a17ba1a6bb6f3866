"""What hardware is here, as plain values: block devices and network cards."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BlockDevice:
    """A disk, partition, CD or floppy that has something on it. Texts are as udev's blkid reports them."""

    path: str  # /dev/vda1
    disk: str  # /dev/vda; the same as `path` where the whole disk is meant
    kind: str  # "disk" or "partition"; optical and floppy media are disks
    number: int | None  # of the partition
    size_bytes: int
    read_only: bool
    usage: str | None = None  # filesystem, raid, crypto, other (swap)
    fs_type: str | None = None
    uuid: str | None = None
    label: str | None = None
    part_uuid: str | None = None
    part_label: str | None = None
    links: tuple[str, ...] = ()  # /dev/disk/by-…, /dev/mapper/…, /dev/VG/LV
    member: str | None = None  # of a file system, array or group on several devices: which part of it this is
    version: str | None = None  # of the file system's or array's format: 0.90.0
    serial: str | None = None  # of the disk
    part_type: str | None = None  # a GPT partition's type
    part_flags: int = 0  # a GPT partition's attributes
    is_snapshot: bool = False  # LVM's: it looks like the volume that it was taken of
    dm_name: str | None = None  # vg-root
    md_name: str | None = None  # host:0, as the array's own metadata has it
    md_uuid: str | None = None  # as mdadm writes it: 4 times 8 digits

    def describe(self) -> str:
        """For messages: the device and what tells it from others."""
        names = [name for name in (self.fs_type, self.label and f'label "{self.label}"', self.uuid) if name]
        return f"{self.path} ({', '.join(names)})" if names else self.path


@dataclass(frozen=True)
class Card:
    """A network card. `predicted` are the names udev's naming policy gives it, best first; may be empty."""

    name: str  # in this kernel, where nothing renames: eth0
    mac: str
    predicted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Machine:
    """Everything that was found. Cards in the order of their bus addresses."""

    devices: tuple[BlockDevice, ...] = ()
    cards: tuple[Card, ...] = ()
