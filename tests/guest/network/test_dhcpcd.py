"""dhcpcd.conf and its hook say what was asked for; the hook is run by a shell, with an `ip` that writes down what it is told."""

import ipaddress
import itertools
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given, settings

from guest.edits import Overlay
from guest.errors import CustomizerError
from guest.network.dhcpcd import STACK
from guest.network.meaning import differences, verify
from guest.network.model import BoundInterface, Bridge, Interface, Network, Resolver, Route
from random_networks import cards_alone, networks, rendered

CONF = "/etc/dhcpcd.conf"
HOOK = "/etc/dhcpcd.exit-hook"


def expressible(interface: Interface) -> Interface:
    """DNS servers come with an IPv4 configuration alone."""
    return (
        interface
        if interface.dhcp4 or interface.of(4).addresses
        else replace(interface, resolver=Resolver(), dhcp4=True)
    )


def run_hook(hook: str, name: str, reason: str) -> list[list[str]]:
    program = 'ip() { [ "$3" = show ] || echo "$@" >&3; }\ngrep() { :; }\n' + hook.replace("/proc/", "/nowhere/")
    run = subprocess.run(
        ["dash", "-c", f"exec 3>&1; interface={name} reason={reason}\n{program}"], capture_output=True, check=True
    )
    return [line.split() for line in run.stdout.decode().splitlines()]


def block_of(overlay: Overlay, name: str) -> list[str]:
    block = (overlay.read(CONF) or b"").decode().partition(f"\ninterface {name}\n")[2]
    return [*itertools.takewhile(bool, block.splitlines())]


def used_for_dns(lines: list[str]) -> set[str]:
    """What the hook for resolv.conf gets to see of leases and advertisements."""
    if "nohook resolv.conf" in lines:
        return set()
    offered = {"domain_name_servers", "domain_search"} if not any("ip_address" in line for line in lines) else set()
    offered = set() if "noipv4" in lines else offered
    if ("noipv6rs" not in lines and "ipv6ra_noautoconf" not in lines) or "ia_na" in lines:
        offered |= {"dhcp6_name_servers", "dhcp6_domain_search", "nd_rdnss", "nd_dnssl"}
    return offered - {line.removeprefix("nooption ") for line in lines}


def read_back(overlay: Overlay, bound: BoundInterface) -> Interface:
    """dhcpcd.conf(5) once more, by other means than the stack's own reader."""
    lines = block_of(overlay, bound.name)
    static = {key: value for line in lines if line.startswith("static ") for key, _, value in [line[7:].partition("=")]}
    hook = (overlay.read(HOOK) or b"").decode()
    addresses = [ipaddress.ip_interface(static[key]) for key in ("ip_address", "ip6_address") if key in static]
    gateways = [ipaddress.ip_address(static["routers"])] if "routers" in static else []
    routes = []
    mtu = None
    for family, what, verb, target, *rest in run_hook(hook, bound.name, "STATIC"):
        if (family, what, verb, target) == ("link", "set", "dev", bound.name):
            mtu = int(rest[1])
            continue
        options = dict(zip(rest[::2], rest[1::2], strict=True))
        assert verb == "replace"
        assert options.pop("dev") == bound.name
        assert f"-{ipaddress.ip_network(target, strict=False).version}" == family if target != "default" else True
        if what == "addr":
            addresses.append(ipaddress.ip_interface(target))
        elif target == "default":
            gateways.append(ipaddress.ip_address(options["via"]))
        elif "scope" not in options:
            via = ipaddress.ip_address(options["via"]) if "via" in options else None
            routes.append(
                Route(ipaddress.ip_network(target), via, int(options["metric"]) if "metric" in options else None)
            )
    no_ra = {"noipv6rs", "ipv6ra_noautoconf"} & set(lines)
    return Interface(
        label=bound.interface.label,
        addresses=tuple(addresses),
        gateways=tuple(gateways),
        dhcp4="noipv4" not in lines and "ip_address" not in static,
        dhcp6="ia_na" in lines,
        slaac=False if no_ra else True if "ipv6ra_autoconf" in lines else None,
        mtu=mtu,
        routes=tuple(routes),
        resolver=Resolver(
            tuple(map(ipaddress.ip_address, static.get("domain_name_servers", "").split())),
            tuple(static.get("domain_search", "").split()),
        ),
    )


