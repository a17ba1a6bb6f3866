"""What is known before the first write: room to the byte, how things will stand, what is in the way."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from guest import apply, staging
from guest.edits import Edit, MakeFolder, MakeLink, Overlay, SetAside, WriteFile
from guest.errors import CustomizerError
from guest.prepare import prepare
from guest.standing import Kind
from guest.sysroot import Sysroot
from whole import whole

if TYPE_CHECKING:
    from pathlib import Path

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can do this to files")
MIB = 1 << 20
PAGE = 4096


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "var/lib").mkdir(parents=True)
    (tmp_path / "etc/old").write_bytes(b"x" * 10_000)
    return tmp_path


EDITS: tuple[Edit, ...] = (
    WriteFile("/etc/old", b"y" * 1_600_000, ""),
    WriteFile("/etc/new", b"", ""),
    SetAside("/etc/none", ""),
)
# The journal of three records (6 KiB), a backup of two pages and a half, new files of 391 pages and of none; two pages more
# for each, for the folder's growth and the like. In inodes: five.
BYTES = ((1 + 2) + (2 + 2) + (390 + 2) + 2 + 2) * PAGE + MIB
INODES = 5 + 32


def code_with(root: Path, monkeypatch: pytest.MonkeyPatch, size: int, inodes: int, all_inodes: int = 1000) -> str:
    # Of bytes for blocks, so that the last one counts; f_bfree and f_ffree, which are for root alone, are plenty.
    room = os.statvfs_result((PAGE, 1, 1 << 30, 1 << 30, size, all_inodes, 1 << 20, inodes, 0, 255))
    with Sysroot(root) as guest, monkeypatch.context() as patch:
        patch.setattr(os, "statvfs", lambda _: room)
        try:
            prepare(guest, "test", EDITS)
        except CustomizerError as error:
            return error.code
    return "room enough"


def test_room_to_the_byte(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert code_with(root, monkeypatch, BYTES, INODES) == "room enough"
    assert code_with(root, monkeypatch, BYTES - 1, INODES) == "apply.no-space"
    assert code_with(root, monkeypatch, BYTES, INODES - 1) == "apply.no-inodes"
    assert code_with(root, monkeypatch, BYTES, 0, all_inodes=0) == "room enough", "btrfs says 0 of 0"


def test_inodes_for_many_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = os.statvfs_result((PAGE, PAGE, 1 << 30, 1 << 30, 1 << 30, 1000, 1000, 41 + 31, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: room)
    with Sysroot(root) as guest, pytest.raises(CustomizerError, match=r"apply\.no-inodes"):
        prepare(guest, "test", tuple(WriteFile(f"/etc/{number}", b"", "") for number in range(40)))


def test_room_is_counted_in_blocks_of_the_file_system(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for blocks, code in ((BYTES // 512 + 1, None), (BYTES // 512 - 1, "apply.no-space")):
        room = os.statvfs_result((PAGE, 512, 1 << 30, 1 << 30, blocks, 0, 0, 0, 0, 255))
        with Sysroot(root) as guest, monkeypatch.context() as patch:
            patch.setattr(os, "statvfs", lambda _, room=room: room)
            if code is None:
                prepare(guest, "test", EDITS)
            else:
                with pytest.raises(CustomizerError, match=code):
                    prepare(guest, "test", EDITS)


@needs_root
def test_other_attributes_are_not_taken_for_an_acl(root: Path) -> None:
    looks_like_one = bytes.fromhex("02000000 01000700ffffffff 04000700ffffffff 20000700ffffffff")
    for name in ("user.note", "trusted.note", "security.note"):
        os.setxattr(root / "etc/old", name, looks_like_one)
    with Sysroot(root) as guest:
        apply.apply(guest, "test", (WriteFile("/etc/old", b"new", "", mode=0o600),))
    for name in ("user.note", "trusted.note", "security.note"):
        assert os.getxattr(root / "etc/old", name) == looks_like_one


@needs_root
def test_how_things_will_stand(root: Path) -> None:
    os.chown(root / "etc/old", 5, 6)
    (root / "etc/old").chmod(0o4751)
    (root / "etc/link").symlink_to("old")
    edits = (
        WriteFile("/etc/old", b"", ""),
        WriteFile("/etc/link", b"", ""),
        WriteFile("/etc/new", b"", "", mode=0o600, owner=(7, 8)),
        MakeLink("/etc/l2", "old", ""),
        MakeFolder("/etc/f", "", 0o711, (7, 8)),
        SetAside("/etc/old2", ""),
    )
    with Sysroot(root) as guest:
        after = [record.after for record in prepare(guest, "test", edits).journal.records]
    assert [(each.kind, each.mode, each.uid, each.gid) for each in after] == [
        (Kind.FILE, 0o4751, 5, 6),
        (Kind.FILE, 0o644, 0, 0),
        (Kind.FILE, 0o600, 7, 8),
        (Kind.LINK, 0o777, 0, 0),
        (Kind.FOLDER, 0o711, 7, 8),
        (Kind.NONE, 0, 0, 0),
    ]


def test_another_users_tree_gets_files_of_that_user(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getegid", lambda: 1001)
    contexts = root / "etc/selinux/targeted/contexts/files/file_contexts"
    contexts.parent.mkdir(parents=True)
    contexts.write_text("/etc(/.*)?  u:r:etc_t:s0\n")
    (root / "etc/selinux/config").write_text("SELINUX=enforcing\n")
    edits = (
        WriteFile("/etc/new", b"", "", owner=(7, 8)),
        MakeLink("/etc/link", "new", ""),
        MakeFolder("/etc/folder", "", 0o700, (7, 8)),
    )
    with Sysroot(root) as guest:
        records = prepare(guest, "test", edits).journal.records
    assert [(record.after.uid, record.after.gid) for record in records] == [(1000, 1001)] * 3
    assert [record.after.attributes for record in records] == [()] * 3, "only root can label"


def test_a_folder_under_our_temporary_name_is_in_the_way_and_a_file_is_not(root: Path) -> None:
    stand = root / "etc" / staging.temporary("old")
    stand.write_text("of an earlier run")
    with Sysroot(root) as guest:
        prepare(guest, "test", EDITS)
        stand.unlink()
        stand.mkdir()
        with pytest.raises(CustomizerError, match=r"apply\.not-a-file"):
            prepare(guest, "test", EDITS)


@pytest.mark.parametrize(
    ("edit", "what"),
    [(MakeFolder("/etc/old", ""), "no folder"), (WriteFile("/var/lib", b"", ""), "no file or link")],
)
def test_what_stands_in_the_way_is_said(root: Path, edit: Edit, what: str) -> None:
    with Sysroot(root) as guest, pytest.raises(CustomizerError, match=f"in the guest is {what}$") as caught:
        prepare(guest, "test", (edit,))
    assert caught.value.code == "apply.not-a-file"


@pytest.mark.parametrize("stand", ["folder", "file"])
def test_a_folder_that_is_there_gets_its_mode_and_a_file_is_none(root: Path, stand: str) -> None:
    place = root / "etc/f"
    place.mkdir(0o755) if stand == "folder" else place.touch()
    before = whole(root, with_records=False)
    edits = (MakeFolder("/etc/f", "", 0o700, (os.geteuid(), os.getegid())),)
    with Sysroot(root) as guest:
        if stand == "file":
            with pytest.raises(CustomizerError, match=r"apply\.not-a-file"):
                prepare(guest, "test", edits)
            return
        with pytest.raises(apply.RestoredError):
            apply.apply(guest, "test", edits, (lambda _: "no",))
        assert whole(root, with_records=False) == before, "it was there, so it stays, empty as it is"
        apply.apply(guest, "test", edits)
    assert place.stat().st_mode & 0o7777 == 0o700


def test_folders_that_are_made_on_the_way(root: Path) -> None:
    edits = (
        WriteFile("/a/b/c/file", b"", ""),
        WriteFile("/a/d/file", b"", ""),
        SetAside("/x/y/none", ""),
        MakeFolder("/a/b", ""),
    )
    before = whole(root, with_records=False)
    with Sysroot(root) as guest:
        transaction = prepare(guest, "test", edits)
        assert transaction.journal.folders == ("/a", "/a/b/c", "/a/d")
        with pytest.raises(apply.RestoredError):
            apply.carry_out(guest, transaction, (lambda _: "no",))
    assert whole(root, with_records=False) == before, "none of them is left"


def test_folders_among_our_own_are_private(root: Path) -> None:
    edits = (WriteFile("/var/lib/guest-customizer/first-boot/steps/1", b"", ""), WriteFile("/opt/a/file", b"", ""))
    with Sysroot(root) as guest:
        apply.apply(guest, "test", edits)
    made = (
        "var/lib/guest-customizer",
        "var/lib/guest-customizer/first-boot",
        "var/lib/guest-customizer/first-boot/steps",
        "opt/a",
    )
    assert [(root / folder).stat().st_mode & 0o7777 for folder in made] == [0o700, 0o700, 0o700, 0o755]


def test_what_the_guest_has_put_into_our_folder_stays(root: Path) -> None:
    def somebody_writes(_: object) -> str:
        (root / "etc/ours/theirs").write_text("theirs")
        return "no"

    with Sysroot(root) as guest, pytest.raises(apply.RestoredError):
        apply.apply(
            guest, "test", (MakeFolder("/etc/ours", "", 0o755, (os.geteuid(), os.getegid())),), (somebody_writes,)
        )
    assert (root / "etc/ours/theirs").read_text() == "theirs"


def test_a_request_that_changes_nothing(root: Path) -> None:
    with Sysroot(root) as guest:
        assert apply.apply(guest, "test", Overlay(guest).edits) == ()
