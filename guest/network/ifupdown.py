"""ifupdown: /etc/network/interfaces (Debian, Devuan, Ubuntu up to 17.04). See interfaces(5) and its changelog."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.edits import Edit, WriteFile
from guest.network import interfaces_file, keyfile, networkd
from guest.network.ifupdown_read import recover
from guest.network.interfaces_file import INTERFACES, MARK
from guest.network.model import BOND_MIIMON_MS, Bond, Bridge, Network, Resolver, Vlan
from guest.network.stack import Stack, inexpressible, sysv_starts, wants
from guest.network.versions import Version, dpkg_version, release
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import BoundInterface, IpSide
    from guest.sysroot import View

# Ubuntu 12.04 has 0.7~beta2: no prefix length behind an address, no VLANs of its own, no accept_ra for DHCPv6.
_AFTER_BETA: Version = (0, 7, 1)
_VERSION_OF = {("ubuntu", 12): (0, 7), ("debian", 7): (0, 7, 8)}
DHCPCD = "/etc/dhcpcd.conf"
_HOOKS = "/etc/network/if-pre-up.d"


def evidence(view: View, family: str, _version: tuple[int, ...]) -> str | None:
    if view.read(INTERFACES) is None:
        return None
    if family == "debian" and not interfaces_file.configured(view):
        # With both installed, NetworkManager has every card that is not named in the file (FACTS-distros 1.4).
        if keyfile.is_enabled(view) or networkd.is_enabled(view):
            return None
        if exists(view, "/sbin/ifup") or exists(view, "/usr/sbin/ifup"):
            return "ifup is installed and /etc/network/interfaces is there"
        return None
    if wants(view, "networking.service"):
        return "networking.service is enabled and /etc/network/interfaces is there"
    if sysv_starts(view, "networking", ("/etc/rcS.d", "/etc/rc2.d")):
        return "networking is started by SysV init and /etc/network/interfaces is there"
    if family == "debian" and (exists(view, "/sbin/ifup") or exists(view, "/usr/sbin/ifup")):
        return "ifup is installed and /etc/network/interfaces names cards"
    return None


def carries_dns(view: View) -> bool:
    """dns-* options are read by resolvconf's hooks, and by nothing else that owns resolv.conf."""
    return "resolvconf" in (view.link_target("/etc/resolv.conf") or "")


def known_name(view: View, mac: str) -> str | None:
    """The name of a stanza with `hwaddress ether MAC`."""
    for stanza in interfaces_file.stanzas(view):
        if stanza.words[:1] == ("iface",) and len(stanza.words) > 1:
            macs = [value.split()[-1:] for option, value in stanza.options() if option == "hwaddress"]
            if [mac] in [[word.lower() for word in words] for words in macs]:
                return stanza.words[1]
    return None


def render(view: View, network: Network) -> Iterator[Edit]:
    _refuse_what_is_missing(view, network)
    names = interfaces_file.with_takers(view, network.names)
    for path in interfaces_file.sourced_files(view):
        yield from interfaces_file.without(view, path, names, f"its cards are configured in {INTERFACES}")
    old = text(view, INTERFACES) or "auto lo\niface lo inet loopback\n"
    kept = interfaces_file.drop(old, names).rstrip("\n")
    blocks = [_block(view, network, bound) for bound in network.in_order()]
    content = "\n\n".join([kept, *blocks]) + "\n"
    yield WriteFile(INTERFACES, content.encode("utf-8", "surrogateescape"), "network interfaces")
    yield from _bound_dhcpcd(view, network)


def disown(view: View, interfaces: tuple[BoundInterface, ...]) -> Iterator[Edit]:
    names = Network(interfaces, Resolver()).names
    for path in (INTERFACES, *interfaces_file.sourced_files(view)):
        yield from interfaces_file.without(view, path, names, "its cards are configured elsewhere")


def _version(view: View) -> Version | None:
    return dpkg_version(view, "ifupdown") or _VERSION_OF.get(release(view))


def _is_beta(view: View) -> bool:
    version = _version(view)
    return version is not None and version < _AFTER_BETA


