"""systemd-networkd's files, read: which one counts for an interface, and what it says."""

from __future__ import annotations

import fnmatch
import ipaddress
from typing import TYPE_CHECKING

from guest.network import ini
from guest.network.model import Bond, BondMode, Bridge, Interface, Resolver, Route, Vlan
from guest.sysroot import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.ini import Ini, Section
    from guest.network.model import BoundInterface, Network, Virtual
    from guest.sysroot import View

FOLDER = "/etc/systemd/network"
_FOLDERS = (FOLDER, "/usr/local/lib/systemd/network", "/usr/lib/systemd/network", "/lib/systemd/network")


def words(section: Section, key: str) -> list[str]:
    return [word for value in section.every(key) for word in value.split()]


def macs_of(match: Section) -> set[str]:
    return {mac.lower().replace("-", ":") for key in ("MACAddress", "PermanentMACAddress") for mac in words(match, key)}


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
            tuple(ipaddress.ip_address(server) for server in words(here, "DNS")), tuple(words(here, "Domains"))
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


def in_order(view: View, ending: str) -> Iterator[tuple[str, Ini]]:
    """(name, content) of the files with this ending as networkd goes through them."""
    paths: dict[str, str] = {}
    for folder in _FOLDERS:
        for name in view.names(folder):
            if name.endswith(ending):
                paths.setdefault(name, f"{folder}/{name}")
    for name in sorted(paths):
        yield name, ini.parse(text(view, paths[name]) or "")


def name_in_force(view: View, bound: BoundInterface) -> str | None:
    return next((name for name, file in in_order(view, ".network") if _fits(file, bound)), None)


def _file_in_force(view: View, bound: BoundInterface) -> Ini | None:
    return next((file for _, file in in_order(view, ".network") if _fits(file, bound)), None)


def _fits(file: Ini, bound: BoundInterface) -> bool:
    match = file.merged("Match")
    macs, names = macs_of(match), words(match, "Name")
    fits_mac = not macs or (bound.mac is not None and bound.mac in macs)
    fits_name = not names or any(fnmatch.fnmatchcase(bound.name, pattern) for pattern in names)
    # What else [Match] may hold (drivers, paths, hosts) is not known here, and taken not to fit.
    known = {"MACAddress", "PermanentMACAddress", "Name", "Type"}
    return bool(match.entries) and fits_mac and fits_name and {key for key, _ in match.entries} <= known


def _recover_virtual(view: View, network: Network, bound: BoundInterface) -> Virtual | None:
    device = next((f for _, f in in_order(view, ".netdev") if f.merged("NetDev").last("Name") == bound.name), None)
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
        return file is not None and name in words(file.merged("Network"), key)

    return tuple(bound.interface.label for bound in network.interfaces if says_so(bound))
