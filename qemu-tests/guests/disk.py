"""A directory tree becomes a raw, sparse disk image.

File systems are made unmounted where their mkfs can; sfdisk writes the partition table.
"""

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

SECTOR = 512
MIB = 1024 * 1024
FIRST_MIB = 1  # where every partitioner of today puts the first partition
LAST_MIB = 1  # GPT keeps its second copy at the end


class Table(StrEnum):
    MBR = "dos"
    GPT = "gpt"


class FileSystem(StrEnum):
    EXT2 = "ext2"
    EXT3 = "ext3"
    EXT4 = "ext4"
    XFS = "xfs"
    BTRFS = "btrfs"
    VFAT = "vfat"


@dataclass(frozen=True)
class Partition:
    """What lies below `mount_point` in the tree goes here, except what a deeper partition takes.

    `uuid` is the file system's; for vfat eight hex digits. xfs wants 300 MiB or more, btrfs about 110.
    """

    mount_point: str
    filesystem: FileSystem
    mib: int
    uuid: str
    label: str = ""
    partuuid: str = ""
    """GPT only; an MBR's partitions have theirs from `Layout.disk_id`."""
    mkfs_options: tuple[str, ...] = ()
    bootable: bool = False


@dataclass(frozen=True)
class Layout:
    table: Table
    disk_id: str
    """`0x` and eight hex digits for an MBR, a UUID for GPT."""
    partitions: tuple[Partition, ...]


@dataclass(frozen=True)
class Extent:
    """Where a partition lies in its image, in bytes."""

    offset: int
    size: int


def write_disk(layout: Layout, tree: Path, image: Path) -> None:
    """Make `image` from `tree`, which is taken apart on the way; the two should be on one file system."""
    image.unlink(missing_ok=True)
    total = FIRST_MIB + sum(partition.mib for partition in layout.partitions) + LAST_MIB
    with image.open("wb") as empty:
        empty.truncate(total * MIB)
    _run(["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", image], feed=partition_script(layout))
    with tempfile.TemporaryDirectory(prefix="partitions-", dir=tree.parent) as folder:
        parts = _take_apart(layout, tree, Path(folder))
        for partition, extent in zip(layout.partitions, read_partition_table(image), strict=True):
            filesystem = Path(folder) / "filesystem"
            make_filesystem(partition, parts[partition.mount_point], filesystem)
            copy = [f"seek={extent.offset // MIB}", f"bs={MIB}", "conv=sparse,notrunc", "status=none"]
            _run(["dd", f"if={filesystem}", f"of={image}", *copy])
            filesystem.unlink()


def partition_script(layout: Layout) -> str:
    """What sfdisk reads."""
    lines = [f"label: {layout.table}", f"label-id: {layout.disk_id}"]
    start = FIRST_MIB
    for partition in layout.partitions:
        fields = [f"start={start * MIB // SECTOR}", f"size={partition.mib * MIB // SECTOR}"]
        if layout.table is Table.MBR:
            fields.append("type=c" if partition.filesystem is FileSystem.VFAT else "type=83")
            fields += ["bootable"] if partition.bootable else []
        else:
            fields.append("type=U" if partition.mount_point == "/boot/efi" else "type=L")
            fields += [f"uuid={partition.partuuid}"] if partition.partuuid else []
            fields += [f'name="{partition.label}"'] if partition.label else []
        lines.append(", ".join(fields))
        start += partition.mib
    return "\n".join(lines) + "\n"


def read_partition_table(image: Path) -> list[Extent]:
    text = _run(["sfdisk", "--json", image]).stdout
    table = json.loads(text)["partitiontable"]
    sector = table.get("sectorsize", SECTOR)
    return [Extent(entry["start"] * sector, entry["size"] * sector) for entry in table["partitions"]]


