"""Looks into each file system for a root, without changing a byte of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from guest.storage.mounting import looked_into
from guest.storage.root import Candidate, says_it_is
from guest.sysroot import Sysroot

if TYPE_CHECKING:
    from collections.abc import Callable

    from guest.machine.model import BlockDevice
    from guest.storage.root import Wanted

T = TypeVar("T")
_TOP_LEVEL = "subvolid=5"
_NAME_LIMIT = 64  # folders at the top of a btrfs file system that are tried


def find_candidates(
    devices: tuple[BlockDevice, ...],
    wanted: Wanted | None,
    folder: str,
    identify: Callable[[Sysroot], str | None],
) -> tuple[Candidate, ...]:
    """`identify` says what a root holds, and None of what is no root. `folder` is where to mount for the look."""
    found: list[Candidate] = []
    for device in devices:
        if wanted is not None and wanted.subvolume:
            names = [wanted.subvolume]
        else:
            release = _ask(device, folder, "", identify)
            if release is not None:
                found.append(Candidate(device, release))
                continue
            names = _subvolume_names(device, folder)
        found += _subvolumes(device, names, folder, identify)
    return tuple(found)


def _subvolume_names(device: BlockDevice, folder: str) -> list[str]:
    """`@`, `root`, `@rootfs` …: folders at the top. Snapshots lie deeper, or do not say that they are the root."""
    if device.fs_type != "btrfs":
        return []
    names = _ask(device, folder, _TOP_LEVEL, lambda files: files.names("/")) or ()
    # A comma would end the option; no distribution has one there.
    return [name for name in names if "," not in name][:_NAME_LIMIT]


def _subvolumes(
    device: BlockDevice, names: list[str], folder: str, identify: Callable[[Sysroot], str | None]
) -> list[Candidate]:
    found = []
    for name in names:
        release = _ask(device, folder, f"subvol=/{name}", identify)
        if release is not None:
            sure = _ask(device, folder, f"subvol=/{name}", partial(says_it_is, subvolume=name))
            found.append((sure, Candidate(device, release, name)))
    certain = [candidate for sure, candidate in found if sure]
    return certain or [candidate for _, candidate in found]


def _ask(device: BlockDevice, folder: str, data: str, question: Callable[[Sysroot], T]) -> T | None:
    """None where it cannot be mounted: damaged, unknown, or no subvolume. That is said where fstab needs it."""
    try:
        with looked_into(device, folder, data) as mounted, Sysroot(mounted) as files:
            return question(files)
    except OSError:
        return None
