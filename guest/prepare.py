"""Everything that can be known before the first write: how each path stands, how it will stand, whether there is room."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guest.edits import Edit, MakeFolder, MakeLink, SetAside, WriteFile
from guest.errors import CustomizerError
from guest.journal import REQUESTS, STATE, Journal, Phase, Record
from guest.labels import read_policy
from guest.remembered import Remembered
from guest.staging import temporary
from guest.standing import (
    ACL,
    LABEL,
    NOTHING,
    SIGNATURES,
    Kind,
    Standing,
    acl_with_mode,
    digest_of,
    existing_folder,
    guards_of,
    look_at,
    mount_point_of,
    type_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guest.labels import Policy
    from guest.sysroot import Sysroot, View

_RESERVE_BYTES = 1024 * 1024  # left free on each file system we write to
_RESERVE_INODES = 32  # our own folders, the journal, the result, and some for the guest's first steps
_BLOCK = 4096
_REPLACEABLE = frozenset({Kind.NONE, Kind.FILE, Kind.LINK})


@dataclass(frozen=True)
class Transaction:
    """A plan that has been checked against the guest: `edits` and the journal's records go together, one by one."""

    journal: Journal
    edits: tuple[Edit, ...]
    # SELinux labels of folders that are made on the way: (path, attributes).
    folder_labels: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(edit.path for edit in self.edits)


def prepare(sysroot: Sysroot, request_id: str, edits: tuple[Edit, ...]) -> Transaction:
    """Writes nothing. Raises CustomizerError, OSError where the guest cannot be read."""
    # Only root can set labels; a tree that another user customizes has none to keep either.
    policy = read_policy(sysroot) if os.geteuid() == 0 else None
    view = Remembered(sysroot)
    mounts = _mount_points(sysroot, edits)
    records = tuple(_record(sysroot, edit, number, policy, mounts) for number, edit in enumerate(edits))
    folders = _missing_folders(view, edits)
    journal = Journal(request_id, Phase.APPLYING, records, folders, _guarded(sysroot, view, edits))
    _check_room(sysroot, view, edits, records)
    made = (record.path for record in records if record.after.kind is Kind.FOLDER and record.before.kind is Kind.NONE)
    labelled = (STATE, REQUESTS, *folders, *made)
    return Transaction(journal, edits, tuple((path, _label(policy, path, Kind.FOLDER)) for path in labelled))


def _record(sysroot: Sysroot, edit: Edit, number: int, policy: Policy | None, mounts: dict[str, str]) -> Record:
    before = look_at(sysroot, edit.path)
    allowed = {Kind.NONE, Kind.FOLDER} if isinstance(edit, MakeFolder) else _REPLACEABLE
    if before.kind not in allowed:
        what = "folder" if isinstance(edit, MakeFolder) else "file or link"
        raise CustomizerError(
            "apply.not-a-file", f"{edit.path} in the guest is no {what}", "put it right in the template"
        )
    _refuse_folder_in_the_way(sysroot, edit.path)
    backup = f"{number:04}" if before.kind is Kind.FILE else ""
    place = mounts[posixpath.dirname(edit.path)]
    return Record(edit.path, place, before, _after(edit, before, policy), backup)


def _mount_points(sysroot: Sysroot, edits: Iterable[Edit]) -> dict[str, str]:
    """For each folder of an edit where its file system begins."""
    folders = {posixpath.dirname(edit.path) for edit in edits}
    return {folder: mount_point_of(sysroot, posixpath.join(folder, "x")) for folder in folders}


def _refuse_folder_in_the_way(sysroot: Sysroot, path: str) -> None:
    """A file of an earlier run under our temporary name is replaced; a folder there is none of ours."""
    folder, name = posixpath.split(path)
    state = sysroot.state(posixpath.join(folder, temporary(name)))
    if state is not None and state.is_directory:
        raise CustomizerError(
            "apply.not-a-file", f"a folder in the guest has the name {temporary(name)}", "remove it in the template"
        )


