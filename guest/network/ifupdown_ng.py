"""Alpine's /etc/network/interfaces: busybox' ifup, and ifupdown-ng from 3.13 on.

Both read one stanza for each IP version of an interface; ifupdown-ng makes one of the two, with a single netmask in it, so
there prefix lengths stand with addresses. What either lacks a word for is a command (`up`), which both run by sh.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest.edits import Edit, MakeLink, WriteFile
from guest.network.ifupdown_ng_read import NG, OFF, ON, is_ng, recover
from guest.network.interfaces_file import INTERFACES, MARK, drop, sourced_files, with_takers, without
from guest.network.model import BOND_MIIMON_MS, Bond, Bridge, Vlan
from guest.network.stack import Stack, inexpressible
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import BoundInterface, IpSide, Network
    from guest.sysroot import View

_NAME = "ifupdown-ng"
SERVICE = "/etc/init.d/networking"
_LINK = "/etc/runlevels/boot/networking"
# busybox' ifup leaves virtual interfaces to scripts of Alpine's packages of these names.
_PACKAGES = {Vlan: "vlan", Bond: "bonding", Bridge: "bridge"}
_EXECUTORS = {Vlan: "link", Bond: "bond", Bridge: "bridge"}


def evidence(view: View, family: str, _version: tuple[int, ...]) -> str | None:
    if family != "alpine" and not is_ng(view):
        return None
    if any(view.state(f"/etc/runlevels/{level}/networking") is not None for level in ("boot", "default", "sysinit")):
        return f"OpenRC starts networking, which reads {INTERFACES}"
    if family == "alpine" and view.read(INTERFACES) is not None and exists(view, SERVICE):
        return f"{INTERFACES} is there, and the service that reads it"
    return None


def carries_dns(_view: View) -> bool:
    return False


def render(view: View, network: Network) -> Iterator[Edit]:
    for bound in network.interfaces:
        _refuse(view, bound)
    names = with_takers(view, network.names)
    for path in sourced_files(view):
        yield from without(view, path, names, f"its cards are configured in {INTERFACES}")
    old = text(view, INTERFACES)
    kept = drop("auto lo\niface lo inet loopback\n" if old is None else old, names).rstrip("\n")
    blocks = [_block(view, network, bound) for bound in network.interfaces]
    content = "\n\n".join([*([kept] if kept else []), *blocks]) + "\n"
    yield WriteFile(INTERFACES, content.encode("utf-8", "surrogateescape"), "network cards")
    if exists(view, SERVICE) and not exists(view, "/etc/runlevels/default/networking"):
        yield MakeLink(_LINK, SERVICE, "starts the network cards")


def disown(view: View, interfaces: tuple[BoundInterface, ...]) -> Iterator[Edit]:
    """Where Debian's ifupdown is in charge, it writes its own into the same file afterwards."""
    names = with_takers(view, frozenset(bound.name for bound in interfaces))
    for path in (INTERFACES, *sourced_files(view)):
        yield from without(view, path, names, "another network stack configures this card")


def _refuse(view: View, bound: BoundInterface) -> None:
    interface, label = bound.interface, bound.interface.label
    if interface.dhcp6:
        hint = "use slaac, or let dhcpcd's service configure the template's network"
        raise inexpressible(_NAME, label, "it asks DHCP for IPv4 addresses alone", hint)
    if interface.virtual is None:
        return
    kind = type(interface.virtual)
    executor, package = _EXECUTORS[kind], _PACKAGES[kind]
    scripts = (
        (f"{NG}/{executor}",)
        if is_ng(view)
        else tuple(f"/etc/network/if-pre-up.d/{name}" for name in (package, executor))
    )
    if not any(exists(view, script) for script in scripts):
        hint = f"install Alpine's package {package} in the template"
        raise inexpressible(_NAME, label, f"nothing here makes {package} interfaces", hint)


def _block(view: View, network: Network, bound: BoundInterface) -> str:
    where = bound.mac or "no card"
    head = f"{MARK}[[{bound.interface.label}]] {where}"
    lines = [head, *([] if _waits_for_controller(network, bound) else [f"auto {bound.name}"])]
    stanzas = [*_stanza(view, bound, bound.interface.of(4)), *_stanza(view, bound, bound.interface.of(6))]
    if not stanzas:
        stanzas = [[f"iface {bound.name} inet manual"]]
    stanzas[0][1:1] = [*_virtual(network, bound), *_link(network, bound)]
    return "\n".join([*lines, *("\n\t".join(stanza) for stanza in stanzas)])


def _waits_for_controller(network: Network, bound: BoundInterface) -> bool:
    return network.controller_of(bound) is not None


def _stanza(view: View, bound: BoundInterface, side: IpSide) -> Iterator[list[str]]:
    inet = "inet" if side.version == 4 else "inet6"
    ip = f"ip -{side.version}"
    rest = [f"up {ip} addr add {address} dev {bound.name}" for address in side.addresses[1:]]
    rest += [f"up {command}" for command in _route_commands(bound.name, side)]
    if side.version == 6:
        rest = [*_advertisements(bound), *rest]
    if side.addresses:
        first = side.addresses[0]
        length = (
            []
            if is_ng(view)
            else [f"netmask {first.network.netmask if side.version == 4 else first.network.prefixlen}"]
        )
        address = f"address {first if is_ng(view) else first.ip}"
        gateway = [f"gateway {side.gateway}"] if side.gateway is not None and side.gateway_is_on_link else []
        yield [f"iface {bound.name} {inet} static", address, *length, *gateway, *rest]
    elif side.dhcp:
        yield [f"iface {bound.name} inet dhcp", *rest]
    elif rest:
        yield [f"iface {bound.name} {inet} manual", *rest]


def _route_commands(name: str, side: IpSide) -> Iterator[str]:
    ip = f"ip -{side.version}"
    yield from (f"{ip} route add {via} dev {name}" for via in side.off_link)
    if side.gateway is not None and not side.gateway_is_on_link:
        yield f"{ip} route add default via {side.gateway} dev {name}"
    for route in side.routes:
        via = f" via {route.via}" if route.via is not None else ""
        metric = f" metric {route.metric}" if route.metric is not None else ""
        yield f"{ip} route add {route.destination}{via} dev {name}{metric}"


def _advertisements(bound: BoundInterface) -> list[str]:
    accepts = bound.interface.accepts_router_advertisements
    if accepts is None:
        return []
    # A card is told before it is up; what is still to be made, as soon as it is there.
    when = "pre-up" if bound.interface.virtual is None else "up"
    return [f"{when} {(ON if accepts else OFF).format(bound.name)}"]


def _link(network: Network, bound: BoundInterface) -> list[str]:
    mtu = network.mtu_of(bound)
    if mtu is None:
        return []
    when = "pre-up" if bound.interface.virtual is None else "up"
    return [f"{when} ip link set dev {bound.name} mtu {mtu}"]


def _virtual(network: Network, bound: BoundInterface) -> list[str]:
    def names(labels: tuple[str, ...]) -> str:
        return " ".join(network.labelled(label).name for label in labels)

    match bound.interface.virtual:
        case Vlan(parent=parent, id=number):
            return [f"vlan-raw-device {names((parent,))}", f"vlan-id {number}"]
        case Bond(mode=mode, ports=ports):
            return [f"bond-slaves {names(ports)}", f"bond-mode {mode.value}", f"bond-miimon {BOND_MIIMON_MS}"]
        case Bridge(ports=ports):
            return [f"bridge-ports {names(ports)}", "bridge-stp 0", "bridge-fd 0"]
    return []


STACK = Stack(_NAME, evidence, render, recover, disown, carries_dns)