def _refuse_what_is_missing(view: View, network: Network) -> None:
    """Options that no installed package reads would be passed over without a word."""
    for bound in network.interfaces:
        label, virtual = bound.interface.label, bound.interface.virtual
        if isinstance(virtual, Bond) and not exists(view, f"{_HOOKS}/ifenslave"):
            raise inexpressible("ifupdown", label, "a bond needs ifenslave", "install ifenslave in the template")
        if isinstance(virtual, Bridge) and not exists(view, f"{_HOOKS}/bridge"):
            raise inexpressible(
                "ifupdown", label, "a bridge needs bridge-utils", "install bridge-utils in the template"
            )
        if isinstance(virtual, Vlan):
            _refuse_vlan(view, network, bound, virtual)
        if bound.interface.dhcp6 and _asks_by_dhcpcd(view):
            what = "ifup fails at DHCPv6 by dhcpcd (Debian bug 1110741)"
            raise inexpressible(
                "ifupdown", label, what, "install isc-dhcp-client in the template, or leave out `dhcp6`"
            )


def _refuse_vlan(view: View, network: Network, bound: BoundInterface, virtual: Vlan) -> None:
    """ifupdown makes VLANs of names such as ens3.42 by itself (0.7~rc3 and later), the vlan package vlan42 too."""
    label, parent = bound.interface.label, network.labelled(virtual.parent).name
    own_name = bound.name == f"{parent}.{virtual.id}"
    if own_name and not _is_beta(view):
        return
    if not own_name and not re.fullmatch(f"vlan0*{virtual.id}", bound.name):
        hint = "leave out `name`, or call it after its parent and number: eth0.42"
        raise inexpressible("ifupdown", label, "a VLAN's name has to end with its number", hint)
    if not exists(view, f"{_HOOKS}/vlan"):
        raise inexpressible("ifupdown", label, "such a VLAN needs the package vlan", "install vlan in the template")


def _asks_by_dhcpcd(view: View) -> bool:
    """Whether ifup finds dhcpcd alone: new installations of Debian 13. It takes dhclient where both are."""
    here = {
        name for name in ("dhclient", "dhcpcd") for folder in ("/sbin", "/usr/sbin") if exists(view, f"{folder}/{name}")
    }
    return here == {"dhcpcd"}


def _bound_dhcpcd(view: View, network: Network) -> Iterator[Edit]:
    """dhcpcd, started for `inet dhcp`, does IPv6 as well, whatever stands in the inet6 stanzas."""
    old = text(view, DHCPCD) or ""
    kept = re.sub(rf"(?m)^{re.escape(MARK)}ipv4only\ninterface \S+\nipv4only\n", "", old)
    names = [
        b.name for b in network.interfaces if b.interface.dhcp4 and b.interface.accepts_router_advertisements is False
    ]
    blocks = [f"{MARK}ipv4only\ninterface {name}\nipv4only\n" for name in names if _asks_by_dhcpcd(view)]
    if kept and not kept.endswith("\n"):
        kept += "\n"
    if (content := kept + "".join(blocks)) != old:
        yield WriteFile(DHCPCD, content.encode("utf-8", "surrogateescape"), "DHCP must not bring IPv6 along")


# ---- one interface


def _block(view: View, network: Network, bound: BoundInterface) -> str:
    stanzas = _stanzas(view, network, bound)
    first = stanzas[0]
    first[1:1] = [*_device(network, bound), *_mtu(network, bound, first[0])]
    resolver = network.resolver_of(bound)
    if carries_dns(view) and network.controller_of(bound) is None:
        # resolvconf keeps one record of each IP version of a card, and each stanza replaces it: only the last one's stays.
        last = [stanza for stanza in stanzas if stanza[0].split()[2] == first[0].split()[2]][-1]
        last += [f"dns-nameservers {' '.join(map(str, resolver.servers))}"] if resolver.servers else []
        last += [f"dns-search {' '.join(resolver.search)}"] if resolver.search else []
    # A bond takes its ports itself, and only while they are down.
    controller = network.controller_of(bound)
    taken = controller is not None and isinstance(controller.interface.virtual, Bond)
    auto = [] if taken else [f"auto {bound.name}"]
    heading = f"{MARK}[[{bound.interface.label}]] {bound.mac or ''}".rstrip()
    return "\n".join([heading, *auto, *("\n    ".join(stanza) for stanza in stanzas)])


def _device(network: Network, bound: BoundInterface) -> list[str]:
    match bound.interface.virtual:
        case Vlan(parent=parent):
            return [f"vlan-raw-device {network.labelled(parent).name}"]
        case Bond(mode=mode, ports=ports):
            names = " ".join(network.labelled(port).name for port in ports)
            return [f"bond-slaves {names}", f"bond-mode {mode.value}", f"bond-miimon {BOND_MIIMON_MS}"]
        case Bridge(ports=ports):
            names = " ".join(network.labelled(port).name for port in ports)
            return [f"bridge_ports {names}", "bridge_stp off", "bridge_fd 0"]
    return []


