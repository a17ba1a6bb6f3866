"""What distinguishes one distribution family from another: data, with a function or two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from guest.distro.release import Release
    from guest.edits import Edit
    from guest.sysroot import View


@dataclass(frozen=True)
class Names:
    """The clone's new names. `fqdn` equals `hostname` where no domain is given."""

    hostname: str
    domain: str | None

    @property
    def fqdn(self) -> str:
        return f"{self.hostname}.{self.domain}" if self.domain else self.hostname


@dataclass(frozen=True)
class Family:
    """One family. Paths are as the guest sees them."""

    name: str
    ids: frozenset[str]
    # Where the guest keeps its name, by release.
    plan_hostname: Callable[[View, Release, Names], tuple[Edit, ...]]
    # The names the guest has now, for replacing them in /etc/hosts.
    read_hostname: Callable[[View], str | None]
    # (address, after which localhost line) of the line in /etc/hosts that carries the own name.
    hosts_addresses: tuple[str, ...]
    rc_local: str
    # What stands at the top of an rc.local that we make.
    rc_local_start: str


def replace_assignment(content: str, key: str, value: str) -> str:
    """Sets `KEY=value` in a file of shell assignments; every other line stays byte for byte."""
    lines = content.splitlines(keepends=True)
    wanted = f"{key}={value}\n"
    found = [number for number, line in enumerate(lines) if line.lstrip().startswith(f"{key}=")]
    if not found:
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        return "".join([*lines, wanted])
    kept = [line for number, line in enumerate(lines) if number not in found[1:]]
    kept[found[0]] = wanted
    return "".join(kept)
