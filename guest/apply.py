"""The one module that changes guest files: backups and a journal first, then all edits or none, then read back.

Each phase ends in syncfs of every file system concerned instead of an fsync per file: backups are on disk before the
journal that needs them, the journal before the first visible change, every new content before the first rename, every
rename before the commit. The journal itself is one file, replaced as a whole: it decides for all file systems.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from guest import staging
from guest.edits import Edit, MakeFolder, SetAside, WriteFile
from guest.errors import CustomizerError
from guest.journal import REQUESTS, STATE, Journal, Phase, Record, encode_journal
from guest.prepare import Transaction, prepare
from guest.rollback import NothingDoneError, keep_changed, roll_back
from guest.standing import Kind, look_at, mount_point_of, write_attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from guest.sysroot import Sysroot, View

    # Reads the guest as it now is: None where it says what was meant, else a sentence without configured values.
    Check = Callable[[View], str | None]


class RestoredError(CustomizerError):
    """The edits failed and everything is as it was before."""


class HalfDoneError(CustomizerError):
    """The edits failed and putting things back failed too; the next run tries again."""


def apply(
    sysroot: Sysroot, request_id: str, edits: tuple[Edit, ...], checks: tuple[Check, ...] = ()
) -> tuple[str, ...]:
    """prepare() and carry_out() in one."""
    return carry_out(sysroot, prepare(sysroot, request_id, edits), checks)


def carry_out(sysroot: Sysroot, transaction: Transaction, checks: tuple[Check, ...] = ()) -> tuple[str, ...]:
    """Carries out the edits, all or none; returns the paths changed. Raises RestoredError or HalfDoneError."""
    journal = transaction.journal
    with ExitStack() as stack:
        try:
            _make_own_folders(sysroot, transaction)
            disks = stack.enter_context(staging.file_systems(sysroot, transaction.paths))
            _write_backups(sysroot, journal)
            disks.sync()
            write_journal(sysroot, journal)
        except (OSError, CustomizerError) as error:
            # The journal may be there already: the next run must not take back what was never done.
            with suppress(OSError, CustomizerError):
                write_journal(sysroot, replace(journal, phase=Phase.RESTORED))
            raise restored(error, "no backup could be made", "no file was changed yet") from error
        try:
            _change(sysroot, transaction, disks)
            _verify(sysroot, journal, checks)
            write_journal(sysroot, replace(journal, phase=Phase.COMMITTED))
        except Exception as error:
            _take_back(sysroot, journal, error)
            raise restored(error, "writing to the guest failed", "everything was put back as it was") from error
    return transaction.paths


def write_journal(sysroot: Sysroot, journal: Journal) -> None:
    """On disk when this returns."""
    staging.make_state_folder(sysroot, journal.folder)
    staging.write_own(sysroot, f"{journal.folder}/journal.json", encode_journal(journal))


def recover(sysroot: Sysroot, journal: Journal) -> tuple[str, ...]:
    """Takes back what an interrupted run did, or goes on taking back what it had begun to. Raises as roll_back does.

    Returns the paths that were changed since by others: what stood there is kept in requests/ID/replaced.
    """
    elsewhere = [record for record in journal.records if not _is_on_its_file_system(sysroot, record)]
    if elsewhere:
        raise NothingDoneError(
            "storage.needed-mount",
            f"request {journal.id} was interrupted; {elsewhere[0].path} lay on the file system of "
            f"{elsewhere[0].mount_point}, which is not mounted now",
            "attach the disk that holds it; nothing is taken back before all of it can be",
        )
    changed = keep_changed(sysroot, journal)
    _put_back(sysroot, journal)
    return changed


def say_recovered(journal: Journal, changed: tuple[str, ...]) -> list[str]:
    """Warnings of the run that took another one back."""
    kept = f"what stood there, if anything, is kept in {journal.folder}/replaced"
    return [
        f"request {journal.id} had been interrupted; its changes were taken back first",
        *(f"{path} had been changed since request {journal.id} was interrupted; {kept}" for path in changed),
    ]


def _put_back(sysroot: Sysroot, journal: Journal) -> None:
    roll_back(sysroot, journal)
    ended = Phase.UNDONE if journal.phase is Phase.UNDOING else Phase.RESTORED
    write_journal(sysroot, replace(journal, phase=ended))


def write_state_file(sysroot: Sysroot, name: str, content: bytes) -> None:
    """A file of our own in /var/lib/guest-customizer, 0600: the result, the log."""
    staging.make_state_folder(sysroot, STATE)
    staging.write_own(sysroot, f"{STATE}/{name}", content)


def _is_on_its_file_system(sysroot: Sysroot, record: Record) -> bool:
    return mount_point_of(sysroot, record.path) == record.mount_point


def _make_own_folders(sysroot: Sysroot, transaction: Transaction) -> None:
    staging.make_state_folder(sysroot, REQUESTS)
    staging.discard_orphans(sysroot, transaction.journal.id)
    staging.make_state_folder(sysroot, transaction.journal.backups)
    _label_folders(sysroot, transaction, (STATE, REQUESTS))


def _write_backups(sysroot: Sysroot, journal: Journal) -> None:
    for record in journal.records:
        if record.backup:
            staging.write_backup(sysroot, f"{journal.backups}/{record.backup}", sysroot.read(record.path) or b"")


def _change(sysroot: Sysroot, transaction: Transaction, disks: staging.FileSystems) -> None:
    journal = transaction.journal
    for folder, _ in journal.guarded:
        staging.lift_guards(sysroot, folder)
    _make_folders(sysroot, transaction)
    for edit, record in zip(transaction.edits, journal.records, strict=True):
        if not isinstance(edit, SetAside | MakeFolder):
            with sysroot.parent(edit.path) as (fd, name):
                staging.stage(fd, name, record.after, edit.content if isinstance(edit, WriteFile) else b"")
    disks.sync()
    for record in journal.records:
        _switch(sysroot, record)
    for record in journal.records:
        if record.after.guards:
            staging.put_guards(sysroot, record.path, record.after.guards)
    for folder, guards in journal.guarded:
        staging.put_guards(sysroot, folder, guards)
    disks.sync()


def _make_folders(sysroot: Sysroot, transaction: Transaction) -> None:
    """Outermost first. A folder that is there already gets its mode and owner."""
    asked_for = {
        record.path: record.after for record in transaction.journal.records if record.after.kind is Kind.FOLDER
    }
    for folder in sorted({*transaction.journal.folders, *asked_for}):
        if folder in asked_for:
            after = asked_for[folder]
            staging.make_folder(sysroot, folder, after.mode, (after.uid, after.gid))
        else:
            staging.make_folder(sysroot, folder, 0o700 if folder.startswith(STATE) else 0o755)
    made = {path for path, _ in transaction.folder_labels} - {STATE, REQUESTS}
    _label_folders(sysroot, transaction, made)


def _label_folders(sysroot: Sysroot, transaction: Transaction, folders: Iterable[str]) -> None:
    labels = dict(transaction.folder_labels)
    for folder in folders:
        with sysroot.parent(sysroot.resolve(folder)) as (fd, name):
            write_attributes(fd, name, labels.get(folder, ()))


def _switch(sysroot: Sysroot, record: Record) -> None:
    if record.after.kind is Kind.FOLDER:
        return
    if record.before.guards:
        staging.lift_guards(sysroot, record.path)
    with sysroot.parent(record.path) as (fd, name):
        if record.after.kind is Kind.NONE:
            staging.remove(fd, name)
        else:
            staging.switch(fd, name)


def _verify(sysroot: Sysroot, journal: Journal, checks: tuple[Check, ...]) -> None:
    for record in journal.records:
        _forget_cached(sysroot, record)
        if not look_at(sysroot, record.path).is_as(record.after):
            raise CustomizerError(
                "apply.not-kept", f"{record.path} reads back differently than it was written", "the disk may be failing"
            )
    for check in checks:
        if complaint := check(sysroot):
            raise CustomizerError(
                "apply.not-understood",
                f"the guest's files do not say what was meant: {complaint}",
                "please report it, with the release of the guest",
            )


def _forget_cached(sysroot: Sysroot, record: Record) -> None:
    """So that reading back reads the disk: everything has been flushed, and clean pages can go."""
    if record.after.kind is Kind.FILE:
        with sysroot.parent(record.path) as (fd, name):
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
            try:
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(file)


def _take_back(sysroot: Sysroot, journal: Journal, error: Exception) -> None:
    try:
        _put_back(sysroot, journal)  # nobody else has been at the guest since
    except (OSError, CustomizerError) as second:
        raise HalfDoneError(
            "apply.half-done",
            f"writing failed ({_say(error)}) and so did putting things back ({_say(second)})",
            f"run the ISO again: it takes them back first; the old files are in {journal.backups} in the guest",
        ) from error


def restored(error: Exception, what: str, hint: str) -> RestoredError:
    """An error of a stroke before the first visible change, or after the last was taken back."""
    if isinstance(error, CustomizerError):
        return RestoredError(error.code, error.message, f"{error.hint}; {hint}" if error.hint else hint)
    code = "apply.failed" if isinstance(error, OSError) else "internal"
    return RestoredError(code, f"{what}: {_say(error)}", hint)


def _say(error: Exception) -> str:
    if isinstance(error, CustomizerError):
        return str(error)
    if not isinstance(error, OSError):
        # The text of an exception that nobody expected may quote what it stumbled over.
        return f"a mistake in this program, {type(error).__name__}"
    return f"{error.strerror} ({error.filename})" if isinstance(error.filename, str) else str(error.strerror)
