"""undo puts back bytes, modes, owners, attributes and links; what was changed since is named, and kept where it is forced."""

import json
import os
import shutil
from pathlib import Path

import pytest

from guest import apply, journal
from guest.__main__ import main
from guest.edits import MakeLink, Overlay, SetAside, WriteFile
from guest.errors import CustomizerError
from guest.standing import IMMUTABLE
from guest.sysroot import Sysroot
from guest.undo import plan_undo, undo
from whole import guard, whole

EDITS = (
    WriteFile("/etc/changed", b"new", "", mode=0o600),
    WriteFile("/etc/added/file", b"x", ""),
    SetAside("/etc/stale", ""),
    MakeLink("/etc/link", "changed", ""),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "var/lib").mkdir(parents=True)
    for name in ("changed", "stale"):
        (root / "etc" / name).write_text(name)
        (root / "etc" / name).chmod(0o640)
        os.setxattr(root / "etc" / name, "user.note", b"mine")
    (root / "etc/link").symlink_to("nowhere")
    return root


@pytest.fixture
def customized(root: Path) -> Path:
    with Sysroot(root) as guest:
        apply.apply(guest, "test", Overlay(guest).with_edits(EDITS).edits)
    return root


def take_back(root: Path, *, force: bool = False) -> tuple[str, ...] | None:
    with Sysroot(root) as guest:
        plan = plan_undo(guest, "test", force=force)
        if plan is None:
            return None
        undo(guest, plan)
        return plan.paths


def refused(root: Path, *, force: bool = False) -> CustomizerError:
    before = whole(root)
    with pytest.raises(CustomizerError) as caught:
        take_back(root, force=force)
    assert whole(root) == before
    return caught.value


def test_everything_comes_back(root: Path) -> None:
    before = whole(root, with_records=False)
    with Sysroot(root) as guest:
        apply.apply(guest, "test", Overlay(guest).with_edits(EDITS).edits)
    assert take_back(root) == ("/etc/changed", "/etc/added/file", "/etc/stale", "/etc/link")
    assert whole(root, with_records=False) == before
    assert take_back(root) is None, "and it is not taken back twice"


def test_what_was_undone_can_be_carried_out_again(customized: Path) -> None:
    after = whole(customized, with_records=False)
    take_back(customized)
    with Sysroot(customized) as guest:
        assert not journal.is_done(guest, "test")
        apply.apply(guest, "test", Overlay(guest).with_edits(EDITS).edits)
    assert whole(customized, with_records=False) == after


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("etc/changed", lambda path: path.write_text("by hand")),
        ("etc/changed", lambda path: path.chmod(0o644)),
        ("etc/changed", lambda path: path.unlink()),
        ("etc/added/file", lambda path: path.write_text("by hand")),
        ("etc/stale", lambda path: path.write_text("somebody's new one")),
        ("etc/link", lambda path: (path.unlink(), path.symlink_to("elsewhere"))),
        ("etc/link", lambda path: (path.unlink(), path.write_text("a file"))),
        ("etc/changed", lambda path: (path.unlink(), path.mkdir())),
        ("etc/changed", lambda path: (path.unlink(), os.mkfifo(path))),
    ],
)
def test_a_file_changed_since_is_named(customized: Path, path: str, change: object) -> None:
    change(customized / path)
    error = refused(customized)
    assert error.code == "guest.changed-since"
    assert f"/{path}" in error.message


def test_how_many_were_changed_since_is_told(customized: Path) -> None:
    (customized / "etc/changed").write_text("by hand")
    assert " more)" not in refused(customized).message
    (customized / "etc/added/file").write_text("by hand")
    assert "/etc/changed (and 1 more) " in refused(customized).message
    (customized / "etc/link").unlink()
    assert "/etc/changed (and 2 more) " in refused(customized).message


def test_force_takes_back_all_the_same_and_keeps_what_was_there(root: Path) -> None:
    before = whole(root, with_records=False)
    with Sysroot(root) as guest:
        apply.apply(guest, "test", Overlay(guest).with_edits(EDITS).edits)
    (root / "etc/changed").write_text("by hand")
    take_back(root, force=True)
    assert whole(root, with_records=False) == before
    kept = root / "var/lib/guest-customizer/requests/test/replaced/0000"
    assert kept.read_text() == "by hand"
    assert [path.name for path in kept.parent.iterdir()] == ["0000"], "and nothing else is kept twice"
    assert kept.stat().st_mode & 0o077 == 0


def test_force_keeps_a_link_that_was_there(customized: Path) -> None:
    (customized / "etc/link").unlink()
    (customized / "etc/link").symlink_to("elsewhere")
    take_back(customized, force=True)
    kept = customized / "var/lib/guest-customizer/requests/test/replaced/0003"
    assert (os.readlink(customized / "etc/link"), os.readlink(kept)) == ("nowhere", "elsewhere")


def test_what_was_kept_is_kept_when_the_id_is_used_again(customized: Path) -> None:
    kept = customized / "var/lib/guest-customizer/requests/test/replaced"
    for text in ("first", "second"):
        (customized / "etc/changed").write_text(text)
        take_back(customized, force=True)
        with Sysroot(customized) as guest:
            apply.apply(guest, "test", Overlay(guest).with_edits(EDITS).edits)
    assert {path.name: path.read_text() for path in kept.iterdir()} == {"0000": "first", "0001": "second"}


