"""Mounts and unmounts, by the system calls themselves: errno instead of a program's sentences, and 40 ms less each."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import posixpath
import struct
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from guest.errors import CustomizerError
from guest.storage.health import damaged, find_damage
from guest.storage.kernellog import KernelLog
from guest.storage.mountplan import Bind, Mount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.machine.model import BlockDevice
    from guest.sysroot import Sysroot

# <sys/mount.h>
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND = 1, 2, 4, 8, 32, 4096
_UMOUNT_NOFOLLOW = 8
_BLKROSET = 0x125D  # <linux/fs.h>
# Nothing of the guest is executed, and none of its device nodes is opened.
_GUARDED = _NOSUID | _NODEV | _NOEXEC
# Looking must not write: a plain read-only mount replays the journal.
_NO_REPLAY = {
    "ext3": "noload",
    "ext4": "noload",
    "xfs": "norecovery",
    "btrfs": "rescue=nologreplay",
    "f2fs": "norecovery",
}
# File systems without O_TMPFILE: the remount itself has to do as a probe.
_NO_PROBE = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL)
# What the kernel's drivers write when a file system has a feature that they do not know.
_FEATURE_WORDS = ("unsupported", "unknown", "incompat", "unrecognized", "not compiled", "not supported")

_libc = ctypes.CDLL(None, use_errno=True)


def _mount(source: str, target: str, fs_type: str, flags: int, data: str) -> None:
    arguments = (os.fsencode(source), os.fsencode(target), fs_type.encode(), ctypes.c_ulong(flags))
    if _libc.mount(*arguments, os.fsencode(data) or None):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), source)


def _unmount(target: str) -> None:
    if _libc.umount2(os.fsencode(target), _UMOUNT_NOFOLLOW):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


@contextmanager
def looked_into(device: BlockDevice, folder: str, data: str = "", *, replay: bool = False) -> Iterator[str]:
    """Mounts a file system for a look that leaves every byte of it as it is, unless it may replay its journal.

    Raises OSError.
    """
    os.makedirs(folder, exist_ok=True)
    fs_type = device.fs_type or ""
    options = ",".join(option for option in ("" if replay else _NO_REPLAY.get(fs_type, ""), data) if option)
    with nullcontext() if replay else _write_protected(device):
        _mount(device.path, folder, fs_type, _RDONLY | _GUARDED, options)
        try:
            yield folder
        finally:
            _unmount(folder)


@contextmanager
def _write_protected(device: BlockDevice) -> Iterator[None]:
    """A file system that finds an error notes it in its superblock, however it is mounted."""
    if device.read_only:
        yield
        return
    fd = os.open(device.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, _BLKROSET, struct.pack("i", 1))
        yield
    finally:
        fcntl.ioctl(fd, _BLKROSET, struct.pack("i", 0))
        os.close(fd)


class MountedTree:
    """What is mounted below one folder, in order; the pipeline mounts, remounts and unmounts through it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self._mounted: list[tuple[Mount | Bind, str]] = []
        self._writable: set[str] = set()  # devices
        self._log = KernelLog()

    def mount_root(self, mount: Mount) -> None:
        """Read-only; replays the journal. Raises CustomizerError."""
        try:
            _mount(mount.device.path, self.folder, mount.fs_type, _RDONLY | _GUARDED, mount.data)
        except OSError as error:
            raise self.error(mount, error) from error
        self._mounted.append((mount, self.folder))

    def mount(self, sysroot: Sysroot, item: Mount | Bind) -> None:
        """Read-only, at the place inside the guest. Raises OSError, CustomizerError."""
        place = sysroot.resolve(item.mount_point)
        target = posixpath.join(self.folder, place.lstrip("/"))
        with sysroot.parent(posixpath.join(place, "x")) as (fd, _):
            # By descriptor: what was resolved is what is mounted on.
            where = f"/proc/self/fd/{fd}"
            if isinstance(item, Bind):
                with sysroot.parent(posixpath.join(sysroot.resolve(item.source), "x")) as (source_fd, _):
                    _mount(f"/proc/self/fd/{source_fd}", where, "", _BIND, "")
            else:
                _mount(item.device.path, where, item.fs_type, _RDONLY | _GUARDED, item.data)
        self._mounted.append((item, target))

    def error(self, mount: Mount, error: OSError) -> CustomizerError:
        """A failed mount with a code, and the kernel's own words about it."""
        return mount_error(mount, error, self._log.about(mount.device.path))

    def damage(self) -> dict[str, str]:
        """Mount points whose file system says that it has errors."""
        found = {item.mount_point: find_damage(item.device) for item, _ in self._mounted if isinstance(item, Mount)}
        return {place: damage for place, damage in found.items() if damage}

    def make_writable(self, mount_points: set[str]) -> None:
        """Nothing is written: that it could be is tried with a file that never gets a name. Raises CustomizerError."""
        wanted = set(mount_points)
        for item, _ in reversed(self._mounted):
            if item.mount_point in wanted:
                wanted.add(self._below(item))
        for item, target in self._mounted:
            if item.mount_point in wanted:
                self._make_writable(item, target)

    def _below(self, item: Mount | Bind) -> str:
        """The mount point of the file system that a bind mount shows a folder of."""
        return self.mount_point_of(item.source) if isinstance(item, Bind) else item.mount_point

    def _make_writable(self, item: Mount | Bind, target: str) -> None:
        if isinstance(item, Bind):
            _mount("", target, "", _REMOUNT | _BIND | _GUARDED, "")
            return
        # One that is writable already, without a journal, is marked as not clean by our own mount.
        if item.device.path not in self._writable and (damage := find_damage(item.device)):
            raise damaged(item.device, damage)
        try:
            _mount(item.device.path, target, item.fs_type, _REMOUNT | _GUARDED, item.data)
            self._writable.add(item.device.path)
            _try_writing(target)
        except OSError as error:
            raise CustomizerError(
                "apply.no-space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "apply.read-only",
                f"{item.device.describe()} cannot be written to: {error.strerror}",
                "check that the disk is attached writable, and that its file system has no errors and some room",
            ) from error

    def mount_point_of(self, path: str) -> str:
        """The mount point, as fstab names it, that a resolved guest path lies on."""
        host_path = posixpath.join(self.folder, path.lstrip("/"))
        # The newest of equals: it hides the others.
        mounted = [(item, target) for item, target in reversed(self._mounted) if _is_below(host_path, target)]
        return max(mounted, key=lambda pair: len(pair[1]))[0].mount_point

    @property
    def mount_points(self) -> frozenset[str]:
        return frozenset(item.mount_point for item, _ in self._mounted)

    def unmount(self) -> None:
        """All of it, last first. Raises CustomizerError where something stays mounted."""
        while self._mounted:
            item, target = self._mounted[-1]
            try:
                _unmount(target)
            except OSError as error:
                what = item.device.describe() if isinstance(item, Mount) else item.mount_point
                raise CustomizerError(
                    "storage.unmount-failed",
                    f"{what} could not be unmounted: {error.strerror}",
                    "the changes were written and synced; check the file system before the guest boots",
                ) from error
            self._mounted.pop()


def _try_writing(folder: str) -> None:
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        if error.errno not in _NO_PROBE:
            raise


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def mount_error(mount: Mount, error: OSError, kernel_says: str = "") -> CustomizerError:
    """An errno of mount(2) as an error with a code."""
    words = f" (the kernel: {kernel_says})" if kernel_says else ""
    if error.errno == errno.ENODEV or any(word in kernel_says.lower() for word in _FEATURE_WORDS):
        return CustomizerError(
            "storage.unknown-file-system",
            f"this kernel cannot mount {mount.device.describe()} on {mount.mount_point}{words}",
            "build the ISO with a kernel that knows this file system",
        )
    return CustomizerError(
        "storage.mount-failed",
        f"{mount.device.describe()} cannot be mounted on {mount.mount_point}: {error.strerror}{words}",
        "check this file system in the guest: it may be damaged, or need a newer kernel than the ISO's",
    )
