"""From this machine's disks to the guest's mounted tree: assemble, find the root, mount what its fstab names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from guest.distro.release import find_release
from guest.distro.unsupported import find_unsupported
from guest.errors import CustomizerError, OutOfTimeError
from guest.machine import media
from guest.machine.udev import look
from guest.storage.assembly import Key
from guest.storage.fstab import Entry, parse_fstab
from guest.storage.health import refuse_hibernated, refuse_hibernated_files
from guest.storage.mountplan import Mount, Skipped, plan_mounts, required_but_missing
from guest.storage.mountunits import discover_partitions, read_mount_units
from guest.storage.names import guest_names
from guest.storage.probe import Look, find_candidates
from guest.storage.reference import without_copies
from guest.storage.root import choose_root, looks_like_root, parse_wanted, refuse_paths_of_one_disk, worth_probing

if TYPE_CHECKING:
    import pyudev

    from guest.machine.model import BlockDevice, Machine
    from guest.settings.model import Settings
    from guest.storage.assemble import Assembled
    from guest.storage.mounting import MountedTree
    from guest.storage.mountplan import Planned
    from guest.storage.root import Candidate
    from guest.sysroot import Sysroot


def assemble(
    context: pyudev.Context, machine: Machine, medium: BlockDevice, settings: Settings, assembled: Assembled
) -> Machine:
    """The machine without our own media, and with everything that its arrays, groups and containers hold."""
    guest = own(machine, medium)
    refuse_paths_of_one_disk(guest.devices)
    looked = False

    def look_again() -> tuple[BlockDevice, ...]:
        nonlocal guest, looked
        if looked:
            media.settle()
            guest = own(media.with_floppies(look(context)), medium)
        looked = True
        return guest.devices

    def look_longer() -> tuple[BlockDevice, ...]:
        nonlocal guest
        seen = len(guest.devices)
        more = media.wait_for(context, lambda now: len(own(now, medium).devices) > seen, media.LATE_SECONDS)
        guest = own(more, medium)
        return guest.devices

    assembled.assemble(look_again, look_longer, tuple(Key(unlock.uuid, unlock.secret) for unlock in settings.unlocks))
    refuse_hibernated(guest.devices)
    return replace(guest, cards=machine.cards)


def own(machine: Machine, medium: BlockDevice) -> Machine:
    """The guest's devices: without our media, and without what is another's over again."""
    guest = media.without_own_media(machine, medium)
    return replace(guest, devices=without_copies(guest.devices))


def find_root(machine: Machine, settings: Settings, assembled: Assembled, folder: str) -> Candidate:
    """Raises CustomizerError where there is none, more than one, or one of a kind that cannot be customized."""
    unsupported: list[CustomizerError] = []

    def identify(files: Sysroot) -> str | None:
        if looks_like_root(files):
            # Before any journal is replayed: a system that resumes does not know of it.
            refuse_hibernated_files(files, parse_fstab(files.read("/etc/fstab") or b""))
            return _describe_release(files)
        if error := find_unsupported(files):
            unsupported.append(error)
        return None

    wanted = parse_wanted(settings.guest.root) if settings.guest.root else None
    shut = tuple(assembled.shut)
    devices = worth_probing(machine.devices, wanted, shut)
    candidates = find_candidates(devices, wanted, Look(folder, identify))
    if not candidates and unsupported:
        raise unsupported[0]
    if not candidates:
        # After a power cut a young root may be all in its journal.
        candidates = find_candidates(devices, wanted, Look(folder, identify, replay=True))
    return choose_root(candidates, machine.devices, shut)


def _describe_release(files: Sysroot) -> str:
    release = find_release(files)
    if release is None:
        return "unknown distribution"
    return release.name or " ".join([release.id, ".".join(map(str, release.version))]).strip()


@dataclass(frozen=True)
class Found:
    """The guest's root, the machine without our media, and what had to be put together for it."""

    root: Candidate
    machine: Machine
    assembled: Assembled


@dataclass
class Mounts:
    """What became of the guest's mounts."""

    unmounted: dict[str, str]  # mount point -> why it is not mounted
    skipped: list[str]
    warnings: list[str]


def mount_guest(tree: MountedTree, files: Sysroot, found: Found) -> Mounts:
    """Mounts, read-only, what fstab, mount units and partition types name. Raises CustomizerError."""
    devices = found.machine.devices
    mounts = Mounts({}, [item.describe() for item in found.assembled.shut], list(found.assembled.warnings))
    lines = parse_fstab(files.read("/etc/fstab") or b"")
    refuse_hibernated_files(files, lines)
    names = guest_names(files, devices)
    _mount_in_turn(tree, files, plan_mounts((*lines, *read_mount_units(files)), devices, names), mounts)
    places = frozenset(line.mount_point for line in lines if isinstance(line, Entry))
    discovered = discover_partitions(files, found.root.device, devices, places | tree.mount_points)
    _mount_in_turn(tree, files, plan_mounts(discovered, devices), mounts)
    if error := find_unsupported(files):
        raise error  # before an overlay on /etc is only a mount that is missing
    if missing := required_but_missing(mounts.unmounted):
        raise needed_mount(f"nothing can be said about this guest without {missing[0]}", *missing)
    mounts.warnings += [f"{place}: {damage}" for place, damage in tree.damage().items()]
    return mounts


def needed_mount(what: str, mount_point: str, reason: str) -> CustomizerError:
    return CustomizerError(
        "storage.needed-mount",
        f"{what}, but {mount_point} is not mounted: {reason}",
        "attach the disk that holds it, give the key that opens it, or correct the guest's /etc/fstab",
    )


def _mount_in_turn(tree: MountedTree, files: Sysroot, plan: tuple[Planned, ...], mounts: Mounts) -> None:
    for item in plan:
        if isinstance(item, Skipped):
            mounts.skipped.append(item.describe())
            if item.mount_point and item.mount_point not in tree.mount_points:
                mounts.unmounted.setdefault(item.mount_point, item.reason)
            continue
        try:
            tree.mount(files, item)
        except OutOfTimeError:
            raise
        except (OSError, CustomizerError) as error:
            why = _why(tree, item, error)
            mounts.unmounted[item.mount_point] = why
            mounts.skipped.append(f"{item.mount_point}: {why}")
            if not item.may_fail:
                mounts.warnings.append(f"{why}; the guest may not boot without it")
        else:
            mounts.unmounted.pop(item.mount_point, None)
            if isinstance(item, Mount) and item.note:
                mounts.warnings.append(item.note)


def _why(tree: MountedTree, item: Planned, error: OSError | CustomizerError) -> str:
    if isinstance(error, CustomizerError):
        return error.message
    if isinstance(item, Mount):
        return tree.error(item, error).message
    return f"{item.mount_point} cannot be mounted: {error.strerror}"
