"""netplan's files, read: all of them merged, and which definition counts for an interface."""

from __future__ import annotations

import fnmatch
import ipaddress
from typing import TYPE_CHECKING, Any

from guest.network import netplan_yaml
from guest.network.model import Bond, BondMode, Bridge, Interface, IpVersion, Resolver, Route, Vlan
from guest.network.netplan_yaml import DEVICE_TYPES

if TYPE_CHECKING:
    from guest.network.model import BoundInterface, Network, Virtual
    from guest.sysroot import View

ANYWHERE: dict[IpVersion, str] = {4: "0.0.0.0/0", 6: "::/0"}  # `default` is understood from 0.103 on only


def recover(view: View, network: Network, bound: BoundInterface) -> Interface | None:
    try:
        return _recover(view, network, bound)
    except (TypeError, AttributeError) as error:
        # The definition in force may be another file's, with a text or a list where netplan's grammar has a mapping.
        raise ValueError(bound.name) from error


def _recover(view: View, network: Network, bound: BoundInterface) -> Interface | None:
    files = list(netplan_yaml.read_all(view))
    merged = netplan_yaml.merge(files)
    found = _definition_in_force(merged, bound)
    if found is None:
        return None
    kind, body = found
    nameservers = body.get("nameservers") or {}
    routes = [_recover_route(route) for route in body.get("routes") or ()]
    by_network_manager = merged.get("renderer") == "NetworkManager"
    gateways = [body[key] for key in ("gateway4", "gateway6") if key in body]
    return Interface(
        label=bound.interface.label,
        virtual=_recover_virtual(merged, network, kind, body),
        addresses=tuple(ipaddress.ip_interface(str(address)) for address in body.get("addresses") or ()),
        gateways=(
            *(ipaddress.ip_address(gateway) for gateway in gateways),
            *(route.via for route in routes if route.via and _is_default(route)),
        ),
        dhcp4=bool(body.get("dhcp4")),
        dhcp6=bool(body.get("dhcp6")),
        slaac=bool(body.get("dhcp6")) if by_network_manager else body.get("accept-ra"),
        mtu=body.get("mtu"),
        routes=tuple(route for route in routes if not _is_default(route)),
        resolver=Resolver(
            tuple(ipaddress.ip_address(str(server)) for server in nameservers.get("addresses") or ()),
            tuple(map(str, nameservers.get("search") or ())),
        ),
    )


def _definition_in_force(merged: dict[str, Any], bound: BoundInterface) -> tuple[str, dict[str, Any]] | None:
    """The first by its id that fits, as networkd has it."""
    for kind in DEVICE_TYPES if bound.mac is None else ("ethernets",):
        definitions = merged.get(kind)
        for name, found in sorted(definitions.items(), key=str) if isinstance(definitions, dict) else ():
            body = found if isinstance(found, dict) else {}  # `eth0:` with nothing below it
            if (bound.mac is None and name == bound.name) or (bound.mac is not None and _fits(name, body, bound)):
                return kind, body
    return None


def _fits(name: str, body: dict[str, Any], bound: BoundInterface) -> bool:
    match = body.get("match")
    if match is None:
        return name == bound.name
    fits_mac = "macaddress" not in match or str(match["macaddress"]).lower() == bound.mac
    return fits_mac and fnmatch.fnmatchcase(bound.name, str(match.get("name", "*")))


def _is_default(route: Route) -> bool:
    return route.destination.prefixlen == 0 and route.metric is None


def _recover_route(route: dict[str, Any]) -> Route:
    via = ipaddress.ip_address(str(route["via"])) if "via" in route else None
    to = str(route["to"])
    if to == "default":
        to = ANYWHERE[4 if via is None or via.version == 4 else 6]
    metric = route.get("metric")
    return Route(ipaddress.ip_network(to), via, None if metric is None else int(metric))


def _labels(merged: dict[str, Any], network: Network) -> dict[str, str]:
    """id -> label, for what names other interfaces by their ids."""
    labels = {bound.name: bound.interface.label for bound in network.interfaces if bound.mac is None}
    for name, body in (merged.get("ethernets") or {}).items():
        for bound in network.interfaces:
            if bound.mac is not None and isinstance(body, dict | None) and _fits(name, body or {}, bound):
                labels[name] = bound.interface.label
    return labels


def _recover_virtual(merged: dict[str, Any], network: Network, kind: str, body: dict[str, Any]) -> Virtual | None:
    labels = _labels(merged, network)
    ports = tuple(labels.get(str(port), "") for port in body.get("interfaces") or ())
    match kind:
        case "vlans":
            return Vlan(labels.get(str(body.get("link")), ""), int(body.get("id") or 0))
        case "bonds":
            return Bond(BondMode((body.get("parameters") or {}).get("mode", "balance-rr")), ports)
        case "bridges":
            return Bridge(ports)
    return None
