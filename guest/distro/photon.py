"""VMware Photon: rpm packages, but systemd-networkd and short names."""

from __future__ import annotations

from guest.distro.family import BootScript, Family, plan_short_hostname, read_hostname_file

FAMILY = Family(
    name="photon",
    ids=frozenset({"photon"}),
    traces=("/etc/tdnf/tdnf.conf",),
    plan_hostname=plan_short_hostname,
    read_hostname=read_hostname_file,
    hosts_addresses=("127.0.0.1", "::1"),
    boot_script=BootScript("/etc/rc.d/rc.local"),
)
