"""The config medium: the one device with our label (LESSONS S4), waited for until it is there or time is up."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from guest.command import CommandError, run
from guest.errors import CustomizerError
from guest.machine.udev import look

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyudev

    from guest.machine.model import BlockDevice, Machine

LABEL = "GUESTCONF"
ISO_LABEL = "GUESTCUSTOMIZER"
# Of our own media: the boot ISO, the config medium.
OWN_LABELS = frozenset({ISO_LABEL, LABEL})
_UDEVADM = "/usr/bin/udevadm"
_BLKID = "/usr/sbin/blkid"
_SETTLE_SECONDS = 60
# How long what is missing may still take to appear, once udev is idle.
LATE_SECONDS = 4.0
# How often a machine without a config medium is looked at again while its slow devices may still appear.
_LOOK_AGAIN_SECONDS = 0.25


def settle() -> None:
    """Returns once udev has handled everything the kernel has reported."""
    run([_UDEVADM, "settle", f"--timeout={_SETTLE_SECONDS}"], timeout=_SETTLE_SECONDS + 10)


def wait_for_machine(context: pyudev.Context, wanted: str | None, seconds: float) -> Machine:
    """The machine once its config medium and a disk have appeared and udev is idle, or as it is after so many seconds."""
    return wait_for(context, lambda machine: bool(find_media(machine, wanted)) and _has_guest_disk(machine), seconds)


def wait_for(context: pyudev.Context, enough: Callable[[Machine], bool], seconds: float) -> Machine:
    """The machine once it is enough and udev is idle, or as it is after so many seconds.

    An idle udev does not mean that all is there: some controllers announce what they have in their own time (EHCI, vmbus).
    """
    deadline = time.monotonic() + seconds
    while True:
        settle()
        machine = with_floppies(look(context))
        if enough(machine) or time.monotonic() >= deadline:
            return machine
        time.sleep(_LOOK_AGAIN_SECONDS)


def _has_guest_disk(machine: Machine) -> bool:
    return any(device.usage and (device.label or "").upper() not in OWN_LABELS for device in machine.devices)


def find_media(machine: Machine, wanted: str | None) -> tuple[BlockDevice, ...]:
    """Devices that carry our label, or that are the one named on the kernel command line."""
    if wanted is not None:
        found = [d for d in machine.devices if wanted in (d.path, d.label, d.uuid, *d.links)]
    else:
        found = [d for d in machine.devices if (d.label or "").upper() == LABEL and d.usage == "filesystem"]
    # mformat writes a partition table into a FAT disk's boot sector: a partition that is the whole disk over again.
    whole = {device.path for device in found if device.path == device.disk}
    return tuple(device for device in found if device.path == device.disk or device.disk not in whole)


def the_medium(machine: Machine, wanted: str | None) -> BlockDevice:
    """Raises CustomizerError where there is none, or more than one."""
    media = find_media(machine, wanted)
    which = f"labelled {LABEL}" if wanted is None else "named by customizer.config= on the kernel command line"
    if not media:
        seen = "; ".join(device.describe() for device in machine.devices) or "no devices at all"
        raise CustomizerError(
            "config.no-medium",
            f"no medium {which} is attached; seen: {seen}",
            "attach the config medium made by `guest-customizer pack` as a CD, a floppy or a disk",
        )
    if len(media) > 1:
        raise CustomizerError(
            "config.several-media",
            f"{len(media)} media are {which}: {'; '.join(device.describe() for device in media)}",
            "detach all but the one that is meant",
        )
    return media[0]


def without_own_media(machine: Machine, medium: BlockDevice) -> Machine:
    """The guest's own devices: /dev/vda of a guest's fstab never means our ISO, wherever that is attached."""
    disks = {device.disk for device in machine.devices if (device.label or "").upper() == ISO_LABEL}
    beside = any(d.usage and d.disk == medium.disk and d.path != medium.path for d in machine.devices)
    if medium.path == medium.disk or not beside:
        # Also where it lies in the only partition of its disk: that disk would count as the guest's first.
        disks.add(medium.disk)
    return replace(machine, devices=tuple(d for d in machine.devices if d.disk not in disks and d.path != medium.path))


def with_floppies(machine: Machine) -> Machine:
    """udev's rules leave floppies alone, because an empty drive takes its time: blkid looks at them, once."""
    devices = tuple(_probed(device) if _is_floppy(device) else device for device in machine.devices)
    return replace(
        machine, devices=tuple(device for device in devices if not (_is_floppy(device) and device.usage is None))
    )


def _is_floppy(device: BlockDevice) -> bool:
    return os.path.basename(device.path).startswith("fd")


_floppies: dict[str, BlockDevice] = {}


def _probed(device: BlockDevice) -> BlockDevice:
    if device.path not in _floppies:
        _floppies[device.path] = _probe(device)
    return _floppies[device.path]


def _probe(device: BlockDevice) -> BlockDevice:
    try:
        # blkid opens without waiting for the drive (O_NONBLOCK), and the kernel then reads with the geometry of
        # another kind of floppy: the UUID in the first sector is right, the label behind it is not found. An
        # ordinary open and read finds the geometry; it must last while blkid looks.
        with open(device.path, "rb", buffering=0) as drive:
            drive.read(512)
            # 2: nothing found
            found = run([_BLKID, "-p", "-o", "udev", device.path], timeout=30, ok=frozenset({0, 2}))
    except (OSError, CommandError):
        return replace(device, usage=None)  # no medium in the drive
    values = dict(line.partition("=")[::2] for line in found.splitlines())
    return replace(
        device,
        usage=values.get("ID_FS_USAGE"),
        fs_type=values.get("ID_FS_TYPE"),
        uuid=values.get("ID_FS_UUID"),
        label=values.get("ID_FS_LABEL"),
    )
