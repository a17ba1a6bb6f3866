"""Looks into each file system for a root, without changing a byte of it unless told that it may."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from guest.errors import CustomizerError, OutOfTimeError
from guest.storage.mounting import looked_into
from guest.storage.root import Candidate, says_it_is
from guest.sysroot import Sysroot

if TYPE_CHECKING:
    from collections.abc import Callable

    from guest.machine.model import BlockDevice
    from guest.storage.root import Wanted

T = TypeVar("T")
_TOP_LEVEL = "subvolid=5"
_AT_ONCE = 4
_NAME_LIMIT = 64  # folders at the top of a btrfs file system that are tried


@dataclass(frozen=True)
class Look:
    """How file systems are looked into. `identify` says what a root holds, and None of what is no root."""

    folder: str  # where to mount them
    identify: Callable[[Sysroot], str | None]
    replay: bool = False  # whether journals may be replayed


def find_candidates(devices: tuple[BlockDevice, ...], wanted: Wanted | None, look: Look) -> tuple[Candidate, ...]:
    """Every file system, or subvolume of one, that looks like a root."""
    found: dict[int, list[Candidate]] = {}
    errors: list[BaseException] = []
    waiting = list(enumerate(devices))

    def work(own: Look) -> None:
        while waiting and not errors:
            try:
                number, device = waiting.pop()
            except IndexError:
                return  # another was quicker
            try:
                found[number] = _look_into(device, wanted, own)
            except BaseException as error:  # noqa: BLE001 (raised again below, where it can be heard)
                errors.append(error)

    # An unmount is mostly waiting for the kernel's RCU: of many, four at a time take little longer than one.
    at_once = max(1, min(_AT_ONCE, len(devices) // 2))
    threads = [
        threading.Thread(target=work, args=(replace(look, folder=f"{look.folder}-{number}"),))
        for number in range(1, at_once)
    ]
    for thread in threads:
        thread.start()
    work(look)
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return tuple(candidate for number in sorted(found) for candidate in found[number])


def _look_into(device: BlockDevice, wanted: Wanted | None, look: Look) -> list[Candidate]:
    if wanted is not None and wanted.subvolume:
        return _subvolumes(device, [wanted.subvolume], look)
    release = _ask(device, "", look, look.identify)
    if release is not None:
        return [Candidate(device, release)]
    return _subvolumes(device, _subvolume_names(device, look), look)


def _subvolume_names(device: BlockDevice, look: Look) -> list[str]:
    """`@`, `root`, `@rootfs` …: folders at the top. Snapshots lie deeper, or do not say that they are the root."""
    if device.fs_type != "btrfs":
        return []
    names = _ask(device, _TOP_LEVEL, look, _top_names) or ()
    # A comma would end the option; no distribution has one there.
    return [name for name in names if "," not in name][:_NAME_LIMIT]


def _top_names(files: Sysroot) -> tuple[str, ...]:
    try:
        return files.names("/")
    except OutOfTimeError:
        raise
    except CustomizerError:
        return ()  # thousands of them: somebody's data


def _subvolumes(device: BlockDevice, names: list[str], look: Look) -> list[Candidate]:
    found = []
    for name in names:
        release = _ask(device, f"subvol=/{name}", look, look.identify)
        if release is not None:
            sure = _ask(device, f"subvol=/{name}", look, partial(says_it_is, subvolume=name))
            found.append((sure, Candidate(device, release, name)))
    certain = [candidate for sure, candidate in found if sure]
    return certain or [candidate for _, candidate in found]


def _ask(device: BlockDevice, data: str, look: Look, question: Callable[[Sysroot], T]) -> T | None:
    """None where it cannot be mounted: damaged, unknown, or no subvolume. That is said where fstab needs it."""
    try:
        with looked_into(device, look.folder, data, replay=look.replay) as mounted, Sysroot(mounted) as files:
            return question(files)
    except OSError:
        return None