@settings(max_examples=20, deadline=None)
@given(networks(expressible).filter(cards_alone))
def test_meaning(network: Network) -> None:
    overlay = rendered(STACK, {CONF: "# stock\nhostname\n"}, network)
    for bound in network.interfaces:
        found = read_back(overlay, bound)
        assert not [*differences(bound.interface, found, network.resolver_of(bound))]
        assert not run_hook((overlay.read(HOOK) or b"").decode(), bound.name, "NOCARRIER")
        named = network.resolver.servers or bound.interface.resolver.servers
        assert not named or not used_for_dns(block_of(overlay, bound.name))
    assert verify(overlay, STACK, network) is None


def test_a_lease_s_dns_is_used_where_the_document_names_none() -> None:
    lan = BoundInterface(Interface(label="lan", dhcp4=True), "eth0", "52:54:00:00:00:01")
    own = Resolver((ipaddress.ip_address("192.0.2.53"),), ())
    san = BoundInterface(Interface(label="san", dhcp4=True, resolver=own), "eth1", "52:54:00:00:00:02")
    overlay = rendered(STACK, {CONF: ""}, Network((lan, san), Resolver()))
    assert {"domain_name_servers", "nd_rdnss"} < used_for_dns(block_of(overlay, "eth0"))
    assert not used_for_dns(block_of(overlay, "eth1"))
    # Servers for all cards stand with the first one; the second has nothing to say then.
    overlay = rendered(
        STACK, {CONF: ""}, Network((lan, replace(san, interface=replace(san.interface, resolver=Resolver()))), own)
    )
    assert block_of(overlay, "eth1") == ["nohook resolv.conf"]


def test_other_lines_stay() -> None:
    conf = (
        "hostname\n# for eth0\ninterface eth0\nstatic ip_address=192.0.2.7/24\n\n# for eth1\ninterface eth1\nnoipv6\n"
    )
    hook = "logger $reason\n"
    card = BoundInterface(Interface(label="lan", dhcp4=True, slaac=False), "eth0", "52:54:00:00:00:01")
    overlay = rendered(STACK, {CONF: conf, HOOK: hook}, Network((card,), Resolver()))
    after = (overlay.read(CONF) or b"").decode()
    assert after.startswith(
        "hostname\n# for eth1\ninterface eth1\nnoipv6\n\n# [[lan]] by guest-customizer\ninterface eth0\n"
    )
    assert "192.0.2.7" not in after
    assert (overlay.read(HOOK) or b"").startswith(b"logger $reason\n# >>> guest-customizer >>>\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("denyinterfaces eth0 veth*\n", "denyinterfaces veth*\n"),
        ("denyinterfaces eth0\n", ""),
        ("allowinterfaces eth1\n", "allowinterfaces eth1 eth0\n"),
        ("allowinterfaces eth*\n", "allowinterfaces eth*\n"),
    ],
)
def test_dhcpcd_is_let_have_the_card(old: str, new: str) -> None:
    card = BoundInterface(Interface(label="lan", dhcp4=True), "eth0", "52:54:00:00:00:01")
    overlay = rendered(STACK, {CONF: old}, Network((card,), Resolver()))
    before = (overlay.read(CONF) or b"").decode().partition("# [[lan]]")[0]
    assert before.strip() == new.strip()


@pytest.mark.parametrize(
    ("conf", "interfaces", "words"),
    [
        ("", (Interface(label="lan"), Interface(label="br", virtual=Bridge(("lan",)), dhcp4=True)), "makes no"),
        ("denyinterfaces e*\n", (Interface(label="lan", dhcp4=True),), "pattern"),
        ("", (Interface(label="lan", dhcp6=True, resolver=Resolver((), ("example.com",))),), "IPv4"),
    ],
)
def test_what_it_cannot_say_is_refused(conf: str, interfaces: tuple[Interface, ...], words: str) -> None:
    cards = tuple(
        BoundInterface(each, f"eth{n}", None if each.virtual else "52:54:00:00:00:01")
        for n, each in enumerate(interfaces)
    )
    with pytest.raises(CustomizerError, match=words) as caught:
        rendered(STACK, {CONF: conf}, Network(cards, Resolver()))
    assert caught.value.code == "network.inexpressible"
