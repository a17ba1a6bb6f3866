"""What distinguishes one network stack from another: which files it reads, and how an intent looks in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guest.errors import CustomizerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from guest.edits import Edit
    from guest.network.model import BoundInterface, Interface, Network
    from guest.sysroot import View


@dataclass(frozen=True)
class Stack:
    """One stack. `evidence` says why it is in charge in this guest, None where it is not."""

    name: str
    # (view, family name, version numbers) -> the reason, for the report
    evidence: Callable[[View, str, tuple[int, ...]], str | None]
    # The edits that make the guest's files say this network. Raises what inexpressible() makes.
    render: Callable[[View, Network], Iterator[Edit]]
    # What the guest's files now say of one interface, read back for verification; None where they say nothing of it. Of the
    # network it takes the names that go with labels, nothing else.
    recover: Callable[[View, Network, BoundInterface], Interface | None]
    # Sets aside, or takes out of files that hold more, whatever this stack says of these interfaces: another one is in
    # charge of them (LESSONS L2).
    disown: Callable[[View, tuple[BoundInterface, ...]], Iterator[Edit]]
    # Whether the interfaces' own files hold the DNS servers in this guest.
    carries_dns: Callable[[View], bool]
    # The name that the guest's present files of this stack give to a MAC; None where they name none. Most have no file that
    # says both; .link files and udev's rules are asked before (names.py).
    known_name: Callable[[View, str], str | None] = lambda _view, _mac: None


def inexpressible(stack: str, label: str, what: str, hint: str) -> CustomizerError:
    """For what a stack, or this release of it, cannot say: refused before the first write, never dropped."""
    return CustomizerError("network.inexpressible", f"[[{label}]] in this guest's {stack}: {what}", hint)


def wants(view: View, unit: str) -> bool:
    """Whether a systemd unit is enabled, by the links that `systemctl enable` makes; masked is not."""
    if view.link_target(f"/etc/systemd/system/{unit}") == "/dev/null":
        return False
    return any(
        view.state(f"{top}/{target}.wants/{unit}") is not None
        for top in ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
        for target in ("multi-user.target", "network-online.target", "sysinit.target", "network.target")
    )


def sysv_starts(view: View, service: str, folders: tuple[str, ...]) -> bool:
    """Whether a SysV start link of a service stands in one of these rc folders."""
    return any(
        name.startswith("S") and name.lstrip("S0123456789") == service
        for folder in folders
        for name in view.names(folder)
    )
