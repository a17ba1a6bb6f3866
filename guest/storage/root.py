"""Which file system is the guest's root: exactly one, or an error that lists the candidates (LESSONS L20)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guest.errors import CustomizerError
from guest.machine.media import OWN_LABELS
from guest.storage.mountplan import DISK_FILE_SYSTEMS
from guest.storage.reference import find_devices

if TYPE_CHECKING:
    from guest.machine.model import BlockDevice
    from guest.sysroot import View

# What hides file systems from us until it is assembled or opened.
_CONTAINERS = {
    "LVM2_member": "LVM",
    "linux_raid_member": "software RAID",
    "crypto_LUKS": "LUKS encryption",
    "zfs_member": "ZFS",
}


@dataclass(frozen=True)
class Candidate:
    """A file system that looks like a root, and what it says it is."""

    device: BlockDevice
    release: str


def worth_probing(devices: tuple[BlockDevice, ...], wanted: str | None) -> tuple[BlockDevice, ...]:
    """The file systems to look into. Raises CustomizerError where the document's root is not here, or not clear."""
    usable = tuple(
        device
        for device in devices
        if device.usage == "filesystem"
        and device.fs_type in DISK_FILE_SYSTEMS
        and (device.label or "").upper() not in OWN_LABELS
    )
    if wanted is None:
        return usable
    named = find_devices(wanted, usable)
    if len(named) != 1:
        here = "; ".join(device.describe() for device in usable) or "none"
        count = "none" if not named else "more than one"
        raise CustomizerError(
            "storage.root-not-found",
            f"[guest] root names {count} of the file systems here: {here}",
            "correct [guest] root, or leave it out",
        )
    return named


def looks_like_root(view: View) -> bool:
    """A root has its programs and its configuration; a data disk or a /boot has not both."""
    programs = any(view.state(path) is not None for path in ("/usr", "/sbin", "/bin"))
    described = any(view.state(path) is not None for path in ("/etc/fstab", "/etc/os-release"))
    return programs and described


def choose_root(candidates: tuple[Candidate, ...], devices: tuple[BlockDevice, ...]) -> BlockDevice:
    """Raises CustomizerError where there is none, or more than one."""
    if len(candidates) == 1:
        return candidates[0].device
    if candidates:
        listed = "; ".join(f"{candidate.device.describe()}: {candidate.release}" for candidate in candidates)
        first = candidates[0].device
        raise CustomizerError(
            "storage.several-roots",
            f"{len(candidates)} file systems look like a guest's root: {listed}",
            f"say which one it is, for example: [guest] root = UUID={first.uuid}",
        )
    seen = "; ".join(device.describe() for device in devices if device.fs_type) or "nothing with a file system"
    hidden = sorted({name for device in devices if (name := _CONTAINERS.get(device.fs_type or ""))})
    raise CustomizerError(
        "storage.no-root",
        f"no file system here looks like a Linux guest's root; seen: {seen}",
        f"the disks use {', '.join(hidden)}, which this version does not open yet"
        if hidden
        else "attach the guest's disk before our ISO starts",
    )
