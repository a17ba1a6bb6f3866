"""The strokes by themselves: what stands under a name at the last moment is not followed, what is not ours is not cleared."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from guest import apply, staging
from guest.edits import Overlay, WriteFile
from guest.journal import Record
from guest.standing import NOTHING, Kind, Standing
from guest.sysroot import Sysroot
from whole import whole

if TYPE_CHECKING:
    from pathlib import Path

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "var/lib").mkdir(parents=True)
    (tmp_path / "etc/file").write_text("old")
    return tmp_path


def carry_out(root: Path, request: str, content: bytes) -> None:
    with Sysroot(root) as guest:
        apply.apply(guest, request, Overlay(guest).with_edits((WriteFile("/etc/file", content, ""),)).edits)


@pytest.mark.parametrize("link", [True, False])
def test_what_is_put_under_the_temporary_name_at_the_last_moment_is_not_written_to(
    root: Path, link: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = root / "mine"
    mine.write_text("mine")
    stand = root / "etc" / staging.temporary("file")
    stand.symlink_to(mine) if link else os.link(mine, stand)
    monkeypatch.setattr(os, "unlink", lambda *_, **__: None)
    with Sysroot(root) as guest, guest.parent("/etc/file") as (fd, name), pytest.raises(FileExistsError):
        staging.stage(fd, name, Standing(Kind.FILE, 0o644), b"new")
    assert mine.read_text() == "mine"


def test_a_disk_that_fails_leaves_no_descriptor_open(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(5, "Input/output error")

    with Sysroot(root) as guest, guest.parent("/etc/file") as (fd, name):
        before = os.listdir("/proc/self/fd")
        monkeypatch.setattr(os, "write", fail)
        with pytest.raises(OSError, match="Input/output"):
            staging.stage(fd, name, Standing(Kind.FILE, 0o644), b"new")
        monkeypatch.undo()
        assert os.listdir("/proc/self/fd") == before


def test_what_is_written_is_not_handed_to_children(root: Path) -> None:
    with Sysroot(root) as guest, guest.parent("/etc/file") as (fd, name):
        file = staging._create(fd, name, b"new")
        try:
            assert not os.get_inheritable(file)
            assert os.fstat(file).st_mode & 0o7777 == 0o600
        finally:
            os.close(file)


@needs_root
@pytest.mark.parametrize("stand", ["link", "file"])
def test_a_folder_is_given_away_only_where_it_is_one(root: Path, stand: str) -> None:
    (root / "elsewhere").mkdir()
    (root / "link").symlink_to("elsewhere")
    (root / "file").touch()
    before = whole(root)
    with Sysroot(root) as guest, pytest.raises(OSError, match=r"directory|symbolic"):
        staging.make_folder(guest, f"/{stand}", 0o700, (7, 8))
    assert whole(root) == before


@needs_root
def test_a_folder_with_a_mode_and_an_owner(root: Path) -> None:
    with Sysroot(root) as guest:
        staging.make_folder(guest, "/made", 0o777, (7, 8))
        state = guest.state("/made")
        assert state is not None
        assert (state.permissions, state.uid, state.gid) == (0o777, 7, 8), "whatever the umask is"


@needs_root
def test_nothing_is_given_away_by_another_user(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with Sysroot(root) as guest, guest.parent("/etc/file") as (fd, name):
        staging.make_folder(guest, "/made", 0o700, (7, 8))
        staging.stage(fd, name, Standing(Kind.FILE, 0o600, 7, 8), b"")
        staging.stage(fd, "link", Standing(Kind.LINK, 0o777, 7, 8, target="file"), b"")
    made = ("made", f"etc/{staging.temporary('file')}", f"etc/{staging.temporary('link')}")
    assert [(root / path).lstat().st_uid for path in made] == [0, 0, 0]


def test_the_cache_is_dropped_of_files_alone(root: Path) -> None:
    """What is put there after the last write is not followed, and not waited for."""
    record = Record("/etc/file", "/", NOTHING, Standing(Kind.FILE))
    (root / "etc/file").unlink()
    (root / "etc/file").symlink_to("/etc/other")
    (root / "etc/other").touch()
    with Sysroot(root) as guest:
        with pytest.raises(OSError, match="symbolic"):
            apply._forget_cached(guest, record)
        (root / "etc/file").unlink()
        os.mkfifo(root / "etc/file")
        with pytest.raises(OSError, match="Illegal seek"):
            apply._forget_cached(guest, record)


def test_another_requests_backups_are_left_alone(root: Path) -> None:
    requests = root / "var/lib/guest-customizer/requests"
    carry_out(root, "first", b"first")
    carry_out(root, "second", b"second")
    assert (requests / "first/backup/0000").read_bytes() == b"old"
    assert (requests / "second/backup/0000").read_bytes() == b"first"
    (requests / "first/backup/0001").write_text("of a run that is over")
    carry_out(root, "first", b"third")
    assert not (requests / "first/backup/0001").exists()
    assert [(requests / name / "backup/0000").read_bytes() for name in ("first", "second")] == [b"second", b"first"]


def test_what_is_not_ours_among_the_requests_is_left_alone(root: Path) -> None:
    requests = root / "var/lib/guest-customizer/requests"
    (requests / "notes/backup").mkdir(parents=True)
    for name in (
        "notes/readme",
        "notes/backup/mine",
        "notes/backup/0001",
        "notes/.journal.json.guest-customizer",
        "file",
    ):
        (requests / name).write_text(name)
    carry_out(root, "first", b"first")
    left = {str(path.relative_to(requests)) for path in requests.rglob("*") if "first" not in path.parts}
    assert left == {"notes", "notes/backup", "notes/readme", "notes/backup/mine", "file"}


def test_what_a_link_in_our_folders_place_leads_to_is_not_cleared(root: Path) -> None:
    (root / "elsewhere/gone/backup").mkdir(parents=True)
    (root / "elsewhere/gone/backup/0000").write_text("theirs")
    (root / "var/lib/guest-customizer").mkdir()
    (root / "var/lib/guest-customizer/requests").symlink_to("/elsewhere")
    carry_out(root, "first", b"first")
    assert (root / "elsewhere/gone/backup/0000").read_text() == "theirs"


def test_temporary_names() -> None:
    assert staging.temporary("hosts") == ".hosts.guest-customizer"
    assert staging.temporary("n" * 237) == f".{'n' * 237}.guest-customizer", "255 bytes, the most that a name may have"
    assert staging.temporary("n" * 238) == f".{'n' * 237}.guest-customizer"


def test_a_flush_that_fails_is_told(root: Path) -> None:
    with Sysroot(root) as guest, staging.file_systems(guest, ["/etc/file"]) as disks:
        disks.sync()
        closed = os.open(root, os.O_RDONLY)
        os.close(closed)
        with pytest.raises(OSError, match="Bad file"):
            staging.FileSystems({0: closed}).sync()
