"""What was done to a guest, as the guest itself keeps it: enough to put everything back. Reads only; apply.py writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guest.errors import CustomizerError

if TYPE_CHECKING:
    from guest.sysroot import Sysroot

STATE = "/var/lib/guest-customizer"
REQUESTS = f"{STATE}/requests"


@dataclass(frozen=True)
class Record:
    """One edit in the journal: enough to put the file back. `kind` is none, file or link, as it was before."""

    path: str
    kind: str
    after: str  # sha256 of the new content, "link:TARGET" or "gone"
    mode: int = 0
    uid: int = 0
    gid: int = 0
    target: str = ""
    backup: str = ""  # a file name in the request's backup folder


@dataclass(frozen=True)
class Journal:
    """One request's record in the guest: /var/lib/guest-customizer/requests/ID/journal.json."""

    id: str
    state: str  # applying, committed or restored
    records: tuple[Record, ...]
    folders: tuple[str, ...]  # made by us, outermost first
    format: int = 1

    @property
    def folder(self) -> str:
        return f"{REQUESTS}/{self.id}"


def read_journal(sysroot: Sysroot, request_id: str) -> Journal | None:
    """None where the guest knows no such request."""
    content = sysroot.read(f"{REQUESTS}/{request_id}/journal.json")
    if content is None:
        return None
    try:
        data = json.loads(content)
        records = tuple(Record(**record) for record in data["records"])
        return Journal(str(data["id"]), str(data["state"]), records, tuple(data["folders"]))
    except (ValueError, KeyError, TypeError) as error:
        raise CustomizerError(
            "guest.bad-journal",
            f"the guest's record of request {request_id} cannot be read",
            f"look at {REQUESTS}/{request_id} in the guest, and give this request another id",
        ) from error


def is_done(sysroot: Sysroot, request_id: str) -> bool:
    """Whether this guest has carried the request out already (LESSONS L18)."""
    journal = read_journal(sysroot, request_id)
    return journal is not None and journal.state == "committed"


def unfinished(sysroot: Sysroot) -> tuple[Journal, ...]:
    """Requests that were interrupted while they changed files."""
    journals = (read_journal(sysroot, name) for name in sysroot.names(REQUESTS))
    return tuple(journal for journal in journals if journal is not None and journal.state == "applying")
