"""A log of everything that a machine wrote to its disk, in order: QEMU's blklogwrites, in the format of dm-log-writes."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAGIC = 0x6A736677736872
_SUPER = struct.Struct("<QQQI")  # magic, version, entries, sector size
_ENTRY = struct.Struct("<QQQQ")  # sector, sectors, flags, length of the data
_FLUSH, _FUA, _DISCARD, _MARK = 1, 2, 4, 8


@dataclass(frozen=True)
class Write:
    """`offset` on the disk and in the log, in bytes; nothing of length 0 is written.

    `flushes`: what was written before it was made durable first. `is_durable`: it was durable itself when it was done.
    """

    offset: int
    length: int
    log_offset: int
    flushes: bool
    is_durable: bool


def drive(disk: Path, log: Path) -> tuple[str, ...]:
    """QEMU's arguments for a virtio disk whose writes are logged."""
    log.write_bytes(b"")
    node = {
        "driver": "blklogwrites",
        "node-name": "logged",
        "file": {"driver": "file", "filename": str(disk)},
        "log": {"driver": "file", "filename": str(log)},
    }
    return ("-blockdev", json.dumps(node), "-device", "virtio-blk-pci,drive=logged")


def read_log(log: Path) -> Iterator[Write]:
    """The writes in order. Discards are left out: a disk may ignore them."""
    with log.open("rb") as file:
        magic, version, entries, sector_size = _SUPER.unpack(file.read(_SUPER.size))
        if (magic, version) != (_MAGIC, 1):
            raise ValueError(f"{log} is no log of writes")
        offset = sector_size
        for _ in range(entries):
            file.seek(offset)
            sector, sectors, flags, length = _ENTRY.unpack(file.read(_ENTRY.size))
            offset += sector_size
            if flags & (_DISCARD | _MARK):
                offset += 0 if flags & _DISCARD else length
                continue
            yield Write(sector * sector_size, sectors * sector_size, offset, bool(flags & _FLUSH), bool(flags & _FUA))
            offset += sectors * sector_size


def replay(log: Path, write: Write, disk: Path, length: int | None = None) -> None:
    """A write, or the first bytes of it that a power cut left."""
    with log.open("rb") as source, disk.open("r+b") as target:
        source.seek(write.log_offset)
        target.seek(write.offset)
        target.write(source.read(write.length if length is None else length))
