"""What SUSE's /etc/sysconfig/network says of an interface, and which of its dialects this guest reads."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guest.network import shellvars
from guest.network.model import Bond, BondMode, Bridge, Interface, Route, Vlan
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import Address, BoundInterface, Network, Virtual
    from guest.sysroot import View

FOLDER = "/etc/sysconfig/network"
SCRIPTS = f"{FOLDER}/scripts"
ROUTES = f"{FOLDER}/routes"
NO_ADVERTISEMENTS = "guest-customizer-no-ra"


@dataclass(frozen=True)
class Dialect:
    """What this guest's reader of the files knows."""

    wicked: bool
    by_mac: bool  # SLES 10: a card's files are named eth-id-MAC
    ifsysctl: bool  # from December 2009 on (SLES 11 SP1)
    dhcp6: bool  # BOOTPROTO dhcp4 and dhcp6; without them, dhcp is IPv4


def find_dialect(view: View) -> Dialect:
    """By the programs that are there: service packs brought features without a new version number."""
    if exists(view, "/usr/sbin/wicked"):
        return Dialect(wicked=True, by_mac=False, ifsysctl=True, dhcp6=True)
    found = re.search(r"^VERSION\s*=\s*(\d+)(?:\.(\d+))?", text(view, "/etc/SuSE-release") or "", re.MULTILINE)
    # openSUSE 10.3 was the first with ifcfg-ethN and udev's persistent names.
    by_mac = found is not None and (int(found[1]), int(found[2] or 0)) < (10, 3)
    dhcp = any("dhcp6" in (text(view, f"{SCRIPTS}/{name}") or "") for name in ("ifup", "ifup-dhcp"))
    return Dialect(wicked=False, by_mac=by_mac, ifsysctl=exists(view, f"{SCRIPTS}/ifup-sysctl"), dhcp6=dhcp)


def config_name(dialect: Dialect, bound: BoundInterface) -> str:
    """What follows ifcfg- in the names of an interface's files."""
    return f"eth-id-{bound.mac}" if dialect.by_mac and bound.mac else bound.name


def recover(view: View, network: Network, bound: BoundInterface) -> Interface | None:
    dialect = find_dialect(view)
    name = config_name(dialect, bound)
    content = text(view, f"{FOLDER}/ifcfg-{name}")
    if content is None:
        return None
    keys = shellvars.parse(content)
    protocols = set(keys.get("BOOTPROTO", "").split("+"))
    gateways, routes = _read_routes(text(view, f"{FOLDER}/ifroute-{name}") or "")
    labels = {config_name(dialect, other): other.interface.label for other in network.interfaces}
    return Interface(
        label=bound.interface.label,
        virtual=_virtual(keys, labels),
        addresses=tuple(_address(keys, key) for key in keys if re.fullmatch(r"IPADDR\w*", key) and keys[key]),
        gateways=gateways,
        dhcp4=bool(protocols & {"dhcp", "dhcp4"}),
        dhcp6="dhcp6" in protocols or (dialect.dhcp6 and "dhcp" in protocols),
        slaac=_slaac(view, dialect, keys, name),
        mtu=int(keys["MTU"]) if keys.get("MTU") else None,
        routes=routes,
    )


def _address(keys: dict[str, str], key: str) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface:
    value, suffix = keys[key], key.removeprefix("IPADDR")
    length = keys.get(f"PREFIXLEN{suffix}") or keys.get(f"NETMASK{suffix}")
    return ipaddress.ip_interface(value if "/" in value or not length else f"{value}/{length}")


def _slaac(view: View, dialect: Dialect, keys: dict[str, str], name: str) -> bool | None:
    if not dialect.ifsysctl:
        return keys.get("PRE_UP_SCRIPT") != NO_ADVERTISEMENTS
    settings = re.findall(r"(?m)^[^#\n]*[./]autoconf\s*=\s*([01])", text(view, f"{FOLDER}/ifsysctl-{name}") or "")
    return settings[-1] == "1" if settings else None


def _virtual(keys: dict[str, str], labels: dict[str, str]) -> Virtual | None:
    if keys.get("BONDING_MASTER") == "yes":
        mode = re.search(r"\bmode=(\S+)", keys.get("BONDING_MODULE_OPTS", ""))
        ports = tuple(labels.get(value, value) for key, value in keys.items() if key.startswith("BONDING_SLAVE"))
        return Bond(BondMode(mode[1] if mode else "balance-rr"), ports)
    if keys.get("BRIDGE") == "yes":
        return Bridge(tuple(labels.get(port, port) for port in keys.get("BRIDGE_PORTS", "").split()))
    if keys.get("ETHERDEVICE"):
        return Vlan(labels.get(keys["ETHERDEVICE"], keys["ETHERDEVICE"]), int(keys["VLAN_ID"]))
    return None


def _read_routes(content: str) -> tuple[tuple[Address, ...], tuple[Route, ...]]:
    """(default gateways, other routes)"""
    gateways, routes = [], []
    for destination, via, options in _route_lines(content):
        if destination == "default" and via is not None:
            gateways.append(via)
        elif options != ["scope", "link"]:  # which only makes a gateway reachable
            metric = int(options[1]) if options[:1] == ["metric"] else None
            routes.append(Route(ipaddress.ip_network(destination), via, metric))
    return tuple(gateways), tuple(routes)


def _route_lines(content: str) -> Iterator[tuple[str, Address | None, list[str]]]:
    for line in content.splitlines():
        words = line.split("#")[0].split()
        if words:
            via = words[1] if len(words) > 1 else "-"
            yield words[0], None if via == "-" else ipaddress.ip_address(via), words[4:]
