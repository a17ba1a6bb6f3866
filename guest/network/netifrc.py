"""netifrc: Gentoo's /etc/conf.d/net, shell variables named after interfaces, and a net.NAME service for each.

See net.example in its documentation, and net/*.sh for what the words do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.edits import Edit, MakeLink, SetAside, WriteFile
from guest.network.assignments import parse_assignments, parse_entries
from guest.network.blocks import heading, is_heading, with_blocks
from guest.network.model import BOND_MIIMON_MS, Bond, Bridge, Vlan
from guest.network.netifrc_read import CONF, RULES, find_client, recover, rule_for, variable
from guest.network.stack import Stack, inexpressible
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import BoundInterface, Network
    from guest.sysroot import View

RUNLEVELS = "/etc/runlevels"
_LEVELS = ("default", "boot")
_OTHERS = ("NetworkManager", "dhcpcd", "connman", "systemd-networkd")


def evidence(view: View, family: str, _version: tuple[int, ...]) -> str | None:
    if not exists(view, "/etc/init.d/net.lo"):
        return None
    started = {name for level in _LEVELS for name in view.names(f"{RUNLEVELS}/{level}")}
    ours = sorted(name for name in started if name.startswith("net.") and name != "net.lo")
    if ours:
        return f"OpenRC starts {', '.join(ours)}"
    if family == "gentoo" and not started & set(_OTHERS):
        return "netifrc is installed and OpenRC starts nothing else"
    return None


def carries_dns(_view: View) -> bool:
    """dns_servers_NAME makes it write resolv.conf."""
    return True


def render(view: View, network: Network) -> Iterator[Edit]:
    for bound in network.interfaces:
        if bound.interface.dhcp6 and find_client(view) == "udhcpc":
            raise inexpressible(
                "netifrc", bound.interface.label, "no DHCPv6 client is installed", "install dhcpcd in the template"
            )
    old = text(view, CONF) or ""
    blocks = [_block(view, network, bound, old) for bound in network.interfaces]
    yield WriteFile(CONF, with_blocks(_without(old, network.interfaces), blocks), "network cards")
    yield from _rules(view, network.interfaces)
    yield from _services(view, network)
    for name in _rivals(old, network.interfaces):
        yield from _stop(view, name, "it would take a card that is configured anew")


def disown(view: View, interfaces: tuple[BoundInterface, ...]) -> Iterator[Edit]:
    old = text(view, CONF)
    if old is not None and (kept := _without(old, interfaces)) != old:
        yield WriteFile(CONF, kept.encode("utf-8", "surrogateescape"), "another network stack configures this card")
    for name in (*(bound.name for bound in interfaces), *_rivals(old or "", interfaces)):
        yield from _stop(view, name, "another network stack configures this card")


def _block(view: View, network: Network, bound: BoundInterface, old: str) -> list[str]:
    return [heading(bound), *(f'{name}="{value}"' for name, value in _variables(view, network, bound, old))]


def _variables(view: View, network: Network, bound: BoundInterface, old: str) -> Iterator[tuple[str, str]]:
    interface, name = bound.interface, variable(bound.name)
    is_port = network.controller_of(bound) is not None
    yield f"config_{name}", "\n".join(_configuration(view, bound)) or "null"
    if routes := [*_routes(bound)]:
        yield f"routes_{name}", "\n".join(routes)
    if arguments := _client_arguments(view, bound):
        yield f"dhcpcd_{name}", arguments
    if (interface.dhcp4 or interface.dhcp6) and network.replaces_dhcp_dns(bound):
        yield f"dhcp_{name}", "nodns"
    mtu = network.mtu_of(bound)
    if mtu is not None:
        yield f"mtu_{name}", str(mtu)
    resolver = network.resolver_of(bound)
    if resolver.servers and not is_port:
        yield f"dns_servers_{name}", " ".join(map(str, resolver.servers))
    if resolver.search and not is_port:
        yield f"dns_search_{name}", " ".join(resolver.search)
    yield from _virtual(network, bound)
    yield from _vlans(network, bound, old)


def _configuration(view: View, bound: BoundInterface) -> list[str]:
    interface, client = bound.interface, find_client(view)
    by_dhcpcd = client == "dhcpcd" and (interface.dhcp4 or interface.dhcp6)
    words = ["dhcp"] if interface.dhcp4 or by_dhcpcd else []
    words += ["dhcpv6"] if interface.dhcp6 and not by_dhcpcd else []
    return [*words, *map(str, interface.addresses)]


def _client_arguments(view: View, bound: BoundInterface) -> str:
    """dhcpcd does both IP versions and router advertisements unless it is told otherwise."""
    interface = bound.interface
    if find_client(view) != "dhcpcd" or not (interface.dhcp4 or interface.dhcp6):
        return ""
    words = []
    if not interface.dhcp6 and interface.accepts_router_advertisements is False:
        words.append("-4")
    if interface.dhcp6:
        words += ["-6"] if not interface.dhcp4 else []
        words.append("--ia_na")  # whatever the router's advertisements say
        words += ["--ipv6ra_noautoconf"] if interface.accepts_router_advertisements is False else []
    return " ".join(words)


def _routes(bound: BoundInterface) -> Iterator[str]:
    for version in (4, 6):
        side = bound.interface.of(version)
        yield from (f"{via}/{via.max_prefixlen} scope link" for via in side.off_link)
        if side.gateway is not None:
            # `default` alone is IPv4 for older ip programs.
            yield f"{'default' if version == 4 else '::/0'} via {side.gateway}"
        for route in side.routes:
            via = f" via {route.via}" if route.via is not None else ""
            metric = f" metric {route.metric}" if route.metric is not None else ""
            yield f"{route.destination}{via}{metric}"


def _virtual(network: Network, bound: BoundInterface) -> Iterator[tuple[str, str]]:
    name = variable(bound.name)
    match bound.interface.virtual:
        case Bond(mode=mode, ports=ports):
            yield f"slaves_{name}", " ".join(network.labelled(port).name for port in ports)
            yield f"mode_{name}", mode.value
            yield f"miimon_{name}", str(BOND_MIIMON_MS)
        case Bridge(ports=ports):
            members = [network.labelled(port) for port in ports]
            yield f"bridge_{name}", " ".join(member.name for member in members)
            # Cards are there; what is made has to be made before.
            made = {_service_of(network, member) for member in members if member.interface.virtual is not None}
            if made:
                yield f"rc_net_{name}_need", " ".join(f"net.{service}" for service in sorted(made))


def _service_of(network: Network, bound: BoundInterface) -> str:
    """A VLAN has no service of its own: its parent's starts it."""
    if isinstance(bound.interface.virtual, Vlan):
        return network.labelled(bound.interface.virtual.parent).name
    return bound.name


