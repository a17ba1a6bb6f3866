"""Which file systems of the guest are mounted, in which order, and why the others are not."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from guest.storage.fstab import BadLine, Entry
from guest.storage.position import find_by_position, split_name
from guest.storage.reference import find_devices

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from guest.machine.model import BlockDevice

# What this kernel is asked to mount; everything else on a disk is skipped with its name.
DISK_FILE_SYSTEMS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "msdos", "f2fs", "jfs", "reiserfs"})
_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smbfs", "smb3", "9p", "ceph", "glusterfs", "fuse.sshfs", "afs", "virtiofs", "davfs"}
)
_PSEUDO = frozenset(
    {"proc", "sysfs", "devpts", "devtmpfs", "tmpfs", "ramfs", "cgroup", "cgroup2", "securityfs", "debugfs", "tracefs",
     "mqueue", "hugetlbfs", "usbfs", "binfmt_misc", "configfs", "efivarfs", "selinuxfs", "pstore", "overlay", "none"}
)  # fmt: skip
# More than any guest has, and few enough to sort without a thought for a hostile fstab.
MOUNT_LIMIT = 500


@dataclass(frozen=True)
class Mount:
    """One file system to mount. `may_fail`: the guest itself boots without it."""

    device: BlockDevice
    mount_point: str
    fs_type: str
    data: str  # options for the file system itself: a btrfs subvolume
    may_fail: bool
    note: str | None = None  # for the report: how the device was found, where that is not plain


@dataclass(frozen=True)
class Bind:
    """A folder of the guest that shows at another place as well."""

    source: str
    mount_point: str
    may_fail: bool


@dataclass(frozen=True)
class Skipped:
    """A mount that is not made, and why. `mount_point` is None where there is none."""

    mount_point: str | None
    spec: str
    origin: str
    reason: str

    def describe(self) -> str:
        return f"{self.origin}, {self.mount_point or self.spec}: {self.reason}"


Planned = Mount | Bind | Skipped


def plan_mounts(
    lines: Iterable[Entry | BadLine], devices: tuple[BlockDevice, ...], names: Mapping[str, str] | None = None
) -> tuple[Planned, ...]:
    """In the sequence given with parents first. The root's own line is left out: the root is whatever was found.

    `names` are the guest's own for its devices (names.py).
    """
    outcome: list[Planned] = []
    taken = {"/": ""}
    for line in lines:
        if isinstance(line, BadLine):
            outcome.append(Skipped(None, "", line.origin, line.reason))
        elif line.mount_point == "/":
            continue
        elif line.mount_point in taken:
            # systemd makes one unit for a mount point, from the first line.
            outcome.append(_skipped(line, f"{taken[line.mount_point]} mounts there already"))
        elif len(taken) > MOUNT_LIMIT:
            outcome.append(_skipped(line, f"is beyond the first {MOUNT_LIMIT} mounts"))
        else:
            decision = _decide(line, devices, names or {})
            if not isinstance(decision, Skipped):
                taken[line.mount_point] = line.origin
            outcome.append(decision)
    return _parents_first(outcome)


def required_but_missing(unmounted: Mapping[str, str]) -> tuple[str, str] | None:
    """(mount point, reason): a place without which nothing can be said about the guest."""
    return next(((place, unmounted[place]) for place in ("/usr", "/etc") if place in unmounted), None)


def _skipped(entry: Entry, reason: str) -> Skipped:
    place = None if entry.mount_point in ("none", "swap") else entry.mount_point
    return Skipped(place, entry.spec, entry.origin, reason)


def _decide(entry: Entry, devices: tuple[BlockDevice, ...], names: Mapping[str, str]) -> Planned:
    if entry.fs_type == "swap" or entry.mount_point in ("none", "swap"):
        return _skipped(entry, "swap" if entry.fs_type == "swap" else "has no mount point")
    if entry.fs_type in _NETWORK or "_netdev" in entry.options:
        return _skipped(entry, "network file system")
    # An automount point looks as if it were mounted to whoever enters it.
    if "noauto" in entry.options and "x-systemd.automount" not in entry.options:
        return _skipped(entry, "noauto")
    may_fail = bool({"nofail", "noauto"} & set(entry.options))
    if {"bind", "rbind"} & set(entry.options):
        if not entry.spec.startswith("/"):
            return _skipped(entry, "a bind mount of something that is no path")
        return Bind("/" + posixpath.normpath(entry.spec).lstrip("/"), entry.mount_point, may_fail)
    if entry.fs_type in _PSEUDO or entry.fs_type.startswith("fuse"):
        return _skipped(entry, "not on a disk")
    return _decide_device(entry, devices, names, may_fail)


def _decide_device(entry: Entry, devices: tuple[BlockDevice, ...], names: Mapping[str, str], may_fail: bool) -> Planned:
    found = _resolve(entry.spec, devices, names)
    if not found:
        return _skipped(entry, f"no device here is {entry.spec}{' (nofail)' if may_fail else ''}")
    if len(found) > 1:
        return _skipped(entry, f"several devices are {entry.spec}: {', '.join(device.path for device in found)}")
    device = found[0]
    fs_type = device.fs_type or entry.fs_type
    if fs_type == "auto":
        return _skipped(entry, f"{device.path} holds nothing that is known here")
    if fs_type not in DISK_FILE_SYSTEMS:
        return _skipped(entry, f"{device.path} holds {fs_type}, which is not mounted here")
    note = None
    if split_name(entry.spec) and device.path != entry.spec:
        note = f"{entry.origin}: {entry.spec} is taken for {device.path}, which has its place on this machine"
    return Mount(device, entry.mount_point, fs_type, _subvolume(entry.options, fs_type), may_fail, note)


def _resolve(spec: str, devices: tuple[BlockDevice, ...], names: Mapping[str, str]) -> tuple[BlockDevice, ...]:
    if spec in names:
        return tuple(
            d for d in devices if names[spec] in (d.path, *d.links) or names[spec] == f"/dev/mapper/{d.dm_name}"
        )
    if split_name(spec):
        at_its_place = find_by_position(spec, devices)
        return (at_its_place,) if at_its_place else ()
    return find_devices(spec, devices)


def _subvolume(options: tuple[str, ...], fs_type: str) -> str:
    chosen = [option for option in options if option.startswith(("subvol=", "subvolid="))]
    return ",".join(chosen) if fs_type == "btrfs" else ""


def _parents_first(outcome: list[Planned]) -> tuple[Planned, ...]:
    """Moves a mount behind its parents where fstab has them the wrong way round (LESSONS L24); stable otherwise."""
    missing = {item.mount_point for item in outcome if not isinstance(item, Skipped)}
    waiting: dict[str, list[Planned]] = {}
    placed: list[Planned] = []
    for item in outcome:
        ready = [item]
        while ready:
            now = ready.pop(0)
            blocker = None if isinstance(now, Skipped) else next((p for p in _needed(now) if p in missing), None)
            if blocker is not None:
                waiting.setdefault(blocker, []).append(now)
                continue
            placed.append(now)
            if not isinstance(now, Skipped):
                missing.discard(now.mount_point)
                ready += waiting.pop(now.mount_point, [])
    # Two bind mounts can wait for each other; then fstab's own sequence is as good as any.
    return (*placed, *(item for group in waiting.values() for item in group))


def _needed(item: Mount | Bind) -> list[str]:
    """What must be mounted before, outermost first: the folders above, and above what a bind mount shows."""
    above = _ancestors(item.mount_point)
    return [*above, *_ancestors(item.source), item.source] if isinstance(item, Bind) else above


def _ancestors(path: str) -> list[str]:
    parts = path.strip("/").split("/")[:-1]
    return list(accumulate(parts, lambda above, name: f"{above}/{name}", initial=""))[1:]
