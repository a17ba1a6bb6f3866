"""systemd-networkd: .network and .netdev files below /etc/systemd/network. See systemd.network(5).

The first file in the order of names whose [Match] fits counts, and it alone; a file in /etc hides one of the same name in /usr/lib.
"""

from __future__ import annotations

import fnmatch
import ipaddress
from typing import TYPE_CHECKING

from guest.edits import Edit, Overlay, SetAside, WriteFile
from guest.network import ini
from guest.network.ini import Entry, Ini, Section
from guest.network.model import (
    BOND_MIIMON_MS,
    Bond,
    BondMode,
    Bridge,
    Interface,
    Network,
    Resolver,
    Route,
    Virtual,
    Vlan,
)
from guest.network.stack import Stack, inexpressible, wants
from guest.network.versions import systemd_version
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import BoundInterface, IpSide
    from guest.sysroot import View

FOLDER = "/etc/systemd/network"
_FOLDERS = (FOLDER, "/usr/local/lib/systemd/network", "/usr/lib/systemd/network", "/lib/systemd/network")
# A VLAN, bond or bridge inherits a card's MAC and would fit the card's file: theirs come first. Both come before what
# distributions ship, such as Photon's 99-dhcp-en.network.
_PREFIX_VIRTUAL, _PREFIX_CARD = "00-guest-customizer-", "01-guest-customizer-"
_PROGRAMS = ("/usr/lib/systemd/systemd-networkd", "/lib/systemd/systemd-networkd")
# When which word came (FACTS-distros 3.6, and the sources of those versions).
_ACCEPT_RA, _GATEWAY_ON_LINK, _DHCPV4_SECTION, _TYPE_ETHER = 231, 237, 243, 245


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


def known_name(_view: View, _mac: str) -> str | None:
    """networkd's files need no names; the .link files beside them are udev's (names.py)."""
    return None


# ---- render


def render(view: View, network: Network) -> Iterator[Edit]:
    version = systemd_version(view)
    files = {}
    for bound in network.interfaces:
        comment = f"[[{bound.interface.label}]] by guest-customizer"
        files[_file_of(bound)] = ini.compose(_sections(network, bound, version), comment)
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
        found = _name_in_force(view, bound)
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


def _sections(network: Network, bound: BoundInterface, version: int | None) -> Iterator[Section]:
    match: list[Entry] = [("MACAddress", bound.mac)] if bound.mac else [("Name", bound.name)]
    if bound.mac and _knows(version, _TYPE_ETHER):
        match.append(("Type", "ether"))  # and not what the guest makes on top of the card
    yield Section("Match", tuple(match))
    mtu = network.mtu_of(bound)
    yield Section("Link", (("MTUBytes", str(mtu)),) if mtu is not None else ())
    yield Section("Network", tuple(_network(network, bound, version)))
    if network.controller_of(bound) is None:
        yield from _unused_dns(network, bound, version)
        for ip_version in (4, 6):
            yield from _routes(bound, bound.interface.of(ip_version), version)


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
    if not _knows(version, _DHCPV4_SECTION) and (bound.interface.dhcp4 or bound.interface.dhcp6):
        yield Section("DHCP", unused)
    else:
        yield Section("DHCPv4", unused if bound.interface.dhcp4 else ())
        yield Section("DHCPv6", unused if bound.interface.dhcp6 else ())
    if bound.interface.accepts_router_advertisements is not False and _knows(version, _ACCEPT_RA):
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


def _words(section: Section, key: str) -> list[str]:
    return [word for value in section.every(key) for word in value.split()]


def _macs(match: Section) -> set[str]:
    return {
        mac.lower().replace("-", ":") for key in ("MACAddress", "PermanentMACAddress") for mac in _words(match, key)
    }


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
            named = _macs(match) or set(_words(match, "Name"))
            stale = bool(named) and named <= (network.macs if _macs(match) else network.names)
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
        words = value.split()
        kept = [word for word in words if ours and word.lower() not in ours and word not in ours]
        if section == "[Match]" and ours and 0 < len(kept) < len(words):
            lines.append(f"{key.strip()}={' '.join(kept)}\n")
        else:
            lines.append(line)
    if (changed := "".join(lines)) != content:
        yield WriteFile(path, changed.encode("utf-8", "surrogateescape"), "our interfaces are configured elsewhere")


# ---- recover


