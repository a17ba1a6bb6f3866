"""Device references: what UUID=…, LABEL=…, /dev/… of an fstab or a document mean on this machine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guest.machine.model import BlockDevice

_TAGS = {"UUID": "uuid", "LABEL": "label", "PARTUUID": "part_uuid", "PARTLABEL": "part_label"}
_BY_LINK = re.compile(r"/dev/disk/by-(uuid|label|partuuid|partlabel)/(.+)")
_ARRAY = re.compile(r"/dev/md(?:/?(\d{1,3})|/([^/]+))")


def find_devices(reference: str, devices: Iterable[BlockDevice]) -> tuple[BlockDevice, ...]:
    """Every device that a reference fits: none, one, or several where a label is not unique.

    A file system that spreads over several devices counts as the first of them.
    """
    devices = tuple(devices)
    tag, separator, value = reference.partition("=")
    if separator and tag.upper() in _TAGS:
        return _one_per_file_system(_by_tag(tag.upper(), value, devices))
    if by_link := _BY_LINK.fullmatch(reference):
        return _one_per_file_system(_by_tag(by_link[1].upper(), _unescape(by_link[2]), devices))
    if array := _ARRAY.fullmatch(reference):
        return _by_array_name(array[1] or array[2], devices)
    mapper = _mapper_name(reference)
    return tuple(
        device
        for device in devices
        if reference in (device.path, *device.links) or (mapper is not None and device.dm_name == mapper)
    )


def without_copies(devices: tuple[BlockDevice, ...]) -> tuple[BlockDevice, ...]:
    """Without what only looks like a second file system of a UUID: LVM's snapshots beside their originals, and the
    partitions that a whole disk in a mirror shows, which are really the array's.
    """
    originals = {device.uuid for device in devices if device.uuid and not device.is_snapshot}
    members = {device.path for device in devices if device.usage == "raid"}
    return tuple(
        device
        for device in devices
        if not (device.is_snapshot and device.uuid in originals)
        and not (device.kind == "partition" and device.disk in members)
    )


def _by_tag(tag: str, value: str, devices: Iterable[BlockDevice]) -> tuple[BlockDevice, ...]:
    # UUIDs are written in either case (vfat's in capitals); labels are not alike when their case differs.
    def fold(text: str | None) -> str | None:
        return text.lower() if text and tag.endswith("UUID") else text

    return tuple(device for device in devices if fold(getattr(device, _TAGS[tag])) == fold(value))


def _one_per_file_system(found: tuple[BlockDevice, ...]) -> tuple[BlockDevice, ...]:
    """btrfs over two disks is two devices of one UUID, told apart by their member ids."""
    spread = all(device.fs_type == "btrfs" and device.member for device in found)
    same = len({device.uuid for device in found}) == 1
    distinct = len({device.member for device in found}) == len(found)
    return found[:1] if spread and same and distinct else found


def _by_array_name(name: str, devices: tuple[BlockDevice, ...]) -> tuple[BlockDevice, ...]:
    """/dev/md0, /dev/md/0, /dev/md/home. The number that this kernel gave an array is not always the guest's."""
    arrays = [device for device in devices if device.md_uuid and device.kind == "disk"]
    # The metadata says `host:0`; 0.90 says nothing, and such arrays are started under the number they prefer.
    named = [d for d in arrays if d.md_name and name in (d.md_name, d.md_name.partition(":")[2])]
    unnamed = [d for d in arrays if not d.md_name and d.path == f"/dev/md{name}"]
    # md127 downwards is what a guest calls arrays that have no number of their own.
    if not named and not unnamed and len(arrays) == 1 and re.fullmatch(r"12[0-7]", name):
        return tuple(arrays)
    return tuple(named or unnamed)


def _mapper_name(reference: str) -> str | None:
    """`/dev/mapper/vg-lv`, or `/dev/vg/lv` in device-mapper's spelling: dashes of either name doubled."""
    parts = reference.split("/")
    if len(parts) != 4 or parts[:2] != ["", "dev"] or not parts[2] or not parts[3]:
        return None
    if parts[2] == "mapper":
        return parts[3]
    return f"{parts[2].replace('-', '--')}-{parts[3].replace('-', '--')}"


def _unescape(name: str) -> str:
    r"""udev writes \x20 for a blank in the names of /dev/disk/by-label."""
    raw = name.encode("utf-8", "surrogateescape")
    plain = re.sub(rb"\\x([0-9a-fA-F]{2})", lambda found: bytes([int(found[1], 16)]), raw)
    return plain.decode("utf-8", "surrogateescape")
