"""What is to be done to a guest: a function of the document, the machine and the guest's files, and of nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guest.changes import Context, Guest, plan_changes
from guest.distro import find_family
from guest.distro.release import Release, find_release
from guest.distro.unsupported import find_unsupported
from guest.errors import CustomizerError, OutOfTimeError
from guest.network import find_stack
from guest.remembered import Remembered

if TYPE_CHECKING:
    from collections.abc import Callable

    from guest.distro.family import Family
    from guest.edits import Overlay
    from guest.machine.model import Machine
    from guest.settings.model import Settings
    from guest.sysroot import View


@dataclass(frozen=True)
class Decision:
    """The guest as found, the guest as it is to become, and what its administrator should know."""

    guest: Guest
    stack_because: str | None
    plan: Overlay
    warnings: tuple[str, ...]
    # Asked of the guest once everything is written: None, or in a sentence what its files do not say that they should.
    checks: tuple[Callable[[View], str | None], ...] = ()


def decide(
    settings: Settings,
    machine: Machine,
    view: View,
    recognized: Callable[[Guest, str | None], None] = lambda _guest, _because: None,
) -> Decision:
    """Raises CustomizerError for whatever cannot be done; nothing has been written then.

    `recognized` is told of the guest, and why this network stack is in charge, as soon as each is known.
    """
    view = Remembered(view)
    release, family, warning = inspect(settings, view)
    recognized(Guest(release, family, None), None)
    guest, because = _with_stack(settings, view, release, family)
    recognized(guest, because)
    plan, notes, checks = plan_changes(Context(settings, guest, machine), view)
    warnings = tuple(note.message for note in notes)
    return Decision(
        guest, because, plan, (warning, *warnings) if warning else warnings, tuple(check.complain for check in checks)
    )


def inspect(settings: Settings, view: View) -> tuple[Release, Family, str | None]:
    """Release, family, and a warning where the family is a guess."""
    if error := find_unsupported(view):
        raise error
    release = find_release(view)
    if release is None:
        if settings.guest.family is None:
            raise CustomizerError(
                "guest.unknown-release",
                "nothing in the guest says which distribution it is",
                "if you know which family it behaves like, say so: [guest] family = …",
            )
        release = Release(id=settings.guest.family)
    family, warning = find_family(view, release, settings.guest.family)
    return release, family, warning


def _with_stack(settings: Settings, view: View, release: Release, family: Family) -> tuple[Guest, str | None]:
    """The network stack too, with the reason why it is in charge."""
    if not settings.interfaces and not settings.resolver:
        return Guest(release, family, None), None
    if not settings.interfaces and settings.guest.network_stack is None:
        try:
            stack, because = find_stack(view, family.name, release.version, None)
        except OutOfTimeError:
            raise
        except CustomizerError:
            return Guest(release, family, None), None  # resolv.conf alone needs no stack
        return Guest(release, family, stack), because
    stack, because = find_stack(view, family.name, release.version, settings.guest.network_stack)
    return Guest(release, family, stack), because
