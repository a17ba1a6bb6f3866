"""Which file systems of the guest are mounted, in which order, and why the others are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guest.storage.fstab import BadLine, Entry
from guest.storage.reference import find_devices

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guest.machine.model import BlockDevice

# What this kernel is asked to mount; everything else on a disk is skipped with its name.
DISK_FILE_SYSTEMS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "msdos", "f2fs", "jfs", "reiserfs"})
_NETWORK = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smbfs",
        "smb3",
        "9p",
        "ceph",
        "glusterfs",
        "fuse.sshfs",
        "afs",
        "virtiofs",
        "davfs",
    }
)
_PSEUDO = frozenset(
    {"proc", "sysfs", "devpts", "devtmpfs", "tmpfs", "ramfs", "cgroup", "cgroup2", "securityfs", "debugfs", "tracefs",
     "mqueue", "hugetlbfs", "usbfs", "binfmt_misc", "configfs", "efivarfs", "selinuxfs", "pstore", "overlay", "none"}
)  # fmt: skip


@dataclass(frozen=True)
class Mount:
    """One file system to mount. `may_fail`: the guest itself boots without it."""

    device: BlockDevice
    mount_point: str
    fs_type: str
    data: str  # options for the file system itself: a btrfs subvolume
    may_fail: bool


@dataclass(frozen=True)
class Skipped:
    """An fstab line that is not mounted, and why. `mount_point` is None where the line names none."""

    mount_point: str | None
    spec: str
    line: int
    reason: str


def plan_mounts(lines: Iterable[Entry | BadLine], devices: tuple[BlockDevice, ...]) -> tuple[Mount | Skipped, ...]:
    """In fstab's order with parents first. The root's own line is left out: the root is whatever was found."""
    outcome: list[Mount | Skipped] = []
    taken = {"/": 0}
    for line in lines:
        if isinstance(line, BadLine):
            outcome.append(Skipped(None, "", line.line, line.reason))
        elif line.mount_point == "/":
            continue
        elif line.mount_point in taken:
            # systemd makes one unit for a mount point, from the first line.
            where = f"line {taken[line.mount_point]} mounts there already"
            outcome.append(Skipped(line.mount_point, line.spec, line.line, where))
        else:
            decision = _decide(line, devices)
            if isinstance(decision, Mount):
                taken[line.mount_point] = line.line
            outcome.append(decision)
    return _parents_first(outcome)


def _subvolume(options: tuple[str, ...]) -> str:
    return ",".join(option for option in options if option.startswith(("subvol=", "subvolid=")))


def _decide(entry: Entry, devices: tuple[BlockDevice, ...]) -> Mount | Skipped:
    def skipped(reason: str) -> Skipped:
        return Skipped(
            None if entry.mount_point in ("none", "swap") else entry.mount_point,
            entry.spec,
            entry.line,
            reason,
        )

    if entry.fs_type == "swap" or entry.mount_point in ("none", "swap"):
        return skipped("swap" if entry.fs_type == "swap" else "has no mount point")
    if entry.fs_type in _NETWORK or "_netdev" in entry.options:
        return skipped("network file system")
    if {"bind", "rbind"} & set(entry.options):
        return skipped("bind mount")
    if entry.fs_type in _PSEUDO or entry.fs_type.startswith("fuse"):
        return skipped("not on a disk")
    if "noauto" in entry.options:
        return skipped("noauto")
    found = find_devices(entry.spec, devices)
    may_fail = "nofail" in entry.options
    if not found:
        return skipped(f"no device here is {entry.spec}{' (nofail)' if may_fail else ''}")
    if len(found) > 1:
        return skipped(f"several devices are {entry.spec}: {', '.join(device.path for device in found)}")
    device = found[0]
    fs_type = device.fs_type or entry.fs_type
    if fs_type not in DISK_FILE_SYSTEMS:
        return skipped(f"{device.path} holds {fs_type}, which is not mounted here")
    return Mount(device, entry.mount_point, fs_type, _subvolume(entry.options) if fs_type == "btrfs" else "", may_fail)


def _parents_first(outcome: list[Mount | Skipped]) -> tuple[Mount | Skipped, ...]:
    """Moves a mount behind its nearest parent where fstab has them the wrong way round (LESSONS L24); stable otherwise."""
    placed: list[Mount | Skipped] = []
    waiting = list(outcome)
    while waiting:
        blocked = {item.mount_point for item in waiting if isinstance(item, Mount)}
        free = next(item for item in waiting if isinstance(item, Skipped) or not _ancestors(item.mount_point) & blocked)
        placed.append(free)
        waiting.remove(free)
    return tuple(placed)


def _ancestors(path: str) -> set[str]:
    parts = path.strip("/").split("/")
    return ({"/" + "/".join(parts[:count]) for count in range(1, len(parts))} | {"/"}) - {path}
