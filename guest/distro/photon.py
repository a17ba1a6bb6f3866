"""VMware Photon: rpm packages, but systemd-networkd and short names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest.distro.family import BootScript, Family, Names, first_line
from guest.edits import Edit, WriteFile

if TYPE_CHECKING:
    from guest.distro.release import Release
    from guest.sysroot import View


def plan_hostname(_view: View, _release: Release, names: Names) -> tuple[Edit, ...]:
    return (WriteFile("/etc/hostname", f"{names.hostname}\n".encode(), "host name"),)


def read_hostname(view: View) -> str | None:
    return first_line(view, "/etc/hostname")


FAMILY = Family(
    name="photon",
    ids=frozenset({"photon"}),
    traces=("/etc/tdnf/tdnf.conf",),
    plan_hostname=plan_hostname,
    read_hostname=read_hostname,
    hosts_addresses=("127.0.0.1", "::1"),
    boot_script=BootScript("/etc/rc.d/rc.local"),
)
