"""RHEL and its rebuilds, Fedora, Oracle, Amazon, and those that follow them (openEuler, Anolis, Kylin)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.distro.family import BootScript, Family, Names, first_line, has_systemd, replace_assignment
from guest.edits import Edit, WriteFile
from guest.sysroot import text

if TYPE_CHECKING:
    from guest.distro.release import Release
    from guest.sysroot import View

SYSCONFIG_NETWORK = "/etc/sysconfig/network"


def plan_hostname(view: View, _release: Release, names: Names) -> tuple[Edit, ...]:
    """systemd reads /etc/hostname; before it, rc.sysinit reads HOSTNAME= of /etc/sysconfig/network (EL5, EL6, Amazon 1)."""
    if not has_systemd(view):
        content = text(view, SYSCONFIG_NETWORK) or "NETWORKING=yes\n"
        changed = replace_assignment(content, "HOSTNAME", names.full_if_it_fits)
        return (WriteFile(SYSCONFIG_NETWORK, changed.encode("utf-8", "surrogateescape"), "host name"),)
    return (WriteFile("/etc/hostname", f"{names.full_if_it_fits}\n".encode(), "host name"),)


def read_hostname(view: View) -> str | None:
    if name := first_line(view, "/etc/hostname"):
        return name
    found = re.search(r"^\s*HOSTNAME=[\"']?([^\s\"']+)", text(view, SYSCONFIG_NETWORK) or "", re.MULTILINE)
    return found[1] if found else None


FAMILY = Family(
    name="redhat",
    ids=frozenset(
        {
            "rhel", "centos", "rocky", "almalinux", "fedora", "ol", "amzn", "scientific", "cloudlinux",
            "openeuler", "anolis", "kylin", "neokylin", "kylinsecos", "uos",
        }
    ),
    traces=("/etc/dnf/dnf.conf", "/etc/yum.conf", "/etc/yum.repos.d"),
    plan_hostname=plan_hostname,
    read_hostname=read_hostname,
    # Anaconda and cloud-init's Red Hat template name the machine beside both loopback addresses.
    hosts_addresses=("127.0.0.1", "::1"),
    boot_script=BootScript("/etc/rc.d/rc.local", by_systemd=True),
)  # fmt: skip
