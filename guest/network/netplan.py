"""netplan: one file of ours in /etc/netplan, for its networkd and its NetworkManager renderer. See netplan(5).

All files merge in the order of their names; lists add up. So whatever else defines our interfaces is cut out of the other files.
"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any

from guest.edits import Edit, SetAside, WriteFile
from guest.network import interfaces_file, netplan_yaml
from guest.network.model import (
    Bond,
    Bridge,
    Network,
    Resolver,
    Vlan,
)
from guest.network.netplan_dialect import Dialect
from guest.network.netplan_read import recover
from guest.network.stack import Stack
from guest.network.versions import dpkg_version, release
from guest.sysroot import exists

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import BoundInterface
    from guest.network.netplan_yaml import File, Key
    from guest.sysroot import View

FOLDER = netplan_yaml.FOLDERS[0]
PATH = f"{FOLDER}/90-guest-customizer.yaml"
_PROGRAMS = ("/usr/sbin/netplan", "/sbin/netplan")
# Made anew by cloud-init, whatever stands in it.
_CLOUD_INIT = "/50-cloud-init.yaml"
_DROP_IN = "90-guest-customizer.conf"
_KINDS = {Vlan: "vlans", Bond: "bonds", Bridge: "bridges"}


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
    stale = _stale(files, network)
    yield from _cut([file for file in files if file.path != PATH], stale)
    renderer = _renderer(files)
    dialect = _dialect(view, network, files, renderer)
    top: dict[str, Any] = {"version": 2}
    if renderer:
        top["renderer"] = renderer
    for file in files:
        # What an earlier request wrote about interfaces that this one does not mention.
        for kind, name in file.definitions() if file.path == PATH else ():
            if (kind, name) not in stale:
                top.setdefault(kind, {})[name] = file.body(kind, name)
    _define(top, network, dialect)
    yield from _drop_ins(view, network, dialect)
    content = netplan_yaml.compose({"network": top}, "by guest-customizer")
    yield WriteFile(PATH, content, "network interfaces", mode=0o600)


def seed(view: View, network: Network) -> tuple[dict[str, Any], tuple[Edit, ...]]:
    """The same for cloud-init, which hands version 2 on as it is: its content, and edits for what that has no words for.

    It says no renderer: cloud-init before 20.2 stumbles over that word.
    """
    files = [file for file in netplan_yaml.read_all(view) if not file.path.endswith(_CLOUD_INIT)]
    dialect = _dialect(view, network, files, _renderer(files))
    top: dict[str, Any] = {"version": 2}
    _define(top, network, dialect)
    return top, tuple(_drop_ins(view, network, dialect))


def _renderer(files: list[File]) -> str | None:
    """The last file to name one, ours before the others: it took over what a file said that is gone now."""
    others = [file.renderer for file in reversed(files) if file.path != PATH]
    return next((name for name in (*others, *(file.renderer for file in files if file.path == PATH)) if name), None)


def _dialect(view: View, network: Network, files: list[File], renderer: str | None) -> Dialect:
    # The package was called nplan until 18.04.
    version = dpkg_version(view, "netplan.io") or dpkg_version(view, "nplan")
    left = {key for file in files for key in file.definitions()} - _stale(files, network)
    return Dialect(version, renderer == "NetworkManager", _ids(network, files, left))


def _define(top: dict[str, Any], network: Network, dialect: Dialect) -> None:
    for bound in network.interfaces:
        kind = _KINDS.get(type(bound.interface.virtual), "ethernets")
        top.setdefault(kind, {})[dialect.ids[bound.interface.label]] = dialect.definition(network, bound)


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


def _drop_ins(view: View, network: Network, dialect: Dialect) -> Iterator[Edit]:
    """Drop-ins for what netplan generates in /run change what it makes of ours; one says what it has no words for."""
    for bound in network.interfaces:
        folder = f"/etc/systemd/network/10-netplan-{dialect.ids[bound.interface.label]}.network.d"
        ours = _drop_in(network, bound, dialect)
        for name in view.names(folder):
            if name != _DROP_IN or not ours:
                yield SetAside(f"{folder}/{name}", "changed what netplan says")
        if ours:
            content = f"# by guest-customizer\n{ours}".encode()
            yield WriteFile(f"{folder}/{_DROP_IN}", content, "netplan has no words for it", mode=0o644)


def _drop_in(network: Network, bound: BoundInterface, dialect: Dialect) -> str:
    """Leaves DNS servers unused that come by DHCP (before 0.95) or with router advertisements (ra-overrides of 1.1 do not
    reach the DHCPv6 that an advertisement starts).
    """
    interface = bound.interface
    if dialect.by_network_manager or network.controller_of(bound) or not network.replaces_dhcp_dns(bound):
        return ""
    advertised = interface.accepts_router_advertisements is not False
    with_dhcp = dialect.lacks_overrides and (interface.dhcp4 or interface.dhcp6)
    # [DHCP] is the older name of both DHCP sections, and still read.
    sections = (["DHCP"] if with_dhcp or advertised else []) + (["IPv6AcceptRA"] if advertised else [])
    return "\n".join(f"[{section}]\nUseDNS=no\n" for section in sections)


def disown(view: View, interfaces: tuple[BoundInterface, ...]) -> Iterator[Edit]:
    if any(exists(view, program) for program in _PROGRAMS):
        files = list(netplan_yaml.read_all(view))
        yield from _cut(files, _stale(files, Network(interfaces, Resolver())))


STACK = Stack("netplan", evidence, render, recover, disown, carries_dns, known_name)
