"""systemd-networkd: .network and .netdev files below /etc/systemd/network. See systemd.network(5).

The first file in the order of names whose [Match] fits counts, and it alone; a file in /etc hides one of the same name in /usr/lib.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from guest.edits import Edit, Overlay, SetAside, WriteFile
from guest.network import ini
from guest.network.ini import Entry, Section
from guest.network.model import (
    BOND_MIIMON_MS,
    Bond,
    Bridge,
    Network,
    Resolver,
    Route,
    Virtual,
    Vlan,
)
from guest.network.networkd_read import FOLDER, in_order, macs_of, name_in_force, recover, words
from guest.network.stack import Stack, inexpressible, wants
from guest.network.versions import systemd_version
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import BoundInterface, IpSide
    from guest.sysroot import View

# A VLAN, bond or bridge inherits a card's MAC and would fit the card's file: theirs come first. Both come before what
# distributions ship, such as Photon's 99-dhcp-en.network.
_PREFIX_VIRTUAL, _PREFIX_CARD = "00-guest-customizer-", "01-guest-customizer-"
_PROGRAMS = ("/usr/lib/systemd/systemd-networkd", "/lib/systemd/systemd-networkd")
# When which word came (FACTS-distros 3.6, and the sources of those versions).
_ACCEPT_RA, _GATEWAY_ON_LINK, _DHCPV4_SECTION, _TYPE_ETHER, _PERMANENT_MAC = 231, 237, 243, 245, 245


def is_enabled(view: View) -> bool:
    """Whether systemd-networkd is installed and starts at boot."""
    if not any(exists(view, program) for program in _PROGRAMS):
        return False
    return wants(view, "systemd-networkd.service") or (
        view.state("/etc/systemd/system/sockets.target.wants/systemd-networkd.socket") is not None
    )


def evidence(view: View, _family: str, _version: tuple[int, ...]) -> str | None:
    return "systemd-networkd is installed and enabled" if is_enabled(view) else None


def carries_dns(_view: View) -> bool:
    """For systemd-resolved; where that does not run, resolv.conf is a file, and the DNS change writes it as well."""
    return True


# ---- render


def render(view: View, network: Network) -> Iterator[Edit]:
    version = systemd_version(view)
    files = {}
    for bound in network.interfaces:
        comment = f"[[{bound.interface.label}]] by guest-customizer"
        files[_file_of(bound)] = ini.compose(_sections(view, network, bound, version), comment)
        if bound.interface.virtual is not None:
            netdev = _file_of(bound).replace(".network", ".netdev")
            files[netdev] = ini.compose(_netdev(bound, bound.interface.virtual), comment)
    stale = tuple(_set_aside(view, network, set(files)))
    _refuse_an_earlier_file(Overlay(view).with_edits(stale), network)
    yield from stale
    for name, content in files.items():
        # The daemon is no root: a file that only root can read does not exist for it.
        yield WriteFile(f"{FOLDER}/{name}", content, "network interface", mode=0o644)


def _refuse_an_earlier_file(view: View, network: Network) -> None:
    """A file for other cards too, such as 00-all.network with Name=*, would come before ours and count."""
    for bound in network.interfaces:
        found = name_in_force(view, bound)
        if found is not None and found < _file_of(bound):
            raise inexpressible(
                "systemd-networkd",
                bound.interface.label,
                f"{found} fits this interface, and comes before any file of ours",
                "call it in the template so that its name sorts after 01-",
            )


def _file_of(bound: BoundInterface) -> str:
    return f"{_PREFIX_CARD if bound.mac else _PREFIX_VIRTUAL}{bound.name}.network"


def _netdev(bound: BoundInterface, virtual: Virtual) -> Iterator[Section]:
    yield Section("NetDev", (("Name", bound.name), ("Kind", type(virtual).__name__.lower())))
    match virtual:
        case Vlan(id=number):
            yield Section("VLAN", (("Id", str(number)),))
        case Bond(mode=mode):
            yield Section("Bond", (("Mode", mode.value), ("MIIMonitorSec", f"{BOND_MIIMON_MS}ms")))
        case Bridge():
            # Without it its ports pass nothing for the first 15 s, spanning tree or not.
            yield Section("Bridge", (("STP", "no"), ("ForwardDelaySec", "0")))


def _sections(view: View, network: Network, bound: BoundInterface, version: int | None) -> Iterator[Section]:
    yield Section("Match", tuple(_match(network, bound, version)))
    mtu = network.mtu_of(bound)
    yield Section("Link", (("MTUBytes", str(mtu)),) if mtu is not None else ())
    vlans = tuple(("VLAN", name) for name in dict.fromkeys(_other_vlans(view, network, bound)))
    yield Section("Network", (*vlans, *_network(network, bound, version)))
    if network.controller_of(bound) is None:
        yield from _unused_dns(network, bound, version)
        for ip_version in (4, 6):
            yield from _routes(bound, bound.interface.of(ip_version), version)


def _match(network: Network, bound: BoundInterface, version: int | None) -> Iterator[Entry]:
    controller = network.controller_of(bound)
    if bound.mac is None:
        yield "Name", bound.name
    elif controller is not None and isinstance(controller.interface.virtual, Bond):
        # A bond gives its ports its own address. By MACAddress this file would fit no more, and a template's for any card would.
        by_address = _knows(version, _PERMANENT_MAC)
        yield ("PermanentMACAddress", bound.mac) if by_address else ("Name", bound.name)
    else:
        yield "MACAddress", bound.mac
        if _knows(version, _TYPE_ETHER):
            yield "Type", "ether"  # and not what the guest makes on top of the card


def _knows(version: int | None, since: int) -> bool:
    """Releases whose version cannot be told are young ones."""
    return version is None or version >= since


def _network(network: Network, bound: BoundInterface, version: int | None) -> Iterator[Entry]:
    interface = bound.interface
    for vlan in network.vlans_on(bound):
        yield "VLAN", vlan.name
    if controller := network.controller_of(bound):
        yield type(controller.interface.virtual).__name__, controller.name
        return
    dhcp = {(True, True): "yes", (True, False): "ipv4", (False, True): "ipv6"}
    yield "DHCP", dhcp.get((interface.dhcp4, interface.dhcp6), "no")
    if interface.accepts_router_advertisements is not None:
        word = "IPv6AcceptRA" if _knows(version, _ACCEPT_RA) else "IPv6AcceptRouterAdvertisements"
        yield word, "yes" if interface.accepts_router_advertisements else "no"
    for address in interface.addresses:
        yield "Address", str(address)
    for ip_version in (4, 6):
        side = interface.of(ip_version)
        if side.gateway is not None and side.gateway_is_on_link:
            yield "Gateway", str(side.gateway)
    resolver = network.resolver_of(bound)
    for server in resolver.servers:
        yield "DNS", str(server)
    if resolver.search:
        yield "Domains", " ".join(resolver.search)


def _unused_dns(network: Network, bound: BoundInterface, version: int | None) -> Iterator[Section]:
    if not network.replaces_dhcp_dns(bound):
        return
    unused = (("UseDNS", "no"),)
    advertised = bound.interface.accepts_router_advertisements is not False
    dhcp6 = bound.interface.dhcp6 or advertised  # a router's advertisement starts DHCPv6 by itself
    if not _knows(version, _DHCPV4_SECTION):
        yield Section("DHCP", unused if bound.interface.dhcp4 or dhcp6 else ())
    else:
        yield Section("DHCPv4", unused if bound.interface.dhcp4 else ())
        yield Section("DHCPv6", unused if dhcp6 else ())
    if advertised and _knows(version, _ACCEPT_RA):
        yield Section("IPv6AcceptRA", unused)


def _routes(bound: BoundInterface, side: IpSide, version: int | None) -> Iterator[Section]:
    routes = list(side.routes)
    if side.gateway is not None and not side.gateway_is_on_link:
        default = ipaddress.ip_network("0.0.0.0/0" if side.version == 4 else "::/0")
        routes.insert(0, Route(default, side.gateway, None))
    for route in routes:
        entries = [("Destination", str(route.destination))]
        if route.via is not None:
            entries.append(("Gateway", str(route.via)))
            if not side.reaches(route.via):
                _refuse_unless_on_link(bound, version)
                entries.append(("GatewayOnLink", "yes"))
        elif side.version == 4:
            entries.append(("Scope", "link"))
        if route.metric is not None:
            entries.append(("Metric", str(route.metric)))
        yield Section("Route", tuple(entries))


def _refuse_unless_on_link(bound: BoundInterface, version: int | None) -> None:
    if not _knows(version, _GATEWAY_ON_LINK):
        raise inexpressible(
            "systemd-networkd",
            bound.interface.label,
            f"version {version} knows no gateway outside the interface's own subnets",
            "give an address whose prefix holds the gateway",
        )


# ---- what else is there


def _other_vlans(view: View, network: Network, bound: BoundInterface) -> Iterator[str]:
    """VLANs on this interface that nobody asked to change: only the file that is replaced says that they lie there."""
    devices = {file.merged("NetDev").last("Name") for _, file in in_order(view, ".netdev")}
    named = ({bound.mac}, {bound.name})
    for _, file in in_order(view, ".network"):
        match = file.merged("Match")
        if macs_of(match) == named[0] or (not macs_of(match) and set(words(match, "Name")) == named[1]):
            for name in words(file.merged("Network"), "VLAN"):
                if name in devices and name not in network.names:
                    yield name


def _set_aside(view: View, network: Network, keep: set[str]) -> Iterator[Edit]:
    """Files that name our interfaces and no others, their drop-ins, and the .netdev files that make ours."""
    for name in view.names(FOLDER):
        if name in keep or not name.endswith((".network", ".netdev")):
            continue
        path = f"{FOLDER}/{name}"
        file = ini.parse(text(view, path) or "")
        if name.endswith(".netdev"):
            stale = file.merged("NetDev").last("Name") in network.names
        else:
            match = file.merged("Match")
            named = macs_of(match) or set(words(match, "Name"))
            stale = bool(named) and named <= (network.macs if macs_of(match) else network.names)
        if stale:
            yield SetAside(path, "describes an interface that is configured anew")
            yield from (SetAside(f"{path}.d/{drop_in}", "belongs to it") for drop_in in view.names(f"{path}.d"))


def disown(view: View, interfaces: tuple[BoundInterface, ...]) -> Iterator[Edit]:
    """A file that names other interfaces too is kept for them, without ours."""
    network = Network(interfaces, Resolver())
    yield from _set_aside(view, network, set())
    for name in view.names(FOLDER):
        if name.endswith(".network"):
            yield from _without_ours(view, f"{FOLDER}/{name}", network)


def _without_ours(view: View, path: str, network: Network) -> Iterator[Edit]:
    content = text(view, path) or ""
    lines, section = [], ""
    for line in content.splitlines(keepends=True):
        key, _, value = line.strip().partition("=")
        section = line.strip() if line.lstrip().startswith("[") else section
        ours = {"Name": network.names, "MACAddress": network.macs, "PermanentMACAddress": network.macs}.get(key.strip())
        found = value.split()
        kept = [word for word in found if ours and word.lower() not in ours and word not in ours]
        if section == "[Match]" and ours and 0 < len(kept) < len(found):
            lines.append(f"{key.strip()}={' '.join(kept)}\n")
        else:
            lines.append(line)
    if (changed := "".join(lines)) != content:
        yield WriteFile(path, changed.encode("utf-8", "surrogateescape"), "our interfaces are configured elsewhere")


STACK = Stack("networkd", evidence, render, recover, disown, carries_dns)
