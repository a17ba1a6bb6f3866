"""Whether what a stack's files say comes to the network that was asked for, however it is spelled."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from guest.network.model import Bond, Bridge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import Address, Interface, Network, Resolver, Virtual
    from guest.network.stack import Stack
    from guest.sysroot import View


def differences(asked: Interface, found: Interface, resolver: Resolver | None) -> Iterator[str]:
    """The names of what differs. `resolver` is what should stand beside the interface; None where DNS lies elsewhere.

    Where router advertisements are accepted, it is they that say whether DHCPv6 is asked: some stacks have one word for both.
    """
    pairs: dict[str, tuple[object, object]] = {
        "kind": (_kind(asked.virtual), _kind(found.virtual)),
        "addresses": (set(asked.addresses), set(found.addresses)),
        "gateways": (set(asked.gateways), set(found.gateways)),
        "dhcp4": (asked.dhcp4, found.dhcp4),
        "dhcp6": (asked.dhcp6, asked.dhcp6 if _advertisements_decide(asked, found) else found.dhcp6),
        "mtu": (asked.mtu, found.mtu),
        "routes": (set(asked.routes), set(found.routes)),
    }
    if asked.accepts_router_advertisements is not None:
        advertisements = (asked.accepts_router_advertisements, found.accepts_router_advertisements)
        pairs["router advertisements"] = advertisements
    if resolver is not None:
        pairs["dns servers"] = (_by_version(resolver), _by_version(found.resolver))
        pairs["search domains"] = (resolver.search, found.resolver.search)
    return (name for name, (wanted, got) in pairs.items() if wanted != got)


def _advertisements_decide(asked: Interface, found: Interface) -> bool:
    return bool(found.slaac and found.dhcp6) and asked.accepts_router_advertisements is not False


def _by_version(resolver: Resolver) -> list[Address]:
    """Their order counts within an IP version: NetworkManager keeps the two apart."""
    return sorted(resolver.servers, key=lambda server: server.version)


def _kind(virtual: Virtual | None) -> object:
    """Without the order of ports, which means nothing."""
    match virtual:
        case Bond(mode=mode, ports=ports):
            return mode, frozenset(ports)
        case Bridge(ports=ports):
            return frozenset(ports)
    return virtual


def verify(view: View, stack: Stack, network: Network) -> str | None:
    """What does not come back as it was asked for; None where all of it does."""
    with_dns = stack.carries_dns(view)
    for bound in network.interfaces:
        try:
            found = stack.recover(view, network, bound)
        except (ValueError, LookupError) as error:
            return f"{bound.name} cannot be read back: {type(error).__name__}"
        if found is None:
            return f"{bound.name} is not configured"
        asked = replace(bound.interface, mtu=network.mtu_of(bound))
        wrong = [*differences(asked, found, network.resolver_of(bound) if with_dns else None)]
        if wrong:
            return f"{bound.name} reads back with other {', '.join(wrong)}"
    return None
