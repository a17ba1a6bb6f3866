"""NetworkManager's keyfiles: /etc/NetworkManager/system-connections. See nm-settings-keyfile(5).

Profiles bind to cards by MAC and carry no interface name, so that they hold whatever the guest calls the card.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.edits import Edit, SetAside, WriteFile
from guest.network import ini
from guest.network.ini import Entry, Section
from guest.network.keyfile_read import ETHERNET, FOLDER, binding, profiles, read, recover, uuid_of
from guest.network.model import (
    BOND_MIIMON_MS,
    Bond,
    Bridge,
    IpVersion,
    Network,
    Resolver,
    Virtual,
    Vlan,
)
from guest.network.stack import Stack, inexpressible, sysv_starts, wants
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import BoundInterface, IpSide
    from guest.sysroot import View

NMSTATE = "/etc/nmstate"
# Ubuntu's: no Ethernet for NetworkManager but where netplan says so.
_UNMANAGED = "NetworkManager/conf.d/10-globally-managed-devices.conf"
# Above every profile that says nothing: those have 0.
_PRIORITY = "100"
_PROGRAMS = ("/usr/sbin/NetworkManager", "/usr/bin/NetworkManager")
_UNITS = ("NetworkManager.service", "network-manager.service")
_RC_FOLDERS = ("/etc/rc.d/rc3.d", "/etc/rc3.d", "/etc/rc2.d")
_OPENRC = "/etc/runlevels/default/NetworkManager"
_RUNIT = "/etc/runit/runsvdir/default/NetworkManager"


def is_enabled(view: View) -> bool:
    """Whether NetworkManager is installed and starts at boot."""
    if not any(exists(view, program) for program in _PROGRAMS):
        return False
    if any(wants(view, unit) for unit in _UNITS) or any(view.state(path) for path in (_OPENRC, _RUNIT)):
        return True
    if (view.link_target("/etc/systemd/system/network.service") or "").endswith("/NetworkManager.service"):
        return True  # SUSE's way to choose it
    return sysv_starts(view, "NetworkManager", _RC_FOLDERS) or sysv_starts(view, "network-manager", _RC_FOLDERS)


def evidence(view: View, _family: str, _version: tuple[int, ...]) -> str | None:
    return "NetworkManager is installed and enabled" if is_enabled(view) else None


def carries_dns(_view: View) -> bool:
    """NetworkManager hands its profiles' servers to whatever resolves in that guest."""
    return True


def known_name(view: View, mac: str) -> str | None:
    for name in profiles(view):
        connection, card = binding(read(view, name))
        if card == mac and connection.last("interface-name"):
            return connection.last("interface-name")
    return None


# ---- render


def render(view: View, network: Network) -> Iterator[Edit]:
    files = {bound.interface.label: _file_of(view, bound) for bound in network.interfaces}
    yield from _set_aside(view, network, set(files.values()))
    for bound in network.interfaces:
        content = ini.compose(_sections(network, bound), f"[[{bound.interface.label}]] by guest-customizer")
        yield WriteFile(f"{FOLDER}/{files[bound.interface.label]}", content, "network connection", mode=0o600)
    if exists(view, f"/usr/lib/{_UNMANAGED}") and not exists(view, f"/etc/{_UNMANAGED}"):
        content = b"# guest-customizer: hides Ubuntu's file of this name, which keeps Ethernet from NetworkManager.\n"
        yield WriteFile(f"/etc/{_UNMANAGED}", content, "NetworkManager is to have the cards", mode=0o644)


def _file_of(view: View, bound: BoundInterface) -> str:
    """NAME.nmconnection; but a file of another owner would keep that owner, and be passed over."""
    name, other = f"{bound.name}.nmconnection", f"guest-customizer-{bound.name}.nmconnection"
    state = view.state(f"{FOLDER}/{name}")
    usable = state is None or (state.is_regular and state.uid == 0)
    return name if usable and view.state(f"{FOLDER}/{other}") is None else other


def _sections(network: Network, bound: BoundInterface) -> Iterator[Section]:
    virtual = bound.interface.virtual
    yield Section("connection", tuple(_connection(network, bound)))
    link = [("mac-address", bound.mac.upper())] if bound.mac else []
    if (mtu := network.mtu_of(bound)) is not None:
        link.append(("mtu", str(mtu)))
    yield Section("ethernet", tuple(link))
    match virtual:
        case Vlan(parent=parent, id=number):
            # By the parent profile's UUID: its card may have any name.
            yield Section("vlan", (("id", str(number)), ("parent", uuid_of(network.labelled(parent)))))
        case Bond(mode=mode):
            yield Section("bond", (("mode", mode.value), ("miimon", str(BOND_MIIMON_MS))))
        case Bridge():
            # Without a delay of 0 its ports pass nothing for the first 15 s, spanning tree or not.
            yield Section("bridge", (("stp", "false"), ("forward-delay", "0")))
    if network.controller_of(bound) is None:
        yield Section("ipv4", tuple(_side(network, bound, 4)))
        yield Section("ipv6", tuple(_side(network, bound, 6)))


