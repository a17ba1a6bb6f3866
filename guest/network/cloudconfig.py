"""A network as cloud-init's network-config says it in version 1, which every renderer of cloud-init's knows.

See "Networking config Version 1" of its documentation. Where netplan is, it is version 2 instead: netplan.seed().
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from guest.edits import WriteFile
from guest.network.model import BOND_MIIMON_MS, Bond, Bridge, Vlan
from guest.network.stack import inexpressible
from guest.sysroot import exists

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.edits import Edit
    from guest.network.model import BoundInterface, IpSide, Network
    from guest.sysroot import View

Json = dict[str, Any]
_OURSELVES = "let us write the files: [guest] cloud_init = off"
# networkd's words for it; the second section counts for what an advertisement starts.
_NO_DHCP_DNS = b"# by guest-customizer\n[DHCP]\nUseDNS=no\n\n[IPv6AcceptRA]\nUseDNS=no\n"


def as_file(content: Json) -> bytes:
    """The file `network-config` of a NoCloud seed: YAML, of which JSON is a part."""
    return (json.dumps(content, indent=1) + "\n").encode()


def version1(view: View, network: Network, renderer: str | None) -> Json:
    """Raises CustomizerError for what version 1, or cloud-init's renderer of that name, cannot say."""
    for bound in network.interfaces:
        _refuse(view, bound, renderer)
    devices = [_device(network, bound) for bound in network.interfaces]
    resolver = network.resolver
    globally: list[Json] = []
    if resolver:
        servers = [str(server) for server in resolver.servers]
        globally = [{"type": "nameserver", "address": servers, "search": list(resolver.search)}]
    return {"version": 1, "config": [*devices, *globally]}


def _refuse(view: View, bound: BoundInterface, renderer: str | None) -> None:
    label = bound.interface.label
    if renderer == "networkd" and bound.interface.virtual is not None:
        raise inexpressible("cloud-init", label, "its networkd renderer makes no VLANs, bonds or bridges", _OURSELVES)
    if renderer == "eni":
        _refuse_for_ifupdown(view, bound)


def _refuse_for_ifupdown(view: View, bound: BoundInterface) -> None:
    label, side = bound.interface.label, bound.interface.of(6)
    if bound.interface.routes and not any(exists(view, path) for path in ("/usr/sbin/route", "/sbin/route")):
        hint = f"install net-tools in the template, or {_OURSELVES}"
        raise inexpressible("cloud-init", label, "its routes need the program `route`", hint)
    if bound.interface.slaac is False and not side.addresses and not side.dhcp:
        what = "its ifupdown renderer cannot switch router advertisements off without an IPv6 address"
        raise inexpressible("cloud-init", label, what, f"leave out `slaac`, or {_OURSELVES}")


def use_no_dhcp_dns(network: Network, renderer: str | None) -> Iterator[Edit]:
    """What version 1 has no word for, beside the files that its networkd renderer makes."""
    for bound in network.interfaces if renderer == "networkd" else ():
        if network.replaces_dhcp_dns(bound) and network.controller_of(bound) is None:
            path = f"/etc/systemd/network/10-cloud-init-{bound.name}.network.d/90-guest-customizer.conf"
            yield WriteFile(path, _NO_DHCP_DNS, "cloud-init has no words for it", mode=0o644)


def keep_others(old: str | None, new: Json, network: Network) -> Json:
    """`new` with what an earlier request's file says of interfaces that this one does not mention.

    A file that is not ours, or of the other version, keeps nothing.
    """
    try:
        found = json.loads(old or "")
        if found["version"] != new["version"]:
            return new
        return _both1(found, new, network) if new["version"] == 1 else _both2(found, new, network)
    except (ValueError, RecursionError, TypeError, LookupError, AttributeError):
        return new  # no JSON, or of another shape than ours


def _both1(found: Json, new: Json, network: Network) -> Json:
    has_resolver = any(device["type"] == "nameserver" for device in new["config"])
    kept = [
        device
        for device in found["config"]
        if _is_others(device, device.get("name"), network) and not (has_resolver and device["type"] == "nameserver")
    ]
    return {**new, "config": [*kept, *new["config"]]}


def _both2(found: Json, new: Json, network: Network) -> Json:
    for kind in ("ethernets", "bonds", "bridges", "vlans"):
        others = {name: body for name, body in found.get(kind, {}).items() if _is_others(body, name, network)}
        if others:
            new = {**new, kind: {**others, **new.get(kind, {})}}
    return new


def _is_others(device: Json, name: object, network: Network) -> bool:
    """Whether a device of either version is none of ours, and not made of ours."""
    mac = device.get("mac_address") or device.get("match", {}).get("macaddress")
    parts = {device.get("vlan_link"), device.get("link")}
    for key in ("bond_interfaces", "bridge_interfaces", "interfaces"):
        parts |= set(device.get(key, ()))
    ids = {name, device.get("set-name")}
    return mac not in network.macs and not (ids | parts) & network.names


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
        hint = f"give the gateway's own subnet to the card, or {_OURSELVES}"
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
