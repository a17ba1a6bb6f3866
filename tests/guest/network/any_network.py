"""Random networks as a document may ask for them, bound to names: what guest/settings/contradictions.py lets through."""

import ipaddress
from dataclasses import replace

from hypothesis import strategies as st

from guest.network.model import (
    Bond,
    BondMode,
    BoundInterface,
    Bridge,
    Interface,
    Network,
    Resolver,
    Route,
    Vlan,
)

CARDS = (("ens3", "52:54:00:12:34:56"), ("ens4", "52:54:00:12:34:57"), ("enp5s0", "02:00:00:ab:cd:ef"))
_SUBNETS4 = [ipaddress.ip_network(f"10.{n}.0.0/{p}") for n, p in ((0, 24), (1, 16), (2, 28), (3, 31), (4, 32))]
_SUBNETS6 = [ipaddress.ip_network(f"2001:db8:{n}::/{p}") for n, p in ((0, 64), (1, 64), (2, 127), (3, 128), (4, 48))]
_OUTSIDE4 = [ipaddress.ip_address(a) for a in ("192.0.2.1", "169.254.1.1", "10.200.0.9")]
_OUTSIDE6 = [ipaddress.ip_address(a) for a in ("2001:db8:ffff::1", "fe80::1")]
_DESTINATIONS4 = [ipaddress.ip_network(n) for n in ("192.168.7.0/24", "172.16.0.0/12", "198.51.100.7/32", "0.0.0.0/1")]
_DESTINATIONS6 = [ipaddress.ip_network(n) for n in ("2001:db8:7::/48", "fd00::/8", "2001:db8:9::1/128")]
_SERVERS = [ipaddress.ip_address(a) for a in ("10.0.0.2", "10.0.0.3", "2001:db8::53", "2001:db8::54", "192.0.2.53")]
_DOMAINS = ["example.com", "corp.example.com", "a-b.test"]


def _some(values, largest):
    return st.lists(st.sampled_from(values), max_size=largest, unique=True).map(tuple)


resolvers = st.builds(Resolver, _some(_SERVERS, 3), _some(_DOMAINS, 2))


def _addresses(subnets, number):
    def address(subnet):
        """Another one for each interface, in the same subnet where that has room."""
        first, step = subnet[min(1, subnet.num_addresses - 1)], 1 if subnet.num_addresses > 8 else 2
        return ipaddress.ip_interface(f"{first + step * number}/{subnet.prefixlen}")

    return st.lists(st.sampled_from(subnets), min_size=1, max_size=3, unique=True).map(lambda s: [*map(address, s)])


@st.composite
def _side(draw, version, number):
    """(addresses, gateways, dhcp, routes) of one IP version."""
    subnets, outside, destinations = (
        (_SUBNETS4, _OUTSIDE4, _DESTINATIONS4) if version == 4 else (_SUBNETS6, _OUTSIDE6, _DESTINATIONS6)
    )
    how = draw(st.sampled_from(["none", "static", "static", "dhcp"]))
    addresses = draw(_addresses(subnets, number)) if how == "static" else []
    last = 2 if version == 4 else 1  # before the broadcast address
    inside = [a.network[a.network.num_addresses - last] for a in addresses if a.network.num_addresses > 2]
    gateways = draw(st.lists(st.sampled_from(inside + outside), max_size=1)) if addresses else []
    routes = []
    for destination in draw(_some(destinations, 2)) if how != "none" else ():
        via = draw(st.sampled_from([None, *inside, *outside]))
        metric = draw(st.sampled_from([None, 1, 50, 4096]))
        routes.append(Route(destination, via, metric))
    return addresses, gateways, how == "dhcp", routes


@st.composite
def _settings(draw, number):
    """The keys of an interface that is no port."""
    addresses4, gateways4, dhcp4, routes4 = draw(_side(4, number))
    addresses6, gateways6, dhcp6, routes6 = draw(_side(6, number))
    return {
        "addresses": (*addresses4, *addresses6),
        "gateways": (*gateways4, *gateways6),
        "dhcp4": dhcp4,
        "dhcp6": dhcp6,
        "slaac": draw(st.sampled_from([None, True, False])),
        "mtu": draw(st.sampled_from([None, None, 1400, 9000])),
        "routes": (*routes4, *routes6),
        "resolver": draw(st.sampled_from([Resolver(), Resolver()]) | resolvers),
    }


@st.composite
def networks(draw):
    shape = draw(st.sampled_from(["cards", "cards", "vlan", "bond", "bond with vlan", "bridge", "bridge on vlan"]))
    cards = draw(st.permutations(CARDS))[: 3 if "bond" in shape else draw(st.integers(1, 3))]
    ports = {"bond": (0, 1), "bond with vlan": (0, 1), "bridge": (0,)}.get(shape, ())
    bound = []
    for number, (name, mac) in enumerate(cards):
        settings = {} if number in ports else draw(_settings(number))
        bound.append(BoundInterface(Interface(f"card {number}", mac=mac, **settings), name, mac))
    labels = tuple(f"card {number}" for number in ports)
    mode = draw(st.sampled_from(list(BondMode)))
    if "bond" in shape:
        bound.append(
            BoundInterface(Interface("bundle", virtual=Bond(mode, labels), **draw(_settings(3))), "bond0", None)
        )
    if shape == "bridge":
        bound.append(BoundInterface(Interface("bridge", virtual=Bridge(labels), **draw(_settings(4))), "br0", None))
    if "vlan" in shape:
        parent = bound[-1]
        on_port = shape == "bridge on vlan"
        name = draw(st.sampled_from([f"{parent.name}.42", "vlan42"]))
        vlan = Interface("vlan", virtual=Vlan(parent.interface.label, 42), **({} if on_port else draw(_settings(5))))
        bound.append(BoundInterface(vlan, name, None))
        if on_port:
            bridge = Interface("bridge", virtual=Bridge(("vlan",)), **draw(_settings(4)))
            bound.insert(0, BoundInterface(bridge, "br0", None))
    return Network(tuple(_without_contradictions(bound)), draw(resolvers))


def _without_contradictions(bound):
    """One default gateway of each IP version, and no VLAN with a larger MTU than what it lies on."""
    mtus = {each.interface.label: each.interface.mtu for each in bound}
    seen = set()
    for each in bound:
        interface = each.interface
        kept = tuple(gateway for gateway in interface.gateways if gateway.version not in seen)
        seen |= {gateway.version for gateway in kept}
        if isinstance(interface.virtual, Vlan) and (above := mtus[interface.virtual.parent]) and interface.mtu:
            interface = replace(interface, mtu=min(interface.mtu, above))
        yield replace(each, interface=replace(interface, gateways=kept))
