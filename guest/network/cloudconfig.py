"""A network as cloud-init's network-config says it: version 1, or version 2 where netplan takes it as it is.

See "Networking config Version 1" and "Version 2" of cloud-init's documentation. Both are YAML, of which JSON is a part.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from guest.network.model import BOND_MIIMON_MS, Bond, Bridge, Vlan
from guest.network.stack import inexpressible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import BoundInterface, IpSide, Network

Json = dict[str, Any]


def network_config(network: Network, *, netplan: bool) -> bytes:
    """The file `network-config` of a NoCloud seed. Raises CustomizerError for what version 1 cannot say."""
    content = _version2(network) if netplan else _version1(network)
    return (json.dumps(content, indent=1) + "\n").encode()


def _version1(network: Network) -> Json:
    devices = [_device(network, bound) for bound in network.interfaces]
    resolver = network.resolver
    globally: list[Json] = []
    if resolver:
        servers = [str(server) for server in resolver.servers]
        globally = [{"type": "nameserver", "address": servers, "search": list(resolver.search)}]
    return {"version": 1, "config": [*devices, *globally]}


def _device(network: Network, bound: BoundInterface) -> Json:
    device: Json = {"type": "physical", "name": bound.name}
    match bound.interface.virtual:
        case Vlan(parent=parent, id=number):
            device |= {"type": "vlan", "vlan_link": network.labelled(parent).name, "vlan_id": number}
        case Bond(mode=mode, ports=ports):
            names = [network.labelled(port).name for port in ports]
            params = {"bond-mode": mode.value, "bond-miimon": BOND_MIIMON_MS}
            device |= {"type": "bond", "bond_interfaces": names, "params": params}
        case Bridge(ports=ports):
            names = [network.labelled(port).name for port in ports]
            device |= {"type": "bridge", "bridge_interfaces": names, "params": {"bridge_stp": False, "bridge_fd": 0}}
        case None:
            device |= {"mac_address": bound.mac}
    if (mtu := network.mtu_of(bound)) is not None:
        device["mtu"] = mtu
    if (accepts := bound.interface.accepts_router_advertisements) is not None:
        device["accept-ra"] = accepts
    if network.controller_of(bound) is None:
        subnets = [subnet for version in (4, 6) for subnet in _subnets(bound, bound.interface.of(version))]
        device["subnets"] = subnets or [{"type": "manual"}]  # up, without an address
    return device


def _subnets(bound: BoundInterface, side: IpSide) -> Iterator[Json]:
    if not side.gateway_is_on_link or any(route.via is None for route in side.routes):
        hint = "give the gateway's own subnet to the card, or let us write the files: [guest] cloud_init = off"
        raise inexpressible(
            "cloud-init", bound.interface.label, "version 1 has no gateway or route outside subnets", hint
        )
    routes = [_route(route.destination, route.via, route.metric) for route in side.routes]
    resolver = bound.interface.resolver
    for number, address in enumerate(side.addresses):
        subnet: Json = {"type": "static" if side.version == 4 else "static6", "address": str(address)}
        if number == 0:
            subnet |= {"gateway": str(side.gateway)} if side.gateway else {}
            subnet |= {"dns_nameservers": [str(server) for server in resolver.servers]} if resolver.servers else {}
            subnet |= {"dns_search": list(resolver.search)} if resolver.search else {}
            subnet |= {"routes": routes} if routes else {}
        yield subnet
    if side.dhcp:
        yield {"type": f"dhcp{side.version}", **({"routes": routes} if routes else {})}
    elif side.version == 6 and bound.interface.slaac:
        yield {"type": "ipv6_slaac"}


def _route(destination: object, via: object, metric: int | None) -> Json:
    found: Json = {"destination": str(destination), "gateway": str(via)}
    return found if metric is None else {**found, "metric": metric}


def _version2(network: Network) -> Json:
    sections: Json = {"version": 2}
    for bound in network.interfaces:
        kind, extra = _kind2(network, bound)
        sections.setdefault(kind, {})[bound.name] = {**extra, **_settings2(network, bound)}
    return sections


def _kind2(network: Network, bound: BoundInterface) -> tuple[str, Json]:
    match bound.interface.virtual:
        case Vlan(parent=parent, id=number):
            return "vlans", {"id": number, "link": network.labelled(parent).name}
        case Bond(mode=mode, ports=ports):
            parameters = {"mode": mode.value, "mii-monitor-interval": BOND_MIIMON_MS}
            return "bonds", {"interfaces": [network.labelled(port).name for port in ports], "parameters": parameters}
        case Bridge(ports=ports):
            parameters = {"stp": False, "forward-delay": 0}
            return "bridges", {"interfaces": [network.labelled(port).name for port in ports], "parameters": parameters}
    return "ethernets", {"match": {"macaddress": bound.mac}, "set-name": bound.name}


def _settings2(network: Network, bound: BoundInterface) -> Json:
    interface = bound.interface
    found: Json = {}
    if (mtu := network.mtu_of(bound)) is not None:
        found["mtu"] = mtu
    if network.controller_of(bound) is not None:
        return found
    found |= {"dhcp4": interface.dhcp4, "dhcp6": interface.dhcp6}
    if (accepts := interface.accepts_router_advertisements) is not None:
        found["accept-ra"] = accepts or interface.dhcp6
    found |= {"addresses": [str(address) for address in interface.addresses]} if interface.addresses else {}
    routes = [route for version in (4, 6) for route in _routes2(interface.of(version))]
    found |= {"routes": routes} if routes else {}
    resolver = network.resolver_of(bound)
    if resolver:
        servers = [str(server) for server in resolver.servers]
        found["nameservers"] = {"addresses": servers, "search": list(resolver.search)}
    return found


def _routes2(side: IpSide) -> Iterator[Json]:
    if side.gateway is not None:
        # `default` is not understood by every netplan.
        on_link = {} if side.gateway_is_on_link else {"on-link": True}
        yield {"to": "0.0.0.0/0" if side.version == 4 else "::/0", "via": str(side.gateway), **on_link}
    for route in side.routes:
        via = {"scope": "link"} if route.via is None else {"via": str(route.via)}
        yield {"to": str(route.destination), **via, **({} if route.metric is None else {"metric": route.metric})}
