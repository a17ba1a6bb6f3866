"""Two builds from the same inputs give the same bytes: the frozen customizer, and the initrd with everything in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
BUILD = TOP / "build"


def initrd(customizer: Path, output: Path) -> bytes:
    builder = [sys.executable, TOP / "initrd-build/build.py", "--modules", BUILD / "kernel/modules"]
    arguments = ["--customizer", customizer, "--compress-level", "3", "--output", output]
    subprocess.run([*builder, *arguments], check=True, stdout=subprocess.DEVNULL)
    return output.read_bytes()


def test_a_second_build_is_the_same(iso: Path, tmp_path: Path) -> None:
    assert iso.exists()  # so are the customizer and the kernel that it was made of
    again = tmp_path / "customizer"
    freeze = [sys.executable, TOP / "initrd-build/freeze.py", "--output", again]
    subprocess.run(freeze, check=True, stdout=subprocess.DEVNULL)
    frozen = BUILD / "customizer"
    names = sorted(path.relative_to(frozen) for path in frozen.rglob("*"))
    assert names == sorted(path.relative_to(again) for path in again.rglob("*"))
    for name in names:
        if (again / name).is_file():
            assert (again / name).read_bytes() == (frozen / name).read_bytes(), name
    assert initrd(frozen, tmp_path / "first.img") == initrd(again, tmp_path / "second.img")
