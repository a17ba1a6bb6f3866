"""All or none: modes, owners and xattrs are kept, a failure puts everything back, an interrupted run is taken back."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from guest import apply, journal
from guest.edits import Edit, MakeFolder, MakeLink, Overlay, SetAside, WriteFile
from guest.errors import CustomizerError
from guest.prepare import prepare
from guest.rollback import NothingDoneError
from guest.standing import APPEND_ONLY, IMMUTABLE
from guest.sysroot import Sysroot, View
from whole import guard, whole


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
        except (apply.RestoredError, OSError):  # OSError: while it still only looked
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
        apply.recover(guest, interrupted)
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
        prepare(guest, "test", EDITS)
    assert caught.value.code == "apply.no-space"


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can do this to files")


def test_a_folder_with_a_mode_of_its_own(root: Path) -> None:
    edits = (MakeFolder("/root/.ssh", "", 0o700), WriteFile("/root/.ssh/authorized_keys", b"key", "", mode=0o600))
    assert carry_out(root, edits) == ("/root/.ssh", "/root/.ssh/authorized_keys")
    assert (root / "root/.ssh").stat().st_mode & 0o7777 == 0o700
    assert (root / "root").stat().st_mode & 0o7777 == 0o755
    assert carry_out(root, edits) == ()


@needs_root
def test_an_owner_of_its_own(root: Path) -> None:
    carry_out(root, (MakeFolder("/home/a", "", 0o750, (7, 8)), WriteFile("/home/a/f", b"", "", owner=(7, 8))))
    assert [(root / path).stat().st_uid for path in ("home", "home/a", "home/a/f")] == [0, 7, 7]


@needs_root
@pytest.mark.parametrize("mode", [0o600, 0o751, 0o172, 0o004])
def test_an_acl_is_kept_and_does_not_widen_the_mode(root: Path, mode: int) -> None:
    acl = bytes.fromhex("02000000 01000600ffffffff 0200070007000000 04000400ffffffff 10000700ffffffff 20000400ffffffff")
    os.setxattr(root / "etc/changed", "system.posix_acl_access", acl)
    assert carry_out(root, (WriteFile("/etc/changed", b"new", "", mode=mode),)) == ("/etc/changed",)
    assert (root / "etc/changed").stat().st_mode & 0o7777 == mode
    assert "system.posix_acl_access" in os.listxattr(root / "etc/changed")


@needs_root
def test_a_link_is_ours_and_its_owner_comes_back(root: Path) -> None:
    os.chown(root / "etc/link", 5, 6, follow_symlinks=False)
    with Sysroot(root) as guest, pytest.raises(apply.RestoredError):
        apply.apply(guest, "test", Overlay(guest).with_edits(EDITS).edits, (lambda _: "no",))
    state = (root / "etc/link").lstat()
    assert (state.st_uid, state.st_gid) == (5, 6)
    carry_out(root)
    state = (root / "etc/link").lstat()
    assert (state.st_uid, state.st_gid) == (0, 0)


@needs_root
@pytest.mark.parametrize("flags", [IMMUTABLE, APPEND_ONLY])
def test_immutable_files_and_folders_are_so_again_afterwards(root: Path, flags: int) -> None:
    guarded = [root / "etc/changed", root / "etc"]
    for path in guarded:
        guard(path, flags)
    try:
        carry_out(root)
        assert (root / "etc/changed").read_text() == "new"
        assert [whole(root)[str(path.relative_to(root))][5] for path in guarded] == [flags, flags]
    finally:
        for path in guarded:
            guard(path, 0)


def test_a_check_that_is_not_content_puts_everything_back(root: Path) -> None:
    before = content(root)
    with Sysroot(root) as guest, pytest.raises(apply.RestoredError) as caught:
        apply.apply(guest, "test", Overlay(guest).with_edits(EDITS).edits, (lambda _: None, lambda _: "it is not so"))
    assert caught.value.code == "apply.not-understood"
    assert "it is not so" in caught.value.message
    assert content(root) == before


def test_a_mistake_of_ours_puts_everything_back_too(root: Path) -> None:
    before = content(root)
    with Sysroot(root) as guest, pytest.raises(apply.RestoredError) as caught:
        apply.apply(guest, "test", Overlay(guest).with_edits(EDITS).edits, (lambda _: {}["s3cret"],))
    assert caught.value.code == "internal"
    assert "s3cret" not in str(caught.value)
    assert content(root) == before


def test_a_check_sees_the_guest_as_it_has_become(root: Path) -> None:
    def check(view: View) -> str | None:
        return None if view.read("/etc/changed") == b"new" else "old"

    with Sysroot(root) as guest:
        apply.apply(guest, "test", Overlay(guest).with_edits(EDITS).edits, (check,))


def test_a_disk_that_does_not_keep_what_is_written(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(root)

    def tamper(_file: int, *whole_and_why: int) -> None:
        assert whole_and_why == (0, 0, os.POSIX_FADV_DONTNEED)
        monkeypatch.undo()
        (root / "etc/changed").write_text("NEW")

    monkeypatch.setattr(os, "posix_fadvise", tamper)
    with pytest.raises(apply.RestoredError) as caught:
        carry_out(root)
    assert caught.value.code == "apply.not-kept"
    assert content(root) == before


def test_when_putting_back_fails_too_the_next_run_goes_on(root: Path) -> None:
    before = content(root)
    backups = root / "var/lib/guest-customizer/requests/test/backup"

    def lose_backups(_: View) -> str:
        backups.rename(backups.with_name("lost"))
        return "the backups are lost, too"

    with Sysroot(root) as guest, pytest.raises(apply.HalfDoneError) as caught:
        apply.apply(guest, "test", Overlay(guest).with_edits(EDITS).edits, (lose_backups,))
    assert caught.value.code == "apply.half-done"
    with Sysroot(root) as guest:
        (interrupted,) = journal.unfinished(guest)
        half = content(root)
        with pytest.raises(CustomizerError) as second:
            apply.recover(guest, interrupted)
        assert second.value.code == "apply.no-backup"
        assert content(root) == half, "nothing is put back before all of it can be"
        backups.with_name("lost").rename(backups)
        (backups / "0000").write_bytes(b"damaged")
        with pytest.raises(CustomizerError, match=r"apply\.no-backup"):
            apply.recover(guest, interrupted)
        (backups / "0000").write_bytes(b"old")
        apply.recover(guest, interrupted)
    assert content(root) == before


@needs_root
def test_no_backup_no_change(root: Path) -> None:
    before = content(root)
    guard(root / "var/lib", IMMUTABLE)
    try:
        with pytest.raises(apply.RestoredError) as caught:
            carry_out(root)
    finally:
        guard(root / "var/lib", 0)
    assert caught.value.code == "apply.failed"
    assert content(root) == before


def interrupted_journal(root: Path) -> journal.Journal:
    carry_out(root)
    with Sysroot(root) as guest:
        done = journal.read_journal(guest, "test")
        assert done is not None
        interrupted = replace(done, phase=journal.Phase.APPLYING)
        apply.write_journal(guest, interrupted)
    return interrupted


def test_nothing_is_taken_back_while_a_file_system_is_missing(root: Path) -> None:
    """/boot was mounted when its file was changed, and is not now: restoring would write below the mount point."""
    interrupted = interrupted_journal(root)
    after = content(root)
    first, *others, last = interrupted.records
    lost = replace(
        interrupted, records=(replace(first, mount_point="/boot"), *others, replace(last, mount_point="/etc"))
    )
    with Sysroot(root) as guest, pytest.raises(CustomizerError) as caught:
        apply.recover(guest, lost)
    assert caught.value.code == "storage.needed-mount"
    assert "/etc/changed lay on the file system of /boot, " in caught.value.message
    assert content(root) == after


def test_what_was_not_reached_is_not_touched_when_it_is_taken_back(root: Path) -> None:
    before = (root / "etc/changed").stat().st_ino
    with Sysroot(root) as guest:
        interrupted = prepare(guest, "test", Overlay(guest).with_edits(EDITS).edits).journal
        apply.write_journal(guest, interrupted)
        apply.recover(guest, interrupted)
    assert (root / "etc/changed").stat().st_ino == before


def test_a_folder_of_ours_is_no_change_of_somebody_elses(root: Path) -> None:
    """It may have been cut off between mkdir and its mode."""
    carry_out(root, (MakeFolder("/etc/ours", "", 0o700, (os.geteuid(), os.getegid())),))
    (root / "etc/ours").chmod(0o755)
    with Sysroot(root) as guest:
        done = journal.read_journal(guest, "test")
        assert done is not None
        assert apply.recover(guest, replace(done, phase=journal.Phase.APPLYING)) == ()
    assert not (root / "etc/ours").exists()


@needs_root
def test_what_was_guarded_is_so_again_where_nothing_could_be_taken_back(root: Path) -> None:
    guard(root / "etc", IMMUTABLE)
    try:
        interrupted = interrupted_journal(root)
        backup = root / "var/lib/guest-customizer/requests/test/backup/0000"
        for damaged in (b"1", b"2", b"3", b"4", b"5"):  # with digests above and below the right one
            backup.write_bytes(damaged)
            with Sysroot(root) as guest, pytest.raises(NothingDoneError):
                apply.recover(guest, interrupted)
            assert whole(root)["etc"][5] == IMMUTABLE
    finally:
        guard(root / "etc", 0)


def test_a_guest_without_var(root: Path) -> None:
    (root / "var/lib").rmdir()
    (root / "var").rmdir()
    carry_out(root)
    assert [(root / path).stat().st_mode & 0o7777 for path in ("var", "var/lib", "var/lib/guest-customizer")] == [
        0o755,
        0o755,
        0o700,
    ]


@needs_root
def test_nothing_is_taken_back_below_what_is_mounted_there_now(root: Path) -> None:
    interrupted = interrupted_journal(root)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", root / "etc"], check=True)
    try:
        with Sysroot(root) as guest, pytest.raises(NothingDoneError) as caught:
            apply.recover(guest, interrupted)
        assert list((root / "etc").iterdir()) == []
    finally:
        subprocess.run(["umount", root / "etc"], check=True)
    assert caught.value.code == "storage.needed-mount"
    assert "; /etc/changed lay on the file system of /, " in caught.value.message


@needs_root
def test_files_on_a_file_system_of_their_own_are_taken_back(root: Path) -> None:
    shutil.move(root / "etc", root / "old")
    (root / "etc").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", root / "etc"], check=True)
    try:
        shutil.copytree(root / "old", root / "etc", symlinks=True, dirs_exist_ok=True)
        before = content(root)
        interrupted = interrupted_journal(root)
        assert {record.mount_point for record in interrupted.records} == {"/etc"}
        with Sysroot(root) as guest:
            assert apply.recover(guest, interrupted) == ()
        assert content(root) == before
    finally:
        subprocess.run(["umount", root / "etc"], check=True)


@pytest.mark.parametrize(
    ("phase", "ends"),
    [(journal.Phase.APPLYING, journal.Phase.RESTORED), (journal.Phase.UNDOING, journal.Phase.UNDONE)],
)
def test_what_the_journal_says_in_the_end(root: Path, phase: journal.Phase, ends: journal.Phase) -> None:
    interrupted = replace(interrupted_journal(root), phase=phase)
    with Sysroot(root) as guest:
        apply.recover(guest, interrupted)
        done = journal.read_journal(guest, "test")
    assert done is not None
    assert done.phase is ends


@pytest.mark.parametrize(
    ("error", "said"),
    [(OSError(5, "It is broken"), "It is broken"), (OSError(5, "It is broken", "name"), "It is broken (name)")],
)
def test_what_is_said_of_a_disk_that_fails(
    root: Path, error: OSError, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    with Sysroot(root) as guest:
        monkeypatch.setattr(os, "symlink", fail)
        with pytest.raises(apply.RestoredError) as caught:
            apply.apply(guest, "test", Overlay(guest).with_edits(EDITS).edits)
        monkeypatch.undo()
        assert caught.value.message.endswith(f": {said}")
        interrupted = interrupted_journal(root)
        monkeypatch.setattr(os, "symlink", fail)
        with pytest.raises(NothingDoneError) as second:
            apply.recover(guest, interrupted)
        assert second.value.message.endswith(f": {said}")


def test_what_was_changed_since_an_interruption_is_kept(root: Path) -> None:
    """The half-done guest booted, and somebody worked in it before the next run."""
    before = content(root)
    interrupted = interrupted_journal(root)
    (root / "etc/changed").write_text("by hand")
    (root / "etc/stale").write_text("somebody's new one")
    replaced = root / "var/lib/guest-customizer/requests/test/replaced"
    with Sysroot(root) as guest:
        changed = apply.recover(guest, interrupted)
        assert changed == ("/etc/changed", "/etc/stale")
        apply.write_journal(guest, interrupted)
        assert apply.recover(guest, interrupted) == ()
    assert content(root) == before
    assert sorted(path.read_text() for path in replaced.iterdir()) == ["by hand", "somebody's new one"]
    assert [text.partition(" had been")[0] for text in apply.say_recovered(interrupted, changed)][1:] == list(changed)


def test_a_link_changed_since_an_interruption_is_kept_as_a_link(root: Path) -> None:
    before = content(root)
    interrupted = interrupted_journal(root)
    (root / "etc/link").unlink()
    (root / "etc/link").symlink_to("/etc/by-hand")
    (root / "etc/by-hand").write_text("old")
    (root / "etc/changed").unlink()
    (root / "etc/changed").symlink_to("../nowhere")
    replaced = root / "var/lib/guest-customizer/requests/test/replaced"
    with Sysroot(root) as guest:
        assert apply.recover(guest, interrupted) == ("/etc/changed", "/etc/link")
        (root / "etc/link").unlink()
        (root / "etc/link").symlink_to("/etc/by-hand")
        (root / "etc/changed").write_text("by hand")
        # What was kept is not kept twice; a file gets the next number where a link has its own.
        assert apply.recover(guest, interrupted) == ("/etc/changed", "/etc/link")
    kept = {path.name: os.readlink(path) if path.is_symlink() else path.read_text() for path in replaced.iterdir()}
    assert kept == {"0000": "../nowhere", "0001": "by hand", "0003": "/etc/by-hand"}
    (root / "etc/by-hand").unlink()
    assert content(root) == before


@pytest.mark.parametrize(
    ("path", "stand"),
    [
        ("etc/changed", Path.mkdir),
        ("etc/stale", os.mkfifo),
        ("etc/folder", Path.touch),
        ("etc/folder", lambda path: path.symlink_to("added")),
    ],
)
def test_a_folder_that_stands_in_the_way_is_seen_before_anything_is_taken_back(
    root: Path, path: str, stand: Callable[[Path], None]
) -> None:
    carry_out(root, (*EDITS, MakeFolder("/etc/folder", "", 0o700)))
    (root / path).rmdir() if (root / path).is_dir() else (root / path).unlink(missing_ok=True)
    stand(root / path)
    before = whole(root)
    with Sysroot(root) as guest:
        done = journal.read_journal(guest, "test")
        assert done is not None
        with pytest.raises(NothingDoneError) as caught:
            apply.recover(guest, replace(done, phase=journal.Phase.APPLYING))
    assert caught.value.code == "guest.changed-since"
    assert f"/{path} " in caught.value.message
    assert whole(root) == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda _: "",
        lambda _: "[" * 100_000,
        lambda text: text.replace('"format": 2', '"format": 3'),
        lambda text: text.replace('"id": "test"', '"id": "../../../etc"'),
        lambda text: text.replace('"path": "/etc/changed"', '"path": "/etc/../changed"'),
        lambda text: text.replace('"path": "/etc/changed"', '"path": "/"'),
        lambda text: text.replace('"mode": 416', '"mode": -1'),
        lambda text: text.replace('"uid"', '"uid": true, "x"'),
        lambda text: text.replace('"gid": 1', '"gid": 4294967295'),
        lambda text: text.replace('"uid": 1', '"uid": 4294967295'),
        lambda text: text.replace('"backup": "0000"', '"backup": "../../../../../etc/shadow"'),
        lambda text: text.replace('"kind": "file"', '"kind": "device"'),
        lambda text: text.replace('"phase": "applying"', '"phase": ["applying"]'),
        lambda text: text.replace('"target": "kept"', '"target": "\\ud800"'),
    ],
)
def test_a_damaged_journal_is_refused(root: Path, damage: Callable[[str], str]) -> None:
    os.chown(root / "etc/changed", 1, 1) if os.geteuid() == 0 else None
    interrupted_journal(root)
    file = root / "var/lib/guest-customizer/requests/test/journal.json"
    damaged = damage(file.read_text())
    assert damaged != file.read_text() or os.geteuid() != 0
    file.write_text(damaged)
    with Sysroot(root) as guest, pytest.raises(CustomizerError) as caught:
        journal.unfinished(guest)
    assert caught.value.code == "guest.bad-journal"


def test_backups_that_no_journal_knows_are_discarded(root: Path) -> None:
    """A run that ended before its journal was written has left copies of what may be secret."""
    orphan = root / "var/lib/guest-customizer/requests/gone/backup"
    orphan.mkdir(parents=True)
    (orphan / "0000").write_text("secret")
    carry_out(root)
    assert [path.name for path in orphan.parents[1].iterdir()] == ["test"]


def test_a_state_folder_on_another_disk_by_a_link(root: Path) -> None:
    (root / "var/lib").rmdir()
    (root / "data/lib").mkdir(parents=True)
    (root / "var/lib").symlink_to("../data/lib")
    carry_out(root)
    assert (root / "data/lib/guest-customizer/requests/test/journal.json").is_file()


def test_long_names(root: Path) -> None:
    """The temporary name would be longer than a file system takes."""
    name = "n" * 250
    assert carry_out(root, (WriteFile(f"/etc/{name}", b"x", ""),)) == (f"/etc/{name}",)


@needs_root
def test_what_is_new_gets_its_label_and_what_is_replaced_keeps_its_own(root: Path) -> None:
    contexts = root / "etc/selinux/targeted/contexts/files/file_contexts"
    contexts.parent.mkdir(parents=True)
    contexts.write_text("/etc(/.*)?  u:r:etc_t:s0\n/etc/keys(/.*)?  u:r:keys_t:s0\n")
    (root / "etc/selinux/config").write_text("SELINUX=enforcing\n")
    os.setxattr(root / "etc/changed", "security.selinux", b"u:r:own_t:s0\0")
    carry_out(root, (*EDITS, MakeFolder("/etc/keys", "", 0o700), WriteFile("/etc/keys/key", b"", "")))
    labels = {
        path: os.getxattr(root / path, "security.selinux", follow_symlinks=False)[:-1].decode().split(":")[2]
        for path in ("etc/changed", "etc/added", "etc/added/deep/file", "etc/link", "etc/keys", "etc/keys/key")
    }
    assert labels == {
        "etc/changed": "own_t",
        "etc/added": "etc_t",
        "etc/added/deep/file": "etc_t",
        "etc/link": "etc_t",
        "etc/keys": "keys_t",
        "etc/keys/key": "keys_t",
    }
