"""dhcpcd: /etc/dhcpcd.conf, where the daemon configures cards by itself (Void; Arch, Gentoo and others by choice).

dhcpcd.conf(5) has one static IPv4 and one IPv6 address a card, an IPv4 gateway, no metrics and no IPv6 routes; the hook
that it runs after each event (dhcpcd-run-hooks(8)) adds the rest.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guest.edits import Edit, SetAside, WriteFile
from guest.network.dhcpcd_read import BEGIN, CONF, END, HOOK, hook_block, recover
from guest.network.stack import Stack, inexpressible, wants
from guest.sysroot import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import AddressWithPrefix, BoundInterface, Network
    from guest.sysroot import View

_QUIETLY = " 2>/dev/null || :"  # an address may not be there yet; a later event brings its routes
RUNIT = "/etc/runit/runsvdir/default"
# Events after which addresses and routes may have to be set anew.
_EVENTS = "CARRIER|STATIC|STATIC6|BOUND|BOUND6|RENEW|RENEW6|REBIND|REBIND6|REBOOT|REBOOT6|TIMEOUT|ROUTERADVERT|INFORM6"


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


def known_name(_view: View, _mac: str) -> str | None:
    return None


def render(view: View, network: Network) -> Iterator[Edit]:
    for bound in network.interfaces:
        _refuse(view, network, bound)
    old = _let_dhcpcd_have(text(view, CONF) or "", network.names)
    kept = _without(old, network.interfaces).rstrip("\n")
    blocks = [_block(network, bound) for bound in network.interfaces]
    content = "\n\n".join([*([kept] if kept else []), *blocks]) + "\n"
    yield WriteFile(CONF, content.encode("utf-8", "surrogateescape"), "network cards")
    yield from _hook(view, network.interfaces, {bound.name: [*_commands(bound)] for bound in network.interfaces})


def disown(view: View, interfaces: tuple[BoundInterface, ...]) -> Iterator[Edit]:
    """Where the daemon runs by itself; for a client that another stack starts, the file is that stack's."""
    if evidence(view, "", ()) is None:
        return
    old = text(view, CONF)
    if old is not None and (kept := _without(old, interfaces)) != old:
        yield WriteFile(CONF, kept.encode("utf-8", "surrogateescape"), "another network stack configures this card")
    yield from _hook(view, interfaces, {})


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


def _block(network: Network, bound: BoundInterface) -> str:
    lines = [f"# [[{bound.interface.label}]] by guest-customizer", f"interface {bound.name}"]
    return "\n".join([*lines, *_ipv4(bound), *_ipv6(bound), *_names(network, bound)])


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


def _names(network: Network, bound: BoundInterface) -> Iterator[str]:
    resolver = network.resolver_of(bound)
    if resolver.servers:
        yield f"static domain_name_servers={' '.join(map(str, resolver.servers))}"
    if resolver.search:
        yield f"static domain_search={' '.join(resolver.search)}"


def _commands(bound: BoundInterface) -> Iterator[str]:
    """What the hook does: shell commands, each of which may be repeated."""
    name, interface = bound.name, bound.interface
    if interface.mtu is not None:
        yield f"ip link set dev {name} mtu {interface.mtu}"  # dhcpcd's own interface_mtu is one of routes alone
    if interface.accepts_router_advertisements is False and not interface.dhcp6:
        file = f"/proc/sys/net/ipv6/conf/{name}/accept_ra"
        yield f"[ ! -w {file} ] || echo 0 >{file}"
    for version in (4, 6):
        side = interface.of(version)
        ip = f"ip -{version}"
        for address in side.addresses[1:]:
            yield f"{_after(name, side.addresses[0])}{ip} addr replace {address} dev {name}"
        for gateway in side.off_link:
            if version == 4 and gateway == side.gateway:
                continue  # dhcpcd sees to its own
            yield f"{ip} route replace {gateway}/{gateway.max_prefixlen} dev {name} scope link"
        if version == 6 and side.gateway is not None:
            yield f"{ip} route replace default via {side.gateway} dev {name}"
        for route in side.routes:
            via = f" via {route.via}" if route.via is not None else ""
            metric = f" metric {route.metric}" if route.metric is not None else ""
            yield f"{ip} route replace {route.destination}{via} dev {name}{metric}"


def _after(name: str, first: AddressWithPrefix) -> str:
    """Not before dhcpcd has its own address there: of a subnet's IPv4 addresses, the first is the one that is sent from."""
    return f"ip -4 addr show dev {name} | grep -qF ' {first} ' && " if first.version == 4 else ""


def _hook(view: View, interfaces: tuple[BoundInterface, ...], commands: dict[str, list[str]]) -> Iterator[Edit]:
    """Our block in the hook, for these interfaces anew; the rest of the file is somebody else's."""
    old = text(view, HOOK) or ""
    block = hook_block(old)
    outside = old.replace(block, "") if block else old
    ours = {bound.name for bound in interfaces}
    wanted = {name: lines for name, lines in _commands_in(block).items() if name not in ours}
    wanted |= {name: lines for name, lines in commands.items() if lines}
    if wanted:
        outside += "\n" if outside and not outside.endswith("\n") else ""
        yield WriteFile(HOOK, (outside + _compose(wanted)).encode("utf-8", "surrogateescape"), "addresses and routes")
    elif outside:
        yield WriteFile(HOOK, outside.encode("utf-8", "surrogateescape"), "addresses and routes")
    elif old:
        yield SetAside(HOOK, "held nothing but what is not asked for any more")


def _commands_in(block: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    name = ""
    for line in block.splitlines():
        if heading := re.fullmatch(r"  ([^ ()]+)\)", line):
            name = heading[1]
        elif line.startswith("    ") and not line.strip().startswith(";;"):
            found.setdefault(name, []).append(line.strip().removesuffix(_QUIETLY))
    return found


def _compose(commands: dict[str, list[str]]) -> str:
    lines = [BEGIN, 'case "$reason" in', f"{_EVENTS})", '  case "$interface" in']
    for name, own in commands.items():
        lines += [f"  {name})", *(f"    {command}{_QUIETLY}" for command in own), "    ;;"]
    return "".join(f"{line}\n" for line in (*lines, "  esac", "  ;;", "esac", END))


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
            kept += [line for line in block.lines if not line.endswith("by guest-customizer\n")]
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


STACK = Stack("dhcpcd", evidence, render, recover, disown, carries_dns, known_name)
