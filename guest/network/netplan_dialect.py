"""What one netplan version with one renderer is told of an interface."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guest.network.model import BOND_MIIMON_MS, Bond, Bridge, Route, Vlan
from guest.network.netplan_read import ANYWHERE
from guest.network.stack import inexpressible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import BoundInterface, IpSide, Network
    from guest.network.versions import Version

# dhcp4-overrides and dhcp6-overrides: an older netplan would refuse the whole file.
_OVERRIDES: Version = (0, 95)
# on-link and scope of a route; an older netplan (17.10 has 0.32) would refuse the whole file.
_ON_LINK: Version = (0, 34)
# Intervals with a unit. Before, they are whole seconds to networkd; without one 0.36.1 takes them so too, later ones for milliseconds.
_UNITS: Version = (0, 35)
# From here on the NetworkManager renderer takes on-link; before, it refused the file.
_NM_ON_LINK: Version = (0, 106)


@dataclass(frozen=True)
class Dialect:
    """One netplan version with one renderer. None: a version that cannot be told, and is taken for a young one."""

    version: Version | None
    by_network_manager: bool
    ids: dict[str, str]  # label -> netplan's id

    def definition(self, network: Network, bound: BoundInterface) -> dict[str, Any]:
        """One interface's mapping, as netplan(5) has it."""
        found: dict[str, Any] = self._device(bound)
        if (mtu := network.mtu_of(bound)) is not None:
            found["mtu"] = mtu
        if network.controller_of(bound) is None:
            found |= self._dhcp(network, bound)
            if bound.interface.addresses:
                found["addresses"] = [str(address) for address in bound.interface.addresses]
            routes = [route for version in (4, 6) for route in self._routes(bound, bound.interface.of(version), found)]
            if routes:
                found["routes"] = routes
            found |= self._nameservers(network, bound)
        return found

    def _device(self, bound: BoundInterface) -> dict[str, Any]:
        match bound.interface.virtual:
            case Vlan(parent=parent, id=number):
                return {"id": number, "link": self.ids[parent]}
            case Bond(mode=mode, ports=ports):
                parameters: dict[str, Any] = {"mode": mode.value, "mii-monitor-interval": self._miimon}
                return {"interfaces": [self.ids[port] for port in ports], "parameters": parameters}
            case Bridge(ports=ports):
                # Without a delay of 0 its ports pass nothing for the first 15 s, spanning tree or not.
                parameters = {"stp": False, "forward-delay": 0}
                return {"interfaces": [self.ids[port] for port in ports], "parameters": parameters}
        # With set-name, [Match] holds the name too: else VLANs would fit, which inherit the MAC.
        return {"match": {"macaddress": bound.mac}, "set-name": bound.name}

    @property
    def _miimon(self) -> int | str:
        if self.by_network_manager:
            return BOND_MIIMON_MS  # is handed on as it stands, and NetworkManager takes numbers alone
        return 1 if self._is_before(_UNITS) else f"{BOND_MIIMON_MS}ms"

    def _dhcp(self, network: Network, bound: BoundInterface) -> dict[str, Any]:
        interface = bound.interface
        dhcp6 = self._nm_auto6(network, bound) if self.by_network_manager else interface.dhcp6
        found: dict[str, Any] = {"dhcp4": interface.dhcp4, "dhcp6": dhcp6}
        if interface.accepts_router_advertisements is not None and not self.by_network_manager:
            found["accept-ra"] = interface.accepts_router_advertisements
        asked = [version for version in (4, 6) if found[f"dhcp{version}"]] if network.replaces_dhcp_dns(bound) else []
        if self.by_network_manager:
            if passed := self._passed_through(bound, asked):
                found["networkmanager"] = {"passthrough": passed}
        elif not self.lacks_overrides:
            found |= {f"dhcp{version}-overrides": {"use-dns": False} for version in asked}
        return found

    def _passed_through(self, bound: BoundInterface, without_dns: list[int]) -> dict[str, str]:
        """What netplan has no words for, but hands on to NetworkManager."""
        knows = not self._is_before(_NM_ON_LINK)
        found = {f"ipv{version}.ignore-auto-dns": "true" for version in without_dns} if knows else {}
        if bound.interface.slaac is False and not bound.interface.of(6).addresses:
            # It would say `ignore`: the kernel takes what a router advertises then.
            if not knows:
                what = "its NetworkManager renderer cannot switch router advertisements off without an IPv6 address"
                raise inexpressible("netplan", bound.interface.label, what, "leave out `slaac`")
            found["ipv6.method"] = "link-local"
        return found

    @property
    def lacks_overrides(self) -> bool:
        return self._is_before(_OVERRIDES)

    def _is_before(self, version: Version) -> bool:
        return self.version is not None and self.version < version

    def _nm_auto6(self, network: Network, bound: BoundInterface) -> bool:
        """Whether the NetworkManager renderer says `dhcp6: true`, which is NetworkManager's method `auto`.

        Without it and without addresses IPv6 is `ignore`, or `manual` where there are servers: a profile that is refused.
        """
        interface, resolver = bound.interface, network.resolver_of(bound)
        here = {version: interface.of(version) for version in (4, 6)}
        servers = {version: any(s.version == version for s in resolver.servers) for version in (4, 6)}
        refusals = (
            (interface.dhcp6 and interface.slaac is False, "has no DHCPv6 without router advertisements", "`slaac`"),
            (servers[4] and not (here[4].addresses or here[4].dhcp), "needs IPv4 for IPv4 DNS servers", "them"),
            (
                servers[6] and interface.slaac is False and not here[6].addresses,
                "needs IPv6 for IPv6 DNS servers",
                "them, or `slaac`",
            ),
        )
        for refused, what, leave_out in refusals:
            if refused:
                raise inexpressible(
                    "netplan", interface.label, f"its NetworkManager renderer {what}", f"leave out {leave_out}"
                )
        needed = bool(servers[6] or here[6].routes or (resolver.search and not interface.has_addresses))
        accepts = interface.accepts_router_advertisements
        return interface.dhcp6 or bool(accepts) or (accepts is None and needed)

    def _routes(self, bound: BoundInterface, side: IpSide, found: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if side.gateway is not None:
            if self.by_network_manager and not side.gateway_is_on_link:
                # NetworkManager makes a way to a gateway outside the subnet, but only for what is called one.
                found[f"gateway{side.version}"] = str(side.gateway)
            else:
                default = Route(ipaddress.ip_network(ANYWHERE[side.version]), side.gateway, None)
                yield self._route(bound, side, default)
        for route in side.routes:
            yield self._route(bound, side, route)

    def _route(self, bound: BoundInterface, side: IpSide, route: Route) -> dict[str, Any]:
        found: dict[str, Any] = {"to": str(route.destination)}
        if route.via is not None:
            found["via"] = str(route.via)
            if not side.reaches(route.via):
                self._refuse(bound, _NM_ON_LINK, "on-link gateway for a route")
                found["on-link"] = True
        else:
            self._refuse(bound, None, "route without a gateway")
            found["scope"] = "link"
        if route.metric is not None:
            found["metric"] = route.metric
        return found

    def _refuse(self, bound: BoundInterface, with_nm: Version | None, what: str) -> None:
        """Refuses what this version has no words for, or its NetworkManager renderer none before `with_nm` (None: ever)."""
        hint = "give the route a gateway inside the interface's own subnets"
        if self._is_before(_ON_LINK):
            raise inexpressible("netplan", bound.interface.label, f"its version has no {what}", hint)
        if self.by_network_manager and (with_nm is None or self._is_before(with_nm)):
            raise inexpressible("netplan", bound.interface.label, f"its NetworkManager renderer has no {what}", hint)

    def _nameservers(self, network: Network, bound: BoundInterface) -> dict[str, Any]:
        resolver = network.resolver_of(bound)
        found: dict[str, Any] = {}
        if resolver.servers:
            found["addresses"] = [str(server) for server in resolver.servers]
        if resolver.search:
            found["search"] = list(resolver.search)
        return {"nameservers": found} if found else {}
