"""The strokes that apply.py is made of: temporary files beside their targets, attributes, folders, syncfs."""

from __future__ import annotations

import ctypes
import os
import posixpath
from contextlib import suppress
from typing import TYPE_CHECKING

from guest.journal import STATE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guest.sysroot import Sysroot

TEMPORARY = ".{}.guest-customizer"

_libc = ctypes.CDLL(None, use_errno=True)


def existing_folder(sysroot: Sysroot, folder: str) -> str:
    while (state := sysroot.state(folder)) is None or not state.is_directory:
        folder = posixpath.dirname(folder)
    return folder


def make_state_folder(sysroot: Sysroot, folder: str) -> None:
    """With the folders above it; ours are private."""
    above = posixpath.dirname(folder)
    if above != "/":
        make_state_folder(sysroot, above)
    if sysroot.state(sysroot.resolve(folder)) is None:
        make_folder(sysroot, folder)


def write_own(sysroot: Sysroot, path: str, content: bytes, attributes: dict[str, bytes] | None = None) -> None:
    with sysroot.parent(path) as (fd, name):
        write_temporary(fd, name, content, 0o600, attributes=attributes)
        os.rename(TEMPORARY.format(name), name, src_dir_fd=fd, dst_dir_fd=fd)
        os.fsync(fd)


def write_temporary(
    folder_fd: int,
    name: str,
    content: bytes,
    mode: int,
    owner: tuple[int, int] = (0, 0),
    *,
    attributes: dict[str, bytes] | None = None,
) -> None:
    """`.NAME.guest-customizer` beside the file: hidden, so that no daemon that reads the folder takes it for its own."""
    temporary = TEMPORARY.format(name)
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=folder_fd)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(temporary, flags, 0o600, dir_fd=folder_fd)
    with open(fd, "wb") as file:
        file.write(content)
        if os.geteuid() == 0:
            os.fchown(fd, *owner)
        os.fchmod(fd, mode)
        for key, value in (attributes or {}).items():
            os.setxattr(fd, key, value)


def extended_attributes(folder_fd: int, name: str) -> dict[str, bytes]:
    """ACLs, SELinux label and the like of a regular file (LESSONS S2)."""
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder_fd)
    try:
        return {key: os.getxattr(fd, key) for key in os.listxattr(fd)}
    finally:
        os.close(fd)


def make_folder(sysroot: Sysroot, folder: str) -> None:
    private = folder.startswith(STATE)
    with sysroot.parent(folder) as (fd, name), suppress(FileExistsError):
        os.mkdir(name, 0o700 if private else 0o755, dir_fd=fd)


def sync(sysroot: Sysroot, paths: Iterable[str]) -> None:
    """syncfs(2) of every file system that holds one of these."""
    seen: set[int] = set()
    for path in paths:
        with sysroot.parent(posixpath.join(existing_folder(sysroot, path), "x")) as (fd, _):
            device = os.fstat(fd).st_dev
            if device in seen:
                continue
            seen.add(device)
            if _libc.syncfs(fd) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), path)
