"""All or none: modes, owners and xattrs are kept, a failure puts everything back, an interrupted run is taken back."""

import os
from pathlib import Path

import pytest

from guest import apply, journal
from guest.edits import Edit, MakeLink, Overlay, SetAside, WriteFile
from guest.errors import CustomizerError
from guest.sysroot import Sysroot


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "var/lib").mkdir(parents=True)
    (root / "etc/kept").write_text("kept")
    (root / "etc/changed").write_text("old")
    (root / "etc/changed").chmod(0o640)
    (root / "etc/stale").write_text("stale")
    (root / "etc/link").symlink_to("kept")
    return root


EDITS: tuple[Edit, ...] = (
    WriteFile("/etc/changed", b"new", ""),
    WriteFile("/etc/added/deep/file", b"x", "", mode=0o600),
    SetAside("/etc/stale", ""),
    MakeLink("/etc/link", "changed", ""),
)


def content(root: Path) -> dict[str, str]:
    """Everything but our own records."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if not name.startswith("var/lib/guest-customizer") and not path.is_dir():
            mode = f"{path.lstat().st_mode & 0o777:o} "
            found[name] = f"-> {os.readlink(path)}" if path.is_symlink() else mode + path.read_text()
    return found


def carry_out(root: Path, edits: tuple[Edit, ...] = EDITS) -> tuple[str, ...]:
    with Sysroot(root) as guest:
        return apply.apply(guest, "test", Overlay(guest).with_edits(edits).edits)


def test_all_edits(root: Path) -> None:
    assert carry_out(root) == ("/etc/changed", "/etc/added/deep/file", "/etc/stale", "/etc/link")
    assert content(root) == {
        "etc/added/deep/file": "600 x",
        "etc/changed": "640 new",
        "etc/kept": "644 kept",
        "etc/link": "-> changed",
    }
    with Sysroot(root) as guest:
        assert journal.is_done(guest, "test")
        assert not journal.is_done(guest, "other")


def test_extended_attributes_are_kept(root: Path) -> None:
    os.setxattr(root / "etc/changed", "user.note", b"mine")
    carry_out(root)
    assert os.getxattr(root / "etc/changed", "user.note") == b"mine"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_is_kept(root: Path) -> None:
    os.chown(root / "etc/changed", 1234, 4321)
    carry_out(root)
    state = (root / "etc/changed").stat()
    assert (state.st_uid, state.st_gid) == (1234, 4321)


def test_our_records_are_private(root: Path) -> None:
    carry_out(root)
    state = root / "var/lib/guest-customizer"
    for path in [state, *state.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_no_temporary_file_is_left(root: Path) -> None:
    carry_out(root)
    assert not list(root.rglob("*.guest-customizer"))


@pytest.mark.parametrize("operation", ["rename", "unlink", "symlink", "open", "mkdir", "fsync"])
@pytest.mark.parametrize("nth", range(1, 24))
def test_a_failure_at_any_call_puts_everything_back(
    root: Path, operation: str, nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fails at the nth such call, once: the edits are all there, or none of them is."""
    before = content(root)
    real = getattr(os, operation)
    calls = 0

    def failing(*arguments: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls == nth:
            raise OSError(5, "Input/output error")
        return real(*arguments, **named)

    with Sysroot(root) as guest:
        edits = Overlay(guest).with_edits(EDITS).edits
        monkeypatch.setattr(os, operation, failing)
        try:
            apply.apply(guest, "test", edits)
            failed = False
        except apply.RestoredError:
            failed = True
        monkeypatch.undo()
        assert journal.unfinished(guest) == ()
        assert journal.is_done(guest, "test") is not failed
    assert failed is (calls >= nth)
    if failed:
        assert content(root) == before
    else:
        assert content(root)["etc/changed"] == "640 new"


def test_an_interrupted_run_is_taken_back_by_the_next(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(root)

    class PowerCut(BaseException):
        """Not an error of ours: nothing after it runs."""

    def cut(*_: object) -> None:
        raise PowerCut

    monkeypatch.setattr(apply, "_verify", cut)
    with pytest.raises(PowerCut):
        carry_out(root)
    monkeypatch.undo()
    assert content(root) != before
    with Sysroot(root) as guest:
        (interrupted,) = journal.unfinished(guest)
        apply.roll_back(guest, interrupted)
        assert journal.unfinished(guest) == ()
        assert not journal.is_done(guest, "test")
    assert content(root) == before


def test_a_device_or_folder_is_not_replaced(root: Path) -> None:
    (root / "etc/folder").mkdir()
    with pytest.raises(CustomizerError) as caught:
        carry_out(root, (SetAside("/etc/folder", ""),))
    assert caught.value.code == "apply.not-a-file"


def test_too_little_room_is_seen_before_the_first_write(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.statvfs_result((4096, 4096, 1000, 10, 10, 1000, 500, 500, 0, 255))
    monkeypatch.setattr(os, "fstatvfs", lambda _: full)
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    with Sysroot(root) as guest, pytest.raises(CustomizerError) as caught:
        apply.check_room(guest, EDITS)
    assert caught.value.code == "apply.no-space"
