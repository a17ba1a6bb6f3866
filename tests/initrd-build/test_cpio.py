"""The newc writer is read by cpio's own readers, and gives the same bytes each time."""

import io
import subprocess
from pathlib import Path

import pytest

import cpio


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/tool").write_bytes(b"#!/bin/sh\n" + b"x" * 1001)
    (tree / "usr/bin/tool").chmod(0o711)
    (tree / "bin").symlink_to("usr/bin")
    (tree / "empty").touch(mode=0o600)
    return tree


def archive(tree: Path) -> bytes:
    output = io.BytesIO()
    size = cpio.write_archive([cpio.CONSOLE, *cpio.read_tree(tree)], output)
    assert size == len(output.getvalue())
    assert size % 512 == 0
    return output.getvalue()


def test_busybox_unpacks_it(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    blob = archive(tree)
    listed = (
        subprocess.run(["busybox", "cpio", "-t"], input=blob, capture_output=True, check=True).stdout.decode().split()
    )
    assert listed == ["dev/console", "bin", "empty", "usr", "usr/bin", "usr/bin/tool"]
    wanted = ["busybox", "cpio", "-id", "usr/bin/tool", "bin", "usr", "usr/bin", "empty"]
    subprocess.run(wanted, input=blob, capture_output=True, check=True, cwd=out)
    assert (out / "usr/bin/tool").read_bytes() == (tree / "usr/bin/tool").read_bytes()
    assert (out / "usr/bin/tool").stat().st_mode & 0o777 == 0o755
    assert (out / "empty").stat().st_mode & 0o777 == 0o644
    assert (out / "bin").readlink() == Path("usr/bin")


def test_the_same_bytes_each_time(tree: Path) -> None:
    first = archive(tree)
    (tree / "empty").touch()
    assert archive(tree) == first