def _connection(network: Network, bound: BoundInterface) -> Iterator[Entry]:
    yield "id", bound.name
    yield "uuid", uuid_of(bound)
    yield "type", _type(bound.interface.virtual)
    if bound.mac is None:
        yield "interface-name", bound.name
    yield "autoconnect-priority", _PRIORITY
    if controller := network.controller_of(bound):
        # `controller` and `port-type` are 1.46's words; these are read by every version.
        yield "master", controller.name
        yield "slave-type", _type(controller.interface.virtual)


def _type(virtual: Virtual | None) -> str:
    return type(virtual).__name__.lower() if virtual else "ethernet"


def _method(bound: BoundInterface, side: IpSide) -> str:
    if side.version == 4:
        return "manual" if side.addresses else "auto" if side.dhcp else "disabled"
    advertisements = bound.interface.accepts_router_advertisements
    if side.addresses:
        return "auto" if advertisements else "manual"
    if advertisements is None and not bound.interface.has_addresses:
        return "link-local"  # it carries VLANs, say: waiting for advertisements in vain would take it down again
    if advertisements is False:
        # Not `disabled`, which NetworkManager knows from 1.20 on, nor `ignore`, which leaves it to the kernel: without
        # addresses from outside, and that in every version.
        return "dhcp" if side.dhcp else "link-local"
    return "auto"


def _side(network: Network, bound: BoundInterface, version: IpVersion) -> Iterator[Entry]:
    side = bound.interface.of(version)
    method = _method(bound, side)
    yield "method", method
    for number, address in enumerate(side.addresses, 1):
        # The gateway behind the first address: `gateway=` is not read by 0.9.
        gateway = f",{side.gateway}" if number == 1 and side.gateway is not None else ""
        yield f"address{number}", f"{address}{gateway}"
    yield from _dns(network, bound, version, method)
    for number, route in enumerate(side.routes, 1):
        # Without a gateway the any-address stands in its place where a metric follows.
        via = route.via or ("0.0.0.0" if version == 4 else "::")  # noqa: S104 (no one listens there)
        words = [str(route.destination)]
        words += [str(via)] if route.via is not None or route.metric is not None else []
        words += [str(route.metric)] if route.metric is not None else []
        yield f"route{number}", ",".join(words)
        if route.via is not None and not side.reaches(route.via) and side.addresses:
            yield f"route{number}_options", "onlink=true"


def _dns(network: Network, bound: BoundInterface, version: IpVersion, method: str) -> Iterator[Entry]:
    """A method that gives no addresses of this version takes neither servers nor search domains of it."""
    resolver = network.resolver_of(bound)
    servers = [str(server) for server in resolver.servers if server.version == version]
    silent = ("disabled", "link-local")
    if servers and method in silent:
        raise inexpressible(
            "NetworkManager",
            bound.interface.label,
            f"its IPv{version} DNS servers need IPv{version} on this interface",
            f"give them as `dns` in the section of an interface that has IPv{version}, or leave them out",
        )
    if servers:
        yield "dns", "".join(f"{server};" for server in servers)
    search_here = method not in silent if version == 4 else _method(bound, bound.interface.of(4)) in silent
    if resolver.search and search_here:
        if method in silent:
            raise inexpressible(
                "NetworkManager", bound.interface.label, "search domains need an address", "leave out `search`"
            )
        yield "dns-search", "".join(f"{domain};" for domain in resolver.search)
    if method in ("auto", "dhcp") and network.replaces_dhcp_dns(bound):
        yield "ignore-auto-dns", "true"


# ---- what else is there


def _set_aside(view: View, network: Network, keep: set[str]) -> Iterator[Edit]:
    """Profiles of our cards, and those bound to no card at all: `Wired connection 1` takes any (LESSONS L2)."""
    for name in profiles(view):
        connection, mac = binding(read(view, name))
        device = connection.last("interface-name")
        unbound = connection.last("type") in ETHERNET and not device and not mac
        if name not in keep and (mac in network.macs or device in network.names or unbound):
            yield SetAside(f"{FOLDER}/{name}", "another profile of an interface that is configured anew")
    yield from _nmstate(view, network)


def _nmstate(view: View, network: Network) -> Iterator[Edit]:
    """nmstate.service makes profiles of these files at boot, over ours."""
    if not wants(view, "nmstate.service"):
        return
    for name in view.names(NMSTATE):
        words = set(re.findall(r"[A-Za-z0-9_.:-]+", text(view, f"{NMSTATE}/{name}") or ""))
        if name.endswith((".yml", ".yaml")) and (words & network.names or {w.lower() for w in words} & network.macs):
            yield SetAside(f"{NMSTATE}/{name}", "describes an interface that is configured anew")


def disown(view: View, interfaces: tuple[BoundInterface, ...]) -> Iterator[Edit]:
    yield from _set_aside(view, Network(interfaces, Resolver()), set())


STACK = Stack("keyfile", evidence, render, recover, disown, carries_dns, known_name)
