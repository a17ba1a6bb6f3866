"""ifupdown: /etc/network/interfaces and what it sources (Debian, Devuan, Ubuntu up to 17.04). See interfaces(5)."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guest.edits import Edit, SetAside, WriteFile
from guest.network.stack import Stack, sysv_starts, wants
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from guest.network.model import BoundInterface, IpSide, Network, Resolver
    from guest.sysroot import View

INTERFACES = "/etc/network/interfaces"
_MARK = "# guest-customizer: "
# Words that begin a stanza; every other line belongs to the stanza above it.
_KEYWORDS = (
    "auto",
    "iface",
    "mapping",
    "source",
    "source-directory",
    "no-auto-down",
    "no-scripts",
    "rename",
    "template",
)
# source-directory reads only names of this shape (0.7.44 and later).
_DIRECTORY_NAME = re.compile(r"[A-Za-z0-9_-]+")


def evidence(view: View, family: str, _version: tuple[int, ...]) -> str | None:
    if view.read(INTERFACES) is None:
        return None
    if wants(view, "networking.service"):
        return "networking.service is enabled and /etc/network/interfaces is there"
    if sysv_starts(view, "networking", ("/etc/rcS.d", "/etc/rc2.d")):
        return "networking is started by SysV init and /etc/network/interfaces is there"
    if family == "debian" and (exists(view, "/sbin/ifup") or exists(view, "/usr/sbin/ifup")):
        return "ifup is installed and /etc/network/interfaces is there"
    return None


def carries_dns(view: View) -> bool:
    """dns-* options are read by resolvconf's hooks, and by nothing else."""
    return "resolvconf" in (view.link_target("/etc/resolv.conf") or "")


def known_name(view: View, mac: str) -> str | None:
    """The name of a stanza with `hwaddress ether MAC`."""
    name = None
    for line in _joined_lines(text(view, INTERFACES) or ""):
        words = line.split()
        if words[:1] == ["iface"] and len(words) > 1:
            name = words[1]
        elif words[:1] == ["hwaddress"] and words[-1].lower() == mac:
            return name
    return None


def render(view: View, network: Network) -> Iterator[Edit]:
    names = {interface.name for interface in network.interfaces}
    for path in _sourced_files(view):
        yield from _without_our_cards(view, path, names)
    old = text(view, INTERFACES) or "auto lo\niface lo inet loopback\n"
    kept = "".join(_drop(old, names)).rstrip("\n")
    with_dns = carries_dns(view)
    blocks = [
        _block(interface, network.resolver if with_dns and number == 0 else None)
        for number, interface in enumerate(network.interfaces)
    ]
    content = "\n\n".join([kept, *blocks]) + "\n"
    yield WriteFile(INTERFACES, content.encode("utf-8", "surrogateescape"), "network cards")


def _block(bound: BoundInterface, resolver: Resolver | None) -> str:
    interface = bound.interface
    stanzas = [line for version in (4, 6) for line in _stanzas(bound, interface.of(version))]
    if not stanzas:
        # Named, but with nothing to set: up, without an address.
        stanzas = [[f"iface {bound.name} inet manual"]]
    if interface.mtu is not None:
        # Only the first stanza: `mtu` of inet6 sets a sysctl that the link's own MTU bounds anyway.
        stanzas[0].insert(1, _mtu(bound, stanzas[0][0]))
    if resolver:
        stanzas[0] += [f"dns-nameservers {' '.join(map(str, resolver.servers))}"] if resolver.servers else []
        stanzas[0] += [f"dns-search {' '.join(resolver.search)}"] if resolver.search else []
    body = "\n".join("\n    ".join(stanza) for stanza in stanzas)
    return f"{_MARK}[[{interface.label}]] {bound.mac}\nauto {bound.name}\n{body}"


def _mtu(bound: BoundInterface, heading: str) -> str:
    if heading.endswith(" static"):
        return f"mtu {bound.interface.mtu}"
    # The other methods have no `mtu` in older releases; pre-up is read by every one.
    return f"pre-up ip link set dev {bound.name} mtu {bound.interface.mtu}"


def _stanzas(bound: BoundInterface, side: IpSide) -> Iterator[list[str]]:
    """One stanza per address (interfaces(5): several of one name are all applied)."""
    inet = "inet" if side.version == 4 else "inet6"
    extras = [*_route_commands(bound.name, side)]
    for number, address in enumerate(side.addresses):
        stanza = [f"iface {bound.name} {inet} static", f"address {address}"]
        if number == 0:
            if side.gateway is not None and side.gateway_is_on_link:
                stanza.append(f"gateway {side.gateway}")
            stanza += _advertisements(bound, side)
        if number == len(side.addresses) - 1:
            stanza += extras
        yield stanza
    if side.addresses:
        return
    if side.dhcp:
        yield [f"iface {bound.name} {inet} dhcp", *_advertisements(bound, side), *extras]
    elif side.version == 6 and bound.interface.slaac:
        yield [f"iface {bound.name} inet6 auto", *extras]
    elif side.version == 6 and bound.interface.slaac is False:
        yield [
            f"iface {bound.name} inet6 manual",
            f"pre-up sysctl -qw net.ipv6.conf.{bound.name}.accept_ra=0",
            *extras,
        ]
    elif extras:
        yield [f"iface {bound.name} {inet} manual", *extras]


