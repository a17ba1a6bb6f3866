"""Arch and what is built from it: always systemd, no version numbers."""

from __future__ import annotations

from guest.distro.family import BootScript, Family, plan_short_hostname, read_hostname_file

FAMILY = Family(
    name="arch",
    ids=frozenset({"arch", "archarm", "manjaro", "endeavouros"}),
    traces=("/etc/pacman.conf",),
    plan_hostname=plan_short_hostname,
    read_hostname=read_hostname_file,
    hosts_addresses=("127.0.1.1",),
    # Arch builds systemd without rc.local.
    boot_script=BootScript("/etc/rc.local"),
)
