"""dhcpcd: /etc/dhcpcd.conf, where the daemon configures cards by itself (Void; Arch, Gentoo and others by choice).

dhcpcd.conf(5) has one static IPv4 and one IPv6 address a card, an IPv4 gateway, no metrics and no IPv6 routes; the hook
that it runs after each event adds the rest (dhcpcd_hook.py).
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guest.edits import Edit, WriteFile
from guest.network.blocks import heading, is_heading, with_blocks
from guest.network.dhcpcd_hook import commands, plan_hook
from guest.network.dhcpcd_read import CONF, recover
from guest.network.stack import Stack, inexpressible, wants
from guest.sysroot import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import BoundInterface, Network
    from guest.sysroot import View

# Of these the hook 20-resolv.conf makes servers and search domains; named as in dhcpcd-definitions.conf.
_DNS_BY_DHCP = ("domain_name_servers", "domain_name", "domain_search", "fqdn")
_DNS_BY_IPV6 = ("dhcp6_name_servers", "dhcp6_domain_search", "dhcp6_fqdn", "nd_rdnss", "nd_dnssl")
RUNIT = "/etc/runit/runsvdir/default"


def evidence(view: View, _family: str, _version: tuple[int, ...]) -> str | None:
    if view.read(CONF) is None:
        return None
    services = [name for name in view.names(RUNIT) if re.fullmatch(r"dhcpcd(?:-.+)?", name)]
    if services:
        return f"runit starts {', '.join(services)}"
    if view.state("/etc/runlevels/default/dhcpcd") is not None:
        return "OpenRC starts dhcpcd"
    instances = view.names("/etc/systemd/system/multi-user.target.wants")
    if wants(view, "dhcpcd.service") or any(name.startswith("dhcpcd@") for name in instances):
        return "dhcpcd.service is enabled"
    return None


def carries_dns(_view: View) -> bool:
    """Its hook writes resolv.conf, or hands the servers to resolvconf."""
    return True


def render(view: View, network: Network) -> Iterator[Edit]:
    for bound in network.interfaces:
        _refuse(view, network, bound)
    kept = _without(_let_dhcpcd_have(text(view, CONF) or "", network.names), network.interfaces)
    blocks = [_block(network, bound) for bound in network.interfaces]
    yield WriteFile(CONF, with_blocks(kept, blocks), "network cards")
    yield from plan_hook(view, network.interfaces, {bound.name: [*commands(bound)] for bound in network.interfaces})


def disown(view: View, interfaces: tuple[BoundInterface, ...]) -> Iterator[Edit]:
    """Where the daemon runs by itself; for a client that another stack starts, the file is that stack's."""
    if evidence(view, "", ()) is None:
        return
    old = text(view, CONF)
    if old is not None and (kept := _without(old, interfaces)) != old:
        yield WriteFile(CONF, kept.encode("utf-8", "surrogateescape"), "another network stack configures this card")
    yield from plan_hook(view, interfaces, {})


def _refuse(view: View, network: Network, bound: BoundInterface) -> None:
    interface = bound.interface
    patterns = re.findall(r"(?m)^[ \t]*denyinterfaces[ \t]+(.*)$", text(view, CONF) or "")
    denied = [pattern for line in patterns for pattern in line.replace(",", " ").split() if pattern != bound.name]
    if any(fnmatch.fnmatchcase(bound.name, pattern) for pattern in denied):
        hint = "take the pattern out of denyinterfaces in the template's /etc/dhcpcd.conf"
        raise inexpressible("dhcpcd", interface.label, "a pattern keeps dhcpcd off cards with such names", hint)
    if interface.virtual is not None:
        hint = "let NetworkManager or systemd-networkd configure such a guest"
        raise inexpressible("dhcpcd", interface.label, "dhcpcd makes no VLANs, bonds or bridges", hint)
    side = interface.of(4)
    if network.resolver_of(bound) and not side.addresses and not side.dhcp:
        hint = "give the card an IPv4 address or dhcp4, or let another card carry the DNS servers"
        raise inexpressible("dhcpcd", interface.label, "DNS servers come with an IPv4 configuration alone", hint)


def _block(network: Network, bound: BoundInterface) -> Iterator[str]:
    yield heading(bound)
    yield f"interface {bound.name}"
    yield from _ipv4(bound)
    yield from _ipv6(bound)
    yield from _unused(network, bound)
    yield from _names(network, bound)


