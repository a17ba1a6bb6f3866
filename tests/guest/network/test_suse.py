"""SUSE's files say what was asked for, as bash sources ifcfg files and ifroute(5) describes routes; what cannot be said is refused."""

import ipaddress
from dataclasses import replace

import pytest
from hypothesis import given, settings

from guest.edits import Overlay
from guest.errors import CustomizerError
from guest.network.meaning import differences, verify
from guest.network.model import Bond, BondMode, BoundInterface, Bridge, Interface, Network, Resolver, Route, Vlan
from guest.network.suse import STACK
from random_networks import bash_variables, networks, rendered

FOLDER = "/etc/sysconfig/network"
SCRIPTS = {f"{FOLDER}/scripts/{name}": "" for name in ("ifup-bonding", "ifup-bridge", "ifup-802.1q")}
WICKED = {"/usr/sbin/wicked": ""}
SLES11 = {
    **SCRIPTS,
    f"{FOLDER}/scripts/ifup": "dhcp|dhcp4|dhcp6)",
    f"{FOLDER}/scripts/ifup-sysctl": "",
    "/etc/SuSE-release": "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n",
}
SLES10 = {
    **SCRIPTS,
    f"{FOLDER}/scripts/ifup": "dhcp)",
    "/etc/SuSE-release": "SUSE Linux Enterprise Server 10 (x86_64)\nVERSION = 10\nPATCHLEVEL = 4\n",
}


def without_dhcp6(interface: Interface) -> Interface:
    return replace(interface, dhcp6=False)


def read_back(overlay: Overlay, network: Network, bound: BoundInterface, *, old: bool = False) -> Interface:
    """ifcfg(5), ifroute(5) and ifsysctl(5) once more, by other means than the stack's own reader."""
    config = {b.name: f"eth-id-{b.mac}" if old and b.mac else b.name for b in network.interfaces}
    labels = {config[b.name]: b.interface.label for b in network.interfaces}
    name = config[bound.name]

    def content(kind: str) -> str:
        return (overlay.read(f"{FOLDER}/{kind}-{name}") or b"").decode()

    values = bash_variables(content("ifcfg"))
    protocol = values["BOOTPROTO"]
    assert values["STARTMODE"] in (("off", "auto") if old else ("auto", "hotplug"))
    gateways, routes, reachable = [], [], []
    for line in content("ifroute").splitlines():
        destination, gateway, mask, interface, *options = line.split()
        assert (mask, interface) == ("-", "-")
        if destination == "default":
            gateways.append(ipaddress.ip_address(gateway))
        elif options == ["scope", "link"]:
            reachable.append(ipaddress.ip_network(destination).network_address)
        else:
            via = None if gateway == "-" else ipaddress.ip_address(gateway)
            routes.append(Route(ipaddress.ip_network(destination), via, int(options[1]) if options else None))
    assert set(reachable) <= {*gateways, *(route.via for route in routes)}
    sysctls = dict(line.split(" = ") for line in content("ifsysctl").splitlines())
    autoconf = sysctls.get(f"net/ipv6/conf/{bound.name}/autoconf")
    virtual = None
    if "BONDING_MASTER" in values:
        options = dict(word.split("=") for word in values["BONDING_MODULE_OPTS"].split())
        assert options["miimon"] == "100"
        ports = tuple(labels[values[key]] for key in sorted(values) if key.startswith("BONDING_SLAVE"))
        virtual = Bond(BondMode(options["mode"]), ports)
    elif "BRIDGE" in values:
        virtual = Bridge(tuple(labels[port] for port in values["BRIDGE_PORTS"].split()))
    elif "ETHERDEVICE" in values:
        virtual = Vlan(labels[values["ETHERDEVICE"]], int(values["VLAN_ID"]))
    return Interface(
        label=bound.interface.label,
        virtual=virtual,
        addresses=tuple(ipaddress.ip_interface(values[key]) for key in values if key.startswith("IPADDR")),
        gateways=tuple(gateways),
        dhcp4=protocol in ("dhcp", "dhcp4"),
        dhcp6=protocol == "dhcp6" or (protocol == "dhcp" and not old),
        slaac=("PRE_UP_SCRIPT" not in values) if old else {"1": True, "0": False, None: None}[autoconf],
        mtu=int(values["MTU"]) if "MTU" in values else None,
        routes=tuple(routes),
    )


def check(overlay: Overlay, network: Network, *, old: bool = False) -> None:
    for bound in network.interfaces:
        asked = replace(bound.interface, mtu=network.mtu_of(bound))
        assert not [*differences(asked, read_back(overlay, network, bound, old=old), None)]
    assert verify(overlay, STACK, network) is None


@settings(max_examples=20, deadline=None)
@given(networks())
def test_wicked(network: Network) -> None:
    check(rendered(STACK, WICKED, network), network)


@settings(max_examples=10, deadline=None)
@given(networks())
def test_sles11(network: Network) -> None:
    check(rendered(STACK, SLES11, network), network)


@settings(max_examples=10, deadline=None)
@given(networks(without_dhcp6, vlan_name=lambda _name: "vlan42"))
def test_sles10(network: Network) -> None:
    check(rendered(STACK, SLES10, network), network, old=True)


def network_of(*interfaces: Interface) -> Network:
    cards = (
        BoundInterface(each, f"eth{n}", None if each.virtual else "52:54:00:00:00:01")
        for n, each in enumerate(interfaces)
    )
    return Network(tuple(cards), Resolver())


CARD = Interface(label="lan")


@pytest.mark.parametrize(
    ("files", "interfaces", "words"),
    [
        (SLES10, (replace(CARD, dhcp6=True),), "DHCPv6"),
        (SLES10, (CARD, Interface(label="v", virtual=Vlan("lan", 7))), "VLAN's number"),
        ({}, (CARD, Interface(label="b", virtual=Bridge(("lan",)))), "ifup-bridge"),
        ({}, (CARD, Interface(label="b", virtual=Bond(BondMode.LACP, ("lan",)))), "ifup-bonding"),
    ],
)
def test_what_a_release_cannot_say_is_refused(
    files: dict[str, str], interfaces: tuple[Interface, ...], words: str
) -> None:
    with pytest.raises(CustomizerError, match=words) as caught:
        rendered(STACK, files, network_of(*interfaces))
    assert caught.value.code == "network.inexpressible"
    assert caught.value.hint
