"""Names that only the guest knows: /etc/crypttab's for opened containers, /etc/mdadm.conf's for arrays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.storage.position import find_by_position, split_name
from guest.storage.reference import find_devices
from guest.sysroot import text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guest.machine.model import BlockDevice
    from guest.sysroot import View

_MDADM_CONF = ("/etc/mdadm/mdadm.conf", "/etc/mdadm.conf")
_LINE_LIMIT = 10_000


def opened_name(container_uuid: str) -> str:
    """What we call an opened container: as Fedora's installer does."""
    return f"luks-{container_uuid.lower()}"


def guest_names(view: View, devices: tuple[BlockDevice, ...]) -> dict[str, str]:
    """Device paths as the guest spells them -> as they are here."""
    names = parse_crypttab(text(view, "/etc/crypttab") or "", devices)
    for path in _MDADM_CONF:
        names |= parse_mdadm_conf(text(view, path) or "", devices)
    return names


def parse_crypttab(content: str, devices: tuple[BlockDevice, ...]) -> dict[str, str]:
    """crypttab(5): name, device, key file, options."""
    names: dict[str, str] = {}
    for line in content.splitlines()[:_LINE_LIMIT]:
        fields = line.split()
        if len(fields) < 2 or fields[0].startswith("#") or "/" in fields[0]:
            continue
        found = _find(_unquote(fields[1]), devices)
        containers = [device for device in found if device.fs_type == "crypto_LUKS" and device.uuid]
        if len(containers) == 1:
            names[f"/dev/mapper/{fields[0]}"] = f"/dev/mapper/{opened_name(containers[0].uuid or '')}"
    return names


def _find(reference: str, devices: tuple[BlockDevice, ...]) -> tuple[BlockDevice, ...]:
    if split_name(reference):
        at_its_place = find_by_position(reference, devices)
        return (at_its_place,) if at_its_place else ()
    return find_devices(reference, devices)


def parse_mdadm_conf(content: str, devices: tuple[BlockDevice, ...]) -> dict[str, str]:
    """mdadm.conf(5): ARRAY lines; a line that starts with a blank goes on with the one before."""
    arrays: Mapping[str, str] = {_digits(d.md_uuid): d.path for d in devices if d.md_uuid and d.kind == "disk"}
    names: dict[str, str] = {}
    for line in re.sub(r"\n[ \t]+", " ", content).splitlines()[:_LINE_LIMIT]:
        words = line.split()
        if len(words) < 2 or words[0].upper() not in ("ARRAY", "ARR", "ARRA"):
            continue
        uuid = next((word[5:] for word in words[2:] if word.upper().startswith("UUID=")), "")
        if (path := arrays.get(_digits(uuid))) and words[1].startswith("/dev/"):
            names |= dict.fromkeys(_spellings(words[1]), path)
    return names


def _spellings(path: str) -> tuple[str, ...]:
    """/dev/md0 and /dev/md/0 are one."""
    found = re.fullmatch(r"/dev/md/?(\d+)", path)
    return (f"/dev/md{found[1]}", f"/dev/md/{found[1]}") if found else (path,)


def _digits(uuid: str) -> str:
    """blkid, mdadm and mdadm.conf group an array's 32 digits differently."""
    return re.sub(r"[^0-9a-f]", "", uuid.lower())


def _unquote(reference: str) -> str:
    tag, separator, value = reference.partition("=")
    return f"{tag}={value.strip(chr(34))}" if separator else reference