def _advertisements(bound: BoundInterface, side: IpSide) -> list[str]:
    accepts = bound.interface.accepts_router_advertisements
    if side.version == 4 or accepts is None:
        return []
    # A static IPv6 address alone does not stop router advertisements (FACTS-distros 3).
    return (
        ["accept_ra 1", "autoconf 1"]
        if accepts
        else ["accept_ra 0", "autoconf 0"]
        if side.addresses
        else ["accept_ra 1"]
    )


def _route_commands(name: str, side: IpSide) -> Iterator[str]:
    program = "ip route replace" if side.version == 4 else "ip -6 route replace"
    if side.gateway is not None and not side.gateway_is_on_link:
        # `gateway` adds onlink only since 0.8.7 (Debian 9); this is understood by all.
        yield f"up {program} default via {side.gateway} dev {name} onlink"
    for route in side.routes:
        via = f" via {route.via}" if route.via is not None else ""
        metric = f" metric {route.metric}" if route.metric is not None else ""
        yield f"up {program} {route.destination}{via} dev {name}{metric}"


@dataclass(frozen=True)
class _Stanza:
    """Lines that belong together, as they stand, with their line ends."""

    words: tuple[str, ...]  # of the first line; () for what stands before any stanza
    lines: tuple[str, ...]


def _joined_lines(content: str) -> list[str]:
    return content.replace("\\\n", " ").splitlines()


def _split(content: str) -> Iterator[_Stanza]:
    words: tuple[str, ...] = ()
    lines: list[str] = []
    continued = False
    for line in content.splitlines(keepends=True):
        first = () if continued or line.lstrip().startswith("#") else tuple(line.split())
        continued = line.rstrip("\n").endswith("\\")
        if first and (first[0] in _KEYWORDS or first[0].startswith("allow-")):
            # Comments and blank lines directly above a stanza go with it.
            above = len(lines)
            while above and (not lines[above - 1].strip() or lines[above - 1].lstrip().startswith("#")):
                above -= 1
            yield _Stanza(words, tuple(lines[:above]))
            words, lines = first, lines[above:]
        lines.append(line if line.endswith("\n") else line + "\n")
    yield _Stanza(words, tuple(lines))


def _drop(content: str, names: set[str]) -> Iterator[str]:
    """The file without the stanzas of these cards; other lines stay byte for byte."""
    for stanza in _split(content):
        lines = [line for line in stanza.lines if not line.startswith(_MARK)]
        match stanza.words:
            case ("iface", name, *_) if _card_of(name) in names:
                # The comments that followed stay: they may be about something else.
                yield from _comments(lines)
            case (word, *listed) if word == "auto" or word.startswith("allow-"):
                kept = [name for name in listed if _card_of(name) not in names]
                if kept == listed:
                    yield from lines
                else:
                    yield from _comments(lines)
                    if kept:
                        yield f"{word} {' '.join(kept)}\n"
            case _:
                yield from lines


def _comments(lines: Iterable[str]) -> list[str]:
    return [line for line in lines if line.lstrip().startswith("#")]


def _card_of(name: str) -> str:
    """ens3:1 is another address of ens3; ens3.10 is a card of its own."""
    return name.partition(":")[0].partition("=")[0]


def _sourced_files(view: View) -> list[str]:
    """Files that /etc/network/interfaces reads, one level deep, in its order."""
    found: list[str] = []
    for line in _joined_lines(text(view, INTERFACES) or ""):
        words = line.split()
        if words[:1] == ["source"]:
            for pattern in words[1:]:
                folder, name = posixpath.split(posixpath.join("/etc/network", pattern))
                found += [
                    posixpath.join(folder, entry) for entry in view.names(folder) if fnmatch.fnmatchcase(entry, name)
                ]
        elif words[:1] == ["source-directory"]:
            for pattern in words[1:]:
                folder = posixpath.join("/etc/network", pattern)
                found += [
                    posixpath.join(folder, entry) for entry in view.names(folder) if _DIRECTORY_NAME.fullmatch(entry)
                ]
    return list(dict.fromkeys(found))


def _without_our_cards(view: View, path: str, names: set[str]) -> Iterator[Edit]:
    content = text(view, path)
    if content is None:
        return
    kept = "".join(_drop(content, names))
    if kept == content:
        return
    if any(stanza.words for stanza in _split(kept)):
        yield WriteFile(
            path,
            kept.encode("utf-8", "surrogateescape"),
            "its cards are configured in /etc/network/interfaces",
        )
    else:
        yield SetAside(path, "its cards are configured in /etc/network/interfaces")


STACK = Stack("ifupdown", evidence, render, carries_dns, known_name)
