"""Takes back a request that was carried out: refused where a file has been changed since, unless forced."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from guest import apply
from guest.errors import CustomizerError
from guest.journal import Journal, Phase, read_journal
from guest.rollback import NothingDoneError, keep_changed
from guest.standing import Kind, look_at

if TYPE_CHECKING:
    from guest.journal import Record
    from guest.sysroot import Sysroot


@dataclass(frozen=True)
class Undo:
    """What is to be taken back. `changed_since` are overwritten (their present content is kept beside the backups)."""

    journal: Journal
    paths: tuple[str, ...]
    changed_since: tuple[str, ...]


def plan_undo(sysroot: Sysroot, request_id: str, *, force: bool) -> Undo | None:
    """None where it is undone already. Raises CustomizerError; nothing has been written then."""
    journal = read_journal(sysroot, request_id)
    if journal is None:
        raise CustomizerError(
            "guest.no-such-request",
            f"this guest knows no request {request_id}",
            "undo needs the id of the request that is to be taken back",
        )
    if journal.phase is not Phase.COMMITTED:
        return None
    # A path that is back already, such as first boot's hook, which removes itself, is fine.
    here = [record for record in journal.records if not look_at(sysroot, record.path).is_untouched_since(record.before)]
    changed = tuple(record.path for record in here if not _is_ours(sysroot, record))
    irreplaceable = any(look_at(sysroot, path).kind in (Kind.FOLDER, Kind.OTHER) for path in changed)
    if changed and (irreplaceable or not force):
        more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
        raise CustomizerError(
            "guest.changed-since",
            f"{changed[0]}{more} in the guest has been changed since request {request_id}",
            "undo it all the same with `[request] force = yes` (on a tree: --force): what is there now is kept in replaced/",
        )
    return Undo(journal, tuple(record.path for record in here), changed)


def undo(sysroot: Sysroot, plan: Undo) -> None:
    """All or nothing. Raises apply.RestoredError (nothing was changed) or apply.HalfDoneError."""
    journal = plan.journal
    try:
        keep_changed(sysroot, journal)
        apply.write_journal(sysroot, replace(journal, phase=Phase.UNDOING))
    except (OSError, CustomizerError) as error:
        _leave_in_force(sysroot, journal)
        raise apply.restored(error, "the undo could not be begun", "nothing was changed") from error
    try:
        apply.recover(sysroot, replace(journal, phase=Phase.UNDOING))
    except NothingDoneError as error:
        _leave_in_force(sysroot, journal)
        raise apply.RestoredError(error.code, error.message, error.hint or "nothing was changed") from error
    except (OSError, CustomizerError) as error:
        raise apply.HalfDoneError(
            "apply.half-done",
            f"taking the request back failed half-way ({error})",
            f"run the ISO again: it goes on with it first; the old files are in {journal.backups} in the guest",
        ) from error


def _leave_in_force(sysroot: Sysroot, journal: Journal) -> None:
    """The journal may say `undoing` already: the next run should not go on with what was never begun."""
    with suppress(OSError, CustomizerError):
        apply.write_journal(sysroot, journal)


def _is_ours(sysroot: Sysroot, record: Record) -> bool:
    return look_at(sysroot, record.path).is_untouched_since(record.after)
