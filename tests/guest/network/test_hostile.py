"""Whatever stands in a guest's network files: it is cut, set aside or left, and never stops a run but with a code."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guest.edits import Overlay
from guest.errors import CustomizerError
from guest.machine.model import Card
from guest.network import STACKS
from guest.network.meaning import verify
from guest.network.model import BoundInterface, Interface, Network, Resolver
from guest.network.names import bind
from guest.network.pinning import plan_names
from guest.sysroot import Sysroot

MAC = "52:54:00:12:34:56"
LAN = Interface("lan", mac=MAC, dhcp4=True)
NETWORK = Network((BoundInterface(LAN, "ens3", MAC),), Resolver())
FILES = (
    "etc/network/interfaces",
    "etc/network/interfaces.d/x",
    "etc/sysconfig/network",
    "etc/sysconfig/network-scripts/ifcfg-ens3",
    "etc/sysconfig/network-scripts/ifcfg-x",
    "etc/NetworkManager/system-connections/x.nmconnection",
    "etc/systemd/network/x.network",
    "etc/systemd/network/x.netdev",
    "etc/systemd/network/x.link",
    "etc/netplan/x.yaml",
    "etc/udev/rules.d/70-persistent-net.rules",
    "etc/os-release",
    "etc/redhat-release",
    "etc/resolv.conf",
    "var/lib/dpkg/status",
)
WORDS = st.sampled_from(
    [
        b"auto", b"iface", b"ens3", b"inet", b"static", b"source", b"source-directory", b"/etc/network/interfaces.d/*", b"..",
        b"hwaddress", b"ether", b"bond-slaves", b"bridge_ports", b"address", b"=", b"DEVICE=", b"HWADDR=", b"[Match]",
        b"[connection]", b"[ethernet]", b"MACAddress=", b"mac-address=", b"Name=", b"type=ethernet", b"interface-name=",
        b"autoconnect-priority=x", b"network:", b"ethernets:", b"ens3:", b"match:", b"{", b"}", b"[", b"]", b"&a", b"*a",
        MAC.encode(), b"82;84;0;x;999;", b"ATTR{address}==", b'NAME="ens3"', b"\\\n", b"\n", b"\n  ", b" ", b"\t", b"\0", b"\xff",
        b"'", b'"', b"#", b"ID=", b"VERSION_ID=", b"release 99999999999", b"Package: ifupdown", b"Version: ", b"%", b"$(reboot)",
    ]
)  # fmt: skip
CONTENTS = st.lists(WORDS, max_size=25).map(b"".join) | st.binary(max_size=40)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(FILES), CONTENTS, min_size=1, max_size=4))
def test_whatever_stands_there_is_handled(tmp_path_factory, files):
    root = tmp_path_factory.mktemp("guest")
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    (root / "usr/sbin").mkdir(parents=True)
    (root / "usr/sbin/netplan").touch()
    cards = (Card("eth0", MAC, ("ens3",)),)
    with Sysroot(root) as view:
        for stack in STACKS:
            with suppress(CustomizerError):
                stack.evidence(view, "debian", (12,))
                names = bind(view, stack, (LAN,), cards)
                network = Network(names, Resolver())
                overlay = Overlay(view).with_edits((*plan_names(view, network, cards), *stack.disown(view, names)))
                after = overlay.with_edits(tuple(stack.render(overlay, network)))
                assert verify(after, stack, network) is None, stack.name


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name)
def test_disowned_is_gone(stack, tmp_path):
    """What a stack has written it also finds again, when another one takes over."""
    (tmp_path / "usr/sbin").mkdir(parents=True)
    (tmp_path / "usr/sbin/netplan").touch()
    (tmp_path / "etc/sysconfig/network-scripts").mkdir(parents=True)
    (tmp_path / "etc/runit/runsvdir/default/dhcpcd").mkdir(parents=True)  # as a daemon, not as ifup's client
    view = Sysroot(tmp_path)
    written = Overlay(view).with_edits(tuple(stack.render(view, NETWORK)))
    assert verify(written, stack, NETWORK) is None
    left = written.with_edits(tuple(stack.disown(written, NETWORK.interfaces)))
    assert stack.recover(left, NETWORK, NETWORK.interfaces[0]) is None
