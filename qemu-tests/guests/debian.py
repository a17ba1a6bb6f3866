"""A real Debian guest on its own disk, as its installer leaves it: /boot, / and /var, booted by extlinux.

Cached by content: the file's name has the hash of everything that went in.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from guests import disk, trees
from guests.disk import FileSystem, Layout, Partition, Table
from guests.flavours import FLAVOURS, IFUPDOWN
from guests.package_trees import BOOKWORM, SUITES, Flavour, Suite, alone, copy_merged, package_tree, tree_digest

OVERLAY = Path(__file__).parent / "debian-overlay"
MBR_CODE = Path("/usr/lib/EXTLINUX/mbr.bin")
MBR_CODE_SIZE = 440
# extlinux reads no file with holes, and mke2fs leaves one for every block of zeros.
INSTALL_BOOT_LOADER = """
for file in /mnt/vmlinuz-* /mnt/initrd.img-*; do
    cp --preserve --sparse=never "$file" /mnt/whole
    mv /mnt/whole "$file"
done
extlinux --install /mnt/extlinux
"""
MACHINE_ID = "0f2d7c6a9b1e4d5ca1e34b7788d0c1aa"
ROOT_UUID = "6a0c2f1e-33f4-4c57-9d5b-8f0d6b1e7a02"  # as in debian-overlay/etc/fstab
KERNEL_COMMAND_LINE = f"root=UUID={ROOT_UUID} ro console=ttyS0,115200 console=tty0 quiet"
# Work for a machine that lives longer than a test; in one that does not, they only lengthen its boot.
DISABLED = (
    "timers.target.wants/apt-daily.timer",
    "timers.target.wants/apt-daily-upgrade.timer",
    "timers.target.wants/dpkg-db-backup.timer",
    "timers.target.wants/e2scrub_all.timer",
    "timers.target.wants/fstrim.timer",
    "multi-user.target.wants/e2scrub_reap.service",
)
# Consoles 2 to 6 where there is no logind, which a Debian with its recommended packages has.
MASKED = ("getty-static.service",)
LAYOUT = Layout(
    table=Table.MBR,
    disk_id="0x6a0c2f1e",
    partitions=(
        Partition(
            mount_point="/boot",
            filesystem=FileSystem.EXT4,
            mib=128,
            uuid="6a0c2f1e-33f4-4c57-9d5b-8f0d6b1e7a01",
            label="boot",
            mkfs_options=("-O", "^64bit,^metadata_csum"),  # extlinux reads neither
            bootable=True,
        ),
        Partition(mount_point="/", filesystem=FileSystem.EXT4, mib=1152, uuid=ROOT_UUID),
        Partition(
            mount_point="/var",
            filesystem=FileSystem.EXT4,
            mib=256,
            uuid="6a0c2f1e-33f4-4c57-9d5b-8f0d6b1e7a03",
        ),
    ),
)


def debian_disk(
    build: Path, progress: Callable[[str], None], suite: Suite = BOOKWORM, flavour: Flavour = IFUPDOWN
) -> Path:
    """The guest's disk (raw, sparse), made unless it is there. Boot copies or overlays of it.

    Raises CannotInstallError where Debian's archive is the reason that there is none.
    """
    cache = build / "guests"
    cache.mkdir(parents=True, exist_ok=True)
    name = f"debian-{suite.version}-{flavour.name}"
    image = cache / f"{name}-{input_hash(suite, flavour)}.img"
    with alone(cache / f"{name}.lock"):
        if image.exists():
            return image
        for old in cache.glob(f"{name}-????????????.*"):
            old.unlink()
        layers = package_tree(build, suite, flavour, progress)
        with tempfile.TemporaryDirectory(prefix=f"{name}-making-", dir=cache) as folder:
            make_disk(layers, flavour, Path(folder), progress).rename(image)
    return image


def input_hash(suite: Suite, flavour: Flavour) -> str:
    digest = hashlib.sha256(tree_digest(suite, flavour).encode())
    own = sorted([*OVERLAY.rglob("*"), *flavour.files.rglob("*")])
    for path in [Path(__file__), Path(disk.__file__), flavour.files.with_name(f"{flavour.name}.list"), *own]:
        if path.is_file():
            digest.update(f"\0{path.name} {os.access(path, os.X_OK)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def make_disk(layers: tuple[Path, ...], flavour: Flavour, folder: Path, progress: Callable[[str], None]) -> Path:
    tree, image = folder / "root", folder / "disk.img"
    progress("copying the packages' tree")
    copy_merged(layers, tree)
    progress("configuring it as the installer does")
    settle(tree, flavour)
    progress("making partitions and file systems")
    disk.write_disk(LAYOUT, tree, image)
    progress("installing the boot loader")
    make_bootable(image)
    return image


def plant_template(tree: Path, flavour: Flavour) -> None:
    """The files that an installer, and whoever made the template, left."""
    subprocess.run(["cp", "--recursive", "--no-dereference", f"{OVERLAY}/.", tree], check=True)
    trees.plant(flavour.files, tree)
    for name in ["hostname", "resolv.conf"]:
        if not (tree / "etc" / name).is_symlink():
            (tree / "etc" / name).chmod(0o644)  # mmdebstrap makes them 0755
    (tree / "etc/machine-id").write_text(f"{MACHINE_ID}\n")
    (tree / "etc/machine-id").chmod(0o444)


def settle(tree: Path, flavour: Flavour) -> None:
    """From a package tree to what an installer and a first boot leave."""
    # cp would write through the link that systemd-resolved's package made.
    (tree / "etc/resolv.conf").unlink(missing_ok=True)
    plant_template(tree, flavour)
    (tree / "media/cdrom0").mkdir()
    shadow = tree / "etc/shadow"
    shadow.write_text(shadow.read_text().replace("root:*:", "root:!:"))
    for unit in DISABLED:
        (tree / "etc/systemd/system" / unit).unlink(missing_ok=True)
    for unit in MASKED:
        (tree / "etc/systemd/system" / unit).symlink_to("/dev/null")
    write_boot_menu(tree)


def write_boot_menu(tree: Path) -> None:
    kernel = next((tree / "boot").glob("vmlinuz-*")).name
    release = kernel.removeprefix("vmlinuz-")
    menu = tree / "boot/extlinux/extlinux.conf"
    menu.parent.mkdir()
    menu.write_text(
        "DEFAULT debian\n"
        "PROMPT 0\n"
        "LABEL debian\n"
        f"  LINUX /{kernel}\n"
        f"  INITRD /initrd.img-{release}\n"
        f"  APPEND {KERNEL_COMMAND_LINE}\n"
    )


def make_bootable(image: Path, layout: Layout = LAYOUT) -> None:
    number = next(n for n, partition in enumerate(layout.partitions) if partition.bootable)
    extent = disk.read_partition_table(image)[number]
    done = disk.run_mounted(image, extent, "rw", ["sh", "-ec", INSTALL_BOOT_LOADER])
    if done.returncode:
        raise RuntimeError(f"extlinux: {done.stderr.decode(errors='replace')}")
    with image.open("r+b") as boot_sector:
        boot_sector.write(MBR_CODE.read_bytes()[:MBR_CODE_SIZE])


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a Debian guest's disk, or find it in the cache.")
    known = {suite.name: suite for suite in SUITES}
    kinds = {flavour.name: flavour for flavour in FLAVOURS}
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    parser.add_argument("--suite", choices=sorted(known), default=BOOKWORM.name, help="default: %(default)s")
    parser.add_argument("--flavour", choices=sorted(kinds), default=IFUPDOWN.name, help="default: %(default)s")
    options = parser.parse_args()
    start = time.monotonic()

    def progress(line: str) -> None:
        print(f"{time.monotonic() - start:6.1f} s  {line}", file=sys.stderr, flush=True)

    print(debian_disk(options.build, progress, known[options.suite], kinds[options.flavour]))


if __name__ == "__main__":
    main()
