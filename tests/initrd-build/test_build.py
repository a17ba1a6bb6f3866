"""Modules reach the initrd as they were signed, whatever compressed them; the same inputs give the same bytes."""

import json
import lzma
import subprocess
from pathlib import Path

import pytest

import build

TOP = Path(__file__).resolve().parents[2]
MODULE = b"\x7fELF" + bytes(range(256)) * 40 + b"~Module signature appended~\n"


@pytest.mark.parametrize("suffix", ["", ".xz", ".zst"])
def test_a_module_keeps_its_signature(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"thing.ko{suffix}"
    if suffix == ".xz":
        path.write_bytes(lzma.compress(MODULE))
    else:
        path.with_suffix("" if suffix else ".ko").write_bytes(MODULE)
    if suffix == ".zst":
        subprocess.run(["zstd", "-q", "--rm", str(tmp_path / "thing.ko")], check=True)
    assert build.read_module(path) == MODULE


def test_modules_are_stored_one_by_one(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.ko" for name in ("a", "b", "c")]
    for path in paths:
        path.write_bytes(MODULE)
    build.compress_modules(paths, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ko.zst", "b.ko.zst", "c.ko.zst"]
    assert all(build.read_module(path) == MODULE for path in tmp_path.iterdir())


def test_a_second_archive_may_follow(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    for size in range(1000, 1004):
        archive.write_bytes(bytes(range(256)) * 4 + bytes(size - 1000))
        build.compress(archive, tmp_path / "out", 3)
        assert (tmp_path / "out").stat().st_size % 4 == 0


def test_two_builds_are_identical(tmp_path: Path) -> None:
    outputs = [tmp_path / "a.img", tmp_path / "b.img"]
    for output in outputs:
        assert build.main(["--floor", "--output", str(output), "--compress-level", "3"]) == 0
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    manifest = json.loads((tmp_path / "a.manifest.json").read_text())
    assert manifest["bytes"] == outputs[0].stat().st_size


def test_a_kernel_without_tables_is_an_error_with_a_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--modules", str(tmp_path), "--output", str(tmp_path / "out")]
    assert build.main(arguments) == 1
    assert "depmod -b" in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["/nonexistent", "/", "/nonexistent/lib/modules/6.1"])
def test_no_kernel_at_all(folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["--modules", folder, "--output", str(tmp_path / "out")]) == 1
    assert "no folder lib/modules/RELEASE" in capsys.readouterr().err


def test_a_file_that_this_machine_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "HERE", tmp_path)  # where there is no floor-init
    assert build.main(["--floor", "--output", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert f"{tmp_path}/floor-init: No such file" in error
    assert "make setup" in error


def test_half_of_a_kernel_is_refused() -> None:
    for half in ("KERNEL=/boot/vmlinuz", "MODULES=/lib/modules/6.1"):
        done = subprocess.run(["make", "-n", "iso", half], cwd=TOP, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "go together" in done.stderr
