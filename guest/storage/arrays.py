"""md arrays as the kernel shows them, and the number that a guest would give one."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from guest.command import run

if TYPE_CHECKING:
    from guest.machine.model import BlockDevice

_MDADM = "/usr/sbin/mdadm"


def array_number(member: BlockDevice) -> int:
    """The guest's own number for the array where it has one: fstab may say /dev/md0."""
    label = (member.label or "").rpartition(":")[2]
    if not label and (member.version or "").startswith("0.90"):
        found = re.search(r"Preferred Minor : (\d+)", run([_MDADM, "--examine", member.path], timeout=30))
        label = found[1] if found else ""
    if label.isdigit() and int(label) < 128 and not _exists(int(label)):
        return int(label)
    return next(number for number in range(127, -1, -1) if not _exists(number))


def _exists(number: int) -> bool:
    return array_state(f"/dev/md{number}") not in ("", "clear")


def array_state(path: str) -> str:
    return _md_attribute(path, "array_state")


def missing_members(path: str) -> int:
    text = _md_attribute(path, "degraded")
    return int(text) if text.isdigit() else 0


def _md_attribute(path: str, name: str) -> str:
    try:
        with open(f"/sys/block/{os.path.basename(path)}/md/{name}", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
