"""What /etc/network/interfaces says of one interface, read back."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from guest.network import interfaces_file
from guest.network.model import Bond, BondMode, Bridge, Interface, Resolver, Route, Vlan

if TYPE_CHECKING:
    from guest.network.model import Address, AddressWithPrefix, BoundInterface, Network, Virtual
    from guest.sysroot import View

_ROUTE = re.compile(
    r"ip (?:-6 )?route replace (?P<to>\S+)(?: via (?P<via>\S+))? dev \S+(?: metric (?P<metric>\d+))?(?: onlink)?"
)
_MTU = re.compile(r"ip link set dev \S+ mtu (\d+)")

_Stanza = tuple[str, str, list[tuple[str, str]]]  # inet or inet6, method, options


def recover(view: View, network: Network, bound: BoundInterface) -> Interface | None:
    found = _stanzas_of(view, bound.name)
    if not found:
        return None
    options = [pair for _, _, pairs in found for pair in pairs]
    routes = [route for option, value in options if option == "up" and (route := _route(value))]
    methods = {(inet, method) for inet, method, _ in found}
    gateways = [ipaddress.ip_address(value) for option, value in options if option == "gateway"]
    gateways += [route.via for route in routes if _is_default(route) and route.via is not None]
    return Interface(
        label=bound.interface.label,
        virtual=_virtual(network, bound.name, options),
        addresses=tuple(_addresses(found)),
        gateways=tuple(sorted(gateways, key=lambda gateway: gateway.version)),
        dhcp4=("inet", "dhcp") in methods,
        dhcp6=("inet6", "dhcp") in methods,
        slaac=_slaac(found),
        mtu=_mtu(options),
        routes=tuple(route for route in routes if not _is_default(route)),
        resolver=Resolver(tuple(_servers(options)), tuple(_words(options, "dns-search"))),
    )


def _stanzas_of(view: View, name: str) -> list[_Stanza]:
    return [
        (stanza.words[2], stanza.words[3], stanza.options())
        for stanza in interfaces_file.stanzas(view)
        if len(stanza.words) == 4 and stanza.words[0] == "iface" and interfaces_file.card_of(stanza.words[1]) == name
    ]


def _addresses(found: list[_Stanza]) -> list[AddressWithPrefix]:
    addresses = []
    for _, method, pairs in found:
        options = dict(pairs)
        if method == "static":
            netmask = f"/{options['netmask']}" if "netmask" in options else ""
            addresses.append(ipaddress.ip_interface(options["address"] + netmask))
    return addresses


def _slaac(found: list[_Stanza]) -> bool | None:
    for inet, method, pairs in found:
        options = dict(pairs)
        if inet == "inet6" and method == "auto":
            return True
        if inet == "inet6" and "autoconf" in options:
            return options["autoconf"] == "1"
        if inet == "inet6" and any("accept_ra" in value for _, value in pairs):
            return False
    return None


def _mtu(options: list[tuple[str, str]]) -> int | None:
    for option, value in options:
        if option == "mtu":
            return int(value)
        if option in ("up", "pre-up") and (command := _MTU.fullmatch(value)):
            return int(command[1])
    return None


def _is_default(route: Route) -> bool:
    return route.destination.prefixlen == 0 and route.metric is None


def _route(command: str) -> Route | None:
    found = _ROUTE.fullmatch(command)
    if found is None:
        return None
    via = ipaddress.ip_address(found["via"]) if found["via"] else None
    to = found["to"] if found["to"] != "default" else "::/0" if via and via.version == 6 else "0.0.0.0/0"
    return Route(ipaddress.ip_network(to), via, int(found["metric"]) if found["metric"] else None)


def _words(options: list[tuple[str, str]], name: str) -> list[str]:
    return [word for option, value in options if option == name for word in value.split()]


def _servers(options: list[tuple[str, str]]) -> list[Address]:
    return [ipaddress.ip_address(word) for word in _words(options, "dns-nameservers")]


def _virtual(network: Network, name: str, options: list[tuple[str, str]]) -> Virtual | None:
    values = dict(options)

    def labels(names: str) -> tuple[str, ...]:
        found = [network.by_name(name) for name in names.split()]
        return tuple(bound.interface.label if bound else "" for bound in found)

    if "vlan-raw-device" in values:
        number = re.search(r"(?:\.|vlan)0*(\d+)$", name)  # it stands in the name alone
        return Vlan(labels(values["vlan-raw-device"])[0], int(number[1]) if number else 0)
    if "bond-mode" in values:
        return Bond(BondMode(values["bond-mode"]), labels(values.get("bond-slaves", "")))
    if "bridge_ports" in values:
        return Bridge(labels(values["bridge_ports"]))
    return None
