"""What /dev/sda2 of a template means on a machine whose disks hang on another bus: the disk at the same place.

Only where there is no doubt. `devices` are the guest's own: our media are left out before.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guest.machine.model import BlockDevice

_LETTERED = re.compile(r"/dev/(sd|hd|vd|xvd)([a-z]{1,2})(\d{0,3})")
_NUMBERED = re.compile(r"/dev/(nvme|mmcblk)(\d{1,3})(?:n1)?(?:p(\d{1,3}))?")


def split_name(path: str) -> tuple[str, int, int | None] | None:
    """(kind, place from 0, partition number or None) of a kernel's disk name; None where it is none."""
    if lettered := _LETTERED.fullmatch(path):
        place = 0
        for letter in lettered[2]:
            place = place * 26 + ord(letter) - ord("a") + 1
        return lettered[1], place - 1, int(lettered[3]) if lettered[3] else None
    if numbered := _NUMBERED.fullmatch(path):
        return numbered[1], int(numbered[2]), int(numbered[3]) if numbered[3] else None
    return None


def find_by_position(reference: str, devices: tuple[BlockDevice, ...]) -> BlockDevice | None:
    """The device at the same place among the guest's disks. None where that is not certain.

    On the template's own bus too: a medium of ours may have taken a name between the guest's disks.
    """
    wanted = split_name(reference)
    if wanted is None:
        return None
    kind, place, number = wanted
    named = [(name, disk) for disk in {device.disk for device in devices} if (name := split_name(disk))]
    same = sorted((name[1], disk) for name, disk in named if name[0] == kind)
    ordered = same or sorted((name[1], disk) for name, disk in named)
    if not same and (len({name[0] for name, _ in named}) != 1 or (kind == "hd" and len(ordered) > 1)):
        return None  # disks of two kinds have no common sequence; hdc was the third connector, not the third disk
    if kind in ("hd", "nvme", "mmcblk") and same:
        ordered = [(at, disk) for at, disk in same if at == place]
        place = 0
    if place >= len(ordered):
        return None
    found = [d for d in devices if d.disk == ordered[place][1] and d.number == number]
    return found[0] if len(found) == 1 else None
