"""netplan: one file of ours in /etc/netplan, for its networkd and its NetworkManager renderer. See netplan(5).

All files merge in the order of their names; lists add up. So whatever else defines our interfaces is cut out of the other files.
"""

from __future__ import annotations

import fnmatch
import ipaddress
from typing import TYPE_CHECKING, Any

from guest.edits import Edit, SetAside, WriteFile
from guest.network import interfaces_file, netplan_yaml
from guest.network.model import (
    BOND_MIIMON_MS,
    Bond,
    BondMode,
    Bridge,
    Interface,
    IpVersion,
    Network,
    Resolver,
    Route,
    Virtual,
    Vlan,
)
from guest.network.netplan_yaml import DEVICE_TYPES, File, Key
from guest.network.stack import Stack, inexpressible
from guest.network.versions import Version, dpkg_version, release
from guest.sysroot import exists

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import BoundInterface, IpSide
    from guest.sysroot import View

FOLDER = netplan_yaml.FOLDERS[0]
PATH = f"{FOLDER}/90-guest-customizer.yaml"
_PROGRAMS = ("/usr/sbin/netplan", "/sbin/netplan")
# dhcp4-overrides and dhcp6-overrides: an older netplan would refuse the whole file.
_OVERRIDES: Version = (0, 95)
# From here on the NetworkManager renderer takes on-link; before, it refused the file.
_NM_ON_LINK: Version = (0, 106)
_DROP_IN = "90-guest-customizer.conf"
_KINDS = {Vlan: "vlans", Bond: "bonds", Bridge: "bridges"}
_ANYWHERE: dict[IpVersion, str] = {4: "0.0.0.0/0", 6: "::/0"}  # `default` is understood from 0.103 on only


def evidence(view: View, _family: str, _version: tuple[int, ...]) -> str | None:
    if not any(exists(view, program) for program in _PROGRAMS):
        return None
    if netplan_yaml.paths(view):
        return "netplan is installed and has files to read"
    identity, major = release(view)
    if identity == "ubuntu" and major >= 17 and not interfaces_file.configured(view):
        return f"Ubuntu {major} configures its network by netplan"
    return None


def carries_dns(_view: View) -> bool:
    """For systemd-resolved or NetworkManager."""
    return True


def known_name(view: View, mac: str) -> str | None:
    if not any(exists(view, program) for program in _PROGRAMS):
        return None
    for file in netplan_yaml.read_all(view):
        for kind, name in file.definitions():
            match = file.body(kind, name).get("match") or {}
            if kind == "ethernets" and str(match.get("macaddress")).lower() == mac:
                found = file.body(kind, name).get("set-name") or match.get("name") or name
                return str(found) if not set(str(found)) & set("*?[") else None
    return None


# ---- render


def render(view: View, network: Network) -> Iterator[Edit]:
    files = [*netplan_yaml.read_all(view)]
    others = [file for file in files if file.path != PATH]
    # Ours last: it took over what a file said that is gone now.
    renderers = [*(file.renderer for file in reversed(others)), *(file.renderer for file in files if file.path == PATH)]
    renderer = next((renderer for renderer in renderers if renderer), None)
    stale = _stale(others, network)
    yield from _cut(others, stale)
    left = {key for file in others for key in file.definitions()} - stale
    ids = _ids(network, others, left)
    dialect = _Dialect(dpkg_version(view, "netplan.io"), renderer == "NetworkManager", ids)
    top: dict[str, Any] = {"version": 2}
    if renderer:
        top["renderer"] = renderer
    for bound in network.interfaces:
        kind = _KINDS.get(type(bound.interface.virtual), "ethernets")
        top.setdefault(kind, {})[ids[bound.interface.label]] = dialect.definition(network, bound)
    yield from _drop_ins(view, network, dialect)
    content = netplan_yaml.compose({"network": top}, "by guest-customizer")
    yield WriteFile(PATH, content, "network interfaces", mode=0o600)


def _ids(network: Network, others: list[File], left: set[Key]) -> dict[str, str]:
    """label -> netplan's id. The interface's name, but before a catch-all such as cloud images' `all-en`.

    networkd takes the first of /run/systemd/network/10-netplan-ID.network that fits.
    """
    catch_all = [name for kind, name in left if kind == "ethernets" and _is_catch_all(others, name, network)]
    prefix = "00-" if catch_all else ""
    return {b.interface.label: f"{prefix if b.mac else ''}{b.name}" for b in network.interfaces}


