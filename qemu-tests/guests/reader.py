"""Reads a raw disk image through the kernel's own file systems: an independent witness of what was written.

Nothing is replayed and nothing written: the image stays byte for byte what it was.
"""

import json
import subprocess
import sys
from pathlib import Path

from guests import look_inside
from guests.disk import Extent, read_partition_table, run_mounted
from guests.look_inside import Entry

MOUNT_OPTIONS = {
    "ext2": "ro",
    "ext3": "ro,noload",
    "ext4": "ro,noload",
    "xfs": "ro,norecovery,nouuid",
    "btrfs": "ro",
}


def read_file(image: Path, partition: int, path: str) -> bytes | None:
    """A file's contents, links followed as that file system's inhabitants see them; None where there is none.

    Partitions count from 1; 0 is the whole disk.
    """
    if filesystem_type(image, partition) == "vfat":
        return _read_vfat(image, partition, path)
    return _look(image, partition, "read", path)


def list_files(image: Path, partition: int, below: str = "/") -> dict[str, Entry]:
    """Everything below a folder, itself not included, by its path in that file system. Not for vfat."""
    text = _look(image, partition, "list", below)
    return {path: Entry(**fields) for path, fields in json.loads(text or "{}").items()}


def filesystem_type(image: Path, partition: int) -> str:
    extent = _extent(image, partition)
    where = ["--offset", str(extent.offset), "--size", str(extent.size)]
    command = ["blkid", "--probe", *where, "--output", "value", "--match-tag", "TYPE", str(image)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _extent(image: Path, partition: int) -> Extent:
    return read_partition_table(image)[partition - 1] if partition else Extent(0, image.stat().st_size)


def _look(image: Path, partition: int, verb: str, path: str) -> bytes | None:
    options = MOUNT_OPTIONS[filesystem_type(image, partition)]
    program = [sys.executable, look_inside.__file__, verb, path]
    done = run_mounted(image, _extent(image, partition), options, program)
    if done.returncode == look_inside.MISSING:
        return None
    if done.returncode:
        raise RuntimeError(f"{image}, partition {partition}, {path}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _read_vfat(image: Path, partition: int, path: str) -> bytes | None:
    """By mtools: a build machine's kernel may lack vfat."""
    source = f"{image}@@{_extent(image, partition).offset}"
    done = subprocess.run(["mtype", "-i", source, f"::{path}"], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None