def make_filesystem(partition: Partition, tree: Path, destination: Path) -> None:
    with destination.open("wb") as empty:
        empty.truncate(partition.mib * MIB)
    match partition.filesystem:
        case FileSystem.EXT2 | FileSystem.EXT3 | FileSystem.EXT4:
            _make_ext(partition, tree, destination)
        case FileSystem.XFS:
            _make_xfs(partition, tree, destination)
        case FileSystem.BTRFS:
            options = ["-q", "-U", partition.uuid, "-L", partition.label, *partition.mkfs_options]
            _run(["mkfs.btrfs", *options, "--rootdir", tree, destination])
        case FileSystem.VFAT:
            _make_vfat(partition, tree, destination)


def _make_ext(partition: Partition, tree: Path, destination: Path) -> None:
    options = ["-q", "-F", "-U", partition.uuid, "-L", partition.label, *partition.mkfs_options]
    _run(["mke2fs", "-t", partition.filesystem, *options, "-d", tree, destination])


def _make_xfs(partition: Partition, tree: Path, destination: Path) -> None:
    """By a loop mount: mkfs.xfs has prototype files, but they cannot carry the SELinux labels."""
    options = ["-q", "-m", f"uuid={partition.uuid}", "-L", partition.label, *partition.mkfs_options]
    _run(["mkfs.xfs", *options, destination])
    copy = 'tar -C "$1" --xattrs --xattrs-include="*" -c . | tar -C /mnt --xattrs --xattrs-include="*" -xp'
    done = run_mounted(destination, Extent(0, partition.mib * MIB), "rw", ["sh", "-c", copy, "copy", str(tree)])
    if done.returncode:
        raise RuntimeError(f"filling {partition.mount_point}: {done.stderr.decode(errors='replace').strip()}")


def _make_vfat(partition: Partition, tree: Path, destination: Path) -> None:
    name = ["-n", partition.label] if partition.label else []
    _run(["mkfs.vfat", "-i", partition.uuid.replace("-", ""), *name, *partition.mkfs_options, destination])
    contents = sorted(tree.iterdir())
    if contents:
        _run(["mcopy", "-s", "-i", destination, *contents, "::"])


def run_mounted(image: Path, extent: Extent, options: str, program: list[str]) -> subprocess.CompletedProcess[bytes]:
    """Run a program with a part of the image mounted on /mnt.

    In a mount namespace of its own: nobody else sees the mount, and it ends with the program however
    that ends; the loop device goes with it. A status other than 0 is left to the caller.
    """
    loop = f"loop,offset={extent.offset},sizelimit={extent.size},{options}"
    script = 'mount -o "$1" "$2" /mnt || exit 125; shift 2; "$@"; status=$?; umount /mnt || exit 126; exit $status'
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "run_mounted", loop, image, *program],
        capture_output=True,
        check=False,
    )


def _take_apart(layout: Layout, tree: Path, folder: Path) -> dict[str, Path]:
    """Each partition's part of the tree; an empty folder stays where another is mounted."""
    parts: dict[str, Path] = {}
    by_depth = sorted(layout.partitions, key=lambda partition: partition.mount_point.rstrip("/").count("/"))
    for number, partition in enumerate(reversed(by_depth)):
        source = tree / partition.mount_point.lstrip("/")
        part = folder / str(number)
        if source == tree:
            part = tree
        elif source.is_dir():
            source.rename(part)
            source.mkdir()
            shutil.copystat(part, source)
        else:
            part.mkdir()
            source.mkdir(parents=True)
        parts[partition.mount_point] = part
    return parts


def _run(argv: list[str | Path], feed: str | None = None) -> subprocess.CompletedProcess[str]:
    """The program's own words are what a failure needs most."""
    done = subprocess.run(argv, input=feed, capture_output=True, text=True, check=False)
    if done.returncode:
        command = " ".join(os.fspath(word) for word in argv)
        raise RuntimeError(f"{command}: status {done.returncode}: {done.stderr.strip()}")
    return done
