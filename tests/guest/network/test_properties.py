"""A random network, rendered by each stack that can say it, means the same to an independent reader and to the stack itself."""

import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings

import readers
from any_network import networks
from guest.edits import Overlay, WriteFile
from guest.errors import CustomizerError
from guest.network import ifcfg, ifupdown, keyfile, netplan, networkd
from guest.network.meaning import verify
from guest.network.model import Bond, Bridge, Vlan
from guest.sysroot import Sysroot

EXAMPLES = 40
HOOKS = {f"etc/network/if-pre-up.d/{name}": "" for name in ("ifenslave", "bridge", "vlan")}
NETWORK_MANAGER = {
    "usr/sbin/NetworkManager": "",
    "etc/systemd/system/multi-user.target.wants/NetworkManager.service": "",
}
BRCTL = {"usr/sbin/brctl": ""}
RESOLVCONF = {"etc/resolv.conf": "link:/run/resolvconf/resolv.conf"}


def el(number):
    return {"etc/redhat-release": f"CentOS release {number}.9 (Final)\n", "sbin/dhcp6c": "", **BRCTL}


GUESTS = {
    "ifupdown": (ifupdown.STACK, readers.interfaces, HOOKS),
    "ifupdown with resolvconf": (ifupdown.STACK, readers.interfaces, HOOKS | RESOLVCONF),
    "ifupdown 0.7~beta2": (
        ifupdown.STACK,
        readers.interfaces,
        HOOKS | {"usr/lib/os-release": 'ID=ubuntu\nVERSION_ID="12.04"\n'},
    ),
    "ifcfg el5": (ifcfg.STACK, readers.ifcfg, el(5)),
    "ifcfg el6": (ifcfg.STACK, readers.ifcfg, el(6)),
    "ifcfg el8": (ifcfg.STACK, readers.ifcfg, el(8) | NETWORK_MANAGER),
    "keyfile": (keyfile.STACK, readers.keyfile, NETWORK_MANAGER),
    "netplan": (netplan.STACK, readers.netplan, {"usr/sbin/netplan": ""}),
    "netplan by NetworkManager": (
        netplan.STACK,
        readers.netplan,
        {"usr/sbin/netplan": "", "etc/netplan/01-nm.yaml": "network:\n  version: 2\n  renderer: NetworkManager\n"},
    ),
    "networkd": (networkd.STACK, readers.networkd, {"usr/lib/systemd/libsystemd-shared-252.so": ""}),
    "networkd 239": (networkd.STACK, readers.networkd, {"usr/lib/systemd/libsystemd-shared-239.so": ""}),
    "networkd 228": (networkd.STACK, readers.networkd, {"usr/lib/os-release": "ID=photon\nVERSION_ID=1.0\n"}),
}
FOLDERS = (
    "etc/network/",
    "etc/sysconfig/network-scripts/",
    "etc/NetworkManager/system-",
    "etc/netplan/",
    "etc/systemd/",
)


@pytest.fixture(scope="module")
def guests():
    """The guest of each name, open."""
    with tempfile.TemporaryDirectory() as top:
        opened = {}
        for name, (_, _, files) in GUESTS.items():
            root = Path(top, name)
            for path, content in files.items():
                file = root / path
                file.parent.mkdir(parents=True, exist_ok=True)
                if content.startswith("link:"):
                    file.symlink_to(content.removeprefix("link:"))
                else:
                    file.write_text(content)
            opened[name] = Sysroot(root)
        yield opened
        for sysroot in opened.values():
            sysroot.close()


def expected(network, bound):
    """What the intent means, in a reader's values."""
    interface, virtual = bound.interface, bound.interface.virtual
    found = readers.Found(mac=bound.mac, mtu=network.mtu_of(bound))
    found.addresses, found.gateways = set(interface.addresses), set(interface.gateways)
    found.dhcp4, found.dhcp6 = interface.dhcp4, interface.dhcp6
    found.ra = interface.slaac
    if found.ra is None and any(a.version == 6 for a in interface.addresses):
        found.ra = False
    found.routes = {(r.destination, r.via, r.metric) for r in interface.routes}
    match virtual:
        case Vlan(parent, number):
            found.kind, found.parent, found.vlan = "vlan", network.labelled(parent).name, number
        case Bond(mode, ports):
            found.kind, found.mode, found.ports = "bond", mode.value, {network.labelled(p).name for p in ports}
        case Bridge(ports):
            found.kind, found.ports = "bridge", {network.labelled(p).name for p in ports}
    return found


