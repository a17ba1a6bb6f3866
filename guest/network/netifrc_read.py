"""What Gentoo's /etc/conf.d/net says of an interface."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from guest.network.assignments import parse_assignments
from guest.network.model import Bond, BondMode, Bridge, Interface, Resolver, Route, Vlan
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from guest.network.model import Address, BoundInterface, Network, Virtual
    from guest.sysroot import View

CONF = "/etc/conf.d/net"
RULES = "/etc/udev/rules.d/76-guest-customizer-ra.rules"
_FOLDERS = ("/sbin", "/usr/sbin", "/bin", "/usr/bin")


def variable(name: str) -> str:
    """An interface's name as it stands in the names of variables."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)


def find_client(view: View) -> str:
    """The DHCP client that netifrc takes; busybox' is always there."""
    for client in ("dhcpcd", "dhclient"):
        if any(exists(view, f"{folder}/{client}") for folder in _FOLDERS):
            return client
    return "udhcpc"


def rule_for(bound: BoundInterface) -> str | None:
    """The udev rule that says whether the kernel takes router advertisements; None where the document leaves it open."""
    accepts = bound.interface.accepts_router_advertisements
    if accepts is None:
        return None
    # DRIVERS keeps out VLANs and bonds, which have their card's MAC. With DHCPv6 the router still names itself as the gateway.
    which = f'ATTR{{address}}=="{bound.mac}", DRIVERS=="?*"' if bound.mac else f'KERNEL=="{bound.name}"'
    folder = f"/proc/sys/net/ipv6/conf/{bound.name}"
    listens = int(accepts or bound.interface.dhcp6)
    return (
        f'SUBSYSTEM=="net", ACTION=="add", {which}, '
        f"RUN+=\"/bin/sh -c 'echo {listens} >{folder}/accept_ra; echo {int(accepts)} >{folder}/autoconf'\"\n"
    )


def recover(view: View, network: Network, bound: BoundInterface) -> Interface | None:
    values, name = parse_assignments(text(view, CONF) or ""), variable(bound.name)
    words = values.get(f"config_{name}")
    if words is None:
        return None
    lines = words.split("\n")
    arguments = values.get(f"dhcpcd_{name}", "").split()
    gateways, routes = _read_routes(values.get(f"routes_{name}", ""))
    servers = values.get(f"dns_servers_{name}", "").split()
    return Interface(
        label=bound.interface.label,
        virtual=_virtual(values, network, bound),
        addresses=tuple(ipaddress.ip_interface(line) for line in lines if "/" in line),
        gateways=gateways,
        dhcp4="dhcp" in lines and "-6" not in arguments,
        dhcp6="dhcpv6" in lines or ("dhcp" in lines and "--ia_na" in arguments),
        slaac=_slaac(text(view, RULES) or "", bound.name),
        mtu=int(values[f"mtu_{name}"]) if f"mtu_{name}" in values else None,
        routes=routes,
        resolver=Resolver(
            tuple(map(ipaddress.ip_address, servers)), tuple(values.get(f"dns_search_{name}", "").split())
        ),
    )


def _slaac(rules: str, name: str) -> bool | None:
    found = re.findall(rf"echo ([01]) >/proc/sys/net/ipv6/conf/{re.escape(name)}/autoconf", rules)
    return found[-1] == "1" if found else None


def _virtual(values: dict[str, str], network: Network, bound: BoundInterface) -> Virtual | None:
    labels = {other.name: other.interface.label for other in network.interfaces}
    name = variable(bound.name)
    if ports := values.get(f"slaves_{name}"):
        mode = BondMode(values.get(f"mode_{name}", "balance-rr"))
        return Bond(mode, tuple(labels.get(port, port) for port in ports.split()))
    if ports := values.get(f"bridge_{name}"):
        return Bridge(tuple(labels.get(port, port) for port in ports.split()))
    for parent in network.interfaces:
        for number in values.get(f"vlans_{variable(parent.name)}", "").split():
            given = values.get(f"{variable(parent.name)}_vlan{number}_name", f"{parent.name}.{number}")
            if given == bound.name:
                return Vlan(parent.interface.label, int(number))
    return None


def _read_routes(value: str) -> tuple[tuple[Address, ...], tuple[Route, ...]]:
    """(default gateways, other routes)"""
    gateways, routes = [], []
    for line in value.splitlines():
        destination, *rest = line.split()
        if rest == ["scope", "link"]:
            continue  # only makes a gateway reachable
        options = dict(zip(rest[::2], rest[1::2], strict=True))
        via = ipaddress.ip_address(options["via"]) if "via" in options else None
        if destination in ("default", "::/0") and via is not None and "metric" not in options:
            gateways.append(via)
        else:
            metric = int(options["metric"]) if "metric" in options else None
            routes.append(Route(ipaddress.ip_network(destination), via, metric))
    return tuple(gateways), tuple(routes)
