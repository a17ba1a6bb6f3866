"""Writes a folder as a newc archive, byte for byte the same each time (kernel: early-userspace/buffer-format.rst)."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

TRAILER = "TRAILER!!!"


@dataclass(frozen=True)
class Entry:
    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


# The kernel opens it for init before there is a devtmpfs.
CONSOLE = Entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))


def _entry(root: Path, path: Path) -> Entry:
    name = path.relative_to(root).as_posix()
    if path.is_symlink():
        return Entry(name, stat.S_IFLNK | 0o777, bytes(path.readlink()))
    if path.is_dir():
        return Entry(name, stat.S_IFDIR | 0o755)
    # Only the execute bit of the builder's file counts: its umask must not show.
    executable = path.stat().st_mode & stat.S_IXUSR
    return Entry(name, stat.S_IFREG | (0o755 if executable else 0o644), path.read_bytes())


def read_tree(root: Path) -> Iterator[Entry]:
    """Everything below the folder, parents first."""
    for path in sorted(root.rglob("*"), key=lambda path: path.relative_to(root).parts):
        yield _entry(root, path)


def _header(entry: Entry, inode: int, name_size: int) -> bytes:
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (inode, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, *entry.device, name_size, 0)
    return b"070701" + b"".join(b"%08X" % field for field in fields)


def _padding(size: int) -> bytes:
    return bytes(-size % 4)


def write_archive(entries: Iterable[Entry], output: BinaryIO) -> int:
    """Owner is root, times are 0, inodes count from 1. Returns the size: a multiple of 512."""
    size = 0
    for inode, entry in enumerate((*entries, Entry(TRAILER, 0)), start=1):
        name = entry.path.encode() + b"\0"
        head = _header(entry, 0 if entry.path == TRAILER else inode, len(name)) + name
        blob = head + _padding(len(head)) + entry.data + _padding(len(entry.data))
        output.write(blob)
        size += len(blob)
    end = bytes(-size % 512)
    output.write(end)
    return size + len(end)
