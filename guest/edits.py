"""What is intended for the guest's files, as values; apply.py is the one module that carries them out."""

from __future__ import annotations

import posixpath
import stat
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from guest.errors import CustomizerError
from guest.sysroot import FileState

if TYPE_CHECKING:
    from guest.sysroot import View


@dataclass(frozen=True)
class WriteFile:
    """A regular file gets this content. `mode` None keeps the file's own, 0644 where it is new."""

    path: str
    content: bytes = field(repr=False)
    reason: str
    mode: int | None = None
    # True: never shown in a diff or a log.
    secret: bool = False
    # (uid, gid); None keeps the file's own, root's where it is new.
    owner: tuple[int, int] | None = None


@dataclass(frozen=True)
class MakeLink:
    """A symbolic link stands here afterwards, whatever stood there before."""

    path: str
    target: str
    reason: str


@dataclass(frozen=True)
class SetAside:
    """A file moves into our backup: gone for the guest, there for undo (LESSONS L2)."""

    path: str
    reason: str


@dataclass(frozen=True)
class MakeFolder:
    """A folder with this mode and owner. Folders that a file needs are made without being asked for, 0755 and root's."""

    path: str
    reason: str
    mode: int = 0o755
    owner: tuple[int, int] = (0, 0)


Edit = WriteFile | MakeLink | SetAside | MakeFolder


@dataclass(frozen=True)
class Overlay:
    """The guest as it will look after these edits: later changes plan on top of earlier ones."""

    below: View
    # Keyed by path with all folders' links resolved; at most one edit each.
    edits: tuple[Edit, ...] = ()

    def with_edits(self, more: tuple[Edit, ...]) -> Overlay:
        """Adds edits in order; a later edit of a path replaces an earlier one, and no-ops vanish."""
        overlay = self
        for edit in more:
            follows = isinstance(edit, WriteFile | MakeFolder)
            path = overlay.resolve(edit.path) if follows else overlay._in_folder(edit.path)
            kept = tuple(other for other in overlay.edits if other.path != path)
            placed = replace(edit, path=path)
            refuse_volatile(path)
            without = Overlay(overlay.below, kept)
            overlay = without if _changes_nothing(placed, overlay.below) else Overlay(overlay.below, (*kept, placed))
        return overlay

    def _edit(self, path: str) -> Edit | None:
        return next((edit for edit in self.edits if edit.path == path), None)

    def _in_folder(self, path: str) -> str:
        folder, name = posixpath.split(posixpath.normpath("/" + path.lstrip("/")))
        # resolve() follows the last component; a folder's own links end before a name is looked up in it.
        return posixpath.join(self.below.resolve(folder) if folder != "/" else "/", name)

    def read(self, path: str) -> bytes | None:
        try:
            real = self.resolve(path)
        except CustomizerError as error:
            if error.code != "guest.not-a-folder":
                raise
            return None  # a file where a folder would be: as for Sysroot, there is nothing to read
        match self._edit(real):
            case WriteFile(content=content):
                return content
            case None:
                return self.below.read(path)
        return None

    def state(self, path: str) -> FileState | None:
        match self._edit(self._in_folder(path)):
            case WriteFile(content=content, mode=mode, owner=owner) as edit:
                old = self.below.state(edit.path)
                kept = old.permissions if old and old.is_regular else 0o644
                uid, gid = owner or ((old.uid, old.gid) if old and old.is_regular else (0, 0))
                return FileState(stat.S_IFREG | (kept if mode is None else mode), uid, gid, len(content))
            case MakeLink(target=target):
                return FileState(stat.S_IFLNK | 0o777, 0, 0, len(target))
            case MakeFolder(mode=mode, owner=owner):
                return FileState(stat.S_IFDIR | mode, *owner, 0)
            case SetAside():
                return None
        return self.below.state(path)

    def link_target(self, path: str) -> str | None:
        match self._edit(self._in_folder(path)):
            case MakeLink(target=target):
                return target
            case None:
                return self.below.link_target(path)
        return None

    def names(self, path: str) -> tuple[str, ...]:
        folder = self.below.resolve(path)
        names = set(self.below.names(folder))
        for edit in self.edits:
            if posixpath.dirname(edit.path) == folder:
                (names.discard if isinstance(edit, SetAside) else names.add)(posixpath.basename(edit.path))
        return tuple(sorted(names))

    def resolve(self, path: str) -> str:
        """Links made or moved by our own edits count; we make none that leads to another."""
        here = self._in_folder(path)
        match self._edit(here):
            case MakeLink(target=target):
                return self.below.resolve(posixpath.join(posixpath.dirname(here), target))
            case None:
                return self.below.resolve(path)
        return here


def refuse_volatile(path: str) -> None:
    """What lies in /run, /proc, /sys, /dev or /tmp is gone when the guest boots: an edit there is a mistake."""
    if path.startswith(("/run/", "/proc/", "/sys/", "/dev/", "/tmp/", "/var/run/")):  # noqa: S108 (refused, not used)
        raise CustomizerError(
            "guest.volatile-target",
            f"{path} in the guest is where a file to be written really lies, and it does not survive a boot",
            "a symbolic link in the template leads there; replace it by a file",
        )


def _changes_nothing(edit: Edit, view: View) -> bool:
    match edit:
        case WriteFile(path=path, content=content, mode=mode, owner=owner):
            old = view.state(path)
            return (
                old is not None
                and old.is_regular
                and (mode is None or mode == old.permissions)
                and (owner is None or owner == (old.uid, old.gid))
                and view.read(path) == content
            )
        case MakeFolder(path=path, mode=mode, owner=owner):
            old = view.state(path)
            found = old is not None and old.is_directory and (old.permissions, old.uid, old.gid)
            return found == (mode, *owner)
        case MakeLink(path=path, target=target):
            return view.link_target(path) == target
        case SetAside(path=path):
            return view.state(path) is None
