"""NetworkManager's keyfiles, read: which there are, whom they bind to, and what they say of an interface."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from guest.network import ini
from guest.network.model import Bond, BondMode, Bridge, Interface, Resolver, Route, Vlan
from guest.sysroot import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.ini import Ini, Section
    from guest.network.model import Address, AddressWithPrefix, BoundInterface, Network, Virtual
    from guest.sysroot import View

FOLDER = "/etc/NetworkManager/system-connections"
# Files in /etc need no ending; these are passed over (nm_keyfile_utils_ignore_filename), also mkstemp's.
_IGNORED = re.compile(r"\..*|.*~|.*\.(?:pem|der|p12|pfx|cer|crt|key)|.*\.[A-Za-z0-9]{6}")
# The older word for each kind is still read, and still found in old files.
ETHERNET = ("ethernet", "802-3-ethernet")
_OUR_NAMESPACE = "6f2a1c1e-8d0b-5a53-9d3a-4f6c2f1b7e10"


def uuid_of(bound: BoundInterface) -> str:
    """The same for the same card and label, whatever request asks for it: a second run changes nothing."""
    import uuid  # noqa: PLC0415 (40 ms under TCG that only NetworkManager's guests need)

    return str(uuid.uuid5(uuid.UUID(_OUR_NAMESPACE), f"{bound.interface.label} {bound.mac or bound.name}"))


def profiles(view: View) -> list[str]:
    return [name for name in view.names(FOLDER) if not _IGNORED.fullmatch(name)]


def read(view: View, name: str) -> Ini:
    return ini.parse(text(view, f"{FOLDER}/{name}") or "", comments="#")


def binding(profile: Ini) -> tuple[Section, str | None]:
    """(its [connection], the MAC it is bound to)."""
    raw = profile.merged(*ETHERNET).last("mac-address")
    if raw and ";" in raw:  # the form of 0.8: bytes as decimal numbers
        raw = ":".join(f"{int(byte):02x}" for byte in raw.split(";") if byte.isdigit() and int(byte) < 256)
    return profile.merged("connection"), raw.lower() if raw else None


def recover(view: View, network: Network, bound: BoundInterface) -> Interface | None:
    found = _winner(view, bound)
    if found is None:
        return None
    sides = (found.merged("ipv4"), found.merged("ipv6"))
    method4, method6 = (side.last("method") for side in sides)
    mtu = found.merged(*ETHERNET).last("mtu")
    return Interface(
        label=bound.interface.label,
        virtual=_recover_virtual(view, network, bound, found),
        addresses=tuple(address for side in sides for address, _ in _addresses(side)),
        gateways=tuple(gateway for side in sides for _, gateway in _addresses(side) if gateway),
        dhcp4=method4 == "auto",
        dhcp6=method6 in ("auto", "dhcp"),
        slaac=None if method6 is None else method6 == "auto",
        mtu=int(mtu) if mtu else None,
        routes=tuple(route for side in sides for route in _routes(side)),
        resolver=Resolver(
            tuple(ipaddress.ip_address(server) for side in sides for server in _list(side, "dns")),
            tuple(domain for side in sides for domain in _list(side, "dns-search")),
        ),
    )


def _winner(view: View, bound: BoundInterface) -> Ini | None:
    """The profile that NetworkManager takes: one that fits, of the highest priority."""
    fitting = []
    for name in profiles(view):
        state = view.state(view.resolve(f"{FOLDER}/{name}"))
        if state is None or state.uid != 0 or state.permissions & 0o077:
            continue  # it is passed over: others could read secrets in it, or write it
        profile = read(view, name)
        connection, mac = binding(profile)
        device = connection.last("interface-name")
        unbound_fits = bool(bound.mac) and connection.last("type") in ETHERNET
        if mac in (None, bound.mac) and device in (None, bound.name) and (mac or device or unbound_fits):
            fitting.append((int(connection.last("autoconnect-priority") or 0), profile))
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _recover_virtual(view: View, network: Network, bound: BoundInterface, found: Ini) -> Virtual | None:
    match found.merged("connection").last("type"):
        case "vlan":
            vlan = found.merged("vlan")
            parents = (b for b in network.interfaces if vlan.last("parent") in (uuid_of(b), b.name))
            parent = next(parents, None)
            return Vlan(parent.interface.label if parent else "", int(vlan.last("id") or 0))
        case "bond":
            return Bond(BondMode(found.merged("bond").last("mode")), _ports(view, network, bound))
        case "bridge":
            return Bridge(_ports(view, network, bound))
    return None


def _ports(view: View, network: Network, controller: BoundInterface) -> tuple[str, ...]:
    def master(bound: BoundInterface) -> str | None:
        profile = _winner(view, bound)
        return profile.merged("connection").last("master") if profile else None

    names = (controller.name, uuid_of(controller))
    return tuple(bound.interface.label for bound in network.interfaces if master(bound) in names)


def _addresses(side: Section) -> Iterator[tuple[AddressWithPrefix, Address | None]]:
    for key, value in side.entries:
        if re.fullmatch(r"address\d*", key):
            address, _, gateway = value.partition(",")
            yield ipaddress.ip_interface(address), ipaddress.ip_address(gateway) if gateway else None


def _routes(side: Section) -> Iterator[Route]:
    for key, value in side.entries:
        if re.fullmatch(r"route\d*", key):
            destination, via, metric = [*value.split(","), "", ""][:3]
            gateway = ipaddress.ip_address(via) if via else None
            yield Route(
                ipaddress.ip_network(destination),
                None if gateway is None or gateway.is_unspecified else gateway,
                int(metric) if metric else None,
            )


def _list(side: Section, key: str) -> list[str]:
    return [item for item in (side.last(key) or "").split(";") if item]
