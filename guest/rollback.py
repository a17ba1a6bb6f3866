"""Puts every path of a journal back as it was before. May be interrupted anywhere and repeated: it looks, then acts.

Everything that is to come back is staged and on disk before the first path is touched, as apply.py does going forward.
"""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from guest import staging
from guest.errors import CustomizerError
from guest.standing import Kind, Standing, digest_of, look_at

if TYPE_CHECKING:
    from guest.journal import Journal, Record
    from guest.sysroot import Sysroot


class NothingDoneError(CustomizerError):
    """It failed before any path was touched."""


def keep_changed(sysroot: Sysroot, journal: Journal) -> tuple[str, ...]:
    """The paths that stand neither as before nor as after; the files and links among them go to requests/ID/replaced.

    Raises NothingDoneError, also where what stands there now could not be put back.
    """
    changed = []
    try:
        for number, record in enumerate(journal.records):
            now = look_at(sysroot, record.path)
            _refuse_irreplaceable(journal, record, now)
            if _is_changed(record, now):
                changed.append((number, record.path))
        for number, path in changed:
            _keep(sysroot, f"{journal.folder}/replaced", number, _what_it_holds(sysroot, path))
    except (OSError, CustomizerError) as error:
        raise _nothing_done(error) from error
    return tuple(path for _, path in changed)


def _refuse_irreplaceable(journal: Journal, record: Record, now: Standing) -> None:
    """Folders and special files are not replaced, and a folder replaces nothing."""
    is_folder = Kind.FOLDER in (record.before.kind, record.after.kind)
    replaceable = (Kind.NONE, Kind.FOLDER) if is_folder else (Kind.NONE, Kind.FILE, Kind.LINK)
    if now.kind not in replaceable:
        raise CustomizerError(
            "guest.changed-since",
            f"{record.path} in the guest has been changed since request {journal.id}: another kind of file is there now",
            "move it away in the guest; nothing is taken back before all of it can be",
        )


def _is_changed(record: Record, now: Standing) -> bool:
    if now.kind is Kind.FOLDER:  # ours, which may have been cut off between mkdir and its mode
        return False
    return not (now.is_untouched_since(record.before) or now.is_untouched_since(record.after))


def _keep(sysroot: Sysroot, folder: str, number: int, held: str | bytes | None) -> None:
    """Under the next free number: what was kept before is the administrator's. Not twice, where a run is repeated."""
    if held is None:
        return
    staging.make_state_folder(sysroot, folder)
    for free in itertools.count(number):
        path = f"{folder}/{free:04}"
        if sysroot.state(path) is None:
            if isinstance(held, str):
                staging.write_own_link(sysroot, path, held)
            else:
                staging.write_own(sysroot, path, held)
            return
        if _what_it_holds(sysroot, path) == held:
            return


def _what_it_holds(sysroot: Sysroot, path: str) -> str | bytes | None:
    """A link's target, a file's content, None where nothing is."""
    target = sysroot.link_target(path)
    return sysroot.read(path) if target is None else target


def roll_back(sysroot: Sysroot, journal: Journal) -> None:
    """Raises NothingDoneError, CustomizerError, OSError. The caller writes the journal's next phase."""
    with staging.file_systems(sysroot, [record.path for record in journal.records]) as disks:
        try:
            for folder, _ in journal.guarded:
                staging.lift_guards(sysroot, folder)
            for record in journal.records:
                _remove_staged(sysroot, record)
            changed = [record for record in reversed(journal.records) if not _is_back(sysroot, record)]
            for record in changed:
                _stage(sysroot, journal, record)
            disks.sync()
        except (OSError, CustomizerError) as error:
            for record in journal.records:
                with suppress(OSError, CustomizerError):
                    _remove_staged(sysroot, record)
            for folder, guards in journal.guarded:
                with suppress(OSError, CustomizerError):
                    staging.put_guards(sysroot, folder, guards)
            raise _nothing_done(error) from error
        for record in changed:
            _switch(sysroot, record)
        _remove_folders(sysroot, journal)
        for record in changed:
            if record.before.guards:
                staging.put_guards(sysroot, record.path, record.before.guards)
        for folder, guards in journal.guarded:
            staging.put_guards(sysroot, folder, guards)
        disks.sync()
        _verify(sysroot, journal)


def _is_back(sysroot: Sysroot, record: Record) -> bool:
    return look_at(sysroot, record.path) == record.before


def _remove_staged(sysroot: Sysroot, record: Record) -> None:
    with suppress(FileNotFoundError, NotADirectoryError), sysroot.parent(record.path) as (fd, name):
        staging.remove(fd, staging.temporary(name))


def _stage(sysroot: Sysroot, journal: Journal, record: Record) -> None:
    if record.before.kind not in (Kind.FILE, Kind.LINK):
        return
    content = b""
    if record.before.kind is Kind.FILE:
        backup = sysroot.read(f"{journal.backups}/{record.backup}") if record.backup else None
        if backup is None or digest_of(backup) != record.before.digest:
            raise CustomizerError(
                "apply.no-backup",
                f"the backup of {record.path} is missing or damaged",
                f"put that file right by hand, then remove {journal.folder} in the guest",
            )
        content = backup
    with sysroot.parent(record.path) as (fd, name):
        staging.stage(fd, name, record.before, content)


def _switch(sysroot: Sysroot, record: Record) -> None:
    before = record.before
    if before.kind is Kind.FOLDER:
        staging.make_folder(sysroot, record.path, before.mode, (before.uid, before.gid))
        return
    if record.after.kind is Kind.FOLDER:
        return
    with suppress(FileNotFoundError):
        staging.lift_guards(sysroot, record.path)
        with sysroot.parent(record.path) as (fd, name):
            if before.kind is Kind.NONE:
                staging.remove(fd, name)
            else:
                staging.switch(fd, name)


def _remove_folders(sysroot: Sysroot, journal: Journal) -> None:
    """Ours, innermost first, and only if empty: what the guest put there stays."""
    asked_for = [
        record.path
        for record in journal.records
        if record.after.kind is Kind.FOLDER and record.before.kind is Kind.NONE
    ]
    for folder in sorted({*journal.folders, *asked_for}, reverse=True):
        with suppress(OSError), sysroot.parent(folder) as (fd, name):
            os.rmdir(name, dir_fd=fd)


def _verify(sysroot: Sysroot, journal: Journal) -> None:
    for record in journal.records:
        now = look_at(sysroot, record.path)
        is_ours_and_used = now.kind is Kind.FOLDER and record.after.kind is Kind.FOLDER
        if not now.is_as(record.before) and not is_ours_and_used:
            raise CustomizerError(
                "apply.not-kept", f"{record.path} reads back differently than it was", "the disk may be failing"
            )


def _nothing_done(error: OSError | CustomizerError) -> NothingDoneError:
    if isinstance(error, CustomizerError):
        return NothingDoneError(error.code, error.message, error.hint)
    where = f" ({error.filename})" if isinstance(error.filename, str) else ""
    return NothingDoneError("apply.failed", f"nothing could be put back: {error.strerror}{where}", "")
