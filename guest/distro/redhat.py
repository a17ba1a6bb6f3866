"""RHEL and its rebuilds, Fedora, Oracle, Amazon, and those that follow them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.distro.family import Family, Names, replace_assignment
from guest.edits import Edit, WriteFile
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from guest.distro.release import Release
    from guest.sysroot import View

SYSCONFIG_NETWORK = "/etc/sysconfig/network"


def plan_hostname(view: View, release: Release, names: Names) -> tuple[Edit, ...]:
    """systemd reads /etc/hostname; before it, rc.sysinit reads HOSTNAME= of /etc/sysconfig/network (EL5, EL6, Amazon 1)."""
    if not _has_systemd(view, release):
        content = text(view, SYSCONFIG_NETWORK) or "NETWORKING=yes\n"
        changed = replace_assignment(content, "HOSTNAME", names.fqdn)
        return (WriteFile(SYSCONFIG_NETWORK, changed.encode("utf-8", "surrogateescape"), "host name"),)
    return (WriteFile("/etc/hostname", f"{names.fqdn}\n".encode(), "host name"),)


def _has_systemd(view: View, release: Release) -> bool:
    if exists(view, "/usr/lib/systemd/systemd") or exists(view, "/lib/systemd/systemd"):
        return True
    return release.id == "fedora" or (release.major is not None and not release.is_before(7) and release.major < 2000)


def read_hostname(view: View) -> str | None:
    name = (text(view, "/etc/hostname") or "").strip()
    if not name:
        found = re.search(r"^\s*HOSTNAME=[\"']?([^\s\"']+)", text(view, SYSCONFIG_NETWORK) or "", re.MULTILINE)
        name = found[1] if found else ""
    return name or None


FAMILY = Family(
    name="redhat",
    ids=frozenset(
        {
            "rhel",
            "centos",
            "rocky",
            "almalinux",
            "fedora",
            "ol",
            "amzn",
            "scientific",
            "openeuler",
            "anolis",
            "kylin",
        }
    ),
    plan_hostname=plan_hostname,
    read_hostname=read_hostname,
    # Anaconda and cloud-init's Red Hat template name the machine beside both loopback addresses.
    hosts_addresses=("127.0.0.1", "::1"),
    rc_local="/etc/rc.d/rc.local",
    rc_local_start="#!/bin/sh\n",
)
