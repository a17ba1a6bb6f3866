"""Alpine's interfaces file says what was asked for, as busybox' ifup and ifupdown-ng read it."""

import ipaddress
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings

from guest.edits import Overlay
from guest.errors import CustomizerError
from guest.network.ifupdown_ng import STACK
from guest.network.meaning import differences, verify
from guest.network.model import Bond, BondMode, BoundInterface, Bridge, Interface, Network, Resolver, Route, Vlan
from random_networks import networks, rendered

BUSYBOX = {f"/etc/network/if-pre-up.d/{name}": "" for name in ("vlan", "bonding", "bridge")}
NG = {f"/usr/libexec/ifupdown-ng/{name}": "" for name in ("link", "bond", "bridge", "static", "dhcp")}


def without_dhcp6(interface: Interface) -> Interface:
    return replace(interface, dhcp6=False)


def stanzas_of(content: str, name: str) -> list[tuple[str, str, list[list[str]]]]:
    """(IP version's word, method, options as words) of each stanza of an interface."""
    found: list[tuple[str, str, list[list[str]]]] = []
    inside = False
    for line in content.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if not line[0].isspace():
            inside = words[:2] == ["iface", name]
            if inside:
                found.append((words[2], words[3], []))
        elif inside:
            found[-1][2].append(words)
    return found


def read_back(overlay: Overlay, network: Network, bound: BoundInterface, *, ng: bool) -> Interface:
    content = (overlay.read("/etc/network/interfaces") or b"").decode()
    stanzas = stanzas_of(content, bound.name)
    assert len({inet for inet, _, _ in stanzas}) == len(stanzas), "busybox' older versions refuse two of a kind"
    is_port = network.controller_of(bound) is not None
    assert (f"auto {bound.name}" in content.splitlines()) is not is_port
    labels = {b.name: b.interface.label for b in network.interfaces}
    addresses, gateways, routes, hosts, virtual, mtu, ra = [], [], [], [], None, None, None
    options = {}
    for _, method, lines in stanzas:
        own = {words[0]: words[1:] for words in lines}
        options |= own
        if method == "static":
            if ng:
                assert "netmask" not in own, "ifupdown-ng has one netmask for all addresses of an interface"
                addresses.append(ipaddress.ip_interface(own["address"][0]))
            else:
                assert "/" not in own["address"][0]
                addresses.append(ipaddress.ip_interface(f"{own['address'][0]}/{own['netmask'][0]}"))
        gateways += [ipaddress.ip_address(own["gateway"][0])] if "gateway" in own else []
        for words in lines:
            command = " ".join(words[1:]) if words[0] in ("up", "pre-up") else ""
            if found := re.fullmatch(rf"ip -([46]) addr add (\S+) dev {re.escape(bound.name)}", command):
                addresses.append(ipaddress.ip_interface(found[2]))
                assert str(addresses[-1].version) == found[1]
            elif found := re.fullmatch(rf"ip link set dev {re.escape(bound.name)} mtu (\d+)", command):
                mtu = int(found[1])
            elif found := re.fullmatch(
                rf"echo ([01]) >/proc/sys/net/ipv6/conf/{re.escape(bound.name)}/accept_ra", command
            ):
                ra = found[1] == "1"
            elif found := re.fullmatch(
                rf"ip -[46] route add (\S+)(?: via (\S+))? dev {re.escape(bound.name)}(?: metric (\d+))?", command
            ):
                via = ipaddress.ip_address(found[2]) if found[2] else None
                if found[1] == "default":
                    assert via in hosts, "the gateway's own route comes first"
                    gateways.append(via)
                elif "/" not in found[1]:
                    hosts.append(ipaddress.ip_address(found[1]))
                else:
                    routes.append(Route(ipaddress.ip_network(found[1]), via, int(found[3]) if found[3] else None))
            else:
                assert not command, command
    if "vlan-raw-device" in options:
        virtual = Vlan(labels[options["vlan-raw-device"][0]], int(options["vlan-id"][0]))
    elif "bond-slaves" in options:
        assert options["bond-miimon"] == ["100"]
        virtual = Bond(BondMode(options["bond-mode"][0]), tuple(labels[port] for port in options["bond-slaves"]))
    elif "bridge-ports" in options:
        assert options["bridge-stp"] == ["0"]
        virtual = Bridge(tuple(labels[port] for port in options["bridge-ports"]))
    dhcp4 = any((inet, method) == ("inet", "dhcp") for inet, method, _ in stanzas)
    return Interface(
        label=bound.interface.label, virtual=virtual, addresses=tuple(addresses), gateways=tuple(gateways),
        dhcp4=dhcp4, slaac=ra, mtu=mtu, routes=tuple(routes),
    )  # fmt: skip


@pytest.mark.parametrize("ng", [False, True], ids=["busybox", "ng"])
@settings(max_examples=50, deadline=None)
@given(network=networks(without_dhcp6))
def test_meaning(ng: bool, network: Network) -> None:
    overlay = rendered(STACK, NG if ng else BUSYBOX, network)
    for bound in network.interfaces:
        asked = replace(bound.interface, mtu=network.mtu_of(bound))
        assert not [*differences(asked, read_back(overlay, network, bound, ng=ng), None)]
    assert verify(overlay, STACK, network) is None


CARD = Interface(label="lan")


@pytest.mark.parametrize(
    ("interfaces", "words"),
    [
        ((replace(CARD, dhcp6=True),), "IPv4 addresses alone"),
        ((CARD, Interface(label="v", virtual=Vlan("lan", 7))), "vlan"),
        ((CARD, Interface(label="b", virtual=Bridge(("lan",)))), "bridge"),
        ((CARD, Interface(label="b", virtual=Bond(BondMode.LACP, ("lan",)))), "bonding"),
    ],
)
def test_what_it_cannot_say_is_refused(interfaces: tuple[Interface, ...], words: str) -> None:
    cards = (
        BoundInterface(each, f"eth{n}", None if each.virtual else "52:54:00:00:00:01")
        for n, each in enumerate(interfaces)
    )
    with pytest.raises(CustomizerError, match=words) as caught:
        rendered(STACK, {}, Network(tuple(cards), Resolver()))
    assert caught.value.code == "network.inexpressible"
