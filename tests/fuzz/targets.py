"""What is fuzzed: each target takes any bytes, and raises nothing but what its docstring in the code allows.

tests/test_fuzz.py tries them shortly with hypothesis, `make fuzz` for long with atheris.
"""

from __future__ import annotations

import ipaddress
import posixpath
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guest.distro.release import find_release, parse_os_release
from guest.errors import CustomizerError
from guest.journal import REQUESTS, encode_journal, read_journal
from guest.labels import read_policy
from guest.machine.description import parse_machine
from guest.machine.model import BlockDevice, Card
from guest.network import STACKS
from guest.network.meaning import verify
from guest.network.model import BoundInterface, Interface, Network, Resolver, Route
from guest.network.names import LINK_FOLDER, PERSISTENT_RULES, bind
from guest.network.pinning import plan_names
from guest.protocol import MARKER, parse_line, parse_result
from guest.settings.document import load
from guest.storage.fstab import parse_fstab
from guest.storage.mountplan import plan_mounts
from guest.sysroot import FileState
from host.console import Transcript, describe, summarize

if TYPE_CHECKING:
    from collections.abc import Callable

    from guest.network.stack import Stack


@dataclass(frozen=True)
class Files:
    """A guest of a few files, as a View: without links, and in memory."""

    files: dict[str, bytes]

    def read(self, path: str) -> bytes | None:
        return self.files.get(self.resolve(path))

    def state(self, path: str) -> FileState | None:
        path = self.resolve(path)
        if path in self.files:
            return FileState(stat.S_IFREG | 0o644, 0, 0, len(self.files[path]))
        return FileState(stat.S_IFDIR | 0o755, 0, 0, 0) if self.names(path) else None

    def link_target(self, _path: str) -> str | None:
        return None

    def names(self, path: str) -> tuple[str, ...]:
        top = self.resolve(path).rstrip("/") + "/"
        return tuple(sorted({name[len(top) :].split("/")[0] for name in self.files if name.startswith(top)}))

    def resolve(self, path: str) -> str:
        return posixpath.normpath("/" + path.lstrip("/"))


_CARD = Interface(
    label="lan",
    mac="52:54:00:12:34:56",
    addresses=(ipaddress.ip_interface("10.0.0.11/24"), ipaddress.ip_interface("2001:db8::11/64")),
    gateways=(ipaddress.ip_address("10.0.0.1"),),
    mtu=1400,
    routes=(Route(ipaddress.ip_network("192.168.7.0/24"), ipaddress.ip_address("10.0.0.254"), 50),),
)
_BOUND = BoundInterface(_CARD, "eth0", "52:54:00:12:34:56")
_NETWORK = Network((_BOUND,), Resolver((ipaddress.ip_address("10.0.0.2"),), ("example.com",)))
# Where each stack keeps what it reads; a stack that is not here is given the same text in all of these places.
_PLACES = {
    "ifcfg": ("/etc/sysconfig/network-scripts/ifcfg-eth0", "/etc/sysconfig/network-scripts/route-eth0",
              "/etc/sysconfig/network-scripts/route6-eth0", "/etc/sysconfig/network"),
    "ifupdown": ("/etc/network/interfaces", "/etc/network/interfaces.d/eth0"),
    "netplan": ("/etc/netplan/50-cloud-init.yaml",),
    "networkd": ("/etc/systemd/network/10-eth0.network", "/etc/systemd/network/10-eth0.netdev"),
    "keyfile": ("/etc/NetworkManager/system-connections/eth0.nmconnection", "/etc/NetworkManager/NetworkManager.conf"),
    "suse": ("/etc/sysconfig/network/ifcfg-eth0", "/etc/sysconfig/network/ifroute-eth0", "/etc/sysconfig/network/routes",
             "/etc/sysconfig/network/config"),
    "ifupdown-ng": ("/etc/network/interfaces", "/etc/network/interfaces.d/eth0"),
    "netifrc": ("/etc/conf.d/net",),
    "dhcpcd": ("/etc/dhcpcd.conf", "/etc/dhcpcd.exit-hook"),
}  # fmt: skip
# What a stack looks for before it reads anything.
_PROGRAMS = dict.fromkeys(("/usr/sbin/netplan", "/usr/sbin/NetworkManager", "/usr/lib/systemd/systemd-networkd"), b"")
_ANYWHERE = tuple(path for paths in _PLACES.values() for path in paths)


def document(data: bytes) -> None:
    load(Files({"/customization.conf": data, "/a.sh": b"#!/bin/sh\n"}))


