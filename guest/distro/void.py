"""Void: runit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.distro.family import BootScript, Family, Names, first_line, replace_assignment
from guest.edits import Edit, WriteFile
from guest.sysroot import text

if TYPE_CHECKING:
    from guest.distro.release import Release
    from guest.sysroot import View

RC_CONF = "/etc/rc.conf"
_HOSTNAME = re.compile(r"^\s*HOSTNAME=[\"']?([^\s\"']+)", re.MULTILINE)


def plan_hostname(view: View, _release: Release, names: Names) -> tuple[Edit, ...]:
    edits: list[Edit] = [WriteFile("/etc/hostname", f"{names.hostname}\n".encode(), "host name")]
    old = text(view, RC_CONF) or ""
    if _HOSTNAME.search(old):
        # Where it still stands, it is set after the file has been read (void-runit, core-services/05-misc.sh).
        content = replace_assignment(old, "HOSTNAME", f'"{names.hostname}"')
        edits.append(WriteFile(RC_CONF, content.encode("utf-8", "surrogateescape"), "host name"))
    return tuple(edits)


def read_hostname(view: View) -> str | None:
    found = _HOSTNAME.search(text(view, RC_CONF) or "")
    return first_line(view, "/etc/hostname") or (found[1] if found else None)


FAMILY = Family(
    name="void",
    ids=frozenset({"void"}),
    traces=("/etc/xbps.d", "/usr/share/xbps.d"),
    plan_hostname=plan_hostname,
    read_hostname=read_hostname,
    hosts_addresses=("127.0.1.1",),
    # /etc/runit/2 runs it before the services.
    boot_script=BootScript("/etc/rc.local", after_network=False),
)