def _is_catch_all(others: list[File], name: str, network: Network) -> bool:
    for file in others:
        match = file.body("ethernets", name).get("match")
        if match is not None and "macaddress" not in match:
            pattern = str(match.get("name", "*"))
            if any(fnmatch.fnmatchcase(bound.name, pattern) for bound in network.interfaces if bound.mac):
                return True
    return False


class _Dialect:
    """What one netplan version with one renderer is told."""

    def __init__(self, version: Version | None, by_network_manager: bool, ids: dict[str, str]) -> None:
        self.version = version
        self.by_network_manager = by_network_manager
        self.ids = ids

    def definition(self, network: Network, bound: BoundInterface) -> dict[str, Any]:
        """One interface's mapping, as netplan(5) has it."""
        found: dict[str, Any] = self._device(bound)
        if (mtu := network.mtu_of(bound)) is not None:
            found["mtu"] = mtu
        if network.controller_of(bound) is None:
            found |= self._dhcp(network, bound)
            if bound.interface.addresses:
                found["addresses"] = [str(address) for address in bound.interface.addresses]
            routes = [route for version in (4, 6) for route in self._routes(bound, bound.interface.of(version), found)]
            if routes:
                found["routes"] = routes
            found |= self._nameservers(network, bound)
        return found

    def _device(self, bound: BoundInterface) -> dict[str, Any]:
        match bound.interface.virtual:
            case Vlan(parent=parent, id=number):
                return {"id": number, "link": self.ids[parent]}
            case Bond(mode=mode, ports=ports):
                parameters: dict[str, Any] = {"mode": mode.value, "mii-monitor-interval": BOND_MIIMON_MS}
                return {"interfaces": [self.ids[port] for port in ports], "parameters": parameters}
            case Bridge(ports=ports):
                # Without a delay of 0 its ports pass nothing for the first 15 s, spanning tree or not.
                parameters = {"stp": False, "forward-delay": 0}
                return {"interfaces": [self.ids[port] for port in ports], "parameters": parameters}
        # With set-name, [Match] holds the name too: else VLANs would fit, which inherit the MAC.
        return {"match": {"macaddress": bound.mac}, "set-name": bound.name}

    def _dhcp(self, network: Network, bound: BoundInterface) -> dict[str, Any]:
        interface = bound.interface
        dhcp6 = self._nm_auto6(network, bound) if self.by_network_manager else interface.dhcp6
        found: dict[str, Any] = {"dhcp4": interface.dhcp4, "dhcp6": dhcp6}
        if interface.accepts_router_advertisements is not None and not self.by_network_manager:
            found["accept-ra"] = interface.accepts_router_advertisements
        asked = [version for version in (4, 6) if found[f"dhcp{version}"]]
        if not asked or not network.replaces_dhcp_dns(bound):
            return found
        if self.by_network_manager and (self.version is None or self.version >= _NM_ON_LINK):
            # It has no word for use-dns, but hands on what it does not know itself.
            passed = {f"ipv{version}.ignore-auto-dns": "true" for version in asked}
            found["networkmanager"] = {"passthrough": passed}
        elif not self.by_network_manager and not self.lacks_overrides:
            found |= {f"dhcp{version}-overrides": {"use-dns": False} for version in asked}
        return found

    @property
    def lacks_overrides(self) -> bool:
        return self.version is not None and self.version < _OVERRIDES

    def _nm_auto6(self, network: Network, bound: BoundInterface) -> bool:
        """Whether the NetworkManager renderer says `dhcp6: true`, which is NetworkManager's method `auto`.

        Without it and without addresses IPv6 is `ignore`, or `manual` where there are servers: a profile that is refused.
        """
        interface, resolver = bound.interface, network.resolver_of(bound)
        here = {version: interface.of(version) for version in (4, 6)}
        servers = {version: any(s.version == version for s in resolver.servers) for version in (4, 6)}
        refusals = (
            (interface.dhcp6 and interface.slaac is False, "has no DHCPv6 without router advertisements", "`slaac`"),
            (servers[4] and not (here[4].addresses or here[4].dhcp), "needs IPv4 for IPv4 DNS servers", "them"),
            (
                servers[6] and interface.slaac is False and not here[6].addresses,
                "needs IPv6 for IPv6 DNS servers",
                "them, or `slaac`",
            ),
        )
        for refused, what, leave_out in refusals:
            if refused:
                raise inexpressible(
                    "netplan", interface.label, f"its NetworkManager renderer {what}", f"leave out {leave_out}"
                )
        needed = bool(servers[6] or here[6].routes or (resolver.search and not interface.has_addresses))
        accepts = interface.accepts_router_advertisements
        return interface.dhcp6 or bool(accepts) or (accepts is None and needed)

    def _routes(self, bound: BoundInterface, side: IpSide, found: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if side.gateway is not None:
            if self.by_network_manager and not side.gateway_is_on_link:
                # NetworkManager makes a way to a gateway outside the subnet, but only for what is called one.
                found[f"gateway{side.version}"] = str(side.gateway)
            else:
                default = Route(ipaddress.ip_network(_ANYWHERE[side.version]), side.gateway, None)
                yield self._route(bound, side, default)
        for route in side.routes:
            yield self._route(bound, side, route)

    def _route(self, bound: BoundInterface, side: IpSide, route: Route) -> dict[str, Any]:
        found: dict[str, Any] = {"to": str(route.destination)}
        if route.via is not None:
            found["via"] = str(route.via)
            if not side.reaches(route.via):
                self._refuse(bound, self.version is not None and self.version < _NM_ON_LINK, "an on-link gateway")
                found["on-link"] = True
        else:
            self._refuse(bound, True, "a route without a gateway")
            found["scope"] = "link"
        if route.metric is not None:
            found["metric"] = route.metric
        return found

    def _refuse(self, bound: BoundInterface, too_old: bool, what: str) -> None:
        if self.by_network_manager and too_old:
            raise inexpressible(
                "netplan",
                bound.interface.label,
                f"its NetworkManager renderer has no {what} for a route",
                "give the route a gateway inside the interface's own subnets",
            )

    def _nameservers(self, network: Network, bound: BoundInterface) -> dict[str, Any]:
        resolver = network.resolver_of(bound)
        found: dict[str, Any] = {}
        if resolver.servers:
            found["addresses"] = [str(server) for server in resolver.servers]
        if resolver.search:
            found["search"] = list(resolver.search)
        return {"nameservers": found} if found else {}


# ---- what else is there


def _defines(file: File, kind: str, name: str, network: Network) -> bool:
    """Whether a definition is one of our interfaces, or takes any card as NetworkManager's own profiles do."""
    if kind != "ethernets":
        return name in network.names
    body = file.body(kind, name)
    match = body.get("match")
    if name in network.names or body.get("set-name") in network.names:
        return True
    if match is None:
        return False
    if "macaddress" in match:
        return str(match["macaddress"]).lower() in network.macs
    return match.get("name") in network.names or (not match and "networkmanager" in body)


def _stale(files: list[File], network: Network) -> set[Key]:
    """Our interfaces, and bonds, bridges and VLANs made of what goes: netplan refuses all when one names what is not there."""
    everything = {key: file for file in files for key in file.definitions()}
    stale = {key for key, file in everything.items() if _defines(file, *key, network)}
    while True:
        gone = {name for _, name in stale}
        ours = {bound.name for bound in network.interfaces if bound.mac}
        more = {
            (kind, name)
            for (kind, name), file in everything.items()
            if set(map(str, file.body(kind, name).get("interfaces") or ())) & gone
            or (kind == "vlans" and file.body(kind, name).get("link") in gone - ours)
        }
        if more <= stale:
            return stale
        stale |= more


def _cut(files: list[File], stale: set[Key]) -> Iterator[Edit]:
    for file in files:
        keys = stale & set(file.definitions())
        if not keys:
            continue
        reason = "its interfaces are configured anew"
        here = file.path.startswith(FOLDER + "/")
        if here and keys == set(file.definitions()):
            yield SetAside(file.path, reason)
        else:
            # A file in /usr/lib is hidden by one of the same name in /etc.
            path = file.path if here else f"{FOLDER}/{file.path.rpartition('/')[2]}"
            yield WriteFile(path, file.without(keys), reason, mode=None if here else 0o600)


def _drop_ins(view: View, network: Network, dialect: _Dialect) -> Iterator[Edit]:
    """Drop-ins for what netplan generates in /run change what it makes of ours; before 0.95 one says what it cannot."""
    for bound in network.interfaces:
        folder = f"/etc/systemd/network/10-netplan-{dialect.ids[bound.interface.label]}.network.d"
        with_dhcp = bound.interface.dhcp4 or bound.interface.dhcp6
        ours = dialect.lacks_overrides and not dialect.by_network_manager and with_dhcp
        ours = ours and network.replaces_dhcp_dns(bound)
        for name in view.names(folder):
            if name != _DROP_IN or not ours:
                yield SetAside(f"{folder}/{name}", "changed what netplan says")
        if ours:
            content = b"# by guest-customizer\n[DHCP]\nUseDNS=no\n"
            yield WriteFile(f"{folder}/{_DROP_IN}", content, "netplan before 0.95 has no use-dns", mode=0o644)


def disown(view: View, interfaces: tuple[BoundInterface, ...]) -> Iterator[Edit]:
    if any(exists(view, program) for program in _PROGRAMS):
        files = list(netplan_yaml.read_all(view))
        yield from _cut(files, _stale(files, Network(interfaces, Resolver())))


# ---- recover


def recover(view: View, network: Network, bound: BoundInterface) -> Interface | None:
    files = list(netplan_yaml.read_all(view))
    merged = netplan_yaml.merge(files)
    found = _definition_in_force(merged, bound)
    if found is None:
        return None
    kind, body = found
    nameservers = body.get("nameservers") or {}
    routes = [_recover_route(route) for route in body.get("routes") or ()]
    by_network_manager = merged.get("renderer") == "NetworkManager"
    gateways = [body[key] for key in ("gateway4", "gateway6") if key in body]
    return Interface(
        label=bound.interface.label,
        virtual=_recover_virtual(merged, network, kind, body),
        addresses=tuple(ipaddress.ip_interface(str(address)) for address in body.get("addresses") or ()),
        gateways=(
            *(ipaddress.ip_address(gateway) for gateway in gateways),
            *(route.via for route in routes if route.via and _is_default(route)),
        ),
        dhcp4=bool(body.get("dhcp4")),
        dhcp6=bool(body.get("dhcp6")),
        slaac=bool(body.get("dhcp6")) if by_network_manager else body.get("accept-ra"),
        mtu=body.get("mtu"),
        routes=tuple(route for route in routes if not _is_default(route)),
        resolver=Resolver(
            tuple(ipaddress.ip_address(str(server)) for server in nameservers.get("addresses") or ()),
            tuple(map(str, nameservers.get("search") or ())),
        ),
    )


def _definition_in_force(merged: dict[str, Any], bound: BoundInterface) -> tuple[str, dict[str, Any]] | None:
    """The first by its id that fits, as networkd has it."""
    for kind in DEVICE_TYPES if bound.mac is None else ("ethernets",):
        for name, body in sorted((merged.get(kind) or {}).items()):
            if bound.mac is None and name == bound.name:
                return kind, body
            if bound.mac is not None and _fits(name, body or {}, bound):
                return kind, body
    return None


def _fits(name: str, body: dict[str, Any], bound: BoundInterface) -> bool:
    match = body.get("match")
    if match is None:
        return name == bound.name
    fits_mac = "macaddress" not in match or str(match["macaddress"]).lower() == bound.mac
    return fits_mac and fnmatch.fnmatchcase(bound.name, str(match.get("name", "*")))


def _is_default(route: Route) -> bool:
    return route.destination.prefixlen == 0 and route.metric is None


def _recover_route(route: dict[str, Any]) -> Route:
    via = ipaddress.ip_address(str(route["via"])) if "via" in route else None
    to = str(route["to"])
    if to == "default":
        to = _ANYWHERE[4 if via is None or via.version == 4 else 6]
    return Route(ipaddress.ip_network(to), via, route.get("metric"))


def _labels(merged: dict[str, Any], network: Network) -> dict[str, str]:
    """id -> label, for what names other interfaces by their ids."""
    labels = {bound.name: bound.interface.label for bound in network.interfaces if bound.mac is None}
    for name, body in (merged.get("ethernets") or {}).items():
        for bound in network.interfaces:
            if bound.mac is not None and _fits(name, body or {}, bound):
                labels[name] = bound.interface.label
    return labels


def _recover_virtual(merged: dict[str, Any], network: Network, kind: str, body: dict[str, Any]) -> Virtual | None:
    labels = _labels(merged, network)
    ports = tuple(labels.get(str(port), "") for port in body.get("interfaces") or ())
    match kind:
        case "vlans":
            return Vlan(labels.get(str(body.get("link")), ""), int(body.get("id") or 0))
        case "bonds":
            return Bond(BondMode((body.get("parameters") or {}).get("mode", "balance-rr")), ports)
        case "bridges":
            return Bridge(ports)
    return None


STACK = Stack("netplan", evidence, render, recover, disown, carries_dns, known_name)
