"""How far a run has come, and the result that it ends in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from guest.protocol import Result
from guest.settings.model import Power

if TYPE_CHECKING:
    from guest.decide import Decision
    from guest.errors import CustomizerError
    from guest.machine.model import BlockDevice
    from guest.settings.model import Settings
    from guest.undo import Undo


@dataclass
class Progress:
    """How far a run has come: what its last event needs to say whatever happens."""

    settings: Settings | None = None
    medium: BlockDevice | None = None
    decision: Decision | None = None
    skipped: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)
    disk: str = "untouched"

    @property
    def power(self) -> Power:
        return self.settings.power if self.settings else Power()


def carried_out(
    settings: Settings, decision: Decision, progress: Progress, changed: tuple[str, ...], seconds: float
) -> Result:
    release = decision.guest.release
    return Result(
        status="ok",
        code="done",
        message=f"request {settings.request_id} is carried out: {len(changed)} paths changed",
        hint="detach our media and boot the guest from its disk",
        disk="changed",
        id=settings.request_id,
        family=decision.guest.family.name,
        release=release.name or release.id,
        stack=decision.guest.stack.name if decision.guest.stack else None,
        stack_because=decision.stack_because,
        changed=changed,
        skipped=progress.skipped,
        warnings=tuple(progress.warnings),
        seconds=seconds,
        power=settings.power.on_success.value,
    )


def undone(settings: Settings, progress: Progress, plan: Undo | None, seconds: float) -> Result:
    count = len(plan.paths) if plan else 0
    return Result(
        status="ok",
        code="undone" if plan else "guest.already-undone",
        message=f"request {settings.request_id} is taken back: {count} paths changed"
        if plan
        else f"request {settings.request_id} is not in force in this guest; {_what_else(progress)}",
        hint="",
        disk=progress.disk,
        id=settings.request_id,
        changed=plan.paths if plan else (),
        skipped=progress.skipped,
        warnings=tuple(progress.warnings),
        seconds=seconds,
        power=settings.power.on_success.value,
    )


def already_done(settings: Settings, progress: Progress, seconds: float) -> Result:
    return Result(
        status="ok",
        code="guest.already-customized",
        message=f"this guest has carried out request {settings.request_id} before; {_what_else(progress)}",
        hint="give the request another id if it is to be carried out again",
        disk=progress.disk,
        id=settings.request_id,
        skipped=progress.skipped,
        warnings=tuple(progress.warnings),
        seconds=seconds,
        power=settings.power.on_success.value,
    )


def _what_else(progress: Progress) -> str:
    """Of a run that had nothing to do; it may have taken back another one first."""
    return "nothing was changed" if progress.disk == "untouched" else "an interrupted request was taken back"


def failure(error: CustomizerError, progress: Progress, seconds: float) -> Result:
    """The result of a run that ended in an error."""
    decision = progress.decision
    return Result(
        status="failed",
        code=error.code,
        message=error.message,
        hint=error.hint,
        disk=progress.disk,
        id=progress.settings.request_id if progress.settings else None,
        family=decision.guest.family.name if decision else None,
        release=decision.guest.release.name if decision else None,
        stack=decision.guest.stack.name if decision and decision.guest.stack else None,
        skipped=progress.skipped,
        warnings=tuple(progress.warnings),
        seconds=seconds,
        power=progress.power.on_failure.value,
    )


def with_warning(result: Result, warning: str) -> Result:
    return replace(result, warnings=(*result.warnings, warning))
