"""/etc/conf.d/net says what was asked for, as bash has it after sourcing the file."""

import ipaddress
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings

from guest.edits import Overlay
from guest.errors import CustomizerError
from guest.network.meaning import differences, verify
from guest.network.model import Bond, BondMode, BoundInterface, Bridge, Interface, Network, Resolver, Route, Vlan
from guest.network.netifrc import STACK
from random_networks import bash_variables, networks, rendered

DHCPCD = {"/sbin/dhcpcd": ""}
DHCLIENT = {"/sbin/dhclient": ""}
RULES = "/etc/udev/rules.d/76-guest-customizer-ra.rules"


def read_back(
    overlay: Overlay, values: dict[str, str], network: Network, bound: BoundInterface, client: str
) -> Interface:
    """net.example's words once more, by other means than the stack's own reader."""
    names = {b.name: b.interface.label for b in network.interfaces}
    variable = bound.name.replace(".", "_")
    config = values[f"config_{variable}"].splitlines()
    arguments = values.get(f"dhcpcd_{variable}", "").split()
    gateways, routes = [], []
    for line in values.get(f"routes_{variable}", "").splitlines():
        found = re.fullmatch(r"(\S+)(?: via (\S+))?(?: metric (\d+))?( scope link)?", line)
        assert found, line
        via = ipaddress.ip_address(found[2]) if found[2] else None
        if found[1] in ("default", "::/0"):
            gateways.append(via)
        elif not found[4]:
            routes.append(Route(ipaddress.ip_network(found[1]), via, int(found[3]) if found[3] else None))
    virtual = None
    if f"slaves_{variable}" in values:
        ports = tuple(names[port] for port in values[f"slaves_{variable}"].split())
        virtual = Bond(BondMode(values[f"mode_{variable}"]), ports)
        assert values[f"miimon_{variable}"] == "100"
    elif f"bridge_{variable}" in values:
        virtual = Bridge(tuple(names[port] for port in values[f"bridge_{variable}"].split()))
    else:
        for parent, label in names.items():
            for number in values.get(f"vlans_{parent}", "").split():
                if values.get(f"{parent}_vlan{number}_name", f"{parent}.{number}") == bound.name:
                    virtual = Vlan(label, int(number))
    rules = (overlay.read(RULES) or b"").decode()
    autoconf = re.search(rf"echo (\d) >/proc/sys/net/ipv6/conf/{re.escape(bound.name)}/autoconf", rules)
    if client == "dhcpcd":
        dhcp4, dhcp6 = "dhcp" in config and "-6" not in arguments, "--ia_na" in arguments
    else:
        dhcp4, dhcp6 = "dhcp" in config, "dhcpv6" in config
    return Interface(
        label=bound.interface.label,
        virtual=virtual,
        addresses=tuple(ipaddress.ip_interface(word) for word in config if word not in ("dhcp", "dhcpv6", "null")),
        gateways=tuple(gateway for gateway in gateways if gateway is not None),
        dhcp4=dhcp4,
        dhcp6=dhcp6,
        slaac=None if autoconf is None else autoconf[1] == "1",
        mtu=int(values[f"mtu_{variable}"]) if f"mtu_{variable}" in values else None,
        routes=tuple(routes),
        resolver=Resolver(
            tuple(map(ipaddress.ip_address, values.get(f"dns_servers_{variable}", "").split())),
            tuple(values.get(f"dns_search_{variable}", "").split()),
        ),
    )


@pytest.mark.parametrize(("files", "client"), [(DHCPCD, "dhcpcd"), (DHCLIENT, "dhclient")])
@settings(max_examples=15, deadline=None)
@given(network=networks())
def test_meaning(files: dict[str, str], client: str, network: Network) -> None:
    overlay = rendered(STACK, files, network)
    values = bash_variables((overlay.read("/etc/conf.d/net") or b"").decode())
    for bound in network.interfaces:
        asked = replace(bound.interface, mtu=network.mtu_of(bound))
        found = read_back(overlay, values, network, bound, client)
        assert not [*differences(asked, found, network.resolver_of(bound))]
    assert verify(overlay, STACK, network) is None


OLD = """\
# my own
modules="!iwconfig"
config_eth0="192.0.2.7/24
192.0.2.8/24"
routes_eth0="default via 192.0.2.1"   # the old one
config_eth1=( "10.1.1.1/24" "10.1.1.2/24" )
dns_domain="example.net"
slaves_bond7="eth0 eth5"
config_bond7="null"
vlans_eth0="7"
config_eth0_7="10.7.0.1/24"
preup() {
  config_eth0=x   # inside a function, as it stands
  return 0
}
"""


def test_other_lines_stay() -> None:
    card = BoundInterface(Interface(label="lan", dhcp4=True), "eth0", "52:54:00:00:00:01")
    content = (
        rendered(STACK, {**DHCPCD, "/etc/conf.d/net": OLD}, Network((card,), Resolver())).read("/etc/conf.d/net") or b""
    ).decode()
    kept = (
        '# my own\nmodules="!iwconfig"\nconfig_eth1=( "10.1.1.1/24" "10.1.1.2/24" )\ndns_domain="example.net"\n'
        'config_eth0_7="10.7.0.1/24"\npreup() {\n'
    )
    assert content.startswith(kept)
    values = bash_variables(content)
    assert values["config_eth0"] == "dhcp"
    assert values["vlans_eth0"] == "7", "a VLAN that the document does not mention stays"
    assert not {"routes_eth0", "slaves_bond7", "config_bond7"} & set(values)


def test_dhcpv6_without_a_client_is_refused() -> None:
    card = BoundInterface(Interface(label="lan", dhcp6=True), "eth0", "52:54:00:00:00:01")
    with pytest.raises(CustomizerError, match="DHCPv6") as caught:
        rendered(STACK, {}, Network((card,), Resolver()))
    assert caught.value.code == "network.inexpressible"
