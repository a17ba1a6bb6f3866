"""A real Debian guest whose root is a logical volume on a RAID1 of two disks, as its installer makes it; /boot is plain.

Two raw, sparse disks, cached by content as debian.py's one is.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from guests import debian, disk, workshop
from guests.disk import FileSystem, Layout, Partition, Table
from guests.flavours import RAID
from guests.package_trees import BOOKWORM, copy_merged, package_tree
from guests.workshop import Attached

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT_MIB, ARRAY_MIB = 1280, 1408
ROOT = Partition(mount_point="/", filesystem=FileSystem.EXT4, mib=ROOT_MIB, uuid="4a1d0000-33f4-4c57-9d5b-8f0d6b1e7a02")
# Without the root: the second partition is to become the array's.
LAYOUT = Layout(
    table=Table.MBR,
    disk_id="0x4a1d0001",
    partitions=(
        Partition(
            mount_point="/",
            filesystem=FileSystem.EXT4,
            mib=128,
            uuid="4a1d0000-33f4-4c57-9d5b-8f0d6b1e7a01",
            mkfs_options=("-O", "^64bit,^metadata_csum"),  # extlinux reads neither
            bootable=True,
        ),
        Partition(
            mount_point="/array", filesystem=FileSystem.EXT2, mib=ARRAY_MIB, uuid="4a1d0000-33f4-4c57-9d5b-8f0d6b1e7a0f"
        ),
    ),
)
FSTAB = """\
/dev/mapper/system-root / ext4 errors=remount-ro 0 1
UUID=4a1d0000-33f4-4c57-9d5b-8f0d6b1e7a01 /boot ext4 defaults 0 2
/dev/mapper/system-var /var/lib/data ext4 defaults,nofail 0 2
"""
SCRIPT = """
set -e
chmod +x bin/e2image
for path in /dev/disk/by-id/scsi-*_first; do first=$(readlink -f $path); done
for path in /dev/disk/by-id/scsi-*_second; do second=$(readlink -f $path); done
for path in /dev/disk/by-id/scsi-*_root; do root=$(readlink -f $path); done
printf 'label: dos\\nstart=2048, type=fd\\n' | sfdisk --quiet $second
udevadm settle
wipefs -q -a ${first}2
mdadm --create --run --quiet --homehost=template --assume-clean /dev/md0 --metadata=1.2 --level=1 --raid-devices=2 ${first}2 ${second}1
udevadm settle
lvm vgcreate -q system /dev/md0
lvm lvcreate -q -n root -L __ROOT__m system
lvm lvcreate -q -n var -l 16 system
udevadm settle
e2image -ra $root /dev/system/root
mke2fs -q -t ext4 /dev/system/var
sync
lvm vgchange -q -an
mdadm --stop --quiet /dev/md0
"""


def raid_disks(build: Path, progress: Callable[[str], None]) -> tuple[Path, Path]:
    """Boot copies or overlays of them, both."""
    cache = build / "guests"
    cache.mkdir(parents=True, exist_ok=True)
    name = f"debian-12-raid-{input_hash()}"
    images = (cache / f"{name}-1.img", cache / f"{name}-2.img")
    if not all(image.exists() for image in images):
        with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=cache) as folder:
            for made, image in zip(make_disks(build, Path(folder), progress), images, strict=True):
                made.rename(image)
    return images


def input_hash() -> str:
    return hashlib.sha256((Path(__file__).read_text() + debian.input_hash(BOOKWORM, RAID)).encode()).hexdigest()[:12]


def make_disks(build: Path, folder: Path, progress: Callable[[str], None]) -> tuple[Path, Path]:
    tree, first, second, root = (folder / name for name in ("tree", "first.img", "second.img", "root.img"))
    copy_merged(package_tree(build, BOOKWORM, RAID, progress), tree)
    debian.settle(tree, RAID)
    (tree / "etc/fstab").write_text(FSTAB)
    menu = tree / "boot/extlinux/extlinux.conf"
    menu.write_text(menu.read_text().replace(f"root=UUID={debian.ROOT_UUID}", "root=/dev/mapper/system-root"))
    progress("making file systems")
    boot = folder / "boot"
    (tree / "boot").rename(boot)
    (tree / "boot").mkdir()
    disk.make_filesystem(ROOT, tree, root)
    disk.write_disk(LAYOUT, boot, first)
    debian.make_bootable(first, LAYOUT)
    with second.open("wb") as empty:
        empty.truncate((ARRAY_MIB + 2) * disk.MIB)
    progress("putting the root on a volume on an array")
    attached = [Attached(first, "first"), Attached(second, "second"), Attached(root, "root")]
    tool = Path("/sbin/e2image").read_bytes()
    workshop.run(
        SCRIPT.replace("__ROOT__", str(ROOT_MIB)), {"bin/e2image": tool}, attached, folder / "output", keep=True
    )
    return first, second


def clones(images: tuple[Path, Path], folder: Path) -> tuple[Path, Path]:
    made = []
    for number, image in enumerate(images, 1):
        path = folder / f"disk-{number}.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", image, path], check=True)
        made.append(path)
    return made[0], made[1]
