"""Packs kernel and initrd into one hybrid image: CD and stick, BIOS and UEFI, Secure Boot on or off.

pycdlib writes the ISO 9660 and El Torito parts. The partition table is ours: pycdlib's add_isohybrid(efi=True)
can overwrite the last file and writes an invalid GPT (docs of the measurements: FACTS-boot 5.2).
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import struct
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pycdlib

from guest.errors import CustomizerError
from host.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

VOLUME_ID = "GUESTCUSTOMIZER"

# no_timer_check, as cloud images have it: on a starved host the timer looks broken, and the kernel panics (seen under TCG).
# mitigations=off, init_on_alloc=0: they keep programs from reading each other's and the kernel's memory, and here runs none
# but our own; they cost 5 % of the boot. rcu_expedited: the kernel waits less for its own readers when it mounts and loads.
DEFAULT_COMMAND_LINE = (
    "console=ttyS0,115200 console=tty0 selinux=0 panic=30 usb-storage.delay_use=0 quiet cryptomgr.notests no_timer_check "
    "mitigations=off init_on_alloc=0 rcupdate.rcu_expedited=1"
)

SECTOR = 2048
MIB = 2**20

ISOLINUX_CONFIG = """\
serial 0 115200
default customizer
prompt 0
timeout 0
label customizer
  kernel /boot/vmlinuz
  append initrd=/boot/initrd.img {command_line}
"""

# GRUB's own search stops at the first medium with a /.disk/info, and the guest may have one attached.
GRUB_CONFIG = """\
set timeout=0
search --no-floppy --set=root --file /boot/{marker}
linux /boot/vmlinuz {command_line}
initrd /boot/initrd.img
boot
"""


@dataclass(frozen=True)
class Loader:
    """A boot loader file of the build host's packages."""

    path: Path
    package: str


ISOLINUX = Loader(Path("/usr/lib/ISOLINUX/isolinux.bin"), "isolinux")
ISOHDPFX = Loader(Path("/usr/lib/ISOLINUX/isohdpfx.bin"), "isolinux")
LDLINUX = Loader(Path("/usr/lib/syslinux/modules/bios/ldlinux.c32"), "syslinux-common")
SHIM = Loader(Path("/usr/lib/shim/shimx64.efi.signed"), "shim-signed")
# The CD build: its built-in prefix is /boot/grub, where ours is.
GRUB = Loader(Path("/usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed"), "grub-efi-amd64-signed")


def _read(path: Path, hint: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CustomizerError("iso.missing-input", f"cannot read {path}: {error.strerror}", hint) from error


def _read_loader(loader: Loader) -> bytes:
    return _read(loader.path, f"apt-get install {loader.package}")


def _run_mtools(*argv: str, source_date_epoch: int) -> None:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(source_date_epoch), "TZ": "UTC", "MTOOLS_SKIP_CHECK": "1"}
    try:
        subprocess.run(argv, check=True, capture_output=True, text=True, env=environment)
    except FileNotFoundError as error:
        raise CustomizerError("iso.missing-input", f"no {argv[0]}", "apt-get install mtools") from error
    except subprocess.CalledProcessError as error:
        raise CustomizerError("internal", f"{argv[0]}: {error.stderr.strip()}") from error


def _make_efi_image(files: Mapping[str, bytes], source_date_epoch: int) -> bytes:
    """A FAT file system with these files in /EFI/BOOT, as UEFI reads it from El Torito or from a partition."""
    need = sum(len(content) for content in files.values()) + MIB // 2
    sectors = -(-need // MIB) * (MIB // 512)
    with tempfile.TemporaryDirectory(prefix="guest-customizer-iso-") as scratch:
        image = f"{scratch}/efi.img"
        _run_mtools(
            *("mformat", "-C", "-i", image, "-T", str(sectors), "-N", "47435553", "-v", VOLUME_ID[:11], "::"),
            source_date_epoch=source_date_epoch,
        )
        _run_mtools("mmd", "-i", image, "::/EFI", "::/EFI/BOOT", source_date_epoch=source_date_epoch)
        for name, content in files.items():
            source = Path(scratch, name)
            source.write_bytes(content)
            os.utime(source, (source_date_epoch, source_date_epoch))
            _run_mtools(
                *("mcopy", "-m", "-i", image, str(source), f"::/EFI/BOOT/{name}"),
                source_date_epoch=source_date_epoch,
            )
        return Path(image).read_bytes()


def _collect(kernel: bytes, initrd: bytes, command_line: str, source_date_epoch: int) -> dict[str, bytes]:
    """Every file of the image by its path in it."""
    # No other medium has a file of this name, so GRUB cannot take a foreign kernel.
    marker = hashlib.sha256(kernel + initrd).hexdigest()[:16] + ".id"
    grub_config = GRUB_CONFIG.format(marker=marker, command_line=command_line).encode()
    efi_files = {
        "BOOTX64.EFI": _read_loader(SHIM),
        "grubx64.efi": _read_loader(GRUB),
        "grub.cfg": grub_config,
    }
    return {
        "/isolinux/isolinux.bin": _read_loader(ISOLINUX),
        "/isolinux/ldlinux.c32": _read_loader(LDLINUX),
        "/isolinux/isolinux.cfg": ISOLINUX_CONFIG.format(command_line=command_line).encode(),
        "/boot/vmlinuz": kernel,
        "/boot/initrd.img": initrd,
        "/boot/efi.img": _make_efi_image(efi_files, source_date_epoch),
        "/boot/grub/grub.cfg": grub_config,
        f"/boot/{marker}": b"",
    }


def _iso_path(path: str) -> str:
    """The ISO 9660 name of a file; Linux, isolinux and GRUB see the Rock Ridge one."""
    folder, _, name = path.upper().rpartition("/")
    stem, _, suffix = name.partition(".")
    return f"{folder}/{stem}.{suffix};1"


def _folders(paths: Mapping[str, bytes]) -> list[str]:
    parents = {parent.as_posix() for path in paths for parent in Path(path).parents}
    return sorted(parents - {"/"})


@contextlib.contextmanager
def _frozen_time(source_date_epoch: int) -> Iterator[None]:
    """pycdlib asks the clock and the zone at many places and takes no date (its issues 113 and 128)."""
    zone = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        with mock.patch("time.time", return_value=float(source_date_epoch)):
            yield
    finally:
        if zone is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = zone
        time.tzset()


def _write_iso9660(files: Mapping[str, bytes]) -> bytes:
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, rock_ridge="1.09", vol_ident=VOLUME_ID)
    for folder in _folders(files):
        iso.add_directory(folder.upper(), rr_name=folder.rpartition("/")[2])
    for path, content in files.items():
        iso.add_fp(io.BytesIO(content), len(content), _iso_path(path), rr_name=path.rpartition("/")[2])
    iso.add_eltorito(
        "/ISOLINUX/ISOLINUX.BIN;1",
        bootcatfile="/ISOLINUX/BOOT.CAT;1",
        boot_load_size=4,
        boot_info_table=True,
    )
    # Load size 0 is "to the end": the field has 16 bits and would overflow at 32 MiB.
    iso.add_eltorito("/BOOT/EFI.IMG;1", platform_id=0xEF, efi=True, boot_load_size=0)
    output = io.BytesIO()
    iso.write_fp(output)
    iso.close()
    return output.getvalue()


