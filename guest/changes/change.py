"""What a change is: a name, and a function from settings and a view of the guest to edits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from guest.distro.family import Family
    from guest.distro.release import Release
    from guest.edits import Edit
    from guest.machine.model import Machine
    from guest.network.stack import Stack
    from guest.settings.model import Settings
    from guest.sysroot import View


@dataclass(frozen=True)
class Guest:
    """What was found out about the guest. `stack` is None where no network or DNS change asks for one."""

    release: Release
    family: Family
    stack: Stack | None


@dataclass(frozen=True)
class Note:
    """Something the administrator should know, for the report's warnings."""

    message: str


@dataclass(frozen=True)
class Check:
    """Asked of the guest when everything is written: None, or what its files do not say that they should.

    A complaint names no configured value; it takes everything back (`apply.not-understood`).
    """

    complain: Callable[[View], str | None]


@dataclass(frozen=True)
class Context:
    """Everything a change decides from, besides the guest's files."""

    settings: Settings
    guest: Guest
    machine: Machine


@dataclass(frozen=True)
class Change:
    """One thing changed in a guest. `plan` looks through the view, which holds earlier changes' edits already."""

    name: str
    plan: Callable[[Context, View], Iterator[Edit | Note | Check]]