@pytest.mark.skipif(os.geteuid() != 0, reason="chattr needs root")
def test_an_undo_that_cannot_begin_changes_nothing(customized: Path) -> None:
    """Its first write, of what it keeps or of its journal, fails."""
    (customized / "etc/changed").write_text("by hand")
    request = customized / "var/lib/guest-customizer/requests/test"
    for force, message in ((True, "nothing could be put back"), (False, "the undo could not be begun")):
        before = whole(customized, with_records=False)
        guard(request, IMMUTABLE)
        try:
            with pytest.raises(apply.RestoredError) as caught:
                take_back(customized, force=force)
        finally:
            guard(request, 0)
        assert caught.value.code == "apply.failed"
        assert caught.value.message.startswith(message)
        assert caught.value.hint == "nothing was changed"
        assert whole(customized, with_records=False) == before
        with Sysroot(customized) as guest:
            assert journal.is_done(guest, "test"), "it is still in force"
        (customized / "etc/changed").write_text("new")


def test_a_folder_is_not_replaced_even_by_force(customized: Path) -> None:
    (customized / "etc/changed").unlink()
    (customized / "etc/changed").mkdir()
    assert refused(customized, force=True).code == "guest.changed-since"


def test_what_has_gone_by_itself_is_no_change(customized: Path) -> None:
    """First boot removes its own hook and its steps."""
    shutil.rmtree(customized / "etc/added")
    (customized / "etc/changed").write_text("changed")
    (customized / "etc/changed").chmod(0o640)
    assert take_back(customized) == ("/etc/stale", "/etc/link")


def test_a_folder_that_is_in_use_stays(customized: Path) -> None:
    (customized / "etc/added/mine").write_text("mine")
    take_back(customized)
    assert [path.name for path in (customized / "etc/added").iterdir()] == ["mine"]


def test_unknown_request(root: Path) -> None:
    assert refused(root).code == "guest.no-such-request"


def test_a_lost_backup_is_found_before_anything_is_touched(customized: Path) -> None:
    (customized / "var/lib/guest-customizer/requests/test/backup/0002").unlink()
    before = whole(customized, with_records=False)
    with pytest.raises(apply.RestoredError) as caught:
        take_back(customized)
    assert caught.value.code == "apply.no-backup"
    assert "put that file right by hand" in caught.value.hint
    assert whole(customized, with_records=False) == before
    with Sysroot(customized) as guest:
        assert journal.is_done(guest, "test"), "it is still in force"


def half_done_then_recovered(customized: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """What the next run says was changed, after an undo that a failing disk, patched in before, stopped half-way."""
    with pytest.raises(apply.HalfDoneError) as caught:
        take_back(customized)
    assert caught.value.code == "apply.half-done"
    monkeypatch.undo()
    with Sysroot(customized) as guest:
        (interrupted,) = journal.unfinished(guest)
        changed = apply.recover(guest, interrupted)
    assert (customized / "etc/stale").read_text() == "stale"
    return changed


def test_a_disk_that_does_not_keep_what_is_put_back(customized: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.rename

    def rename(source: str, target: str, **folders: int) -> None:
        real(source, target, **folders)
        if target == "stale":
            (customized / "etc/stale").write_text("not what was written")

    monkeypatch.setattr(os, "rename", rename)
    assert half_done_then_recovered(customized, monkeypatch) == ("/etc/stale",)


def test_a_disk_that_fails_half_way_through_an_undo(customized: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.rename

    def rename(source: str, target: str, **folders: int) -> None:
        if target == "stale":
            raise OSError(5, "Input/output error")
        real(source, target, **folders)

    monkeypatch.setattr(os, "rename", rename)
    assert half_done_then_recovered(customized, monkeypatch) == ()


DOCUMENT = "format = 1\nid = test\n[request]\naction = undo\n"


def test_by_document_on_a_tree(customized: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = tmp_path / "customization.conf"
    document.write_text(DOCUMENT)
    line = ["--root", str(customized), str(document)]
    assert main(["plan", *line, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changed"][0] == "/etc/added/file"
    assert (customized / "etc/changed").read_text() == "new"
    assert main(["apply", *line]) == 0
    assert "/etc/changed: back as it was" in capsys.readouterr().out
    assert (customized / "etc/changed").read_text() == "changed"
    assert main(["apply", *line]) == 0
    assert "nothing to do" in capsys.readouterr().err


def test_by_id_and_by_force_on_a_tree(customized: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (customized / "etc/changed").write_text("by hand")
    line = ["undo", "--root", str(customized), "--id", "test"]
    assert main(line) == 1
    assert capsys.readouterr().err.startswith("guest.changed-since: /etc/changed ")
    assert main([*line, "--force"]) == 0
    assert (customized / "etc/changed").read_text() == "changed"


def test_undo_needs_to_know_what(customized: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["undo", "--root", str(customized)])
    assert caught.value.code == 2