def _mtu(network: Network, bound: BoundInterface, heading: str) -> list[str]:
    """In the first stanza alone: `mtu` of inet6 sets a sysctl that the link's own MTU bounds anyway."""
    mtu = network.mtu_of(bound)
    if mtu is None:
        return []
    if heading.endswith("inet static"):
        return [f"mtu {mtu}"]
    # The other methods have no `mtu` in older releases. What is made by ifup is there only after pre-up.
    return [f"{'pre-up' if bound.mac else 'up'} ip link set dev {bound.name} mtu {mtu}"]


def _stanzas(view: View, network: Network, bound: BoundInterface) -> list[list[str]]:
    if network.controller_of(bound) is not None:
        return [[f"iface {bound.name} inet manual"]]
    found = [stanza for version in (4, 6) for stanza in _of_version(view, bound, bound.interface.of(version))]
    # Named, but with nothing to set: up, without an address. Up to 0.8.5 `manual` did not bring it up.
    return found or [[f"iface {bound.name} inet manual", f"up ip link set dev {bound.name} up"]]


def _of_version(view: View, bound: BoundInterface, side: IpSide) -> Iterator[list[str]]:
    """One stanza per address (interfaces(5): several of one name are all applied)."""
    inet = "inet" if side.version == 4 else "inet6"
    extras = [*_route_commands(bound.name, side)]
    # Before 0.8.7 a gateway is refused while its own subnet is not there.
    with_gateway = (
        next((n for n, a in enumerate(side.addresses) if side.gateway in a.network), 0) if side.gateway else 0
    )
    for number, address in enumerate(side.addresses):
        netmask = address.netmask if side.version == 4 else address.network.prefixlen
        spelled = [f"address {address.ip}", f"netmask {netmask}"] if _is_beta(view) else [f"address {address}"]
        stanza = [f"iface {bound.name} {inet} static", *spelled]
        if number == with_gateway and side.gateway is not None and side.gateway_is_on_link:
            stanza.append(f"gateway {side.gateway}")
        if number == 0:
            stanza += _advertisements(bound, side)
        if number == len(side.addresses) - 1:
            stanza += extras
        yield stanza
    if side.addresses:
        return
    slaac = bound.interface.slaac if side.version == 6 else None
    if side.dhcp:
        advertisements = _advertisements(bound, side)
        if advertisements and _is_beta(view):
            what = "this version has no word for router advertisements beside DHCPv6"
            raise inexpressible("ifupdown", bound.interface.label, what, "leave out `slaac`")
        yield [f"iface {bound.name} {inet} dhcp", *advertisements, *extras]
    elif slaac:
        yield [f"iface {bound.name} inet6 auto", *extras]
    elif slaac is False:
        # An option of `manual` only from 0.8 on.
        when = "pre-up" if bound.mac else "up"
        off = f"{when} echo 0 > /proc/sys/net/ipv6/conf/{bound.name}/accept_ra || true"
        yield [f"iface {bound.name} inet6 manual", off, *extras]
    elif extras:
        yield [f"iface {bound.name} {inet} manual", *extras]


def _advertisements(bound: BoundInterface, side: IpSide) -> list[str]:
    accepts = bound.interface.accepts_router_advertisements
    if side.version == 4 or accepts is None:
        return []
    if accepts:
        return ["accept_ra 1", "autoconf 1"]
    # A static IPv6 address alone does not stop router advertisements (FACTS-distros 3); DHCPv6 needs them for its routes.
    return ["accept_ra 0", "autoconf 0"] if side.addresses else ["accept_ra 1", "autoconf 0"]


def _route_commands(name: str, side: IpSide) -> Iterator[str]:
    program = "ip route replace" if side.version == 4 else "ip -6 route replace"
    if side.gateway is not None and not side.gateway_is_on_link:
        # `gateway` adds onlink only since 0.8.7 (Debian 9); this is understood by all.
        yield f"up {program} default via {side.gateway} dev {name} onlink"
    for route in side.routes:
        via = f" via {route.via}" if route.via is not None else ""
        metric = f" metric {route.metric}" if route.metric is not None else ""
        onlink = " onlink" if route.via is not None and not side.reaches(route.via) else ""
        yield f"up {program} {route.destination}{via} dev {name}{metric}{onlink}"


STACK = Stack("ifupdown", evidence, render, recover, disown, carries_dns, known_name)
