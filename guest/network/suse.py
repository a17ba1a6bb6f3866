"""SUSE: /etc/sysconfig/network as wicked reads it and, before wicked, sysconfig's ifup (SLES 10 to 15, openSUSE).

See ifcfg(5), ifroute(5), ifcfg-bonding(5), ifsysctl(5). What these files say is read back in suse_read.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.edits import Edit, SetAside, WriteFile
from guest.network import shellvars
from guest.network.model import BOND_MIIMON_MS, Bond, Bridge, Vlan
from guest.network.stack import Stack, inexpressible, sysv_starts, wants
from guest.network.suse_read import (
    FOLDER,
    NO_ADVERTISEMENTS,
    ROUTES,
    SCRIPTS,
    Dialect,
    config_name,
    find_dialect,
    recover,
)
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import BoundInterface, IpSide, Network
    from guest.sysroot import View

CONFIG = f"{FOLDER}/config"
# Both readers skip files that end so (FACTS-distros 3.7).
_IGNORED = ("~", ".old", ".bak", ".orig", ".scpmbackup", ".rpmnew", ".rpmsave", ".rpmorig")
_KINDS = ("ifcfg", "ifroute", "ifsysctl", "ifrule")
# What we say of an interface; the rest of its ifcfg file (FIREWALL, ETHTOOL_OPTIONS, …) stays.
_OURS = re.compile(
    r"(?:STARTMODE|BOOTPROTO|NETWORK|MTU|LLADDR|HWADDR|ETHERDEVICE|VLAN_ID|DHCLIENT6_MODE|NAME|UNIQUE|_nm_name)"
    r"|(?:IPADDR|NETMASK|PREFIXLEN|BROADCAST|REMOTE_IPADDR|LABEL|SCOPE|IP_OPTIONS)\w*|BONDING_\w+|BRIDGE\w*|PRE_UP_SCRIPT"
)
_MARK = "# [[{}]] by guest-customizer"
_SCRIPT = b"""#!/bin/sh
# guest-customizer: no IPv6 addresses from router advertisements. ifup calls this with: CONFIGURATION INTERFACE
for key in accept_ra autoconf; do
  echo 0 2>/dev/null >/proc/sys/net/ipv6/conf/"${2:-$1}"/$key
done
exit 0
"""


def evidence(view: View, family: str, _version: tuple[int, ...]) -> str | None:
    if view.state(FOLDER) is None:
        return None
    service = view.link_target("/etc/systemd/system/network.service") or ""
    if service.endswith("/NetworkManager.service"):
        return None
    if service.endswith("/wicked.service") or wants(view, "wicked.service"):
        return "wicked is enabled as the network service"
    if shellvars.parse(text(view, CONFIG) or "").get("NETWORKMANAGER") == "yes":
        return None
    if sysv_starts(view, "network", tuple(f"/etc/init.d/rc{level}.d" for level in (3, 5, 2))):
        return "the network service is started by SysV init and reads /etc/sysconfig/network"
    if family == "suse" and exists(view, "/usr/sbin/wicked"):
        return "wicked is installed and nothing else is enabled"
    return None


def carries_dns(_view: View) -> bool:
    """netconfig's own file has them, for all interfaces together."""
    return False


def render(view: View, network: Network) -> Iterator[Edit]:
    dialect = find_dialect(view)
    for bound in network.interfaces:
        _refuse(view, dialect, bound)
    written = {f"{FOLDER}/ifcfg-{config_name(dialect, bound)}" for bound in network.interfaces}
    routed = {bound.name: [*_routes(bound)] for bound in network.interfaces}
    for bound in network.interfaces:
        name = config_name(dialect, bound)
        yield _profile(view, dialect, network, bound)
        if routed[bound.name]:
            written.add(f"{FOLDER}/ifroute-{name}")
            yield WriteFile(f"{FOLDER}/ifroute-{name}", _joined(routed[bound.name]), "routes")
        if dialect.ifsysctl:
            written.add(f"{FOLDER}/ifsysctl-{name}")
            yield from _sysctls(view, bound, f"{FOLDER}/ifsysctl-{name}")
    if not dialect.ifsysctl and any(b.interface.accepts_router_advertisements is False for b in network.interfaces):
        yield WriteFile(f"{SCRIPTS}/{NO_ADVERTISEMENTS}", _SCRIPT, "no router advertisements", mode=0o755)
    for path in _files_of(view, network.interfaces):
        if path not in written:
            yield SetAside(path, "belongs to a card that is configured anew")
    yield from _without_old_routes(view, network.interfaces)