def fstab(data: bytes) -> None:
    disk = BlockDevice("/dev/vda1", "/dev/vda", "partition", 1, 1 << 30, False, "filesystem", "ext4", "a", "b")
    plan_mounts(parse_fstab(data), (disk,))


def os_release(data: bytes) -> None:
    parse_os_release(data.decode("utf-8", "surrogateescape"))
    for path in ("/etc/os-release", "/etc/redhat-release", "/etc/debian_version"):
        find_release(Files({path: data}))


def file_contexts(data: bytes) -> None:
    base = "/etc/selinux/targeted/contexts/files/file_contexts"
    config = b"SELINUX=enforcing\nSELINUXTYPE=targeted\n"
    policy = read_policy(Files({"/etc/selinux/config": config, base: data, base + ".subs": data}))
    if policy is not None:
        policy.label("/etc/hostname", stat.S_IFREG)
    read_policy(Files({"/etc/selinux/config": data}))


def result(data: bytes) -> None:
    transcript = Transcript()
    for event in transcript.feed(data + b"\n" + MARKER.encode() + data + b"\n"):
        describe(event)
    if (
        event := parse_line(MARKER.encode() + b'{"event":"result","status":"ok","code":"a","disk":"changed",' + data)
    ) and (found := parse_result(event)):
        summarize(found)


def journal(data: bytes) -> None:
    found = read_journal(Files({f"{REQUESTS}/a/journal.json": data}), "a")
    if found is not None:
        encode_journal(found)


def machine(data: bytes) -> None:
    parse_machine(data)


def _stack(stack: Stack) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        places = _PLACES.get(stack.name, _ANYWHERE)
        parts = data.split(b"\0\0")
        parts += parts[-1:] * len(places)
        view = Files(_PROGRAMS | dict(zip(places, parts, strict=False)))
        for step in (
            lambda: stack.evidence(view, "redhat", (8,)),
            lambda: stack.carries_dns(view),
            lambda: stack.known_name(view, _BOUND.mac or ""),
            lambda: list(stack.disown(view, (_BOUND,))),
            lambda: list(stack.render(view, _NETWORK)),
            lambda: verify(view, stack, _NETWORK),
        ):
            allowing_our_own(step)

    return target


def names(data: bytes) -> None:
    places = (PERSISTENT_RULES, f"{LINK_FOLDER}/10-x.link", "/etc/default/grub")
    found = dict(zip(places, data.split(b"\0\0"), strict=False))
    card = Card("eth0", _BOUND.mac or "", ("ens3",))
    for rule in ("80-net-setup-link.rules", "75-persistent-net-generator.rules"):
        guest = Files(found | {f"/lib/udev/rules.d/{rule}": b""})
        bound = bind(guest, STACKS[0], (_CARD,), (card,))
        list(plan_names(guest, Network(bound, Resolver()), (card,)))


def allowing_our_own(step: Callable[[], object]) -> None:
    try:
        step()
    except CustomizerError:
        return


TARGETS: dict[str, Callable[[bytes], None]] = {
    "document": document,
    "fstab": fstab,
    "os-release": os_release,
    "file_contexts": file_contexts,
    "result": result,
    "journal": journal,
    "machine": machine,
    "names": names,
    **{stack.name: _stack(stack) for stack in STACKS},
}

