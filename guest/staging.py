"""The strokes that apply.py is made of: temporary files beside their targets, folders, renames, flushes."""

from __future__ import annotations

import ctypes
import os
import posixpath
import re
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from guest.journal import REQUESTS, STATE
from guest.standing import Kind, Standing, existing_folder, set_guards, write_attributes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from guest.sysroot import Sysroot

_PREFIX, _SUFFIX, _NAME_LIMIT = ".", ".guest-customizer", 255

# In a request's folders: a backup, or the temporary file of one or of the journal.
_OWN_FILE = re.compile(r"[0-9]{4,9}|\.(?:[0-9]{4,9}|journal\.json)\.guest-customizer")

_libc = ctypes.CDLL(None, use_errno=True)


def temporary(name: str) -> str:
    """`.NAME.guest-customizer`: hidden, so that no daemon that reads the folder takes it for its own."""
    room = _NAME_LIMIT - len(_PREFIX) - len(_SUFFIX)
    return f"{_PREFIX}{os.fsdecode(os.fsencode(name)[:room])}{_SUFFIX}"


class FileSystems:
    """The file systems that a transaction writes to, each held open from its start.

    syncfs(2) tells of a write that failed since its descriptor was opened, and only of those.
    """

    def __init__(self, descriptors: dict[int, int]) -> None:
        self._descriptors = descriptors

    def sync(self) -> None:
        """Raises OSError."""
        for fd in self._descriptors.values():
            if _libc.syncfs(fd) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))


@contextmanager
def file_systems(sysroot: Sysroot, paths: Iterable[str]) -> Iterator[FileSystems]:
    """Those of these paths and of our own folder."""
    with ExitStack() as stack:
        descriptors: dict[int, int] = {}
        for folder in {existing_folder(sysroot, path) for path in (STATE, *map(posixpath.dirname, paths))}:
            fd, _ = stack.enter_context(sysroot.parent(posixpath.join(folder, "x")))
            descriptors.setdefault(os.fstat(fd).st_dev, fd)
        yield FileSystems(descriptors)


def make_folder(sysroot: Sysroot, folder: str, mode: int = 0o755, owner: tuple[int, int] | None = None) -> None:
    with sysroot.parent(folder) as (fd, name):
        with suppress(FileExistsError):
            os.mkdir(name, mode, dir_fd=fd)
        if owner is not None:
            # By descriptor: where a link stands instead, what it leads to is not ours.
            folder_fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
            try:
                if os.geteuid() == 0:
                    os.fchown(folder_fd, *owner)
                # mkdir's mode goes through the umask, and a folder that was there has its own.
                os.fchmod(folder_fd, mode)
            finally:
                os.close(folder_fd)


def make_state_folder(sysroot: Sysroot, folder: str) -> None:
    """With the folders above it; ours are private."""
    above = posixpath.dirname(folder)
    if above != "/":
        make_state_folder(sysroot, above)
    if sysroot.state(sysroot.resolve(folder)) is None:
        make_folder(sysroot, folder, 0o700 if folder.startswith(STATE) else 0o755)


def write_own(sysroot: Sysroot, path: str, content: bytes) -> None:
    """A file of ours, 0600: on disk and in its place when this returns."""
    with sysroot.parent(path) as (fd, name):
        file_fd = _create(fd, name, content)
        try:
            os.fsync(file_fd)
        finally:
            os.close(file_fd)
        os.rename(temporary(name), name, src_dir_fd=fd, dst_dir_fd=fd)
        os.fsync(fd)


def write_own_link(sysroot: Sysroot, path: str, target: str) -> None:
    """A link among our own files, which nothing follows: on disk and in its place when this returns."""
    with sysroot.parent(path) as (fd, name):
        stage(fd, name, Standing(Kind.LINK, target=target), b"")
        switch(fd, name)
        os.fsync(fd)


def write_backup(sysroot: Sysroot, path: str, content: bytes) -> None:
    """A new file of ours, 0600, which nothing points to yet: the caller flushes."""
    with sysroot.parent(path) as (fd, name):
        os.close(_create(fd, name, content, named=name))


def stage(folder_fd: int, name: str, standing: Standing, content: bytes) -> None:
    """The file or link as it is to stand, under its temporary name."""
    if standing.kind is Kind.LINK:
        with suppress(FileNotFoundError):
            os.unlink(temporary(name), dir_fd=folder_fd)
        os.symlink(standing.target, temporary(name), dir_fd=folder_fd)
        if os.geteuid() == 0:
            os.chown(temporary(name), standing.uid, standing.gid, dir_fd=folder_fd, follow_symlinks=False)
        write_attributes(folder_fd, temporary(name), standing.attributes)
        return
    fd = _create(folder_fd, name, content)
    try:
        if os.geteuid() == 0:
            os.fchown(fd, standing.uid, standing.gid)
        # An ACL sets the group's bits, so the mode comes after it; chown took away any capabilities before.
        write_attributes(folder_fd, temporary(name), standing.attributes)
        os.fchmod(fd, standing.mode)
    finally:
        os.close(fd)


def _create(folder_fd: int, name: str, content: bytes, *, named: str | None = None) -> int:
    """A descriptor of the new file, 0600 and root's, the content written."""
    path = named or temporary(name)
    with suppress(FileNotFoundError):
        os.unlink(path, dir_fd=folder_fd)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(path, flags, 0o600, dir_fd=folder_fd)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(fd, view) :]
    except BaseException:
        os.close(fd)
        raise
    return fd


def switch(folder_fd: int, name: str) -> None:
    """What was staged takes the place of whatever stood there: the one visible moment of an edit."""
    os.rename(temporary(name), name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)


def remove(folder_fd: int, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder_fd)


def lift_guards(sysroot: Sysroot, path: str) -> None:
    """Takes chattr's +i and +a off a file or folder, so that it can be replaced or changed."""
    _set_guards_of(sysroot, path, 0)


def put_guards(sysroot: Sysroot, path: str, guards: int) -> None:
    _set_guards_of(sysroot, path, guards)


def _set_guards_of(sysroot: Sysroot, path: str, guards: int) -> None:
    state = sysroot.state(path)
    if state is not None and (state.is_regular or state.is_directory):
        with sysroot.parent(path) as (fd, name):
            set_guards(fd, name, guards)


def discard_orphans(sysroot: Sysroot, request_id: str) -> None:
    """Backups that no journal knows: of runs that ended before their first change, and what a repeated id left."""
    state = sysroot.state(REQUESTS)
    if state is None or not state.is_directory:
        return  # a link of the guest's: what it leads to is not ours to clear
    for name in sysroot.names(REQUESTS):
        folder = f"{REQUESTS}/{name}"
        if name == request_id or sysroot.state(f"{folder}/journal.json") is None:
            # Not replaced/: what was kept there for the administrator stands nowhere else.
            for part in (f"{folder}/backup", folder):
                _discard(sysroot, part)


def _discard(sysroot: Sysroot, folder: str) -> None:
    """Our files in a folder of ours, and the folder if nothing else is in it."""
    state = sysroot.state(folder)
    if state is None or not state.is_directory:
        return
    with suppress(OSError), sysroot.parent(f"{folder}/x") as (fd, _):
        for name in filter(_OWN_FILE.fullmatch, sysroot.names(folder)):
            os.unlink(name, dir_fd=fd)
    with suppress(OSError), sysroot.parent(folder) as (fd, name):
        os.rmdir(name, dir_fd=fd)
