"""How a path stands: attributes and flags on file systems that know none, and on disks that fail."""

from __future__ import annotations

import errno
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from guest import staging, standing
from guest.standing import acl_with_mode, mount_point_of, read_attributes, set_guards, write_attributes
from guest.sysroot import Sysroot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "file").write_text("x")
    fd = os.open(tmp_path, os.O_PATH)
    yield fd
    os.close(fd)


def failing(number: int) -> object:
    def fail(*_: object, **__: object) -> object:
        raise OSError(number, os.strerror(number))

    return fail


def test_attributes_where_the_file_system_knows_none(folder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "listxattr", failing(errno.ENOTSUP))
    monkeypatch.setattr(os, "setxattr", failing(errno.ENOTSUP))
    assert read_attributes(folder, "file") == ()
    write_attributes(folder, "file", (("user.note", "00"),))


# One less and one more than ENOTSUP among them.
@pytest.mark.parametrize("number", [errno.EPERM, errno.EIO, errno.ENOSPC, errno.ENOTSUP - 1, errno.EDQUOT])
def test_attributes_of_a_disk_that_fails(folder: int, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "listxattr", failing(number))
    monkeypatch.setattr(os, "setxattr", failing(number))
    with pytest.raises(OSError, match=os.strerror(number)):
        read_attributes(folder, "file")
    with pytest.raises(OSError, match=os.strerror(number)):
        write_attributes(folder, "file", (("user.note", "00"),))
    write_attributes(folder, "file", (("security.ima", "00"),))  # only the guest's own kernel can sign


@pytest.mark.parametrize("number", [errno.ENOTTY, errno.ENOTSUP, errno.EINVAL])
def test_flags_where_the_file_system_knows_none(folder: int, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing.fcntl, "ioctl", failing(number))
    assert standing.guards_of(folder, "file") == 0
    set_guards(folder, "file", 0)
    with pytest.raises(OSError, match=os.strerror(number)):
        set_guards(folder, "file", standing.IMMUTABLE)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can set these")
@pytest.mark.parametrize("guards", [standing.IMMUTABLE, standing.APPEND_ONLY, standing.GUARDS])
def test_both_flags_are_set_and_taken_off(folder: int, guards: int) -> None:
    assert standing.GUARDS == 0x30
    try:
        set_guards(folder, "file", guards)
        assert standing.guards_of(folder, "file") == guards
    finally:
        set_guards(folder, "file", 0)
    assert standing.guards_of(folder, "file") == 0


@pytest.mark.parametrize("number", [errno.EIO, errno.EPERM, errno.EOVERFLOW])
def test_flags_of_a_disk_that_fails(folder: int, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing.fcntl, "ioctl", failing(number))
    with pytest.raises(OSError, match=os.strerror(number)):
        standing.guards_of(folder, "file")


def test_flags_are_not_looked_for_behind_a_link_or_in_a_fifo(tmp_path: Path, folder: int) -> None:
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="symbolic"):
        standing.guards_of(folder, "link")
    standing.guards_of(folder, "fifo")


def acl(*entries: tuple[int, int]) -> str:
    words = b"".join(tag.to_bytes(2, "little") + bits.to_bytes(2, "little") + b"\xff" * 4 for tag, bits in entries)
    return ((2).to_bytes(4, "little") + words).hex()


OWNER, USER, GROUP, MASK, OTHERS = 0x01, 0x02, 0x04, 0x10, 0x20


@pytest.mark.parametrize(
    ("before", "mode", "after"),
    [
        (((OWNER, 7), (USER, 6), (GROUP, 5), (MASK, 7), (OTHERS, 4)), 0o640,
         ((OWNER, 6), (USER, 6), (GROUP, 5), (MASK, 4), (OTHERS, 0))),
        (((OWNER, 0), (GROUP, 0), (OTHERS, 0)), 0o7753, ((OWNER, 7), (GROUP, 5), (OTHERS, 3))),
        (((USER, 6),), 0o700, ((USER, 6),)),
        ((), 0o777, ()),
    ],
)  # fmt: skip
def test_an_acl_takes_a_mode_as_chmod_has_it(
    before: tuple[tuple[int, int], ...], mode: int, after: tuple[tuple[int, int], ...]
) -> None:
    assert acl_with_mode(acl(*before), mode) == acl(*after)


@pytest.mark.parametrize("size", range(4, 28))
def test_an_acl_that_is_cut_off_keeps_its_length(size: int) -> None:
    whole = bytes.fromhex(acl((OWNER, 7), (GROUP, 7), (OTHERS, 7)))
    assert len(bytes.fromhex(acl_with_mode(whole[:size].hex(), 0))) == size


def test_a_device_is_neither_read_nor_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with Sysroot(tmp_path) as guest:
        assert standing.look_at(guest, "/fifo") == standing.Standing(standing.Kind.OTHER)
        assert standing.look_at(guest, "/none") == standing.NOTHING


def test_more_attributes_may_have_come_by_themselves_but_none_may_be_missing() -> None:
    bare, labelled = (standing.Standing(standing.Kind.FILE, attributes=each) for each in ((), (("a", "00"),)))
    assert labelled.is_as(bare)
    assert not bare.is_as(labelled)
    assert bare.is_as(bare)
    assert not labelled.is_as(standing.Standing(standing.Kind.FILE, 0o600))
    assert bare.is_untouched_since(labelled)
    assert not bare.is_untouched_since(standing.Standing(standing.Kind.LINK))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
def test_where_a_file_system_begins(tmp_path: Path) -> None:
    """Of those whose numbers go up from the outer to the inner one, and of those whose numbers go down."""
    mounted = [tmp_path / "root" / path for path in ("a", "a/b", "a/b/c", "d")]
    try:
        for folder in mounted:
            folder.mkdir(parents=True)
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
        inner = tmp_path / "root/d/inner"
        inner.mkdir()
        subprocess.run(["mount", "--bind", mounted[0], inner], check=True)  # older than what it lies in
        mounted.append(inner)
        (tmp_path / "root/a/b/file").write_text("inside")
        (tmp_path / "root/a/plain/deep").mkdir(parents=True)
        (tmp_path / "root/plain/deep").mkdir(parents=True)
        with Sysroot(tmp_path / "root") as guest:
            assert guest.read("/a/b/file") == b"inside"
            with staging.file_systems(guest, ["/a/x", "/a/y", "/d/x"]) as disks:
                assert set(disks._descriptors) == {
                    path.stat().st_dev for path in (tmp_path / "root", mounted[0], mounted[3])
                }, "those are flushed"
            found = [
                mount_point_of(guest, path)
                for path in (
                    "/x",
                    "/a/x",
                    "/a/plain/deep/x",
                    "/a/b/x",
                    "/a/b/c/x/y",
                    "/d/x",
                    "/d/inner/x",
                    "/plain/deep/x",
                )
            ]
            assert found == ["/", "/a", "/a", "/a/b", "/a/b/c", "/d", "/d/inner", "/"]
    finally:
        for folder in reversed(mounted):
            subprocess.run(["umount", folder], check=False)