def _after(edit: Edit, before: Standing, policy: Policy | None) -> Standing:
    """How the path stands when the edit is done. What is replaced keeps its owner, label and so on (LESSONS S2)."""
    kind = {WriteFile: Kind.FILE, MakeLink: Kind.LINK, MakeFolder: Kind.FOLDER}.get(type(edit), Kind.NONE)
    is_new = before.kind is not kind
    own = (os.geteuid(), os.getegid()) if os.geteuid() else (0, 0)
    label = _label(policy, edit.path, kind)
    match edit:
        case WriteFile(content=content, mode=mode, owner=owner):
            mode = (0o644 if is_new else before.mode) if mode is None else mode
            uid, gid = own if os.geteuid() else owner or ((0, 0) if is_new else (before.uid, before.gid))
            kept = tuple(
                (name, acl_with_mode(value, mode) if name == ACL else value)
                for name, value in before.attributes
                if name not in SIGNATURES
            )
            guards = 0 if is_new else before.guards
            return Standing(kind, mode, uid, gid, digest_of(content), "", guards, label if is_new else kept)
        case MakeLink(target=target):
            return Standing(kind, 0o777, *own, target=target, attributes=label)
        case MakeFolder(mode=mode, owner=owner):
            return Standing(kind, mode, *(own if os.geteuid() else owner))
        case SetAside():
            return NOTHING


def _label(policy: Policy | None, path: str, kind: Kind) -> tuple[tuple[str, str], ...]:
    """New files only: what was there keeps its label. setfiles writes the zero byte too (LESSONS L14)."""
    label = policy.label(path, type_of(kind)) if policy is not None and kind is not Kind.NONE else None
    return () if label is None else ((LABEL, (label.encode() + b"\0").hex()),)


def _missing_folders(view: View, edits: Iterable[Edit]) -> tuple[str, ...]:
    """Outermost first. Our own folder is made with the journal, and stays; MakeFolder has a record of its own."""
    missing: set[str] = set()
    for edit in edits:
        folder = posixpath.dirname(edit.path)
        while not isinstance(edit, SetAside) and view.state(folder) is None:
            missing.add(folder)
            folder = posixpath.dirname(folder)
    asked_for = {edit.path for edit in edits if isinstance(edit, MakeFolder)}
    return tuple(sorted(missing - asked_for - {STATE}))


def _guarded(sysroot: Sysroot, view: View, edits: Iterable[Edit]) -> tuple[tuple[str, int], ...]:
    found = {}
    for folder in sorted({existing_folder(view, posixpath.dirname(edit.path)) for edit in edits} - {"/"}):
        with sysroot.parent(folder) as (fd, name):
            found[folder] = guards_of(fd, name)
    return tuple((folder, guards) for folder, guards in found.items() if guards)


def _check_room(sysroot: Sysroot, view: View, edits: tuple[Edit, ...], records: tuple[Record, ...]) -> None:
    """New contents lie beside the old ones until they take their place; backups lie in our own folder."""
    needed: dict[int, list[int]] = {}
    where: dict[int, tuple[str, os.statvfs_result]] = {}

    def take(path: str, size: int) -> None:
        folder = existing_folder(view, posixpath.dirname(path))
        with sysroot.parent(posixpath.join(folder, "x")) as (fd, _):
            device = os.fstat(fd).st_dev
            where.setdefault(device, (folder, os.statvfs(fd)))
        total = needed.setdefault(device, [0, 0])
        total[0] += (size // _BLOCK + 2) * _BLOCK
        total[1] += 1

    take(f"{REQUESTS}/journal", 2048 * len(records))
    for edit, record in zip(edits, records, strict=True):
        take(edit.path, len(edit.content) if isinstance(edit, WriteFile) else 0)
        old = sysroot.state(edit.path) if record.backup else None
        if old is not None:
            take(f"{REQUESTS}/backup", old.size)
    for device, (folder, room) in where.items():
        _check(folder, room, *needed[device])


def _check(folder: str, room: os.statvfs_result, size: int, inodes: int) -> None:
    """Raises CustomizerError."""
    hint = "free some space in the guest; a few MiB and 64 inodes are enough"
    if room.f_bavail * room.f_frsize < size + _RESERVE_BYTES:
        raise CustomizerError(
            "apply.no-space", f"the file system of {folder} in the guest has too little room left", hint
        )
    # A file system without fixed inodes (btrfs) says 0 of 0.
    if room.f_files and room.f_favail < inodes + _RESERVE_INODES:
        raise CustomizerError(
            "apply.no-inodes", f"the file system of {folder} in the guest has too few inodes left", hint
        )
