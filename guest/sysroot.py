"""The one door to the guest's files: takes paths as the guest sees them, never leaves the guest's root.

Every path is resolved by the kernel with openat2(RESOLVE_IN_ROOT): checked and opened in one step (LESSONS S1).
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol, Self

from guest.errors import CustomizerError, OutOfTimeError
from guest.openat2 import open_in_root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The largest file of a guest that is read whole. Real ones are kilobytes; a hostile one is a 10 GB sparse fstab.
READ_LIMIT = 4 * 1024 * 1024
LIST_LIMIT = 10_000
LINK_LIMIT = 40  # the kernel's
# Folders that a path needs and that are still to be made. A hostile link asks for thousands.
MISSING_LIMIT = 32

# What a path that leads to nothing is told with.
_NOTHING_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
_ITSELF = os.O_PATH | os.O_NOFOLLOW  # where it is a link


@dataclass(frozen=True)
class FileState:
    """What lstat says of one guest file, without where it is."""

    mode: int
    uid: int
    gid: int
    size: int

    @property
    def is_regular(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def permissions(self) -> int:
        return stat.S_IMODE(self.mode)


class View(Protocol):
    """What deciding code sees of a guest: it can look, and that is all."""

    def read(self, path: str) -> bytes | None:
        """The content of a regular file, links followed inside the guest; None where there is none."""

    def state(self, path: str) -> FileState | None:
        """lstat: the last component is not followed."""

    def link_target(self, path: str) -> str | None:
        """The text of a symbolic link; None where there is no link."""

    def names(self, path: str) -> tuple[str, ...]:
        """The names in a folder, sorted; empty where there is no folder."""

    def resolve(self, path: str) -> str:
        """The path with every link followed inside the guest; the last component need not exist."""


def exists(view: View, path: str) -> bool:
    """Whether a file, folder or link is there once all links are followed; what leads nowhere is not."""
    try:
        return view.state(view.resolve(path)) is not None
    except OutOfTimeError:
        raise
    except CustomizerError:
        return False


def text(view: View, path: str) -> str | None:
    """A file as text; bytes that are not UTF-8 survive a round trip."""
    content = view.read(path)
    return None if content is None else content.decode("utf-8", "surrogateescape")


class Sysroot:
    """A guest's root folder, held open. Not a context manager by accident: close it before unmounting."""

    def __init__(self, folder: Path | str) -> None:
        self._root_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._prefix = os.path.realpath(f"/proc/self/fd/{self._root_fd}").rstrip("/")

    def close(self) -> None:
        os.close(self._root_fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def parent(self, path: str) -> Iterator[tuple[int, str]]:
        """(fd of the folder, name) of a path; the name itself is not followed.

        Raises OSError where the folder does not exist or is none.
        """
        folder, name = posixpath.split(_absolute(path))
        if not name:
            raise IsADirectoryError(errno.EISDIR, "a file name is needed", path)
        fd = open_in_root(self._root_fd, folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield fd, name
        finally:
            os.close(fd)

    def read(self, path: str) -> bytes | None:
        # O_NONBLOCK: a FIFO named os-release must not stop us; a device is opened by no one (O_PATH first).
        if (handle := self._open(path, os.O_PATH)) is None:
            return None
        try:
            size = os.fstat(handle).st_size
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return None
            if size > READ_LIMIT:
                raise CustomizerError(
                    "guest.file-too-large",
                    f"{path} in the guest is {size} bytes long; at most {READ_LIMIT} are read",
                    "look at this file in the template: nothing that a distribution ships is that large",
                )
            with open(f"/proc/self/fd/{handle}", "rb") as file:
                return file.read(READ_LIMIT)
        except OSError as error:
            # The descriptor's number says nothing to whoever reads the message, and a failing disk names no file at all.
            raise OSError(error.errno, error.strerror, path) from error
        finally:
            os.close(handle)

    def read_start(self, path: str, size: int) -> bytes | None:
        """The first bytes of a regular file of any size; None where there is none."""
        try:
            handle = open_in_root(self._root_fd, _absolute(path), os.O_PATH)
        except OSError:
            return None
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return None
            with open(f"/proc/self/fd/{handle}", "rb") as file:
                return file.read(size)
        finally:
            os.close(handle)

    def state(self, path: str) -> FileState | None:
        if (fd := self._open(path, _ITSELF)) is None:
            return None
        try:
            return _state(os.fstat(fd))
        finally:
            os.close(fd)

    def link_target(self, path: str) -> str | None:
        if (fd := self._open(path, _ITSELF)) is None:
            return None
        try:
            return os.readlink("", dir_fd=fd)  # of what is open itself
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINVAL):
                return None  # no link
            raise
        finally:
            os.close(fd)

    def _open(self, path: str, flags: int) -> int | None:
        """To be looked at; None where nothing is there."""
        try:
            return open_in_root(self._root_fd, _absolute(path), flags)
        except OSError as error:
            if error.errno in _NOTHING_THERE:
                return None
            raise

    def names(self, path: str) -> tuple[str, ...]:
        if (fd := self._open(path, os.O_RDONLY | os.O_DIRECTORY)) is None:
            return ()
        try:
            with os.scandir(fd) as entries:
                found = sorted(entry.name for entry in islice(entries, LIST_LIMIT + 1))
        finally:
            os.close(fd)
        if len(found) > LIST_LIMIT:
            raise CustomizerError(
                "guest.folder-too-large",
                f"{path} in the guest has more than {LIST_LIMIT} entries",
                "look at it in the template",
            )
        return tuple(found)

    def resolve(self, path: str) -> str:
        current = _absolute(path)
        try:
            return self._path_of(current, os.O_PATH)
        except OSError:
            return self._resolve_missing(path, current)

    def _path_of(self, path: str, flags: int) -> str:
        """Where a path leads that exists: without links. Raises OSError."""
        fd = open_in_root(self._root_fd, path, flags)
        try:
            return os.readlink(f"/proc/self/fd/{fd}")[len(self._prefix) :] or "/"
        finally:
            os.close(fd)

    def _resolve_missing(self, path: str, current: str) -> str:
        for _ in range(LINK_LIMIT + 1):
            if posixpath.basename(current) in ("", ".", ".."):  # the root, or a link to a folder by its dots
                return self._resolve_folder(current)
            folder = self._resolve_folder(posixpath.dirname(current))
            current = posixpath.join(folder, posixpath.basename(current))
            target = self.link_target(current)
            if target is None:
                return current
            current = _absolute(posixpath.join(folder, target), normal=False)
        raise CustomizerError(
            "guest.link-loop", f"{path} in the guest is a loop of symbolic links", "repair it in the template"
        )

    def _resolve_folder(self, folder: str) -> str:
        """A folder's path without links; folders at its end that are still to be made are kept as they are."""
        missing: list[str] = []
        while True:
            try:
                return posixpath.join(self._path_of(folder, os.O_PATH | os.O_DIRECTORY), *missing)
            except OSError as error:
                # A link that leads nowhere is no place to make a folder at.
                dangling = error.errno == errno.ENOENT and self.link_target(folder) is not None
                is_odd = posixpath.basename(folder) in ("", "..") or len(missing) >= MISSING_LIMIT
                if error.errno != errno.ENOENT or dangling or is_odd:
                    raise _not_a_folder(folder) from error
            folder, name = posixpath.split(folder.rstrip("/"))
            missing.insert(0, name)


def _absolute(path: str, *, normal: bool = True) -> str:
    """A guest path from its root. `..` is kept for the kernel where it follows a link (normal=False)."""
    rooted = "/" + path.lstrip("/")
    if not normal:
        # posixpath.split must not see a trailing slash or dot as the name.
        return rooted.rstrip("/") or "/"
    return posixpath.normpath(rooted)


def _state(result: os.stat_result) -> FileState:
    return FileState(result.st_mode, result.st_uid, result.st_gid, result.st_size)


def _not_a_folder(folder: str) -> CustomizerError:
    return CustomizerError(
        "guest.not-a-folder",
        f"{folder} in the guest is not a folder",
        "a link there leads nowhere; repair it in the template",
    )
