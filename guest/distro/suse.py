"""SUSE Linux Enterprise and openSUSE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest.distro.family import BootScript, Family, Names, first_line, has_systemd, replace_assignment
from guest.edits import Edit, WriteFile
from guest.sysroot import text

if TYPE_CHECKING:
    from guest.distro.release import Release
    from guest.sysroot import View

DHCP = "/etc/sysconfig/network/dhcp"


def plan_hostname(view: View, _release: Release, names: Names) -> tuple[Edit, ...]:
    """boot.localnet reads the full name from /etc/HOSTNAME; systemd a short one from /etc/hostname (SLES 12 and later)."""
    edits: list[Edit] = []
    state = view.state("/etc/HOSTNAME")
    if has_systemd(view):
        edits.append(WriteFile("/etc/hostname", f"{names.hostname}\n".encode(), "host name"))
    if not has_systemd(view) or (state is not None and state.is_regular):
        # Elsewhere it is a link to hostname, which a file must not replace.
        edits.append(WriteFile("/etc/HOSTNAME", f"{names.fqdn}\n".encode(), "host name"))
    old = text(view, DHCP)
    if old is not None:
        # The installer often says yes: then the name of the last DHCP lease wins (FACTS-distros 2.3).
        content = replace_assignment(old, "DHCLIENT_SET_HOSTNAME", '"no"')
        edits.append(WriteFile(DHCP, content.encode("utf-8", "surrogateescape"), "DHCP must not name the machine"))
    return tuple(edits)


def read_hostname(view: View) -> str | None:
    return first_line(view, "/etc/hostname") or first_line(view, "/etc/HOSTNAME")


FAMILY = Family(
    name="suse",
    ids=frozenset(
        {"sles", "sled", "sles_sap", "suse", "opensuse", "opensuse-leap", "opensuse-tumbleweed", "sle_hpc", "sle-hpc"}
    ),
    traces=("/etc/zypp", "/etc/SuSE-release", "/etc/YaST2"),
    plan_hostname=plan_hostname,
    read_hostname=read_hostname,
    hosts_addresses=("127.0.1.1",),
    # boot.local runs before the network; after.local when the runlevel is reached.
    boot_script=BootScript("/etc/init.d/after.local"),
)
