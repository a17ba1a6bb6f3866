"""Gentoo: OpenRC, or systemd by choice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.distro.family import BootScript, Family, Names, first_line, replace_assignment
from guest.edits import Edit, WriteFile
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from guest.distro.release import Release
    from guest.sysroot import View

CONF = "/etc/conf.d/hostname"


def plan_hostname(view: View, _release: Release, names: Names) -> tuple[Edit, ...]:
    """OpenRC from 0.22 on prefers /etc/hostname; conf.d/hostname is what older ones read."""
    edits: list[Edit] = [WriteFile("/etc/hostname", f"{names.hostname}\n".encode(), "host name")]
    old = text(view, CONF)
    if old is not None or exists(view, "/etc/init.d/hostname"):
        content = replace_assignment(old or "", "hostname", f'"{names.hostname}"')
        edits.append(WriteFile(CONF, content.encode("utf-8", "surrogateescape"), "host name"))
    return tuple(edits)


def read_hostname(view: View) -> str | None:
    if name := first_line(view, "/etc/hostname"):
        return name
    found = re.search(r"^\s*hostname=[\"']?([^\s\"']+)", text(view, CONF) or "", re.MULTILINE)
    return found[1] if found else None


FAMILY = Family(
    name="gentoo",
    ids=frozenset({"gentoo"}),
    traces=("/etc/portage", "/etc/gentoo-release"),
    plan_hostname=plan_hostname,
    read_hostname=read_hostname,
    hosts_addresses=("127.0.1.1",),
    boot_script=BootScript("/etc/local.d/guest-customizer.start", service="local"),
)
