"""ifcfg: /etc/sysconfig/network-scripts as initscripts and NetworkManager's ifcfg-rh plugin read it (EL5 to EL8 and kin).

EL6 to EL8 may be read by either, so that what is written means the same to both. EL5 has a dialect of its own: one IPv4
address a file, NETMASK, no DNS servers beyond two.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.edits import Edit, SetAside, WriteFile
from guest.network import blocks, ifcfg_profile, ifcfg_read, networkd, shellvars
from guest.network.ifcfg_profile import route_lines
from guest.network.ifcfg_read import FOLDER, SYSCONFIG_NETWORK
from guest.network.keyfile import is_enabled as network_manager_is_enabled
from guest.network.model import Bond, Bridge, Network, Resolver, Vlan
from guest.network.stack import Stack, inexpressible, sysv_starts
from guest.network.versions import release
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import BoundInterface, IpVersion
    from guest.sysroot import View

_ROUTE_FILES: tuple[tuple[IpVersion, str], ...] = ((4, "route"), (6, "route6"))
_GLOBAL_ROUTE_KEYS = ("GATEWAY", "GATEWAYDEV", "IPV6_DEFAULTGW", "IPV6_DEFAULTDEV")
# The last release whose new profiles are ifcfg files, by ID; EL and its rebuilds are "" (FACTS-distros 3.3, 10).
_LAST_WITH_IFCFG = {"fedora": 32, "amzn": 2018, "openeuler": 22, "kylin": 10, "neokylin": 7, "": 8}
# initscripts take a VLAN's number from its name, which has one of two forms (EL6's ifup).
_VLAN_NAME = re.compile(r".+\.(\d{1,4})|vlan(\d{1,4})")


def evidence(view: View, family: str, version: tuple[int, ...]) -> str | None:
    if view.state(FOLDER) is None:
        return None
    identity, major = release(view)
    last = _LAST_WITH_IFCFG.get(identity, _LAST_WITH_IFCFG[""])
    starts = _starts_network(view)
    managed = network_manager_is_enabled(view)
    if family == "redhat" and version and 1 <= (major or version[0]) <= last:
        if networkd.is_enabled(view) and not managed and not starts:
            return None  # an administrator's choice
        return f"release {major or version[0]} reads ifcfg files"
    if starts and not managed:
        return "the network service is started by SysV init"
    return None


def _starts_network(view: View) -> bool:
    return sysv_starts(view, "network", ("/etc/rc.d/rc3.d", "/etc/rc3.d"))


def is_el5(view: View) -> bool:
    identity, major = release(view)
    return identity not in ("fedora", "amzn", "openeuler", "kylin") and 0 < major <= 5


def carries_dns(view: View) -> bool:
    """Both readers rewrite resolv.conf from the profiles; EL5 knows two servers, and leaves the file alone where there are none."""
    return not is_el5(view)


def known_name(view: View, mac: str) -> str | None:
    for name in ifcfg_read.profiles(view):
        keys = ifcfg_read.keys_of(view, name)
        if keys.get("HWADDR", "").lower() == mac:
            return keys.get("DEVICE")
    return None


# ---- render


def render(view: View, network: Network) -> Iterator[Edit]:
    _refuse_what_is_missing(view, network)
    el5, by_network = is_el5(view), _has_old_network_manager(view) and _starts_network(view)
    files: dict[str, list[str]] = {}
    for bound in network.interfaces:
        heading = blocks.heading(bound)
        files[f"ifcfg-{bound.name}"] = [heading, *ifcfg_profile.profile(network, bound, el5)]
        if by_network and _has_route_without_gateway(bound):
            files[f"ifcfg-{bound.name}"].append("NM_CONTROLLED=no")
        for number, address in enumerate(bound.interface.of(4).addresses[1:] if el5 else (), 1):
            alias = [
                f"DEVICE={bound.name}:{number}",
                "ONPARENT=yes",
                f"IPADDR={address.ip}",
                f"NETMASK={address.netmask}",
            ]
            files[f"ifcfg-{bound.name}:{number}"] = [heading, *alias]
        for version, prefix in _ROUTE_FILES:
            if routes := [*route_lines(bound.name, bound.interface.of(version))]:
                files[f"{prefix}-{bound.name}"] = routes
    yield from _set_aside(view, network, set(files))
    for name, lines in files.items():
        content = "".join(f"{line}\n" for line in lines).encode()
        yield WriteFile(f"{FOLDER}/{name}", content, "network interface", mode=0o644)
    yield from _global_file(view, network, el5)
    yield from _bonding_alias(view, network)


def _refuse_what_is_missing(view: View, network: Network) -> None:
    """What initscripts need another package for; NetworkManager brings it all itself."""
    _, major = release(view)
    by_initscripts = not network_manager_is_enabled(view)
    by_old_manager = _has_old_network_manager(view) and not by_initscripts and not _starts_network(view)
    for bound in network.interfaces:
        label, virtual = bound.interface.label, bound.interface.virtual
        if isinstance(virtual, Bridge) and by_initscripts and major <= 7 and not exists(view, "/usr/sbin/brctl"):
            raise inexpressible("ifcfg", label, "a bridge needs bridge-utils", "install bridge-utils in the template")
        if isinstance(virtual, Vlan) and (by_initscripts or major <= 6):
            found = _VLAN_NAME.fullmatch(bound.name)
            if found is None or int(found[1] or found[2]) != virtual.id:
                hint = "leave out `name`, or call it after its parent and number: eth0.42"
                raise inexpressible("ifcfg", label, "a VLAN's name has to end with its number", hint)
        if by_old_manager and _has_route_without_gateway(bound):
            hint = "give the card an address in its gateway's subnet, or enable the network service in the template"
            raise inexpressible("ifcfg", label, "its NetworkManager has no route without a gateway", hint)
        if bound.interface.dhcp6 and is_el5(view) and not exists(view, "/sbin/dhcp6c"):
            raise inexpressible("ifcfg", label, "DHCPv6 needs dhcpv6-client", "install dhcpv6-client in the template")


def _has_old_network_manager(view: View) -> bool:
    """Up to EL6: it passes over a whole profile whose route file has a line without a gateway."""
    return 0 < release(view)[1] <= 6


def _has_route_without_gateway(bound: BoundInterface) -> bool:
    sides = [bound.interface.of(version) for version, _ in _ROUTE_FILES]
    return any(" via " not in line for side in sides for line in route_lines(bound.name, side))


# ---- what else is there


def _set_aside(view: View, network: Network, keep: set[str]) -> Iterator[Edit]:
    """Other profiles of our interfaces, and the route files that belong to them (LESSONS L2)."""
    stale = set(network.names)
    for profile in ifcfg_read.profiles(view):
        keys = ifcfg_read.keys_of(view, profile)
        own_name = profile.removeprefix("ifcfg-")
        device = keys.get("DEVICE", "").split(":")[0] or own_name.split(":")[0]
        ours = {device, own_name.split(":")[0]} & network.names
        if keys.get("HWADDR", "").lower() in network.macs or ours:
            stale.add(own_name)
            if profile not in keep:
                yield SetAside(f"{FOLDER}/{profile}", "another profile of an interface that is configured anew")
    for name in view.names(FOLDER):
        kind, _, owner = name.partition("-")
        if kind in ("route", "route6", "rule", "rule6", "keys") and owner in stale and name not in keep:
            yield SetAside(f"{FOLDER}/{name}", "belongs to a profile that is configured anew")


def disown(view: View, interfaces: tuple[BoundInterface, ...]) -> Iterator[Edit]:
    if view.state(FOLDER) is not None:
        yield from _set_aside(view, Network(interfaces, Resolver()), set())


def _global_file(view: View, network: Network, el5: bool) -> Iterator[Edit]:
    """A gateway in /etc/sysconfig/network overrides every card's; NETWORKING=no stops the network."""
    old = text(view, SYSCONFIG_NETWORK)
    found = shellvars.parse(old or "")
    changes: dict[str, str | None] = {}
    if old is None or found.get("NETWORKING", "yes").lower() not in ("yes", "true"):
        changes["NETWORKING"] = "yes"
    with_ipv6 = any(b.interface.of(6).addresses or b.interface.dhcp6 or b.interface.slaac for b in network.interfaces)
    if with_ipv6 and (el5 or "NETWORKING_IPV6" in found) and found.get("NETWORKING_IPV6", "no").lower() != "yes":
        changes["NETWORKING_IPV6"] = "yes"
    if any(bound.interface.gateways for bound in network.interfaces):
        changes |= {key: None for key in _GLOBAL_ROUTE_KEYS if key in found}
    if changes:
        content = shellvars.assign(old or "", changes, mark="")
        yield WriteFile(SYSCONFIG_NETWORK, content.encode("utf-8", "surrogateescape"), "the cards' own gateways count")


def _bonding_alias(view: View, network: Network) -> Iterator[Edit]:
    """Up to EL6 the module is found by the bond's name."""
    bonds = [bound.name for bound in network.interfaces if isinstance(bound.interface.virtual, Bond)]
    _, major = release(view)
    if bonds and 0 < major <= 6:
        content = "".join(f"alias {name} bonding\n" for name in bonds).encode()
        yield WriteFile("/etc/modprobe.d/guest-customizer-bonding.conf", content, "bonding for a bond", mode=0o644)


STACK = Stack("ifcfg", evidence, render, ifcfg_read.recover, disown, carries_dns, known_name)