def _locate(image: bytes, path: str) -> tuple[int, bytes]:
    """The sector where a file of the finished image begins, and its content."""
    iso = pycdlib.PyCdlib()
    iso.open_fp(io.BytesIO(image))
    try:
        content = io.BytesIO()
        iso.get_file_from_iso_fp(content, rr_path=path)
        return iso.get_record(rr_path=path).extent_location(), content.getvalue()
    finally:
        iso.close()


def _partition(active: int, kind: int, first: int, count: int) -> bytes:
    """An MBR entry, in sectors of 512 bytes. The CHS fields say "see LBA" (pycdlib rejects fe ff ff here)."""
    return struct.pack("<B3sB3sII", active, b"\x00\x01\x00", kind, b"\xfe\xff\xff", first, count)


def _add_partition_table(image: bytes, disk_id: int) -> bytes:
    """What makes a stick or a disk of the image: BIOS starts isolinux, UEFI finds the FAT partition."""
    padded = image + bytes(-len(image) % MIB)
    isolinux, _ = _locate(image, "/isolinux/isolinux.bin")
    efi, efi_content = _locate(image, "/boot/efi.img")
    per_sector = SECTOR // 512
    mbr = b"".join(
        [
            _read_loader(ISOHDPFX)[:432].ljust(432, b"\0"),
            struct.pack("<QI", isolinux * per_sector, disk_id).ljust(14, b"\0"),
            _partition(0x80, 0x17, 0, len(padded) // 512),
            _partition(0x00, 0xEF, efi * per_sector, len(efi_content) // 512),
            bytes(32),
            b"\x55\xaa",
        ]
    )
    return mbr + padded[512:]


def _verify(image: bytes, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        _, found = _locate(image, path)
        if path == "/isolinux/isolinux.bin":
            # The boot info table, bytes 8 to 63, is written into it on purpose.
            found, content = found[:8] + found[64:], content[:8] + content[64:]  # noqa: PLW2901
        if found != content:
            raise CustomizerError("internal", f"{path} read back from the image differs from what was packed")


def write_iso(
    *,
    kernel: Path,
    initrd: Path,
    output: Path,
    command_line: str,
    source_date_epoch: int,
    progress: Callable[[str], None],
) -> None:
    """Writes the boot image; the same inputs give the same bytes. Every file is read back and compared.

    Raises CustomizerError iso.missing-input when the kernel, the initrd or a boot loader is not there, usage.file where
    `output` cannot be written.
    """
    with replace_file(output, mode=0o644, inputs=(kernel, initrd)) as partial:
        kernel_bytes = _read(kernel, "make iso builds it, or pass another with --kernel")
        initrd_bytes = _read(initrd, "make iso builds it, or pass another with --initrd")
        partial.write_bytes(_make_image(kernel_bytes, initrd_bytes, command_line, source_date_epoch, progress))


def _make_image(
    kernel: bytes, initrd: bytes, command_line: str, source_date_epoch: int, progress: Callable[[str], None]
) -> bytes:
    progress("boot loaders")
    files = _collect(kernel, initrd, command_line, source_date_epoch)
    progress("image")
    with _frozen_time(source_date_epoch):
        plain = _write_iso9660(files)
    disk_id = int.from_bytes(hashlib.sha256(plain).digest()[:4], "little")
    image = _add_partition_table(plain, disk_id)
    progress("reading back")
    _verify(image, files)
    return image
