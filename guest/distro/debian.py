"""Debian and what is built from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest.distro.family import Family, Names
from guest.edits import Edit, WriteFile
from guest.sysroot import text

if TYPE_CHECKING:
    from guest.distro.release import Release
    from guest.sysroot import View


def plan_hostname(_view: View, _release: Release, names: Names) -> tuple[Edit, ...]:
    # Short: Debian keeps the domain in /etc/hosts alone (Debian Reference 5.1.1).
    return (WriteFile("/etc/hostname", f"{names.hostname}\n".encode(), "host name"),)


def read_hostname(view: View) -> str | None:
    return (text(view, "/etc/hostname") or "").strip() or None


FAMILY = Family(
    name="debian",
    ids=frozenset({"debian", "ubuntu", "devuan", "linuxmint", "raspbian", "kali"}),
    plan_hostname=plan_hostname,
    read_hostname=read_hostname,
    hosts_addresses=("127.0.1.1",),
    rc_local="/etc/rc.local",
    rc_local_start="#!/bin/sh -e\n",
)