def _ipv4(bound: BoundInterface) -> Iterator[str]:
    side = bound.interface.of(4)
    if side.addresses:
        yield f"static ip_address={side.addresses[0]}"
    elif not side.dhcp:
        yield "noipv4"
    if side.gateway is not None:
        yield f"static routers={side.gateway}"  # it makes a gateway outside the subnet reachable by itself


def _ipv6(bound: BoundInterface) -> Iterator[str]:
    interface, side = bound.interface, bound.interface.of(6)
    if side.dhcp:
        yield "ipv6rs"
        yield "ia_na"
        if interface.accepts_router_advertisements is not None:
            yield "ipv6ra_autoconf" if interface.accepts_router_advertisements else "ipv6ra_noautoconf"
    elif interface.accepts_router_advertisements:
        yield "ipv6rs"
        yield "ipv6ra_autoconf"
    elif interface.accepts_router_advertisements is False:
        yield "noipv6rs"
    if side.addresses:
        yield f"static ip6_address={side.addresses[0]}"


def _unused(network: Network, bound: BoundInterface) -> Iterator[str]:
    """What DHCP, DHCPv6 and router advertisements say of DNS: the hook would put it beside ours."""
    interface = bound.interface
    offered = [*(_DNS_BY_DHCP if interface.dhcp4 else ())]
    if interface.dhcp6 or interface.accepts_router_advertisements is not False:
        offered += _DNS_BY_IPV6
    if not offered or not network.replaces_dhcp_dns(bound):
        return
    if network.resolver_of(bound):
        # A line each: the prefix counts for a line, and a version that does not know a word passes over its line.
        yield from (f"nooption {option}" for option in offered)
    else:
        yield "nohook resolv.conf"  # what is asked for stands with another card


def _names(network: Network, bound: BoundInterface) -> Iterator[str]:
    resolver = network.resolver_of(bound)
    if resolver.servers:
        yield f"static domain_name_servers={' '.join(map(str, resolver.servers))}"
    if resolver.search:
        yield f"static domain_search={' '.join(resolver.search)}"


@dataclass(frozen=True)
class _Block:
    """What stands between one `interface`, `ssid` or `profile` line and the next; `heading` () before the first."""

    heading: tuple[str, ...]
    lines: tuple[str, ...]


def _split(content: str) -> Iterator[_Block]:
    heading: tuple[str, ...] = ()
    lines: list[str] = []
    for line in content.splitlines(keepends=True):
        words = tuple(line.split())
        if words[:1] in (("interface",), ("ssid",), ("profile",)):
            above = len(lines)  # comments directly above a block go with it
            while above and lines[above - 1].lstrip().startswith("#"):
                above -= 1
            yield _Block(heading, tuple(lines[:above]))
            heading, lines = words, lines[above:]
        lines.append(line if line.endswith("\n") else line + "\n")
    yield _Block(heading, tuple(lines))


def _without(content: str, interfaces: tuple[BoundInterface, ...]) -> str:
    """The file without these interfaces' blocks."""
    names = {bound.name for bound in interfaces}
    kept: list[str] = []
    for block in _split(content):
        if block.heading[:1] != ("interface",) or not names & set(block.heading[1:]):
            kept += [line for line in block.lines if not is_heading(line)]
    return "".join(kept)


def _let_dhcpcd_have(content: str, names: frozenset[str]) -> str:
    """`denyinterfaces` without our cards' names, `allowinterfaces` with them."""
    lines = []
    for line in content.splitlines(keepends=True):
        word, *patterns = line.replace(",", " ").split() or [""]
        if word == "denyinterfaces" and names & set(patterns):
            rest = [pattern for pattern in patterns if pattern not in names]
            line = f"{word} {' '.join(rest)}\n" if rest else ""  # noqa: PLW2901 (the line as it is to become)
        elif word == "allowinterfaces":
            more = sorted(n for n in names if not any(fnmatch.fnmatchcase(n, pattern) for pattern in patterns))
            line = f"{word} {' '.join([*patterns, *more])}\n" if more else line  # noqa: PLW2901 (as above)
        lines.append(line)
    return "".join(lines)


STACK = Stack("dhcpcd", evidence, render, recover, disown, carries_dns)
