"""What distinguishes one distribution family from another: data, with a function or two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guest.edits import WriteFile
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from guest.distro.release import Release
    from guest.edits import Edit
    from guest.sysroot import View

HOST_NAME_MAX = 64
HOSTNAME = "/etc/hostname"


@dataclass(frozen=True)
class Names:
    """The clone's new names. `fqdn` equals `hostname` where no domain is given."""

    hostname: str
    domain: str | None

    @property
    def fqdn(self) -> str:
        return f"{self.hostname}.{self.domain}" if self.domain else self.hostname

    @property
    def full_if_it_fits(self) -> str:
        """What Linux can be called: sethostname(2) refuses more than 64 bytes, and the machine would have no name."""
        return self.fqdn if len(self.fqdn) <= HOST_NAME_MAX else self.hostname


@dataclass(frozen=True)
class BootScript:
    """The script that init runs at the end of each boot, for guests without systemd or where systemd runs it too."""

    path: str
    # What stands at the top of one that we make.
    start: str = "#!/bin/sh\n"
    # Whether systemd's rc-local generator, as this family builds it, starts it too; else systemd gets a unit.
    by_systemd: bool = False
    # Whether init has started the network when it runs this.
    after_network: bool = True
    # The OpenRC service that runs it; enabled where it is not.
    service: str | None = None


@dataclass(frozen=True)
class Family:
    """One family. Paths are as the guest sees them."""

    name: str
    ids: frozenset[str]
    # Files that stand for this family in a guest whose os-release says nothing known.
    traces: tuple[str, ...]
    # Where the guest keeps its name, by release.
    plan_hostname: Callable[[View, Release, Names], tuple[Edit, ...]]
    # The name the guest has now, for replacing it in /etc/hosts and elsewhere.
    read_hostname: Callable[[View], str | None]
    # The addresses whose lines in /etc/hosts carry the own name.
    hosts_addresses: tuple[str, ...]
    boot_script: BootScript


def has_systemd(view: View) -> bool:
    """Whether systemd is the guest's init. Its udev and helpers alone are no sign: other inits use them too."""
    return any(exists(view, f"{folder}/systemd/systemd") for folder in ("/usr/lib", "/lib"))


def plan_short_hostname(_view: View, _release: Release, names: Names) -> tuple[Edit, ...]:
    """Where /etc/hostname holds the short name and nothing else says it."""
    return (WriteFile(HOSTNAME, f"{names.hostname}\n".encode(), "host name"),)


def read_hostname_file(view: View) -> str | None:
    return first_line(view, HOSTNAME)


def first_line(view: View, path: str) -> str | None:
    """A file that holds one word, such as /etc/hostname; comments and empty lines do not count."""
    lines = (line.strip() for line in (text(view, path) or "").splitlines())
    return next((line for line in lines if line and not line.startswith("#")), None)


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
