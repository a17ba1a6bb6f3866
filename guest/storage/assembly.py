"""Decides what is to be put together next: arrays (md), volume groups (LVM2), encrypted containers (LUKS).

Asked again and again until it has nothing more to say, so any of them may stand on any other.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guest.machine.model import BlockDevice

ARRAY_MEMBER = "linux_raid_member"
PHYSICAL_VOLUME = "LVM2_member"
CONTAINER = "crypto_LUKS"
# What udev recognises and this program does not open.
_FOREIGN = {
    "isw_raid_member": "Intel firmware RAID",
    "ddf_raid_member": "DDF firmware RAID",
    "zfs_member": "ZFS",
    "bcache": "bcache",
    "BitLocker": "BitLocker",
    "LVM1_member": "LVM1",
    "DM_integrity": "dm-integrity",
    "DM_verity_hash": "dm-verity",
    "stratis": "Stratis",
    "VMFS_volume_member": "VMFS",
}


@dataclass(frozen=True)
class Key:
    """What opens a container, as the document has it."""

    uuid: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class StartArray:
    """An md array, by the UUID in its members."""

    uuid: str
    members: tuple[BlockDevice, ...]


@dataclass(frozen=True)
class OpenContainer:
    device: BlockDevice
    key: Key


@dataclass(frozen=True)
class AskForGroups:
    """LVM alone knows which groups its physical volumes make."""

    volumes: tuple[BlockDevice, ...]


@dataclass(frozen=True)
class StaysShut:
    """Something that is not opened, and why: named in the report, and fatal only if something needed is behind it."""

    devices: tuple[BlockDevice, ...]
    reason: str

    def describe(self) -> str:
        return f"{', '.join(device.describe() for device in self.devices)}: {self.reason}"


Step = StartArray | OpenContainer | AskForGroups | StaysShut


@dataclass(frozen=True)
class VolumeGroup:
    """A group as LVM reports it."""

    uuid: str
    name: str
    missing: int  # physical volumes that are not here
    volumes: tuple[str, ...]  # device paths
    exported: bool = False

    def describe(self) -> str:
        return f"volume group {self.name} ({self.uuid}, on {', '.join(self.volumes)})"


def next_steps(devices: Iterable[BlockDevice], keys: Iterable[Key], handled: frozenset[str]) -> tuple[Step, ...]:
    """What the devices that are not in `handled` (paths) call for."""
    devices = tuple(devices)
    new = tuple(device for device in devices if device.path not in handled)
    return (
        *_arrays(devices, new),
        *_containers(devices, new, {key.uuid.lower(): key for key in keys}),
        *_groups(devices, new),
        *(StaysShut((d,), f"{_FOREIGN[d.fs_type]} is not opened") for d in new if d.fs_type in _FOREIGN),
    )


def _arrays(devices: tuple[BlockDevice, ...], new: tuple[BlockDevice, ...]) -> list[Step]:
    steps: list[Step] = []
    for uuid in dict.fromkeys(d.uuid for d in new if d.fs_type == ARRAY_MEMBER):
        members = tuple(d for d in devices if d.fs_type == ARRAY_MEMBER and d.uuid == uuid)
        if twice := _twice(members, [d.member for d in members]):
            steps.append(StaysShut(twice, "these are the same member of one array; detach all but one of them"))
        elif uuid is not None:
            steps.append(StartArray(uuid, members))
    return steps


def _containers(devices: tuple[BlockDevice, ...], new: tuple[BlockDevice, ...], keys: dict[str, Key]) -> list[Step]:
    steps: list[Step] = []
    for device in (d for d in new if d.fs_type == CONTAINER):
        copies = tuple(d for d in devices if d.fs_type == CONTAINER and d.uuid == device.uuid)
        key = keys.get((device.uuid or "").lower())
        if len(copies) > 1:
            steps.append(StaysShut(copies, "these are copies of one container; detach all but one of them"))
        elif key is None:
            steps.append(StaysShut((device,), "the document has no key for it ([storage] [[unlock]])"))
        else:
            steps.append(OpenContainer(device, key))
    return steps


def _groups(devices: tuple[BlockDevice, ...], new: tuple[BlockDevice, ...]) -> list[Step]:
    volumes = tuple(d for d in devices if d.fs_type == PHYSICAL_VOLUME)
    fresh = tuple(d for d in new if d.fs_type == PHYSICAL_VOLUME)
    if twice := _twice(volumes, [d.uuid for d in volumes]):
        shut = [StaysShut(twice, "these are copies of one physical volume; detach all but one of them")]
        return list(shut) if set(twice) & set(fresh) else []
    return [AskForGroups(volumes)] if fresh else []


def _twice(devices: tuple[BlockDevice, ...], ids: list[str | None]) -> tuple[BlockDevice, ...]:
    counts = Counter(identity for identity in ids if identity)
    return tuple(device for device, identity in zip(devices, ids, strict=True) if identity and counts[identity] > 1)


def choose_groups(
    groups: tuple[VolumeGroup, ...], active: frozenset[str], *, degraded: bool
) -> tuple[tuple[VolumeGroup, ...], dict[str, str]]:
    """(groups to activate, reason by UUID for those that are not). Incomplete ones wait until nothing else is left."""
    names = Counter(group.name for group in groups)
    chosen, reasons = [], {}
    for group in groups:
        if group.uuid in active:
            continue
        if names[group.name] > 1:
            same = [other.describe() for other in groups if other.name == group.name]
            reasons[group.uuid] = f"there are {len(same)} groups of this name: {'; '.join(same)}"
        elif group.exported:
            reasons[group.uuid] = f"{group.describe()} is exported"
        elif group.missing and not degraded:
            reasons[group.uuid] = f"{group.describe()} lacks {group.missing} of its physical volumes"
        else:
            chosen.append(group)
    return tuple(chosen), reasons
