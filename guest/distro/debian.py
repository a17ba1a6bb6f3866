"""Debian and what is built from it: Ubuntu, Mint, Devuan and others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest.distro.family import BootScript, Family, Names, first_line
from guest.edits import Edit, WriteFile

if TYPE_CHECKING:
    from guest.distro.release import Release
    from guest.sysroot import View


def plan_hostname(_view: View, _release: Release, names: Names) -> tuple[Edit, ...]:
    # Short: Debian keeps the domain in /etc/hosts alone (Debian Reference 5.1.1).
    return (WriteFile("/etc/hostname", f"{names.hostname}\n".encode(), "host name"),)


def read_hostname(view: View) -> str | None:
    return first_line(view, "/etc/hostname")


FAMILY = Family(
    name="debian",
    ids=frozenset({"debian", "ubuntu", "devuan", "linuxmint", "raspbian", "kali"}),
    traces=("/var/lib/dpkg/status", "/etc/apt/sources.list", "/etc/apt/sources.list.d"),
    plan_hostname=plan_hostname,
    read_hostname=read_hostname,
    hosts_addresses=("127.0.1.1",),
    boot_script=BootScript("/etc/rc.local", start="#!/bin/sh -e\n", by_systemd=True),
)
