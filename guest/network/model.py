"""What a network is to become, in no stack's terms: the configuration document says it, every stack renders it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Literal

Address = IPv4Address | IPv6Address
AddressWithPrefix = IPv4Interface | IPv6Interface
Subnet = IPv4Network | IPv6Network
IpVersion = Literal[4, 6]


@dataclass(frozen=True)
class Route:
    """A static route; `via` None is on-link."""

    destination: Subnet
    via: Address | None
    metric: int | None


@dataclass(frozen=True)
class Resolver:
    """DNS servers and search domains, in order of preference."""

    servers: tuple[Address, ...] = ()
    search: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.servers or self.search)


class BondMode(Enum):
    """The bonding driver's own names of its modes (bonding.rst of the kernel)."""

    ROUND_ROBIN = "balance-rr"
    ACTIVE_BACKUP = "active-backup"
    XOR = "balance-xor"
    BROADCAST = "broadcast"
    LACP = "802.3ad"
    TLB = "balance-tlb"
    ALB = "balance-alb"


# How often a bond looks at its ports' carriers: without it a port that fails is never noticed.
BOND_MIIMON_MS = 100


@dataclass(frozen=True)
class Vlan:
    """On top of another interface of the document, by its label."""

    parent: str
    id: int  # 1 to 4094


@dataclass(frozen=True)
class Bond:
    """Made of other interfaces of the document, by their labels."""

    mode: BondMode
    ports: tuple[str, ...]


@dataclass(frozen=True)
class Bridge:
    """Made of other interfaces of the document, by their labels; without spanning tree, as a VM's bridge is."""

    ports: tuple[str, ...]


Virtual = Vlan | Bond | Bridge


@dataclass(frozen=True)
class Interface:
    """What one interface is to become.

    A card where `virtual` is None: chosen by `mac`, else by `name`, else by `position` (from 1). Otherwise an interface
    that the guest makes, called `name` where that is given.
    """

    label: str
    virtual: Virtual | None = None
    mac: str | None = None
    name: str | None = None
    position: int | None = None
    addresses: tuple[AddressWithPrefix, ...] = ()
    gateways: tuple[Address, ...] = ()  # at most one of each IP version
    dhcp4: bool = False
    dhcp6: bool = False
    slaac: bool | None = None  # None: not said; off beside static IPv6 addresses, else as the guest does by itself
    mtu: int | None = None
    routes: tuple[Route, ...] = ()
    resolver: Resolver = Resolver()  # of this interface alone, beside the document's [dns]

    def of(self, version: IpVersion) -> IpSide:
        """The part of one IP version, so that no stack writes the two out twice."""
        return IpSide(
            version=version,
            addresses=tuple(a for a in self.addresses if a.version == version),
            gateway=next((g for g in self.gateways if g.version == version), None),
            dhcp=self.dhcp4 if version == 4 else self.dhcp6,
            routes=tuple(r for r in self.routes if r.destination.version == version),
        )

    @property
    def has_addresses(self) -> bool:
        """Whether it gets an address by what the document says."""
        return bool(self.addresses or self.dhcp4 or self.dhcp6 or self.slaac)

    @property
    def accepts_router_advertisements(self) -> bool | None:
        """None where the document leaves it to the guest."""
        if self.slaac is None and self.of(6).addresses:
            return False
        return self.slaac


@dataclass(frozen=True)
class IpSide:
    """One IP version's part of an Interface."""

    version: IpVersion
    addresses: tuple[AddressWithPrefix, ...]
    gateway: Address | None
    dhcp: bool
    routes: tuple[Route, ...]

    @property
    def gateway_is_on_link(self) -> bool:
        return self.gateway is None or self.reaches(self.gateway)

    def reaches(self, gateway: Address) -> bool:
        """Whether a gateway lies in one of the interface's own static subnets, or has a link-local IPv6 address (LESSONS L6).

        An IPv4 link-local gateway, as clouds have it, is outside like any other: no route leads there by itself.
        """
        if gateway.version == 6 and gateway.is_link_local:
            return True
        return any(gateway in address.network for address in self.addresses)

    @property
    def off_link(self) -> tuple[Address, ...]:
        """Gateways, the default one's and routes', that the kernel takes only when told that they lie on this link."""
        vias = (self.gateway, *(route.via for route in self.routes))
        return tuple(dict.fromkeys(via for via in vias if via is not None and not self.reaches(via)))


@dataclass(frozen=True)
class BoundInterface:
    """An Interface with the name it has in the guest, and its card's MAC in lower case; a virtual one has no card."""

    interface: Interface
    name: str
    mac: str | None


@dataclass(frozen=True)
class Network:
    """Everything a stack renders, in the document's order. The resolver goes where a stack keeps global ones, or to the first
    interface that has addresses of its own.
    """

    interfaces: tuple[BoundInterface, ...]
    resolver: Resolver

    def labelled(self, label: str) -> BoundInterface:
        """The interface of that label; the document's check saw to it that there is one."""
        return next(bound for bound in self.interfaces if bound.interface.label == label)

    def controller_of(self, bound: BoundInterface) -> BoundInterface | None:
        """The bond or bridge that this interface is a port of."""
        for other in self.interfaces:
            if (
                isinstance(other.interface.virtual, Bond | Bridge)
                and bound.interface.label in other.interface.virtual.ports
            ):
                return other
        return None

    def vlans_on(self, bound: BoundInterface) -> tuple[BoundInterface, ...]:
        return tuple(
            other
            for other in self.interfaces
            if isinstance(other.interface.virtual, Vlan) and other.interface.virtual.parent == bound.interface.label
        )

    def in_order(self) -> tuple[BoundInterface, ...]:
        """What others are made of before them: ports before bonds and bridges, parents before VLANs."""
        done: dict[str, BoundInterface] = {}

        def add(bound: BoundInterface) -> None:
            match bound.interface.virtual:
                case Vlan(parent=parent):
                    add(self.labelled(parent))
                case Bond(ports=ports) | Bridge(ports=ports):
                    for port in ports:
                        add(self.labelled(port))
            done.setdefault(bound.interface.label, bound)

        for bound in self.interfaces:
            add(bound)
        return tuple(done.values())

    def mtu_of(self, bound: BoundInterface) -> int | None:
        """A port has the MTU of its bond or bridge: a bridge's is never larger than its smallest port's."""
        return (self.controller_of(bound) or bound).interface.mtu

    def replaces_dhcp_dns(self, bound: BoundInterface) -> bool:
        """Whether DNS servers that DHCP or router advertisements offer there are to be left unused: the document names others."""
        return bool(self.resolver.servers or bound.interface.resolver.servers)

    def by_name(self, name: str) -> BoundInterface | None:
        return next((bound for bound in self.interfaces if bound.name == name), None)

    @property
    def macs(self) -> frozenset[str]:
        """Of the cards, in lower case."""
        return frozenset(bound.mac for bound in self.interfaces if bound.mac)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(bound.name for bound in self.interfaces)

    def resolver_of(self, bound: BoundInterface) -> Resolver:
        """What a stack writes beside this interface where DNS servers stand with interfaces alone."""
        own = bound.interface.resolver
        if bound != self._first_with_addresses():
            return own
        servers = dict.fromkeys((*own.servers, *self.resolver.servers))
        search = dict.fromkeys((*own.search, *self.resolver.search))
        return Resolver(tuple(servers), tuple(search))

    def _first_with_addresses(self) -> BoundInterface:
        ends = [bound for bound in self.interfaces if self.controller_of(bound) is None]
        return next((bound for bound in ends if bound.interface.has_addresses), ends[0])
