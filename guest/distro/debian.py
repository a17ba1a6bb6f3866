"""Debian and what is built from it: Ubuntu, Mint, Devuan and others."""

from __future__ import annotations

from guest.distro.family import BootScript, Family, plan_short_hostname, read_hostname_file

FAMILY = Family(
    name="debian",
    ids=frozenset({"debian", "ubuntu", "devuan", "linuxmint", "raspbian", "kali"}),
    traces=("/var/lib/dpkg/status", "/etc/apt/sources.list", "/etc/apt/sources.list.d"),
    # Debian keeps the domain in /etc/hosts alone (Debian Reference 5.1.1).
    plan_hostname=plan_short_hostname,
    read_hostname=read_hostname_file,
    hosts_addresses=("127.0.1.1",),
    boot_script=BootScript("/etc/rc.local", start="#!/bin/sh -e\n", by_systemd=True),
)
