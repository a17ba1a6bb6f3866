"""What ifcfg-NAME and route-NAME say of an interface: EL5's dialect, and that of EL6 to EL8 and kin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest.network import ifcfg_read
from guest.network.model import BOND_MIIMON_MS, Bond, Bridge, Resolver, Vlan
from guest.network.stack import inexpressible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import Address, BoundInterface, IpSide, Network


def profile(network: Network, bound: BoundInterface, el5: bool) -> Iterator[str]:
    """The lines of ifcfg-NAME. Raises CustomizerError for what it cannot say."""
    interface = bound.interface
    yield from _device(network, bound)
    controller = network.controller_of(bound)
    if controller is None:
        yield from _ipv4(interface.of(4), el5)
        yield from _ipv6(network, bound, el5)
    else:
        yield "BOOTPROTO=none"
    if (mtu := network.mtu_of(bound)) is not None:
        yield f"MTU={mtu}"
    if controller is None:
        yield from _dns(network, bound, el5)
    elif isinstance(controller.interface.virtual, Bond):
        yield f"MASTER={controller.name}"
        yield "SLAVE=yes"
    else:
        yield f"BRIDGE={controller.name}"


def _device(network: Network, bound: BoundInterface) -> Iterator[str]:
    virtual = bound.interface.virtual
    yield f"TYPE={type(virtual).__name__ if virtual else 'Ethernet'}"
    yield f"DEVICE={bound.name}"
    yield f"NAME={bound.name}"
    if bound.mac:
        yield f"HWADDR={bound.mac.upper()}"
    yield "ONBOOT=yes"
    match virtual:
        case Vlan(parent=parent, id=number):
            yield "VLAN=yes"
            yield f"PHYSDEV={network.labelled(parent).name}"
            yield f"VLAN_ID={number}"
        case Bond(mode=mode):
            yield "BONDING_MASTER=yes"
            yield f'BONDING_OPTS="mode={mode.value} miimon={BOND_MIIMON_MS}"'
        case Bridge():
            yield "STP=no"
            yield "DELAY=0"


def _ipv4(side: IpSide, el5: bool) -> Iterator[str]:
    yield f"BOOTPROTO={'dhcp' if side.dhcp else 'none'}"
    for number, address in enumerate(side.addresses[:1] if el5 else side.addresses):
        # IPADDR, IPADDR1, IPADDR2 …: the one scheme that every reader takes (FACTS-distros 3.2).
        suffix = str(number) if number else ""
        yield f"IPADDR{suffix}={address.ip}"
        yield f"NETMASK={address.netmask}" if el5 else f"PREFIX{suffix}={address.network.prefixlen}"
    if side.gateway is not None:
        if _is_in_first_subnet(side):
            yield f"GATEWAY={side.gateway}"
        yield "DEFROUTE=yes"


def _is_in_first_subnet(side: IpSide) -> bool:
    """initscripts pass over a GATEWAY outside the subnet of the first address."""
    return side.gateway is not None and side.gateway in side.addresses[0].network


def _ipv6(network: Network, bound: BoundInterface, el5: bool) -> Iterator[str]:
    side = bound.interface.of(6)
    advertisements = bound.interface.accepts_router_advertisements
    servers = [s for s in network.resolver_of(bound).servers if s.version == 6 and not el5]
    if not side.addresses and not side.dhcp and advertisements is None:
        if servers:
            # NetworkManager drops IPv6 servers where IPv6 is off, as it is to it where nothing is said.
            yield "IPV6INIT=yes"
            yield "IPV6_AUTOCONF=yes"
        return  # not said: the guest's own way
    if not side.addresses and not side.dhcp and advertisements is False:
        if servers:
            raise inexpressible(
                "ifcfg",
                bound.interface.label,
                "IPv6 DNS servers need IPv6 on this interface",
                "give them as `dns` in the section of an interface that has IPv6, or leave them out",
            )
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


def _dns(network: Network, bound: BoundInterface, el5: bool) -> Iterator[str]:
    resolver = Resolver() if el5 else network.resolver_of(bound)
    for number, server in enumerate(resolver.servers, 1):
        yield f"DNS{number}={server}"
    if resolver.search:
        yield f'DOMAIN="{" ".join(resolver.search)}"'
    if network.replaces_dhcp_dns(bound) and (bound.interface.dhcp4 or bound.interface.dhcp6):
        # The document names the servers: DHCP's would come on top (both readers) or instead (initscripts).
        yield "PEERDNS=no"


def route_lines(name: str, side: IpSide) -> Iterator[str]:
    """The lines of route-NAME or route6-NAME."""
    in_file = side.version == 4 and not _is_in_first_subnet(side)
    if side.gateway is not None and (in_file or not side.gateway_is_on_link):
        yield from _host_route(name, side, side.gateway)
        yield f"default via {side.gateway} dev {name}"
    for route in side.routes:
        if route.via is not None and side.addresses:
            yield from _host_route(name, side, route.via)
        yield ifcfg_read.spell(route, name)


def _host_route(name: str, side: IpSide, gateway: Address) -> Iterator[str]:
    """The readers refuse a gateway outside the subnets; a route to it makes it reachable for both."""
    if not side.reaches(gateway):
        yield f"{gateway}/{32 if side.version == 4 else 128} dev {name}"
