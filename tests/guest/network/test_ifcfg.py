"""ifcfg profiles where the network service and an old NetworkManager read the same files in different ways."""

from ipaddress import ip_address, ip_interface, ip_network

import pytest

from guest.edits import Overlay
from guest.errors import CustomizerError
from guest.network.ifcfg import STACK
from guest.network.model import BoundInterface, Interface, Network, Resolver, Route
from guest.sysroot import Sysroot

MAC = "52:54:00:12:34:56"
ADDRESS, NEAR = (ip_interface("10.0.0.11/24"),), (ip_address("10.0.0.1"),)
INSIDE = Interface("lan", mac=MAC, addresses=ADDRESS, gateways=NEAR)
OUTSIDE = Interface("lan", mac=MAC, addresses=ADDRESS, gateways=(ip_address("169.254.1.1"),))
ON_LINK = Interface("lan", mac=MAC, addresses=ADDRESS, routes=(Route(ip_network("10.7.0.0/16"), None, None),))
OUTSIDE6 = Interface("lan", mac=MAC, addresses=(ip_interface("2001:db8::5/64"),), gateways=(ip_address("2001:db9::1"),))
NETWORK_SERVICE, MANAGER = (
    ("etc/rc.d/rc3.d/S10network",),
    ("usr/sbin/NetworkManager", "etc/rc.d/rc3.d/S23NetworkManager"),
)


def profile(root, release, files, interface):
    for path in ("etc/sysconfig/network-scripts/ifcfg-lo", *files):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    (root / "etc/redhat-release").write_text(f"CentOS release {release} (Final)\n")
    with Sysroot(root) as view:
        network = Network((BoundInterface(interface, "eth0", MAC),), Resolver())
        written = Overlay(view).with_edits(tuple(STACK.render(view, network)))
        return written.read("/etc/sysconfig/network-scripts/ifcfg-eth0").decode()


@pytest.mark.parametrize(
    ("release", "interface", "hidden"),
    [
        ("6.10", OUTSIDE, True),
        ("5.11", OUTSIDE, True),
        ("6.10", ON_LINK, True),
        ("6.10", OUTSIDE6, True),
        ("6.10", INSIDE, False),
        ("7.9", OUTSIDE, False),
    ],
)
def test_a_route_without_gateway_is_kept_from_an_old_network_manager(release, interface, hidden, tmp_path):
    """It would pass over the profile: "Missing IP4 route gateway address in record"."""
    written = profile(tmp_path, release, (*NETWORK_SERVICE, *MANAGER), interface)
    assert ("NM_CONTROLLED=no\n" in written) == hidden


def test_where_only_the_old_network_manager_runs_it_is_refused(tmp_path):
    with pytest.raises(CustomizerError, match="no route without a gateway") as caught:
        profile(tmp_path, "6.10", MANAGER, OUTSIDE)
    assert caught.value.code == "network.inexpressible"
    assert "ONBOOT=yes" in profile(tmp_path, "6.10", (), INSIDE)
