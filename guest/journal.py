"""What was done to a guest, as the guest itself keeps it: enough to put everything back. Reads only; apply.py writes.

The journal lies in the guest, so it is read as hostile input: every field has its type, its range and its size.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from guest.errors import CustomizerError
from guest.standing import Kind, Standing

if TYPE_CHECKING:
    from guest.sysroot import View

STATE = "/var/lib/guest-customizer"
REQUESTS = f"{STATE}/requests"
FORMAT = 2

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_BACKUP = re.compile(r"[0-9]{4,9}|")
_Checked = TypeVar("_Checked", bound=str | int | list[Any] | dict[str, Any])


class Phase(Enum):
    """How far a request has come. The next run finishes what is `applying` (taken back) or `undoing` (as well)."""

    APPLYING = "applying"
    COMMITTED = "committed"
    RESTORED = "restored"
    UNDOING = "undoing"
    UNDONE = "undone"


@dataclass(frozen=True)
class Record:
    """One edit: how its path stood and how it stands afterwards. `backup` is a file name in the backup folder, or ""."""

    path: str
    mount_point: str  # where its file system begins: the backup must not go to another one
    before: Standing
    after: Standing
    backup: str = ""


@dataclass(frozen=True)
class Journal:
    """One request's record in the guest: /var/lib/guest-customizer/requests/ID/journal.json."""

    id: str
    phase: Phase
    records: tuple[Record, ...]
    # Made on the way, outermost first.
    folders: tuple[str, ...] = ()
    # Folders with the flag +i or +a, which is off while their files change: (path, flags).
    guarded: tuple[tuple[str, int], ...] = ()

    @property
    def folder(self) -> str:
        return f"{REQUESTS}/{self.id}"

    @property
    def backups(self) -> str:
        return f"{self.folder}/backup"


def encode_journal(journal: Journal) -> bytes:
    data = {
        "format": FORMAT,
        "id": journal.id,
        "phase": journal.phase.value,
        "records": [
            {
                "path": record.path,
                "mount_point": record.mount_point,
                "before": _encode_standing(record.before),
                "after": _encode_standing(record.after),
                "backup": record.backup,
            }
            for record in journal.records
        ],
        "folders": list(journal.folders),
        "guarded": dict(journal.guarded),
    }
    # In one line: with an indent json does it all in Python, which costs a twentieth of what is written altogether.
    return (json.dumps(data) + "\n").encode("ascii")


def _encode_standing(standing: Standing) -> dict[str, object]:
    plain = {key: value for key, value in vars(standing).items() if value and key not in ("kind", "attributes")}
    attributes = {"attributes": dict(standing.attributes)} if standing.attributes else {}
    return {"kind": standing.kind.value, **plain, **attributes}


def parse_journal(content: bytes, request_id: str) -> Journal:
    """Raises ValueError for anything that encode_journal does not write."""
    try:
        data = _dict(json.loads(content))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if data.get("format") != FORMAT or data.get("id") != request_id or not _ID.fullmatch(request_id):
        raise ValueError("another format, or another request's journal")
    records = tuple(_parse_record(_dict(record)) for record in _take(data, "records", list))
    guarded = tuple((_path(path), _number(flags, 0xFF)) for path, flags in _take(data, "guarded", dict).items())
    folders = tuple(_path(folder) for folder in _take(data, "folders", list))
    return Journal(request_id, Phase(data.get("phase")), records, folders, guarded)


def _parse_record(data: dict[str, Any]) -> Record:
    backup = _take(data, "backup", str)
    if not _BACKUP.fullmatch(backup):
        raise ValueError("not a backup's name")
    before, after = (_parse_standing(_take(data, key, dict)) for key in ("before", "after"))
    return Record(_path(data.get("path")), _path(data.get("mount_point"), top=True), before, after, backup)


def _parse_standing(data: dict[str, Any]) -> Standing:
    attributes = tuple(
        sorted((key, bytes.fromhex(value).hex()) for key, value in _dict(data.get("attributes", {})).items())
    )
    if any("\0" in key or len(key) > 255 for key, _ in attributes):
        raise ValueError("not an attribute's name")
    return Standing(
        Kind(data.get("kind")),
        _number(data.get("mode", 0), 0o7777),
        _number(data.get("uid", 0), 0xFFFF_FFFE),
        _number(data.get("gid", 0), 0xFFFF_FFFE),
        _text(data.get("digest", "")),
        _text(data.get("target", "")),
        _number(data.get("guards", 0), 0xFF),
        attributes,
    )


def _take(data: dict[str, Any], key: str, kind: type[_Checked]) -> _Checked:
    value = data.get(key)
    if type(value) is not kind:
        raise ValueError(f"{key} is missing or of another type")
    return value


def _dict(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 (one exception for everything that is wrong)
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or "\0" in value or len(value) > 4096:
        raise ValueError("not a text")
    value.encode("utf-8", "surrogateescape")  # raises for half a pair, which no file system knows
    return value


def _path(value: object, *, top: bool = False) -> str:
    text = _text(value)
    whole = text == "/" and top
    if not text.startswith("/") or (not whole and {"", ".", ".."} & set(text.split("/")[1:])):
        raise ValueError("not a path")
    return text


def _number(value: object, largest: int) -> int:
    if type(value) is not int or not 0 <= value <= largest:
        raise ValueError("not a number, or out of range")
    return value


def read_journal(view: View, request_id: str) -> Journal | None:
    """None where the guest knows no such request. Raises CustomizerError where its record is damaged."""
    content = view.read(f"{REQUESTS}/{request_id}/journal.json")
    if content is None:
        return None
    try:
        return parse_journal(content, request_id)
    except (ValueError, TypeError) as error:
        raise CustomizerError(
            "guest.bad-journal",
            f"the guest's record of request {request_id!r} cannot be read",
            f"look at {REQUESTS} in the guest; remove that record if its changes are to stay as they are",
        ) from error


def is_done(view: View, request_id: str) -> bool:
    """Whether this guest has carried the request out already (LESSONS L18)."""
    journal = read_journal(view, request_id)
    return journal is not None and journal.phase is Phase.COMMITTED


def unfinished(view: View) -> tuple[Journal, ...]:
    """Requests that were interrupted while they changed files."""
    journals = (read_journal(view, name) for name in view.names(REQUESTS))
    return tuple(journal for journal in journals if journal and journal.phase in (Phase.APPLYING, Phase.UNDOING))
