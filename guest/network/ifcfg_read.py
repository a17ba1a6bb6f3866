"""ifcfg profiles and route files, read: which there are, and what they say of an interface."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from guest.network import shellvars
from guest.network.model import Bond, BondMode, Bridge, Interface, Resolver, Route, Vlan
from guest.sysroot import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import AddressWithPrefix, BoundInterface, IpVersion, Network, Virtual
    from guest.sysroot import View

FOLDER = "/etc/sysconfig/network-scripts"
SYSCONFIG_NETWORK = "/etc/sysconfig/network"
# Both readers skip files that end so; whatever else stands in the folder is a live profile (FACTS-distros 3.2).
_IGNORED = ("~", ".bak", ".orig", ".rpmnew", ".rpmorig", ".rpmsave")


def profiles(view: View) -> list[str]:
    return [
        name
        for name in view.names(FOLDER)
        if name.startswith("ifcfg-") and name != "ifcfg-lo" and not name.endswith(_IGNORED)
    ]


def keys_of(view: View, name: str) -> dict[str, str]:
    return shellvars.parse(text(view, f"{FOLDER}/{name}") or "")


def spell(route: Route, name: str) -> str:
    """A line of a route file, as ip-route(8) takes it."""
    via = f" via {route.via}" if route.via is not None else ""
    metric = f" metric {route.metric}" if route.metric is not None else ""
    return f"{route.destination}{via} dev {name}{metric}"


def recover(view: View, network: Network, bound: BoundInterface) -> Interface | None:
    keys = keys_of(view, f"ifcfg-{bound.name}")
    if keys.get("DEVICE") != bound.name or keys.get("ONBOOT") != "yes":
        return None
    routes4, routes6 = (list(_routes(view, prefix, bound.name)) for prefix in ("route", "route6"))
    gateways = (keys.get("GATEWAY"), keys.get("IPV6_DEFAULTGW", "").partition("%")[0])
    defaults = [route.via for route in (*routes4, *routes6) if _is_default(route)]
    init, autoconf = keys.get("IPV6INIT"), keys.get("IPV6_AUTOCONF")
    return Interface(
        label=bound.interface.label,
        virtual=_virtual(view, network, bound, keys),
        addresses=(*_ipv4(keys), *_aliases(view, bound.name), *_ipv6(keys)),
        gateways=(
            *(ipaddress.ip_address(gateway) for gateway in gateways if gateway),
            *(via for via in defaults if via is not None),
        ),
        dhcp4=keys.get("BOOTPROTO") == "dhcp",
        dhcp6=keys.get("DHCPV6C") == "yes",
        slaac=None if init is None else init == "yes" and autoconf == "yes",
        mtu=int(keys["MTU"]) if "MTU" in keys else None,
        routes=tuple(route for route in (*routes4, *routes6) if not _is_default(route)),
        resolver=Resolver(
            tuple(ipaddress.ip_address(server) for server in _numbered(keys, "DNS")),
            tuple(keys.get("DOMAIN", "").split()),
        ),
    )


def _is_default(route: Route) -> bool:
    return route.destination.prefixlen == 0 and route.metric is None


def _numbered(keys: dict[str, str], key: str) -> Iterator[str]:
    number = 1
    while found := keys.get(f"{key}{number}"):
        yield found
        number += 1


def _ipv4(keys: dict[str, str]) -> Iterator[AddressWithPrefix]:
    """IPADDR, IPADDR0, IPADDR1 and IPADDR2 may each be missing; from then on the first gap is the end."""
    for number in ("", *map(str, range(256))):
        address = keys.get(f"IPADDR{number}")
        if address:
            prefix = keys.get(f"PREFIX{number}") or keys.get(f"NETMASK{number}")
            yield ipaddress.ip_interface(f"{address}/{prefix}")
        elif number not in ("", "0", "1"):
            return


def _aliases(view: View, name: str) -> Iterator[AddressWithPrefix]:
    for profile in profiles(view):
        if profile.startswith(f"ifcfg-{name}:"):
            yield from _ipv4(keys_of(view, profile))


def _ipv6(keys: dict[str, str]) -> Iterator[AddressWithPrefix]:
    for key in ("IPV6ADDR", "IPV6ADDR_SECONDARIES"):
        for address in keys.get(key, "").split():
            yield ipaddress.ip_interface(address)


def _routes(view: View, prefix: str, name: str) -> Iterator[Route]:
    lines = (text(view, f"{FOLDER}/{prefix}-{name}") or "").splitlines()
    version: IpVersion = 4 if prefix == "route" else 6
    found = [_route(line.split(), version) for line in lines if line.strip() and not line.startswith("#")]
    for route, following in zip(found, [*found[1:], None], strict=False):
        # A route to nothing but the next one's gateway is there for that one's sake.
        helps = following is not None and route.via is None and route.destination.num_addresses == 1
        if not (helps and following is not None and following.via == route.destination.network_address):
            yield route


def _route(words: list[str], version: IpVersion) -> Route:
    options = dict(zip(words[1::2], words[2::2], strict=False))
    anywhere = "0.0.0.0/0" if version == 4 else "::/0"
    return Route(
        ipaddress.ip_network(anywhere if words[0] == "default" else words[0]),
        ipaddress.ip_address(options["via"]) if "via" in options else None,
        int(options["metric"]) if "metric" in options else None,
    )


def _virtual(view: View, network: Network, bound: BoundInterface, keys: dict[str, str]) -> Virtual | None:
    if keys.get("VLAN") == "yes":
        parent = network.by_name(keys.get("PHYSDEV", ""))
        return Vlan(parent.interface.label if parent else "", int(keys.get("VLAN_ID") or 0))
    if keys.get("BONDING_MASTER") == "yes":
        mode = re.search(r"\bmode=(\S+)", keys.get("BONDING_OPTS", ""))
        return Bond(BondMode(mode[1] if mode else "balance-rr"), _ports(view, network, "MASTER", bound.name))
    if keys.get("TYPE") == "Bridge":
        return Bridge(_ports(view, network, "BRIDGE", bound.name))
    return None


def _ports(view: View, network: Network, key: str, name: str) -> tuple[str, ...]:
    return tuple(b.interface.label for b in network.interfaces if keys_of(view, f"ifcfg-{b.name}").get(key) == name)
