"""How far a run has come, and the result that it ends in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from guest.protocol import Result
from guest.settings.model import Power

if TYPE_CHECKING:
    from guest.changes import Guest
    from guest.errors import CustomizerError
    from guest.machine.model import BlockDevice
    from guest.settings.model import PowerAction, Settings
    from guest.undo import Undo


@dataclass
class Progress:
    """How far a run has come: what its last event needs to say whatever happens."""

    settings: Settings | None = None
    medium: BlockDevice | None = None
    guest: Guest | None = None
    stack_because: str | None = None
    skipped: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)
    disk: str = "untouched"

    @property
    def power(self) -> Power:
        return self.settings.power if self.settings else Power()

    @property
    def request(self) -> str:
        return f"request {self.settings.request_id}" if self.settings else "no request"

    def recognized(self, guest: Guest, stack_because: str | None) -> None:
        """A result says which guest it was about, also where what was asked for cannot be done in it."""
        self.guest, self.stack_because = guest, stack_because


def carried_out(progress: Progress, changed: tuple[str, ...], seconds: float) -> Result:
    message = f"{progress.request} is carried out: {len(changed)} paths changed"
    result = _result(progress, "ok", "done", message, "detach our media and boot the guest from its disk")
    return replace(result, changed=changed, seconds=seconds)


def undone(progress: Progress, plan: Undo | None, seconds: float) -> Result:
    if plan is None:
        message = f"{progress.request} is not in force in this guest; {_what_else(progress)}"
        return replace(_result(progress, "ok", "guest.already-undone", message), seconds=seconds)
    message = f"{progress.request} is taken back: {len(plan.paths)} paths changed"
    return replace(_result(progress, "ok", "undone", message), changed=plan.paths, seconds=seconds)


def already_done(progress: Progress, seconds: float) -> Result:
    message = f"this guest has carried out {progress.request} before; {_what_else(progress)}"
    hint = "give the request another id if it is to be carried out again"
    return replace(_result(progress, "ok", "guest.already-customized", message, hint), seconds=seconds)


def failure(error: CustomizerError, progress: Progress, seconds: float) -> Result:
    """The result of a run that ended in an error."""
    return replace(_result(progress, "failed", error.code, error.message, error.hint), seconds=seconds)


def with_warning(result: Result, warning: str) -> Result:
    return replace(result, warnings=(*result.warnings, warning))


def _what_else(progress: Progress) -> str:
    """Of a run that had nothing to do; it may have taken back another one first."""
    return "nothing was changed" if progress.disk == "untouched" else "an interrupted request was taken back"


def _result(progress: Progress, status: str, code: str, message: str, hint: str = "") -> Result:
    guest = progress.guest
    power: PowerAction = progress.power.on_success if status == "ok" else progress.power.on_failure
    return Result(
        status=status,
        code=code,
        message=message,
        hint=hint,
        disk=progress.disk,
        id=progress.settings.request_id if progress.settings else None,
        family=guest.family.name if guest else None,
        release=(guest.release.name or guest.release.id) if guest else None,
        stack=guest.stack.name if guest and guest.stack else None,
        stack_because=progress.stack_because,
        skipped=progress.skipped,
        warnings=tuple(progress.warnings),
        power=power.value,
    )
