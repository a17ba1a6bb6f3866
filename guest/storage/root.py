"""Which file system is the guest's root: exactly one, or an error that lists the candidates (LESSONS L20)."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guest.errors import CustomizerError
from guest.machine.media import OWN_LABELS
from guest.storage.fstab import Entry, parse_fstab
from guest.storage.mountplan import DISK_FILE_SYSTEMS
from guest.storage.reference import find_devices

if TYPE_CHECKING:
    from guest.machine.model import BlockDevice
    from guest.storage.assembly import StaysShut
    from guest.sysroot import View

_WANTED = re.compile(r"(?P<device>.+?)(?:\s+subvol=(?P<subvolume>\S+))?")


@dataclass(frozen=True)
class Candidate:
    """A file system, or a subvolume of it, that looks like a root, and what it says it is.

    `subvolume` is None for what is mounted when no subvolume is named: the default one, on btrfs.
    """

    device: BlockDevice
    release: str
    subvolume: str | None = None

    @property
    def data(self) -> str:
        return f"subvol=/{self.subvolume}" if self.subvolume else ""

    def describe(self) -> str:
        within = f", subvolume {self.subvolume}" if self.subvolume else ""
        return f"{self.device.describe()}{within}: {self.release}"

    def reference(self, devices: tuple[BlockDevice, ...]) -> str:
        """What `[guest] root` has to say to pick it."""
        by_uuid = f"UUID={self.device.uuid}"
        device = by_uuid if self.device.uuid and len(find_devices(by_uuid, devices)) == 1 else self.device.path
        return f"{device} subvol={self.subvolume}" if self.subvolume else device


@dataclass(frozen=True)
class Wanted:
    """`[guest] root`, taken apart."""

    device: str
    subvolume: str | None


def parse_wanted(reference: str) -> Wanted:
    found = _WANTED.fullmatch(reference.strip())
    return Wanted(found["device"], (found["subvolume"] or "").strip("/") or None) if found else Wanted(reference, None)


def worth_probing(
    devices: tuple[BlockDevice, ...], wanted: Wanted | None, shut: tuple[StaysShut, ...] = ()
) -> tuple[BlockDevice, ...]:
    """The file systems to look into. Raises CustomizerError where the document's root is not here, or not clear."""
    usable = _one_per_file_system(
        tuple(
            device
            for device in devices
            if device.usage == "filesystem"
            and device.fs_type in DISK_FILE_SYSTEMS
            and (device.label or "").upper() not in OWN_LABELS
        )
    )
    if wanted is None:
        return usable
    named = find_devices(wanted.device, usable)
    if len(named) != 1:
        here = "; ".join(device.describe() for device in usable) or "none"
        count = "none" if not named else "more than one"
        raise CustomizerError(
            "storage.root-not-found",
            f"[guest] root names {count} of the file systems here: {here}",
            _not_opened(shut) or "correct [guest] root, or leave it out",
        )
    return named


def _one_per_file_system(devices: tuple[BlockDevice, ...]) -> tuple[BlockDevice, ...]:
    """btrfs on several devices is looked into once. Raises CustomizerError where one device is here twice."""
    members = Counter((d.uuid, d.member) for d in devices if d.fs_type == "btrfs" and d.member)
    for identity, count in members.items():
        if count > 1:
            # The kernel would take the later one for the earlier one, moved.
            paths = ", ".join(d.path for d in devices if (d.uuid, d.member) == identity)
            raise duplicate(f"{paths} hold one and the same part of a btrfs file system")
    seen: set[str | None] = set()
    kept = []
    for device in devices:
        if device.fs_type == "btrfs" and device.member:
            if device.uuid in seen:
                continue
            seen.add(device.uuid)
        kept.append(device)
    return tuple(kept)


def refuse_paths_of_one_disk(devices: tuple[BlockDevice, ...]) -> None:
    """Two disks with one serial number and one content are one disk on two paths: writing by one would go unseen by
    the other. Raises CustomizerError.
    """
    content: dict[str, list[BlockDevice]] = {}
    for device in devices:
        if device.uuid or device.part_uuid:
            content.setdefault(device.disk, []).append(device)
    disks: dict[tuple[str, tuple[object, ...]], str] = {}
    for device in devices:
        if not device.serial or device.path != device.disk or device.disk not in content or device.dm_name:
            continue
        parts = tuple((d.number, d.uuid, d.part_uuid, d.size_bytes) for d in content[device.disk])
        first = disks.setdefault((device.serial, parts), device.path)
        if first != device.path:
            raise duplicate(f"{first} and {device.path} are one disk: serial number and content are the same")


def duplicate(what: str) -> CustomizerError:
    return CustomizerError(
        "storage.duplicate-disk", f"{what}; multipath is not set up here", "attach the disk by one path only, once"
    )


def looks_like_root(view: View) -> bool:
    """A root has its programs and its configuration; a data disk or a /boot has not both."""
    programs = any(view.state(path) is not None for path in ("/usr", "/sbin", "/bin"))
    described = any(view.state(path) is not None for path in ("/etc/fstab", "/etc/os-release"))
    return programs and described


def says_it_is(view: View, subvolume: str) -> bool:
    """Whether the fstab in a subvolume mounts this very subvolume as the root: a snapshot's names the original."""
    for line in parse_fstab(view.read("/etc/fstab") or b""):
        if isinstance(line, Entry) and line.mount_point == "/":
            chosen = [option.partition("=")[2] for option in line.options if option.startswith("subvol=")]
            return bool(chosen) and chosen[-1].strip("/") == subvolume
    return False


def choose_root(
    candidates: tuple[Candidate, ...], devices: tuple[BlockDevice, ...], shut: tuple[StaysShut, ...] = ()
) -> Candidate:
    """Raises CustomizerError where there is none, or more than one."""
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        listed = "; ".join(candidate.describe() for candidate in candidates)
        choices = " | ".join(f"root = {candidate.reference(devices)}" for candidate in candidates)
        raise CustomizerError(
            "storage.several-roots",
            f"{len(candidates)} file systems look like a guest's root: {listed}",
            f"say below [guest] which one it is: {choices}",
        )
    seen = "; ".join(device.describe() for device in devices if device.fs_type) or "nothing with a file system"
    raise CustomizerError(
        "storage.no-root",
        f"no file system here looks like a Linux guest's root; seen: {seen}",
        _not_opened(shut) or "attach the guest's disk before our ISO starts",
    )


def _not_opened(shut: tuple[StaysShut, ...]) -> str:
    return f"not opened: {'; '.join(item.describe() for item in shut)}" if shut else ""
