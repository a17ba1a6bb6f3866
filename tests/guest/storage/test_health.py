"""File systems with errors and hibernated systems are seen by what is written on the disk."""

import subprocess
from pathlib import Path

import pytest

from devices import device
from guest.errors import CustomizerError
from guest.storage.fstab import parse_fstab
from guest.storage.health import find_damage, refuse_hibernated, refuse_hibernated_files
from guest.storage.mounting import mount_error
from guest.storage.mountplan import Mount
from guest.sysroot import Sysroot


def file_system(path: Path, kind: str, *commands: str) -> Path:
    """A real one, changed by debugfs."""
    subprocess.run(["mke2fs", "-q", "-F", "-t", kind, path, "4M"], check=True)
    for command in commands:
        subprocess.run(["debugfs", "-w", "-R", command, path], check=True, capture_output=True)
    return path


@pytest.mark.parametrize(
    ("kind", "commands", "damage"),
    [
        ("ext4", (), None),
        ("ext2", (), None),
        ("ext4", ("set_super_value state 3",), "it is marked as having errors"),
        ("ext4", ("set_super_value error_count 2",), "it is marked as having errors"),
        ("ext4", ("set_super_value state 0",), None),  # mounted once: the journal makes it good
        ("ext2", ("set_super_value state 0",), "it has no journal and was not unmounted cleanly"),
    ],
)
def test_ext(tmp_path: Path, kind: str, commands: tuple[str, ...], damage: str | None) -> None:
    image = file_system(tmp_path / "image", kind, *commands)
    assert find_damage(device(str(image), fs_type=kind)) == damage


def test_a_superblock_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(bytes(1500))
    assert find_damage(device(str(tmp_path / "short"), fs_type="ext4")) == "its superblock is cut off"
    assert "cannot be read" in (find_damage(device(str(tmp_path / "none"), fs_type="ext4")) or "")
    assert find_damage(device(str(tmp_path / "none"), fs_type="xfs")) is None


def test_a_hibernated_swap_device() -> None:
    refuse_hibernated((device("/dev/vda2", fs_type="swap", usage="other"),))
    with pytest.raises(CustomizerError) as caught:
        refuse_hibernated((device("/dev/vda2", fs_type="swsuspend", usage="other"),))
    assert caught.value.code == "storage.hibernated"


@pytest.mark.parametrize(
    ("page", "signature", "hibernated"),
    [
        (4096, b"SWAPSPACE2", False),
        (4096, b"S1SUSPEND\0", True),
        (65536, b"S2SUSPEND\0", True),
        (4096, b"LINHIB0001", True),
        (4096, b"ULSUSPEND\0", True),
    ],
)
def test_a_swap_file(tmp_path: Path, page: int, signature: bytes, hibernated: bool) -> None:
    content = bytearray(128 * 1024)
    content[page - 10 : page] = signature
    (tmp_path / "swapfile").write_bytes(content)
    (tmp_path / "empty").touch()
    lines = parse_fstab(b"/swapfile none swap sw\n/empty none swap\n/missing none swap\n/dev/sda2 none swap\nbad")
    with Sysroot(tmp_path) as files:
        if hibernated:
            with pytest.raises(CustomizerError, match="/swapfile holds the image"):
                refuse_hibernated_files(files, lines)
        else:
            refuse_hibernated_files(files, lines)


@pytest.mark.parametrize(
    ("number", "words", "code"),
    [
        (19, "", "storage.unknown-file-system"),
        (
            22,
            "EXT4-fs (vda1): couldn't mount because of unsupported optional features (40000000)",
            "storage.unknown-file-system",
        ),
        (22, "XFS (vda1): Superblock has unknown incompatible features (0x80) enabled.", "storage.unknown-file-system"),
        (22, "", "storage.mount-failed"),
        (117, "XFS (vda1): Corruption detected", "storage.mount-failed"),
    ],
)
def test_a_failed_mount_has_a_code_and_the_kernels_words(number: int, words: str, code: str) -> None:
    mount = Mount(device("/dev/vda1", fs_type="ext4"), "/var", "ext4", "", may_fail=False)
    error = mount_error(mount, OSError(number, "no"), words)
    assert error.code == code
    assert words in error.message
