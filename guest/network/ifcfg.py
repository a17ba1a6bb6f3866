"""ifcfg: /etc/sysconfig/network-scripts as initscripts and NetworkManager's ifcfg-rh plugin read it (EL6 to EL8)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.edits import Edit, SetAside, WriteFile
from guest.network.stack import Stack, sysv_starts
from guest.sysroot import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import BoundInterface, IpSide, IpVersion, Network, Resolver
    from guest.sysroot import View

FOLDER = "/etc/sysconfig/network-scripts"
SYSCONFIG_NETWORK = "/etc/sysconfig/network"
_ROUTE_FILES: tuple[tuple[IpVersion, str], ...] = ((4, "route"), (6, "route6"))
# Both readers skip files that end so; whatever else stands in the folder is a live profile (FACTS-distros 3.2).
_IGNORED = ("~", ".bak", ".orig", ".rpmnew", ".rpmorig", ".rpmsave")
_GLOBAL_ROUTE_KEYS = ("GATEWAY", "GATEWAYDEV", "IPV6_DEFAULTGW", "IPV6_DEFAULTDEV")


def evidence(view: View, family: str, version: tuple[int, ...]) -> str | None:
    if view.state(FOLDER) is None:
        return None
    if family == "redhat" and version and 6 <= version[0] <= 8:
        return f"release {version[0]} reads ifcfg files"
    if sysv_starts(view, "network", ("/etc/rc.d/rc3.d", "/etc/rc3.d")):
        return "the network service is started by SysV init"
    return None


def carries_dns(_view: View) -> bool:
    """Both readers rewrite resolv.conf from the profiles."""
    return True


def known_name(view: View, mac: str) -> str | None:
    for name in _profiles(view):
        keys = parse_assignments(text(view, f"{FOLDER}/{name}") or "")
        if keys.get("HWADDR", "").lower() == mac:
            return keys.get("DEVICE")
    return None


def parse_assignments(content: str) -> dict[str, str]:
    """KEY=value lines of a shell file, quotes taken off; the last one of a key counts."""
    found = (re.match(r"\s*([A-Za-z0-9_]+)=(.*?)\s*$", line) for line in content.splitlines())
    return {match[1]: match[2].strip("\"'") for match in found if match}


def render(view: View, network: Network) -> Iterator[Edit]:
    yield from _set_stale_aside(view, network)
    for number, bound in enumerate(network.interfaces):
        resolver = network.resolver if number == 0 else None
        lines = [
            f"# [[{bound.interface.label}]] by guest-customizer",
            *_profile(bound, resolver, network.resolver),
        ]
        yield WriteFile(f"{FOLDER}/ifcfg-{bound.name}", _joined(lines), "network card", mode=0o644)
        for version, prefix in _ROUTE_FILES:
            routes = [*_routes(bound.name, bound.interface.of(version))]
            if routes:
                yield WriteFile(f"{FOLDER}/{prefix}-{bound.name}", _joined(routes), "static routes", mode=0o644)
    yield from _global_file(view, network)


def _joined(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _profile(bound: BoundInterface, resolver: Resolver | None, anywhere: Resolver) -> Iterator[str]:
    interface = bound.interface
    yield "TYPE=Ethernet"
    yield f"DEVICE={bound.name}"
    yield f"NAME={bound.name}"
    yield f"HWADDR={bound.mac.upper()}"
    yield "ONBOOT=yes"
    yield from _ipv4(interface.of(4))
    yield from _ipv6(bound, interface.of(6))
    if interface.mtu is not None:
        yield f"MTU={interface.mtu}"
    if resolver:
        for number, server in enumerate(resolver.servers, 1):
            yield f"DNS{number}={server}"
        if resolver.search:
            yield f'DOMAIN="{" ".join(resolver.search)}"'
    if anywhere.servers and (interface.dhcp4 or interface.dhcp6):
        # The document names the servers: DHCP's would come on top (both readers) or instead (initscripts).
        yield "PEERDNS=no"


def _ipv4(side: IpSide) -> Iterator[str]:
    yield f"BOOTPROTO={'dhcp' if side.dhcp else 'none'}"
    for number, address in enumerate(side.addresses):
        # IPADDR, IPADDR1, IPADDR2 …: the one scheme that every reader takes (FACTS-distros 3.2).
        suffix = str(number) if number else ""
        yield f"IPADDR{suffix}={address.ip}"
        yield f"PREFIX{suffix}={address.network.prefixlen}"
    if side.gateway is not None and side.gateway_is_on_link:
        yield f"GATEWAY={side.gateway}"
    if side.gateway is not None:
        yield "DEFROUTE=yes"


def _ipv6(bound: BoundInterface, side: IpSide) -> Iterator[str]:
    advertisements = bound.interface.accepts_router_advertisements
    if not side.addresses and not side.dhcp and advertisements is None:
        return  # not said: the guest's own way
    if not side.addresses and not side.dhcp and advertisements is False and not side.routes:
        yield "IPV6INIT=no"
        return
    yield "IPV6INIT=yes"
    yield f"IPV6_AUTOCONF={'yes' if advertisements else 'no'}"
    if side.dhcp:
        yield "DHCPV6C=yes"
    if side.addresses:
        yield f"IPV6ADDR={side.addresses[0]}"
    if len(side.addresses) > 1:
        yield f'IPV6ADDR_SECONDARIES="{" ".join(map(str, side.addresses[1:]))}"'
    if side.gateway is not None:
        scope = f"%{bound.name}" if side.gateway.is_link_local else ""
        if side.gateway_is_on_link:
            yield f"IPV6_DEFAULTGW={side.gateway}{scope}"
        yield "IPV6_DEFROUTE=yes"


def _routes(name: str, side: IpSide) -> Iterator[str]:
    if side.gateway is not None and not side.gateway_is_on_link:
        # `network` ignores a GATEWAY outside the subnet; a host route first makes it reachable for both readers.
        yield f"{side.gateway}/{32 if side.version == 4 else 128} dev {name}"
        yield f"default via {side.gateway} dev {name}"
    for route in side.routes:
        via = f" via {route.via}" if route.via is not None else ""
        metric = f" metric {route.metric}" if route.metric is not None else ""
        yield f"{route.destination}{via} dev {name}{metric}"


def _profiles(view: View) -> list[str]:
    return [
        name
        for name in view.names(FOLDER)
        if name.startswith("ifcfg-") and name != "ifcfg-lo" and not name.endswith(_IGNORED)
    ]


def _set_stale_aside(view: View, network: Network) -> Iterator[Edit]:
    """Other profiles of the cards that we configure, and the route files that belong to them (LESSONS L2)."""
    macs = {bound.mac for bound in network.interfaces}
    names = {bound.name for bound in network.interfaces}
    stale = set(names)
    for profile in _profiles(view):
        keys = parse_assignments(text(view, f"{FOLDER}/{profile}") or "")
        own_name = profile.removeprefix("ifcfg-")
        device = keys.get("DEVICE", "").split(":")[0] or own_name.split(":")[0]
        if keys.get("HWADDR", "").lower() in macs or device in names or own_name.split(":")[0] in names:
            stale.add(own_name)
            if own_name not in names:
                yield SetAside(f"{FOLDER}/{profile}", "another profile of a card that is configured anew")
    ours = {
        f"{prefix}-{b.name}"
        for b in network.interfaces
        for v, prefix in _ROUTE_FILES
        if [*_routes(b.name, b.interface.of(v))]
    }
    for name in view.names(FOLDER):
        kind, _, owner = name.partition("-")
        if kind in ("route", "route6", "rule", "rule6", "keys") and owner in stale and name not in ours:
            yield SetAside(f"{FOLDER}/{name}", "belongs to a profile that is configured anew")


def _global_file(view: View, network: Network) -> Iterator[Edit]:
    """A gateway in /etc/sysconfig/network overrides every card's; NETWORKING=no stops the network."""
    old = text(view, SYSCONFIG_NETWORK)
    lines = ("NETWORKING=yes\n" if old is None else old).splitlines(keepends=True)
    gateways = any(bound.interface.gateways for bound in network.interfaces)
    kept = [line for line in lines if not (gateways and _key(line) in _GLOBAL_ROUTE_KEYS)]
    kept = ["NETWORKING=yes\n" if _key(line) == "NETWORKING" and "yes" not in line else line for line in kept]
    content = "".join(kept)
    if content != old:
        yield WriteFile(SYSCONFIG_NETWORK, content.encode("utf-8", "surrogateescape"), "the cards' own gateways count")


def _key(line: str) -> str:
    return line.split("=", 1)[0].strip()


STACK = Stack("ifcfg", evidence, render, carries_dns, known_name)