def compare(stack, network, result, carries_dns):
    assert set(result) == network.names
    for bound in network.interfaces:
        wanted, found = expected(network, bound), result[bound.name]
        interface = bound.interface
        for gateway in [*wanted.gateways, *(via for _, via, _ in wanted.routes if via)]:
            inside = any(gateway in a.network for a in interface.addresses if a.version == gateway.version)
            link_local = gateway.version == 6 and gateway.is_link_local
            by_dhcp = interface.dhcp4 if gateway.version == 4 else interface.dhcp6
            assert inside or link_local or by_dhcp or gateway in found.on_link, f"no way to {gateway}"
        # A route to a gateway that only helps another one is no route that anybody asked for.
        helpers = {r for r in found.routes if r[1] is None and r[0].network_address in found.on_link}
        assert found.routes - helpers <= wanted.routes <= found.routes, bound.name
        for key in ("kind", "addresses", "gateways", "dhcp4", "mtu", "parent", "vlan", "mode", "ports"):
            assert getattr(found, key) == getattr(wanted, key), f"{bound.name}: {key}"
        controller = network.controller_of(bound)
        in_bond = controller is not None and isinstance(controller.interface.virtual, Bond)
        by_name = stack.name == "networkd" and in_bond and found.mac is None  # older ones have no word for it
        if stack.name != "ifupdown" and not by_name:  # which knows names alone
            assert found.mac == wanted.mac
        if wanted.ra is not None:
            assert found.ra == wanted.ra, f"{bound.name}: router advertisements"
        # Where router advertisements are taken they say whether DHCPv6 is asked, and some stacks have one word for both.
        assert found.dhcp6 == wanted.dhcp6 or (found.dhcp6 and found.ra and wanted.ra is not False), bound.name
        if carries_dns and network.controller_of(bound) is None:
            compare_dns(network, bound, found, with_dhcp=stack.name != "ifupdown")


def compare_dns(network, bound, found, *, with_dhcp):
    own, everywhere = bound.interface.resolver, network.resolver
    by_version = [[s for s in found.servers if s.version == version] for version in (4, 6)]
    wanted = network.resolver_of(bound)
    assert by_version == [[s for s in wanted.servers if s.version == version] for version in (4, 6)]
    assert tuple(found.search) == wanted.search
    assert set(own.servers) <= set(found.servers)
    assert set(own.search) <= set(found.search)
    if (everywhere.servers or own.servers) and bound.interface.dhcp4 and with_dhcp:
        assert found.ignores_dhcp_dns


def come_back(name, view, network):
    """Whether this guest's stack can say the network; raises AssertionError where what it says is another one."""
    stack, reader, _ = GUESTS[name]
    try:
        edits = tuple(stack.render(view, network))
    except CustomizerError as error:
        if error.code != "network.inexpressible" or not error.hint:
            raise
        return False
    after = Overlay(view).with_edits(edits)
    assert verify(after, stack, network) is None
    written = [e for e in edits if isinstance(e, WriteFile) and e.path.lstrip("/").startswith(FOLDERS)]
    result = reader({edit.path: edit.content.decode() for edit in written})
    compare(stack, network, result, stack.carries_dns(view))
    again = after.with_edits(tuple(stack.render(after, network)))
    assert set(again.edits) == set(after.edits), "a second run changes something"
    return True


def test_a_network_comes_back(guests):
    # One test for all: making up a network costs more than rendering it.
    expressible = Counter()

    @settings(max_examples=EXAMPLES, deadline=None, database=None, derandomize=True)
    @given(networks())
    def check(network):
        for name, view in guests.items():
            try:
                expressible[name] += come_back(name, view, network)
            except Exception as error:
                error.add_note(f"in the guest {name}")
                raise

    check()
    assert min(expressible[name] for name in GUESTS) >= EXAMPLES // 5, expressible
