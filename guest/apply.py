"""The one module that changes guest files: backups and a journal first, then all edits or none, then read back.

Each phase ends in syncfs of every file system it wrote to, instead of an fsync per file: the journal is on disk before
the first visible change, and every new content before the first rename.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import posixpath
import stat
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from guest.edits import Edit, MakeLink, SetAside, WriteFile
from guest.errors import CustomizerError
from guest.journal import REQUESTS, STATE, Journal, Record
from guest.labels import read_policy
from guest.staging import (
    TEMPORARY,
    existing_folder,
    extended_attributes,
    make_folder,
    make_state_folder,
    sync,
    write_own,
    write_temporary,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guest.sysroot import Sysroot

_RESERVE_BYTES = 1024 * 1024  # left free on each file system we write to


class RestoredError(CustomizerError):
    """The edits failed and everything was put back as it was."""


class HalfDoneError(CustomizerError):
    """The edits failed and putting things back failed too."""


def check_room(sysroot: Sysroot, edits: Iterable[Edit]) -> None:
    """Raises CustomizerError where a file system has no room for the edits and their backups."""
    needed: dict[int, int] = {}
    where: dict[int, tuple[str, os.statvfs_result]] = {}
    for edit in (*edits, WriteFile(f"{REQUESTS}/journal", b"", "")):
        folder = existing_folder(sysroot, posixpath.dirname(edit.path))
        with sysroot.parent(posixpath.join(folder, "x")) as (fd, _):
            device = os.fstat(fd).st_dev
            where.setdefault(device, (folder, os.statvfs(fd)))
        old = sysroot.state(edit.path)
        new_bytes = len(edit.content) if isinstance(edit, WriteFile) else 0
        needed[device] = needed.get(device, 0) + new_bytes + (old.size if old else 0) + 8192
    for device, (folder, room) in where.items():
        # A file system without fixed inodes (btrfs) says 0 of 0.
        if room.f_bavail * room.f_frsize < needed[device] + _RESERVE_BYTES or (room.f_files and room.f_favail < 64):
            raise CustomizerError(
                "apply.no-space",
                f"the file system of {folder} in the guest has too little room left",
                "free some space in the guest; a few MiB and 64 inodes are enough",
            )


def apply(sysroot: Sysroot, request_id: str, edits: tuple[Edit, ...]) -> tuple[str, ...]:
    """Carries out the edits, all or none; returns the paths changed. New files get the guest's own SELinux labels.

    Raises RestoredError (everything is as before) or HalfDoneError.
    """
    folders = _missing_folders(sysroot, edits)
    records = tuple(_record(sysroot, edit, number) for number, edit in enumerate(edits))
    journal = Journal(request_id, "applying", records, folders)
    try:
        _write_backups(sysroot, journal)
        _write_journal(sysroot, journal)
        sync(sysroot, (STATE,))
    except OSError as error:
        # The journal may be there already: the next run must not take back what was never done.
        with suppress(OSError):
            _write_journal(sysroot, Journal(request_id, "restored", records, folders))
        raise RestoredError("apply.failed", f"no backup could be made: {error}", "no file was changed yet") from error
    try:
        for folder in folders:
            make_folder(sysroot, folder)
        for edit in edits:
            _stage(sysroot, edit)
        _label_new(sysroot, edits, folders)
        sync(sysroot, [edit.path for edit in edits])
        for edit in edits:
            _switch(sysroot, edit)
        sync(sysroot, [edit.path for edit in edits])
        _verify(sysroot, edits)
        _write_journal(sysroot, Journal(request_id, "committed", records, folders))
        sync(sysroot, (STATE,))
    except (OSError, CustomizerError) as error:
        code = error.code if isinstance(error, CustomizerError) else "apply.failed"
        try:
            roll_back(sysroot, journal)
        except (OSError, CustomizerError) as second:
            raise HalfDoneError(
                "apply.half-done",
                f"writing failed ({error}) and so did putting things back ({second})",
                f"the old files are in {journal.folder}/backup in the guest",
            ) from error
        raise RestoredError(
            code, f"writing to the guest failed: {error}", "everything was put back as it was"
        ) from error
    return tuple(edit.path for edit in edits)


def roll_back(sysroot: Sysroot, journal: Journal) -> None:
    """Puts every file of a journal back as it was before. May be repeated."""
    for record in reversed(journal.records):
        with suppress(FileNotFoundError):
            _restore(sysroot, journal, record)
    for folder in reversed(journal.folders):
        with suppress(OSError), sysroot.parent(folder) as (fd, name):
            os.rmdir(name, dir_fd=fd)  # only if empty: what the guest put there stays
    sync(sysroot, [record.path for record in journal.records])
    _write_journal(sysroot, Journal(journal.id, "restored", journal.records, journal.folders))
    sync(sysroot, (STATE,))


def write_state_file(sysroot: Sysroot, name: str, content: bytes) -> None:
    """A file of our own in /var/lib/guest-customizer, 0600: the result, the log."""
    make_state_folder(sysroot, STATE)
    write_own(sysroot, f"{STATE}/{name}", content)


def _missing_folders(sysroot: Sysroot, edits: Iterable[Edit]) -> tuple[str, ...]:
    missing: dict[str, None] = {}
    for edit in edits:
        folder, above = posixpath.dirname(edit.path), []
        while sysroot.state(folder) is None:
            above.append(folder)
            folder = posixpath.dirname(folder)
        missing.update(dict.fromkeys(reversed(above)))
    # Our own folder is made with the journal, and stays.
    return tuple(folder for folder in missing if folder != STATE)


def _record(sysroot: Sysroot, edit: Edit, number: int) -> Record:
    match edit:
        case WriteFile(content=content):
            after = hashlib.sha256(content).hexdigest()
        case MakeLink(target=target):
            after = f"link:{target}"
        case SetAside():
            after = "gone"
    old = sysroot.state(edit.path)
    if old is None:
        return Record(edit.path, "none", after)
    if old.is_link:
        return Record(edit.path, "link", after, uid=old.uid, gid=old.gid, target=sysroot.link_target(edit.path) or "")
    if not old.is_regular:
        raise CustomizerError(
            "apply.not-a-file", f"{edit.path} in the guest is neither a file nor a link", "remove it in the template"
        )
    return Record(edit.path, "file", after, old.permissions, old.uid, old.gid, backup=f"{number:04}")


def _write_backups(sysroot: Sysroot, journal: Journal) -> None:
    make_state_folder(sysroot, REQUESTS)
    make_state_folder(sysroot, f"{journal.folder}/backup")
    for record in journal.records:
        if not record.backup:
            continue
        content = sysroot.read(record.path) or b""
        with sysroot.parent(record.path) as (fd, name):
            attributes = extended_attributes(fd, name)
        write_own(sysroot, f"{journal.folder}/backup/{record.backup}", content, attributes)


def _write_journal(sysroot: Sysroot, journal: Journal) -> None:
    content = json.dumps(asdict(journal), indent=1).encode()
    make_state_folder(sysroot, journal.folder)
    write_own(sysroot, f"{journal.folder}/journal.json", content)


def _stage(sysroot: Sysroot, edit: Edit) -> None:
    with sysroot.parent(edit.path) as (fd, name):
        match edit:
            case WriteFile(content=content, mode=mode):
                old = sysroot.state(edit.path)
                if old is not None and old.is_regular:
                    kept = old.permissions if mode is None else mode
                    write_temporary(
                        fd, name, content, kept, (old.uid, old.gid), attributes=extended_attributes(fd, name)
                    )
                else:
                    write_temporary(fd, name, content, 0o644 if mode is None else mode)
            case MakeLink(target=target):
                with suppress(FileNotFoundError):
                    os.unlink(TEMPORARY.format(name), dir_fd=fd)
                os.symlink(target, TEMPORARY.format(name), dir_fd=fd)
            case SetAside():
                pass


def _label_new(sysroot: Sysroot, edits: Iterable[Edit], folders: Iterable[str]) -> None:
    """Staged files whose place was empty, and folders that are new. What was there keeps its label with its attributes."""
    policy = read_policy(sysroot)
    if policy is None or os.geteuid() != 0:
        return
    for folder in (STATE, REQUESTS, *folders):
        _set_label(sysroot, folder, posixpath.basename(folder), policy.label(folder, stat.S_IFDIR))
    for edit in edits:
        old = sysroot.state(edit.path)
        if isinstance(edit, SetAside) or (old is not None and old.is_regular and isinstance(edit, WriteFile)):
            continue
        kind = stat.S_IFLNK if isinstance(edit, MakeLink) else stat.S_IFREG
        name = TEMPORARY.format(posixpath.basename(edit.path))
        _set_label(sysroot, edit.path, name, policy.label(edit.path, kind))


def _set_label(sysroot: Sysroot, path: str, name: str, label: str | None) -> None:
    if label is None:
        return
    with sysroot.parent(path) as (fd, _):
        try:
            # setfiles writes the zero byte too. The kernel of the ISO runs without SELinux: a plain attribute.
            os.setxattr(f"/proc/self/fd/{fd}/{name}", "security.selinux", label.encode() + b"\0", follow_symlinks=False)
        except OSError as error:
            if error.errno != errno.ENOTSUP:  # a file system without attributes has no labels either
                raise


def _switch(sysroot: Sysroot, edit: Edit) -> None:
    with sysroot.parent(edit.path) as (fd, name):
        if isinstance(edit, SetAside):
            os.unlink(name, dir_fd=fd)
        else:
            os.rename(TEMPORARY.format(name), name, src_dir_fd=fd, dst_dir_fd=fd)


def _verify(sysroot: Sysroot, edits: Iterable[Edit]) -> None:
    for edit in edits:
        match edit:
            case WriteFile(path=path, content=content, mode=mode):
                state = sysroot.state(path)
                kept = sysroot.read(path) == content and state is not None and mode in (None, state.permissions)
            case MakeLink(path=path, target=target):
                kept = sysroot.link_target(path) == target
            case SetAside(path=path):
                kept = sysroot.state(path) is None
        if not kept:
            raise CustomizerError(
                "apply.not-kept", f"{path} reads back differently than it was written", "the disk may be failing"
            )


def _restore(sysroot: Sysroot, journal: Journal, record: Record) -> None:
    with sysroot.parent(record.path) as (fd, name):
        with suppress(FileNotFoundError):
            os.unlink(TEMPORARY.format(name), dir_fd=fd)
        if record.kind == "none":
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=fd)
            return
        if record.kind == "link":
            os.symlink(record.target, TEMPORARY.format(name), dir_fd=fd)
        else:
            backup = f"{journal.folder}/backup/{record.backup}"
            content = sysroot.read(backup)
            if content is None:
                raise CustomizerError("apply.no-backup", f"the backup of {record.path} is missing", "")
            with sysroot.parent(backup) as (backup_fd, backup_name):
                attributes = extended_attributes(backup_fd, backup_name)
            write_temporary(fd, name, content, record.mode, (record.uid, record.gid), attributes=attributes)
        os.rename(TEMPORARY.format(name), name, src_dir_fd=fd, dst_dir_fd=fd)
