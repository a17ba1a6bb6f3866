"""What `pack` and `iso` write takes the place of a file, whole, and of nothing else."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from guest.errors import CustomizerError
from host.__main__ import main
from host.files import replace_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    (tmp_path / "good.conf").write_text("format = 1\nid = web01\n")
    (tmp_path / "kernel").write_bytes(bytes(5000))
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    return tmp_path


def writers(scene: Path, output: Path) -> list[list[str]]:
    kernel = str(scene / "kernel")
    return [
        ["pack", str(scene / "good.conf"), "-o", str(output)],
        ["iso", "--kernel", kernel, "--initrd", kernel, "-o", str(output)],
    ]


@pytest.mark.parametrize("name", ["fifo", "folder", "device", "link-to-device", "nodir/x.iso", "kernel/x.iso", "loop"])
def test_nothing_but_a_file_is_replaced(scene: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    if "device" in name:
        if os.geteuid() != 0:
            pytest.skip("only root makes devices")
        os.mknod(scene / "device", stat.S_IFCHR | 0o600, os.makedev(1, 7))  # as /dev/full
        (scene / "link-to-device").symlink_to("device")
    (scene / "loop").symlink_to("loop")
    before = {path: path.lstat().st_mode for path in scene.rglob("*")}
    for line in writers(scene, scene / name):
        assert main(line) == 1
        said = capsys.readouterr().err
        assert said.startswith(f"usage.file: {scene / name} "), (
            "the name is the one that was given, and nothing came before"
        )
        assert "\n  " in said, "there is a hint"
    assert {path: path.lstat().st_mode for path in scene.rglob("*")} == before


def test_a_link_stays_and_its_target_is_written(scene: Path) -> None:
    for number, line in enumerate(writers(scene, scene / "link")):
        (scene / "link").unlink(missing_ok=True)
        (scene / "link").symlink_to(f"folder/target{number}")
        assert main(line) == 0
        assert os.readlink(scene / "link") == f"folder/target{number}"
        assert (scene / f"folder/target{number}").stat().st_size > 32768
        assert [path.name for path in scene.glob("**/.guest-customizer-*")] == []


def test_iso_does_not_replace_its_kernel(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(writers(scene, scene / "kernel")[1]) == 1
    assert "is read by this command" in capsys.readouterr().err
    assert (scene / "kernel").read_bytes() == bytes(5000)


def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(scene: Path) -> None:
    output = scene / "out"
    output.write_text("old")
    before = sorted(scene.iterdir())

    def fail() -> None:
        with replace_file(output, mode=0o600) as partial:
            partial.write_text("half")
            raise OSError(28, "No space left on device", str(partial))

    with pytest.raises(CustomizerError) as caught:
        fail()
    assert caught.value.message == f"{output} cannot be written: No space left on device"
    assert (output.read_text(), sorted(scene.iterdir())) == ("old", before)


def test_modes(scene: Path) -> None:
    modes = []
    for line in writers(scene, scene / "out"):
        assert main(line) == 0
        modes.append(stat.S_IMODE((scene / "out").stat().st_mode))
    assert modes == [0o600, 0o644], "a document may hold secrets, the ISO holds none"
