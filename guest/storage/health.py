"""What must not be written to: file systems with errors, and swap that holds a hibernated system (LESSONS L23, L26)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from guest.errors import CustomizerError

if TYPE_CHECKING:
    from guest.machine.model import BlockDevice
    from guest.storage.fstab import BadLine, Entry
    from guest.sysroot import Sysroot

_HIBERNATED = "swsuspend"  # blkid's name for every kind of image
_PAGES = (4096, 8192, 16384, 65536)
# The end of a swap area's first page: what the kernel and uswsusp write there (libblkid's swap.c).
_SIGNATURES = (b"S1SUSPEND", b"S2SUSPEND", b"ULSUSPEND", b"LINHIB0001", b"\xed\xc3\x02\xe9\x98\x56\xe5\x0c")

# The ext superblock: Documentation/filesystems/ext4/super.rst.
_EXT = ("ext2", "ext3", "ext4")
_SUPERBLOCK = 1024
_STATE_AT, _COMPAT_AT, _ERRORS_AT = 0x3A, 0x5C, 0x194
_CLEAN, _HAS_ERRORS = 1, 2
_HAS_JOURNAL = 4


def refuse_hibernated(devices: tuple[BlockDevice, ...]) -> None:
    """Raises CustomizerError where any swap holds a system that would be resumed over our changes."""
    for device in devices:
        if device.fs_type == _HIBERNATED:
            raise _hibernated(device.path)


def refuse_hibernated_files(files: Sysroot, lines: tuple[Entry | BadLine, ...]) -> None:
    """The same for swap that is a file of the guest."""
    for line in lines:
        spec = getattr(line, "spec", "")
        if getattr(line, "fs_type", "") == "swap" and spec.startswith("/") and not spec.startswith("/dev/"):
            start = files.read_start(spec, max(_PAGES)) or b""
            if any(start[page - 10 : page].startswith(_SIGNATURES) for page in _PAGES):
                raise _hibernated(spec)


def _hibernated(where: str) -> CustomizerError:
    return CustomizerError(
        "storage.hibernated",
        f"{where} holds the image of a hibernated system; when it resumes, it would undo or mix up what is changed here",
        "start the guest and shut it down, or delete the image by making the swap anew",
    )


def find_damage(device: BlockDevice) -> str | None:
    """What is wrong with a file system, by its own record; None where it says nothing. Ask after the journal is replayed."""
    if device.fs_type not in _EXT:
        return None  # xfs and btrfs refuse to be mounted
    try:
        with open(device.path, "rb", buffering=0) as file:
            file.seek(_SUPERBLOCK)
            return ext_damage(file.read(1024))
    except OSError as error:
        return f"its superblock cannot be read: {error.strerror}"


def ext_damage(superblock: bytes) -> str | None:
    """Of the 1024 bytes of an ext superblock."""
    if len(superblock) < 1024:
        return "its superblock is cut off"
    (state,) = struct.unpack_from("<H", superblock, _STATE_AT)
    (compat,) = struct.unpack_from("<I", superblock, _COMPAT_AT)
    (errors,) = struct.unpack_from("<I", superblock, _ERRORS_AT)
    if state & _HAS_ERRORS or errors:
        return "it is marked as having errors"
    if not compat & _HAS_JOURNAL and not state & _CLEAN:
        return "it has no journal and was not unmounted cleanly"
    return None


def damaged(device: BlockDevice, damage: str) -> CustomizerError:
    return CustomizerError(
        "storage.damaged",
        f"{device.describe()} is to be written to, but {damage}",
        "check it in the guest (e2fsck); nothing is repaired here",
    )
