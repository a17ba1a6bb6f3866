"""A mounted tree on real file systems: our own mount is not taken for damage, and damage is."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices import device
from guest.errors import CustomizerError
from guest.machine.model import BlockDevice
from guest.storage.mounting import MountedTree
from guest.storage.mountplan import Mount
from guest.sysroot import Sysroot

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[BlockDevice]:
    """A file system without a journal."""
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(4 << 20)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", image], check=True)
    loop = subprocess.run(["losetup", "--find", "--show", image], check=True, capture_output=True, text=True)
    path = loop.stdout.strip()
    yield device(path, fs_type="ext4")
    subprocess.run(["losetup", "--detach", path], check=True)


@pytest.fixture
def tree(tmp_path: Path, disk: BlockDevice) -> Iterator[MountedTree]:
    tree = MountedTree(str(tmp_path / "root"))
    tree.mount_root(Mount(disk, "/", "ext4", "", may_fail=False))
    yield tree
    tree.unmount()


def test_no_journal_and_writable_twice(tree: MountedTree, tmp_path: Path) -> None:
    """First to take back an interrupted run, then to write: our own mount is no damage."""
    tree.make_writable({"/"})
    (tmp_path / "root/file").touch()
    os.sync()
    tree.make_writable({"/"})


def test_no_journal_and_mounted_in_two_places(tree: MountedTree, disk: BlockDevice, tmp_path: Path) -> None:
    with Sysroot(tree.folder) as files:
        tree.mount(files, Mount(disk, "/lost+found", "ext4", "", may_fail=False))
    tree.make_writable({"/", "/lost+found"})
    (tmp_path / "root/lost+found/file").touch()


def test_what_was_not_unmounted_cleanly_before_us_is_damage(tmp_path: Path, disk: BlockDevice) -> None:
    subprocess.run(["debugfs", "-w", "-R", "set_super_value state 0", disk.path], check=True, capture_output=True)
    tree = MountedTree(str(tmp_path / "root"))
    tree.mount_root(Mount(disk, "/", "ext4", "", may_fail=False))
    try:
        with pytest.raises(CustomizerError) as caught:
            tree.make_writable({"/"})
        assert caught.value.code == "storage.damaged"
    finally:
        tree.unmount()