# Words that a random byte string would take long to hit upon.
WORDS: dict[str, tuple[bytes, ...]] = {
    "document": (b"format = 1\n", b"id = a\n", b"[network]\n", b"[[lan]]\n", b"[[[routes]]]\n", b"mac = 52:54:00:12:34:56\n",
                 b"addresses = 10.0.0.11/24\n", b"gateway4 = 10.0.0.1\n", b"[dns]\n", b"servers = ", b"[first_boot]\n",
                 b"scripts = a.sh\n", b'"""', b"'''", b"[request]\naction = undo\n", b"[identity]\nhostname = a\n"),
    "fstab": (b"/dev/vda1 ", b"UUID=a ", b"/var ", b"ext4 ", b"bind", b",nofail", b"\\040", b"\\377", b" 0 2\n", b"none swap "),
    "os-release": (b"ID=", b"debian\n", b"VERSION_ID=", b'"12"\n', b"ID_LIKE=", b"'", b"PRETTY_NAME=", b"release 7.9"),
    "file_contexts": (b"/etc(/.*)?", b" -- ", b" -d ", b"system_u:object_r:etc_t:s0\n", b"<<none>>\n", b"[", b"(", b"\\"),
    "result": (MARKER.encode(), b'"event":"result"', b'"phases":{"a":1}', b'"seconds":', b"1e999", b"NaN", b'"changed":["', b"}\n"),
    "journal": (b'{"format": 2, "id": "a", "phase": "applying", "records": [', b'], "folders": [], "guarded": {}}',
                b'{"path": "/a", "mount_point": "/", "backup": "0000", "before": {"kind": "file"}, "after": {"kind": "none"}}'),
    "machine": (b'{"cards": [', b'{"mac": "', b'"predicted": ["', b"]}"),
    "ifcfg": (b"DEVICE=eth0\n", b"HWADDR=52:54:00:12:34:56\n", b"IPADDR=", b"10.0.0.11\n", b"PREFIX=24\n", b"IPV6ADDR_SECONDARIES=",
              b"via ", b"dev eth0", b"ADDRESS0=", b"NETMASK0=", b"GATEWAY0=", b"DNS1=", b"'", b"\0\0"),
    "ifupdown": (b"auto eth0\n", b"iface eth0 inet static\n", b"    address 10.0.0.11/24\n", b"source /etc/network/*\n", b"netmask ",
                 b"mapping *\n", b"up ip route add ", b"\\\n", b"inet6 auto\n", b"hwaddress ", b"\0\0"),
    "netplan": (b"network:\n", b"  version: 2\n", b"  ethernets:\n", b"    eth0:\n", b"      match: {macaddress: '52:54:00:12:34:56'}\n",
                b"      addresses: [10.0.0.11/24]\n", b"      routes:\n      - {to: default, via: 10.0.0.1}\n", b"&a ", b"*a", b"<<: ",
                b"    renderer: networkd\n", b"!!bool ", b"!!timestamp ", b"!!set ", b"  vlans:\n", b"    v: {id: 5, link: eth0}\n",
                b"{", b"}", b"["),
    "names": (b"[Match]\n", b"MACAddress=52:54:00:12:34:56\n", b"[Link]\n", b"Name=", b'ATTR{address}=="52:54:00:12:34:56"', b'NAME="eth0"',
              b'NAME="', b"net.ifnames=0", b"\xff", b"\0\0"),
    "networkd": (b"[Match]\n", b"Name=eth0\n", b"MACAddress=52:54:00:12:34:56\n", b"[Network]\n", b"Address=", b"[Route]\n", b"Gateway=",
                 b"[NetDev]\n", b"Kind=vlan\n", b"[Link]\n", b"MTUBytes=", b"\0\0"),
    "suse": (b"BOOTPROTO='static'\n", b"IPADDR='10.0.0.11/24'\n", b"IPADDR_1=", b"NETMASK=", b"default 10.0.0.1 - -\n", b"BONDING_SLAVE_0=",
             b"ETHERDEVICE=", b"VLAN_ID=", b"MTU=", b"'", b"\0\0"),
    "ifupdown-ng": (b"auto eth0\n", b"iface eth0 inet static\n", b"    address 10.0.0.11/24\n", b"use dhcp\n", b"gateway ",
                    b"bond-members ", b"vlan-id ", b"\\\n", b"\0\0"),
    "netifrc": (b'config_eth0="', b"10.0.0.11/24\n", b'"\n', b'routes_eth0="', b"default via 10.0.0.1", b'vlans_eth0="42"\n',
                b"dns_servers_eth0=", b"config_eth0=( ", b")\n", b"\\\n", b"$"),
    "dhcpcd": (b"interface eth0\n", b"static ip_address=10.0.0.11/24\n", b"static routers=", b"nodhcp\n",
               b"static domain_name_servers=", b"profile a\n", b"ssid a\n", b"# >>> guest-customizer >>>\n", b"\0\0"),
    "keyfile": (b"[connection]\n", b"id=a\n", b"interface-name=eth0\n", b"type=ethernet\n", b"[ipv4]\n", b"method=manual\n",
                b"address1=10.0.0.11/24,10.0.0.1\n", b"route1=", b"dns=", b"[ethernet]\n", b"mac-address=52:54:00:12:34:56\n", b"\0\0"),
}  # fmt: skip
_COMMON = (
    b"eth0",
    b"52:54:00:12:34:56",
    b"10.0.0.11/24",
    b"=",
    b"\n",
    b'"',
    b"'",
    b"static",
    b"via ",
    b"interface eth0\n",
    b"config_eth0=",
)


def words(name: str) -> tuple[bytes, ...]:
    """Of any target, also of a stack that has no list of its own."""
    return WORDS.get(name, _COMMON)
