"""Device references: what UUID=…, LABEL=…, /dev/… of an fstab or a document mean on this machine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guest.machine.model import BlockDevice

_TAGS = {"UUID": "uuid", "LABEL": "label", "PARTUUID": "part_uuid", "PARTLABEL": "part_label"}
_BY_LINK = re.compile(r"/dev/disk/by-(uuid|label|partuuid|partlabel)/(.+)")


def find_devices(reference: str, devices: Iterable[BlockDevice]) -> tuple[BlockDevice, ...]:
    """Every device that a reference fits: none, one, or several where a label is not unique."""
    tag, separator, value = reference.partition("=")
    if separator and tag.upper() in _TAGS:
        return _by_tag(tag.upper(), value, devices)
    if by_link := _BY_LINK.fullmatch(reference):
        return _by_tag(by_link[1].upper(), _unescape(by_link[2]), devices)
    return tuple(device for device in devices if reference in (device.path, *device.links))


def _by_tag(tag: str, value: str, devices: Iterable[BlockDevice]) -> tuple[BlockDevice, ...]:
    # UUIDs are written in either case (vfat's in capitals); labels are not alike when their case differs.
    def fold(text: str | None) -> str | None:
        return text.lower() if text and tag.endswith("UUID") else text

    return tuple(device for device in devices if fold(getattr(device, _TAGS[tag])) == fold(value))


def _unescape(name: str) -> str:
    r"""udev writes \x20 for a blank in the names of /dev/disk/by-label."""
    return re.sub(r"\\x([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)), name)