def disown(view: View, interfaces: tuple[BoundInterface, ...]) -> Iterator[Edit]:
    for path in _files_of(view, interfaces):
        yield SetAside(path, "another network stack configures this card")
    yield from _without_old_routes(view, interfaces)


def _refuse(view: View, dialect: Dialect, bound: BoundInterface) -> None:
    interface = bound.interface
    label = interface.label
    if interface.dhcp6 and not dialect.dhcp6:
        raise inexpressible(
            "sysconfig", label, "its ifup knows no DHCPv6", "give it static IPv6 addresses, or slaac = yes"
        )
    if isinstance(interface.virtual, Vlan) and dialect.by_mac and bound.name != f"vlan{interface.virtual.id}":
        hint = f"give the VLAN the name vlan{interface.virtual.id}"
        raise inexpressible("sysconfig", label, "a VLAN's number is read from its name alone", hint)
    helpers = {Bond: "ifup-bonding", Bridge: "ifup-bridge", Vlan: "ifup-802.1q"}
    helper = helpers.get(type(interface.virtual)) if interface.virtual else None
    if helper and not dialect.wicked and not exists(view, f"{SCRIPTS}/{helper}"):
        raise inexpressible("sysconfig", label, f"it has no {helper}", "install what brings it in the template")


def _joined(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _profile(view: View, dialect: Dialect, network: Network, bound: BoundInterface) -> WriteFile:
    path = f"{FOLDER}/ifcfg-{config_name(dialect, bound)}"
    mark = _MARK.format(bound.interface.label)
    old = (text(view, path) or "").splitlines(keepends=True)
    kept = [line for line in old if not _OURS.fullmatch(shellvars.key_of(line) or "")]
    kept = [
        line
        for line in kept
        if not line.endswith(("by guest-customizer\n", "cloud-init automatically, do not edit.\n"))
    ]
    lines = [mark, *(f"{key}='{value}'" for key, value in _variables(dialect, network, bound))]
    content = "".join(kept).encode("utf-8", "surrogateescape") + _joined(lines)
    return WriteFile(path, content, "network card")


def _variables(dialect: Dialect, network: Network, bound: BoundInterface) -> Iterator[tuple[str, str]]:
    interface = bound.interface
    controller = network.controller_of(bound)
    if controller is not None:
        # `none` leaves everything about a port to its bond or bridge. SLES 10 wants ports to be off (bonding.txt).
        bonded = isinstance(controller.interface.virtual, Bond)
        yield "STARTMODE", ("off" if dialect.by_mac else "hotplug") if bonded else "auto"
        yield "BOOTPROTO", "none"
    else:
        yield "STARTMODE", "auto"
        yield "BOOTPROTO", _boot_protocol(dialect, bound)
    for number, address in enumerate(interface.addresses):
        yield f"IPADDR_{number}" if number else "IPADDR", str(address)
    if interface.dhcp6 and interface.slaac is False:
        yield "DHCLIENT6_MODE", "managed"  # not as the router says
    if (mtu := network.mtu_of(bound)) is not None:
        yield "MTU", str(mtu)
    if interface.accepts_router_advertisements is False and not dialect.ifsysctl:
        yield "PRE_UP_SCRIPT", NO_ADVERTISEMENTS
    match interface.virtual:
        case Vlan(parent=parent, id=number):
            yield "ETHERDEVICE", config_name(dialect, network.labelled(parent))
            yield "VLAN_ID", str(number)
        case Bond(mode=mode, ports=ports):
            yield "BONDING_MASTER", "yes"
            yield "BONDING_MODULE_OPTS", f"mode={mode.value} miimon={BOND_MIIMON_MS}"
            for number, port in enumerate(ports):
                yield f"BONDING_SLAVE_{number}", config_name(dialect, network.labelled(port))
        case Bridge(ports=ports):
            yield "BRIDGE", "yes"
            yield "BRIDGE_PORTS", " ".join(config_name(dialect, network.labelled(port)) for port in ports)
            yield "BRIDGE_STP", "off"
            yield "BRIDGE_FORWARDDELAY", "0"


def _boot_protocol(dialect: Dialect, bound: BoundInterface) -> str:
    """`dhcp` is both IP versions where dhcp4 and dhcp6 are known, IPv4 before. Addresses beside it count too."""
    match bound.interface.dhcp4, bound.interface.dhcp6:
        case True, True:
            return "dhcp"
        case True, False:
            return "dhcp4" if dialect.dhcp6 else "dhcp"
        case False, True:
            return "dhcp6"
    return "static"


def _routes(bound: BoundInterface) -> Iterator[str]:
    """Destination, gateway, netmask, interface (this one), then ip-route(8)'s options."""
    for version in (4, 6):
        side: IpSide = bound.interface.of(version)
        yield from (f"{via}/{via.max_prefixlen} - - - scope link" for via in side.off_link)
        if side.gateway is not None:
            yield f"default {side.gateway} - -"
        for route in side.routes:
            metric = f" metric {route.metric}" if route.metric is not None else ""
            yield f"{route.destination} {route.via or '-'} - -{metric}"


def _sysctls(view: View, bound: BoundInterface, path: str) -> Iterator[Edit]:
    """Whether the kernel takes router advertisements; slashes, because interface names may hold a dot."""
    interface, old = bound.interface, text(view, path) or ""
    key = r"(?m)^[ \t]*net[./]ipv6[./]conf[./]\S+[./](?:accept_ra|autoconf)[ \t]*=.*(?:\n|\Z)"
    kept = re.sub(key, "", old)
    accepts = interface.accepts_router_advertisements
    if accepts is not None:
        # With DHCPv6 the router still names itself as the gateway.
        listens = int(accepts or interface.dhcp6)
        settings = (("accept_ra", listens), ("autoconf", int(accepts)))
        kept += "\n" if kept and not kept.endswith("\n") else ""
        kept += "".join(f"net/ipv6/conf/{bound.name}/{name} = {value}\n" for name, value in settings)
    if kept.strip():
        yield WriteFile(path, kept.encode("utf-8", "surrogateescape"), "router advertisements")
    elif view.state(path) is not None:
        yield SetAside(path, "said nothing but what is said anew")


def _files_of(view: View, interfaces: tuple[BoundInterface, ...]) -> list[str]:
    """Every file about these interfaces, by name or by MAC, and those of bonds and bridges that would take their cards."""
    names = {bound.name for bound in interfaces}
    configs = names | {f"eth-id-{bound.mac}" for bound in interfaces if bound.mac}
    present = [name for name in view.names(FOLDER) if not name.endswith(_IGNORED)]
    for name in present:
        kind, _, config = name.partition("-")
        keys = shellvars.parse(text(view, f"{FOLDER}/{name}") or "") if kind == "ifcfg" else {}
        ports = {value for key, value in keys.items() if key.startswith("BONDING_SLAVE")}
        ports |= set(keys.get("BRIDGE_PORTS", "").split())
        if ports & configs:
            configs.add(config)
    found = [name.partition("-") for name in present]
    return [f"{FOLDER}/{kind}-{config}" for kind, _, config in found if kind in _KINDS and config.lower() in configs]


def _without_old_routes(view: View, interfaces: tuple[BoundInterface, ...]) -> Iterator[Edit]:
    """The installer's default route stands in `routes`, for whatever interface it fits; ours stand with the interfaces."""
    old = text(view, ROUTES)
    if old is None:
        return
    names = {bound.name for bound in interfaces}
    versions = {version for bound in interfaces for version in (4, 6) if _decides_gateway(bound.interface.of(version))}
    kept = [line for line in old.splitlines(keepends=True) if not _is_old_route(line, names, versions)]
    if any(line.strip() and not line.lstrip().startswith("#") for line in kept):
        yield WriteFile(ROUTES, "".join(kept).encode("utf-8", "surrogateescape"), "the cards' own routes count")
    elif len(kept) < len(old.splitlines()):
        yield SetAside(ROUTES, "the cards' own routes count")


def _decides_gateway(side: IpSide) -> bool:
    return side.dhcp or bool(side.addresses) or side.gateway is not None


def _is_old_route(line: str, names: set[str], versions: set[int]) -> bool:
    words = line.partition("#")[0].split()
    if len(words) < 2:
        return False
    interface = words[3] if len(words) > 3 else "-"
    is_default = words[0] in ("default", "0.0.0.0", "0.0.0.0/0", "::/0")  # noqa: S104 (a route, no socket)
    version = 6 if ":" in words[0] + words[1] else 4
    return interface in names or (interface == "-" and is_default and version in versions)


STACK = Stack("suse", evidence, render, recover, disown, carries_dns)
