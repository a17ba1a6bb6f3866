"""How a path of the guest stands: what is kept of it before a change, and what is compared after one."""

from __future__ import annotations

import array
import errno
import fcntl
import hashlib
import os
import posixpath
import stat
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guest.sysroot import Sysroot, View

LABEL = "security.selinux"
ACL = "system.posix_acl_access"
# Signatures over the old content (IMA, EVM): carried over to a new content they would make it unreadable.
SIGNATURES = frozenset({"security.ima", "security.evm"})

# <linux/fs.h>. `chattr +i` and `+a`: neither can be replaced, and in a folder neither lets a name be changed.
_FS_IOC_GETFLAGS, _FS_IOC_SETFLAGS = 0x80086601, 0x40086602
IMMUTABLE, APPEND_ONLY = 0x10, 0x20
GUARDS = IMMUTABLE | APPEND_ONLY


class Kind(Enum):
    """What stands at a path; `OTHER` is a device, a FIFO or a socket, which are never touched."""

    NONE = "none"
    FILE = "file"
    LINK = "link"
    FOLDER = "folder"
    OTHER = "other"


@dataclass(frozen=True)
class Standing:
    """One path: `digest` is a file's SHA-256, `guards` its chattr flags +i and +a, `attributes` are (name, hex) pairs."""

    kind: Kind
    mode: int = 0
    uid: int = 0
    gid: int = 0
    digest: str = ""
    target: str = ""
    guards: int = 0
    attributes: tuple[tuple[str, str], ...] = ()

    def is_as(self, wanted: Standing) -> bool:
        """Whether this is what was wanted. More attributes may have come by themselves (a folder's default ACL)."""
        return (
            replace(self, attributes=()) == replace(wanted, attributes=())
            and set(wanted.attributes) <= set(self.attributes)
        )  # fmt: skip

    def is_untouched_since(self, then: Standing) -> bool:
        """Whether nobody has changed it since. Labels and other attributes do not count: restorecon sets those."""
        return replace(self, attributes=(), guards=0) == replace(then, attributes=(), guards=0)


NOTHING = Standing(Kind.NONE)


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def look_at(sysroot: Sysroot, path: str) -> Standing:
    """Raises OSError, and CustomizerError where the file is too large to be read."""
    state = sysroot.state(path)
    if state is None:
        return NOTHING
    if state.is_link:
        target = sysroot.link_target(path) or ""
        with sysroot.parent(path) as (fd, name):
            labels = read_attributes(fd, name)
        return Standing(Kind.LINK, 0o777, state.uid, state.gid, target=target, attributes=labels)
    if state.is_directory:
        return Standing(Kind.FOLDER, state.permissions, state.uid, state.gid)
    if not state.is_regular:
        return Standing(Kind.OTHER)
    content = sysroot.read(path) or b""
    with sysroot.parent(path) as (fd, name):
        attributes, guards = read_attributes(fd, name), guards_of(fd, name)
    return Standing(Kind.FILE, state.permissions, state.uid, state.gid, digest_of(content), "", guards, attributes)


def mount_point_of(sysroot: Sysroot, path: str) -> str:
    """The folder where the file system of a path begins; one guest keeps its answer from run to run."""
    folder = existing_folder(sysroot, posixpath.dirname(path))
    device = device_of(sysroot, folder)
    while folder != "/" and device_of(sysroot, posixpath.dirname(folder)) == device:
        folder = posixpath.dirname(folder)
    return folder


def existing_folder(view: View, folder: str) -> str:
    """The folder, or the nearest one above it that is there; without links."""
    folder = view.resolve(folder)
    while (state := view.state(folder)) is None or not state.is_directory:
        folder = posixpath.dirname(folder)
    return folder


def device_of(sysroot: Sysroot, folder: str) -> int:
    with sysroot.parent(posixpath.join(folder, "x")) as (fd, _):
        return os.fstat(fd).st_dev


def read_attributes(folder_fd: int, name: str) -> tuple[tuple[str, str], ...]:
    """ACLs, SELinux label, capabilities and the like of a file or link (LESSONS S2)."""
    place = f"/proc/self/fd/{folder_fd}/{name}"
    try:
        names = os.listxattr(place, follow_symlinks=False)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return ()
        raise
    return tuple((key, os.getxattr(place, key, follow_symlinks=False).hex()) for key in sorted(names))


def write_attributes(folder_fd: int, name: str, attributes: tuple[tuple[str, str], ...]) -> None:
    for key, value in attributes:
        try:
            os.setxattr(f"/proc/self/fd/{folder_fd}/{name}", key, bytes.fromhex(value), follow_symlinks=False)
        except OSError as error:
            # A file system without attributes has no labels either, and only the guest's own kernel can sign.
            if not (error.errno == errno.ENOTSUP or key in SIGNATURES):
                raise


def guards_of(folder_fd: int, name: str) -> int:
    """The flags +i and +a of a file or folder; 0 where its file system knows none."""
    return _change_guards(folder_fd, name, None)


def set_guards(folder_fd: int, name: str, guards: int) -> None:
    """Raises OSError where the file system does not take them. Nothing is done where they are so already."""
    _change_guards(folder_fd, name, guards)


def _change_guards(folder_fd: int, name: str, wanted: int | None) -> int:
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder_fd)
    try:
        flags = array.array("l", [0])
        try:
            fcntl.ioctl(fd, _FS_IOC_GETFLAGS, flags)
        except OSError as error:
            if error.errno in (errno.ENOTTY, errno.ENOTSUP, errno.EINVAL) and not wanted:
                return 0
            raise
        present = flags[0] & GUARDS
        if wanted is not None and wanted != present:
            flags[0] = (flags[0] & ~GUARDS) | wanted
            fcntl.ioctl(fd, _FS_IOC_SETFLAGS, flags)
        return present
    finally:
        os.close(fd)


def acl_with_mode(value: str, mode: int) -> str:
    """An ACL (hex of the xattr: version, then tag, permissions and id of each entry) as chmod(2) makes it."""
    data = bytearray(bytes.fromhex(value))
    entries = range(4, len(data) - 7, 8)
    tags = {int.from_bytes(data[at : at + 2], "little"): at for at in entries}
    owner, group, mask, others = 0x01, 0x04, 0x10, 0x20
    for tag, bits in ((owner, mode >> 6), (mask if mask in tags else group, mode >> 3), (others, mode)):
        if tag in tags:
            data[tags[tag] + 2 : tags[tag] + 4] = (bits & 7).to_bytes(2, "little")
    return data.hex()


def type_of(kind: Kind) -> int:
    """As stat(2) has it, for looking up a label."""
    return {Kind.LINK: stat.S_IFLNK, Kind.FOLDER: stat.S_IFDIR}.get(kind, stat.S_IFREG)