def _vlans(network: Network, bound: BoundInterface, old: str) -> Iterator[tuple[str, str]]:
    """VLANs of the same card that the document does not mention stay as they are."""
    name, ours = variable(bound.name), network.vlans_on(bound)
    names = network.names
    values = parse_assignments(old)
    kept = [
        number
        for number in values.get(f"vlans_{name}", "").split()
        if values.get(f"{name}_vlan{number}_name", f"{bound.name}.{number}") not in names
    ]
    numbers = [str(vlan.interface.virtual.id) for vlan in ours if isinstance(vlan.interface.virtual, Vlan)]
    if kept or numbers:
        yield f"vlans_{name}", " ".join(dict.fromkeys((*kept, *numbers)))
    for number, vlan in zip(numbers, ours, strict=True):
        if vlan.name != f"{bound.name}.{number}":
            yield f"{name}_vlan{number}_name", vlan.name


def _without(content: str, interfaces: tuple[BoundInterface, ...]) -> str:
    """The file without what it says of these interfaces, by name or MAC; all other lines stay byte for byte."""
    own = [variable(bound.name) for bound in interfaces]
    own += [bound.mac.replace(":", spelled) for bound in interfaces if bound.mac for spelled in ("", "_")]
    own += [variable(name) for name in _rivals(content, interfaces)]
    one = "|".join(map(re.escape, own))
    vlans = {bound.interface.virtual.id for bound in interfaces if isinstance(bound.interface.virtual, Vlan)}
    numbers = "|".join(map(str, sorted(vlans))) or "none"
    names = re.compile(
        rf"[a-z0-9_]+_(?:{one})|rc_net_(?:{one})_\w+|(?:(?:{one})_)?vlan(?:{numbers})_\w+", re.IGNORECASE
    )
    return "".join(
        entry.text
        for entry in parse_entries(content)
        if not (entry.name and names.fullmatch(entry.name)) and not is_heading(entry.text)
    )


def _rivals(content: str, interfaces: tuple[BoundInterface, ...]) -> list[str]:
    """Bonds and bridges of the file that would take our cards."""
    names = {bound.name for bound in interfaces}
    found = []
    for name, value in parse_assignments(content).items():
        kind, _, owner = name.partition("_")
        if kind in ("slaves", "bridge") and set(value.split()) & names and owner not in map(variable, names):
            found.append(owner)
    return found


def _rules(view: View, interfaces: tuple[BoundInterface, ...]) -> Iterator[Edit]:
    """netifrc has no word for router advertisements, and a static IPv6 address does not stop them: udev tells the kernel."""
    rules = [line for bound in interfaces if (line := rule_for(bound))]
    names = {bound.name for bound in interfaces}
    old = (text(view, RULES) or "").splitlines(keepends=True)
    kept = [line for line in old if not any(f"/{name}/accept_ra" in line for name in names)]
    if rules or kept:
        content = "".join((*kept, *rules)).encode("utf-8", "surrogateescape")
        yield WriteFile(RULES, content, "router advertisements", mode=0o644)
    elif old:
        yield SetAside(RULES, "said nothing but what is said anew")


def _services(view: View, network: Network) -> Iterator[Edit]:
    for bound in network.interfaces:
        if network.controller_of(bound) is not None or isinstance(bound.interface.virtual, Vlan):
            yield from _stop(view, bound.name, "what it is a part of, or lies on, starts it")
            continue
        service = f"/etc/init.d/net.{bound.name}"
        yield MakeLink(service, "net.lo", "starts the network card")
        if view.state(f"{RUNLEVELS}/boot/net.{bound.name}") is None:
            yield MakeLink(f"{RUNLEVELS}/default/net.{bound.name}", service, "starts the network card")


def _stop(view: View, name: str, why: str) -> Iterator[Edit]:
    for level in _LEVELS:
        if view.state(f"{RUNLEVELS}/{level}/net.{name}") is not None:
            yield SetAside(f"{RUNLEVELS}/{level}/net.{name}", why)


STACK = Stack("netifrc", evidence, render, recover, disown, carries_dns)
