"""Looks at this machine through udev: what its rules and blkid found out about each device."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from guest.machine.model import BlockDevice, Card, Machine

if TYPE_CHECKING:
    import pyudev

# Kernel devices that hold no guest's data.
_VIRTUAL = ("ram", "loop", "zram", "nbd")
_SECTOR_BYTES = 512  # sysfs counts in these, whatever the disk's own sector is
_ETHERNET = "1"  # ARPHRD_ETHER


def look(context: pyudev.Context) -> Machine:
    """Every block device but the kernel's virtual ones, and every Ethernet card."""
    blocks = context.list_devices(subsystem="block")
    cards = context.list_devices(subsystem="net")
    return Machine(
        devices=tuple(
            sorted(
                (_block_device(device) for device in blocks if not device.sys_name.startswith(_VIRTUAL)),
                key=lambda device: (device.disk, device.number or 0),
            )
        ),
        cards=tuple(_card(device) for device in sorted(cards, key=_bus_order) if _is_card(device)),
    )


def _block_device(device: pyudev.Device) -> BlockDevice:
    get = device.properties.get
    disk = device.find_parent("block", "disk") if device.device_type == "partition" else device
    return BlockDevice(
        path=device.device_node,
        disk=(disk or device).device_node,
        kind=device.device_type,
        number=int(get("PARTN")) if get("PARTN") else None,
        size_bytes=_size(device),
        read_only=_attribute(device, "ro") == "1",
        usage=get("ID_FS_USAGE"),
        fs_type=get("ID_FS_TYPE"),
        uuid=get("ID_FS_UUID"),
        label=_unescape(get("ID_FS_LABEL_ENC")) or get("ID_FS_LABEL"),
        part_uuid=get("ID_PART_ENTRY_UUID"),
        part_label=_unescape(get("ID_PART_ENTRY_NAME")),
        links=tuple(sorted(device.device_links)),
        member=get("ID_FS_UUID_SUB"),
        version=get("ID_FS_VERSION"),
        serial=get("ID_SERIAL"),
        part_type=get("ID_PART_ENTRY_TYPE"),
        part_flags=_flags(get("ID_PART_ENTRY_FLAGS")),
        # What LVM tells udev of snapshots, so that /dev/disk/by-uuid leads to the original.
        is_snapshot=get("DM_UDEV_LOW_PRIORITY_FLAG") == "1",
        dm_name=get("DM_NAME"),
        md_name=get("MD_NAME"),
        md_uuid=get("MD_UUID"),
    )


def _size(device: pyudev.Device) -> int:
    text = _attribute(device, "size")
    return int(text) * _SECTOR_BYTES if text.isdigit() else 0


def _flags(text: str | None) -> int:
    try:
        return int(text or "0", 16)
    except ValueError:
        return 0  # an MBR's are spelt otherwise


def _attribute(device: pyudev.Device, name: str) -> str:
    try:
        with open(os.path.join(device.sys_path, name), encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def _unescape(encoded: str | None) -> str | None:
    r"""udev writes bytes that are not harmless in a name as \xNN."""
    if encoded is None or "\\x" not in encoded:
        return encoded
    pieces = encoded.encode("utf-8", "surrogateescape").split(b"\\x")
    raw = pieces[0] + b"".join(bytes([int(piece[:2], 16)]) + piece[2:] for piece in pieces[1:])
    return raw.decode("utf-8", "surrogateescape")


def _is_card(device: pyudev.Device) -> bool:
    # A card has hardware behind it; bridges, bonds and the loopback have not.
    return _attribute(device, "type") == _ETHERNET and os.path.exists(os.path.join(device.sys_path, "device"))


def _bus_order(device: pyudev.Device) -> tuple[str, int]:
    index = _attribute(device, "ifindex")
    return (os.path.realpath(os.path.join(device.sys_path, "device")), int(index) if index.isdigit() else 0)


def _card(device: pyudev.Device) -> Card:
    get = device.properties.get
    policy = ("ID_NET_NAME_FROM_DATABASE", "ID_NET_NAME_ONBOARD", "ID_NET_NAME_SLOT", "ID_NET_NAME_PATH")
    return Card(
        name=device.sys_name,
        mac=_attribute(device, "address").lower(),
        predicted=tuple(name for name in (get(key) for key in policy) if name),
    )
