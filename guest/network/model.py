"""What a network is to become, in no stack's terms: the configuration document says it, every stack renders it."""

from __future__ import annotations

from dataclasses import dataclass
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
class Interface:
    """What one card is to become. The card is chosen by `mac`, else by `name`, else by `position` (from 1)."""

    label: str
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
        """Whether the gateway lies in one of the card's own subnets or is link-local (LESSONS L6)."""
        if self.gateway is None or self.gateway.is_link_local:
            return True
        return any(self.gateway in address.network for address in self.addresses)


@dataclass(frozen=True)
class Resolver:
    """DNS servers and search domains, in order of preference."""

    servers: tuple[Address, ...] = ()
    search: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.servers or self.search)


@dataclass(frozen=True)
class BoundInterface:
    """An Interface with the card it is for: the name that card has in the guest, its MAC in lower case."""

    interface: Interface
    name: str
    mac: str


@dataclass(frozen=True)
class Network:
    """Everything a stack renders. The resolver goes to the first card where a stack has no global one."""

    interfaces: tuple[BoundInterface, ...]
    resolver: Resolver