def recover(view: View, network: Network, bound: BoundInterface) -> Interface | None:
    found = _file_in_force(view, bound)
    if found is None:
        return None
    here = found.merged("Network")
    dhcp = {
        "yes": (True, True),
        "both": (True, True),
        "ipv4": (True, False),
        "v4": (True, False),
        "ipv6": (False, True),
    }
    dhcp4, dhcp6 = dhcp.get((here.last("DHCP") or "no").lower(), (False, False))
    accept = here.last("IPv6AcceptRA") or here.last("IPv6AcceptRouterAdvertisements")
    mtu = found.merged("Link").last("MTUBytes")
    routes = [_route(section) for section in found.named("Route")]
    return Interface(
        label=bound.interface.label,
        virtual=_recover_virtual(view, network, bound),
        addresses=tuple(ipaddress.ip_interface(address) for address in here.every("Address")),
        gateways=(
            *(ipaddress.ip_address(gateway) for gateway in here.every("Gateway")),
            *(route.via for route in routes if _is_default(route) and route.via is not None),
        ),
        dhcp4=dhcp4,
        dhcp6=dhcp6,
        slaac=None if accept is None else accept.lower() in ("yes", "true", "on", "1"),
        mtu=int(mtu) if mtu else None,
        routes=tuple(route for route in routes if not _is_default(route)),
        resolver=Resolver(
            tuple(ipaddress.ip_address(server) for server in _words(here, "DNS")), tuple(_words(here, "Domains"))
        ),
    )


def _is_default(route: Route) -> bool:
    return route.destination.prefixlen == 0 and route.metric is None


def _route(section: Section) -> Route:
    via, metric = section.last("Gateway"), section.last("Metric")
    gateway = ipaddress.ip_address(via) if via else None
    anywhere = "0.0.0.0/0" if gateway is None or gateway.version == 4 else "::/0"
    return Route(
        ipaddress.ip_network(section.last("Destination") or anywhere), gateway, int(metric) if metric else None
    )


def _in_order(view: View, ending: str) -> Iterator[tuple[str, Ini]]:
    """(name, content) of the files with this ending as networkd goes through them."""
    paths: dict[str, str] = {}
    for folder in _FOLDERS:
        for name in view.names(folder):
            if name.endswith(ending):
                paths.setdefault(name, f"{folder}/{name}")
    for name in sorted(paths):
        yield name, ini.parse(text(view, paths[name]) or "")


def _name_in_force(view: View, bound: BoundInterface) -> str | None:
    return next((name for name, file in _in_order(view, ".network") if _fits(file, bound)), None)


def _file_in_force(view: View, bound: BoundInterface) -> Ini | None:
    return next((file for _, file in _in_order(view, ".network") if _fits(file, bound)), None)


def _fits(file: Ini, bound: BoundInterface) -> bool:
    match = file.merged("Match")
    macs, names = _macs(match), _words(match, "Name")
    fits_mac = not macs or (bound.mac is not None and bound.mac in macs)
    fits_name = not names or any(fnmatch.fnmatchcase(bound.name, pattern) for pattern in names)
    # What else [Match] may hold (drivers, paths, hosts) is not known here, and taken not to fit.
    known = {"MACAddress", "PermanentMACAddress", "Name", "Type"}
    return bool(match.entries) and fits_mac and fits_name and {key for key, _ in match.entries} <= known


def _recover_virtual(view: View, network: Network, bound: BoundInterface) -> Virtual | None:
    device = next((f for _, f in _in_order(view, ".netdev") if f.merged("NetDev").last("Name") == bound.name), None)
    match device.merged("NetDev").last("Kind") if device else None:
        case "vlan":
            assert device is not None  # noqa: S101 (the kind was read from it)
            parents = _labels(view, network, "VLAN", bound.name)
            return Vlan(parents[0] if parents else "", int(device.merged("VLAN").last("Id") or 0))
        case "bond":
            assert device is not None  # noqa: S101 (as above)
            return Bond(BondMode(device.merged("Bond").last("Mode")), _labels(view, network, "Bond", bound.name))
        case "bridge":
            return Bridge(_labels(view, network, "Bridge", bound.name))
    return None


def _labels(view: View, network: Network, key: str, name: str) -> tuple[str, ...]:
    """The labels of the interfaces whose files say KEY=NAME."""

    def says_so(bound: BoundInterface) -> bool:
        file = _file_in_force(view, bound)
        return file is not None and name in _words(file.merged("Network"), key)

    return tuple(bound.interface.label for bound in network.interfaces if says_so(bound))


STACK = Stack("networkd", evidence, render, recover, disown, carries_dns, known_name)
