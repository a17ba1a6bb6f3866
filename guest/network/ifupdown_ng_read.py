"""What Alpine's /etc/network/interfaces says of an interface."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from guest.network.interfaces_file import stanzas
from guest.network.model import Bond, BondMode, Bridge, Interface, Route, Vlan
from guest.sysroot import exists

if TYPE_CHECKING:
    from guest.network.model import Address, AddressWithPrefix, BoundInterface, Network, Virtual
    from guest.sysroot import View

NG = "/usr/libexec/ifupdown-ng"
# Whether the kernel takes router advertisements: neither program has a word for it in every version.
OFF = "echo 0 >/proc/sys/net/ipv6/conf/{}/accept_ra"
ON = "echo 1 >/proc/sys/net/ipv6/conf/{}/accept_ra"


def is_ng(view: View) -> bool:
    return exists(view, NG)


def recover(view: View, network: Network, bound: BoundInterface) -> Interface | None:
    own = [stanza for stanza in stanzas(view) if stanza.words[:2] == ("iface", bound.name)]
    if not own:
        return None
    options = [option for stanza in own for option in stanza.options()]
    methods = {stanza.words[2:4] for stanza in own}
    commands = [value for name, value in options if name in ("up", "pre-up")]
    added, gateways, routes, mtu = _commands(commands)
    listed = [value for name, value in options if name == "gateway"]
    return Interface(
        label=bound.interface.label,
        virtual=_virtual(dict(options), network),
        addresses=(*(address for stanza in own for address in _addresses(stanza.options())), *added),
        gateways=(*map(ipaddress.ip_address, listed), *gateways),
        dhcp4=("inet", "dhcp") in methods,
        slaac=True if ON.format(bound.name) in commands else False if OFF.format(bound.name) in commands else None,
        mtu=mtu,
        routes=tuple(routes),
    )


def _addresses(options: list[tuple[str, str]]) -> list[AddressWithPrefix]:
    values = dict(options)
    address = values.get("address")
    if address is None:
        return []
    return [ipaddress.ip_interface(address if "/" in address else f"{address}/{values['netmask']}")]


def _virtual(options: dict[str, str], network: Network) -> Virtual | None:
    labels = {other.name: other.interface.label for other in network.interfaces}
    if "vlan-raw-device" in options:
        return Vlan(labels.get(options["vlan-raw-device"], options["vlan-raw-device"]), int(options["vlan-id"]))
    if "bond-slaves" in options:
        ports = tuple(labels.get(port, port) for port in options["bond-slaves"].split())
        return Bond(BondMode(options.get("bond-mode", "balance-rr")), ports)
    if "bridge-ports" in options:
        return Bridge(tuple(labels.get(port, port) for port in options["bridge-ports"].split()))
    return None


def _commands(commands: list[str]) -> tuple[list[AddressWithPrefix], list[Address], list[Route], int | None]:
    """(addresses, gateways, routes, MTU) that commands add."""
    addresses, gateways, routes, mtu = [], [], [], None
    reachable = set()
    for command in commands:
        if found := re.fullmatch(r"ip -[46] addr add (\S+) dev \S+", command):
            addresses.append(ipaddress.ip_interface(found[1]))
        elif found := re.fullmatch(r"ip link set dev \S+ mtu (\d+)", command):
            mtu = int(found[1])
        elif found := re.fullmatch(r"ip -[46] route add ([^ /]+)(?: via (\S+))? dev \S+", command):
            if found[1] == "default":
                gateways.append(ipaddress.ip_address(found[2]))
            else:
                reachable.add(found[1])  # without a length: a gateway outside the subnet
        elif found := re.fullmatch(r"ip -[46] route add (\S+/\d+)(?: via (\S+))? dev \S+(?: metric (\d+))?", command):
            via = ipaddress.ip_address(found[2]) if found[2] else None
            routes.append(Route(ipaddress.ip_network(found[1]), via, int(found[3]) if found[3] else None))
    return addresses, gateways, routes, mtu
