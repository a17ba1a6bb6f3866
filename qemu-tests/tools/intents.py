"""What is asked of every stack that can run here: documents, and what a kernel has to say once they are carried out.

The router at the other end is 10.0.0.1 and 2001:db8::1. It gives addresses by DHCP (10.0.0.100 to .199 with the server 10.0.0.53,
2001:db8:5::100 to ::1ff) and advertises 2001:db8:5::/64: what the document does not ask for would be seen.
VLANs and bonds are asked of the guests in ../test_guests.py: this kernel may have no drivers for them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kernel_words import Asked
from tools.sandbox import Card

CARDS = (
    Card("ens3", "52:54:00:12:34:56"),
    Card("ens4", "52:54:00:12:34:57"),
    Card("ens5", "52:54:00:12:34:58"),
)
_HEAD = "format = 1\nid = {id}\n[identity]\nhostname = web01\ndomain = example.com\n"
_ROUTER_ADVERTISES = ("ens? 2001:db8:5:*/*", "default via fe80::* dev *", "2001:db8:5::*")
_ROUTERS_SERVER = "2001:db8:5::53"


@dataclass(frozen=True)
class Intent:
    name: str
    documents: tuple[str, ...]
    """Carried out one after the other."""
    asked: Asked
    alone: tuple[str, ...] = ()
    """Cards that are not to be in the router's network."""

    @property
    def cards(self) -> tuple[Card, ...]:
        """Those that are mentioned. Others would not be: a template's own files often match every card there is."""
        mentioned = [card for card in CARDS if any(card.mac in document for document in self.documents)]
        return tuple(replace(card, in_lan=card.name not in self.alone) for card in mentioned)


def _intent(name: str, *documents: str, asked: Asked, alone: tuple[str, ...] = ()) -> Intent:
    texts = tuple(_HEAD.format(id=f"{n}-{name}") + text for n, text in enumerate(documents))
    return Intent(name, texts, asked, alone)


STATIC = _intent(
    "static",
    """
[dns]
servers = 10.0.0.2, 2001:db8::53
search = example.com, corp.example.com
[network]
  [[lan]]
  mac = 52:54:00:12:34:56
  addresses = 10.0.0.11/24, 10.0.0.12/24, 2001:db8::11/64, 2001:db8::12/64
  gateway4 = 10.0.0.1
  gateway6 = 2001:db8::1
  mtu = 1400
    [[[routes]]]
    backup = 192.168.7.0/24 via 10.0.0.254 metric 50
    plain = 192.168.8.0/24 via 10.0.0.254
    six = 2001:db8:7::/48 via 2001:db8::fe metric 60
""",
    asked=Asked(
        addresses=("ens3 10.0.0.11/24", "ens3 10.0.0.12/24", "ens3 2001:db8::11/64", "ens3 2001:db8::12/64"),
        routes=(
            "default via 10.0.0.1 dev ens3*",
            "default via 2001:db8::1 dev ens3*",
            "192.168.7.0/24 via 10.0.0.254 dev ens3 metric 50",
            "192.168.8.0/24 via 10.0.0.254 dev ens3*",
            "2001:db8:7::/48 via 2001:db8::fe dev ens3 metric 60",
        ),
        mtu={"ens3": 1400},
        servers=("10.0.0.2", "2001:db8::53"),
        search=("example.com", "corp.example.com"),
    ),
)

OFF_SUBNET_GATEWAY = _intent(
    "off-subnet-gateway",
    """
[dns]
servers = 10.0.0.2
[network]
  [[lan]]
  mac = 52:54:00:12:34:56
  addresses = 192.0.2.11/32, 2001:db8:1::11/128
  gateway4 = 10.0.0.1
  gateway6 = fe80::1
""",
    asked=Asked(
        addresses=("ens3 192.0.2.11/32", "ens3 2001:db8:1::11/128"),
        routes=("default via 10.0.0.1 dev ens3*", "default via fe80::1 dev ens3*"),
        servers=("10.0.0.2",),
    ),
)

DHCP = _intent(
    "dhcp",
    """
[network]
  [[lan]]
  mac = 52:54:00:12:34:56
  dhcp4 = yes
  mtu = 1400
""",
    asked=Asked(
        addresses=("ens3 10.0.0.1??/24",),
        routes=("default via 10.0.0.1 dev ens3*",),
        also=(*_ROUTER_ADVERTISES, _ROUTERS_SERVER),
        mtu={"ens3": 1400},
        servers=("10.0.0.53",),
    ),
)

DHCP6 = _intent(
    "dhcp6",
    """
[dns]
servers = 2001:db8::53
[network]
  [[lan]]
  mac = 52:54:00:12:34:56
  addresses = 10.0.0.11/24
  gateway4 = 10.0.0.1
  dhcp6 = yes
""",
    asked=Asked(
        addresses=("ens3 10.0.0.11/24", "ens3 2001:db8:5::1??/*"),
        routes=("default via 10.0.0.1 dev ens3*",),
        also=_ROUTER_ADVERTISES,
        servers=("2001:db8::53",),
    ),
)

# Nothing that DHCP, DHCPv6 or advertisements say of DNS is to be used.
OWN_DNS = _intent(
    "own-dns",
    """
[dns]
servers = 10.0.0.2
[network]
  [[lan]]
  mac = 52:54:00:12:34:56
  dhcp4 = yes
  slaac = yes
""",
    asked=Asked(
        addresses=("ens3 10.0.0.1??/24", "ens3 2001:db8:5:*/64"),
        routes=("default via 10.0.0.1 dev ens3*", "default via fe80::* dev ens3*"),
        # The second: the template's own, where nothing but our servers is written into its resolv.conf.
        also=("ens3 2001:db8:5::1??/*", "old.example.net"),
        servers=("10.0.0.2",),
        search=(),
    ),
)

# A second request that names no card: ours come first, whatever DHCP adds.
SEARCH_ALONE = _intent(
    "search-alone",
    """
[network]
  [[lan]]
  mac = 52:54:00:12:34:56
  dhcp4 = yes
""",
    """
[dns]
search = example.com
""",
    asked=Asked(
        addresses=("ens3 10.0.0.1??/24",),
        routes=("default via 10.0.0.1 dev ens3*",),
        also=(*_ROUTER_ADVERTISES, _ROUTERS_SERVER, "dhcp.example"),
        servers=("10.0.0.53",),
        search=("example.com",),
    ),
)

SLAAC = _intent(
    "slaac",
    """
[dns]
servers = 10.0.0.2
[network]
  [[lan]]
  mac = 52:54:00:12:34:56
  addresses = 10.0.0.11/24
  gateway4 = 10.0.0.1
  slaac = yes
  [[other]]
  mac = 52:54:00:12:34:57
  addresses = 10.0.1.11/24
  slaac = no
""",
    asked=Asked(
        addresses=("ens3 10.0.0.11/24", "ens4 10.0.1.11/24", "ens3 2001:db8:5:*/64"),
        routes=("default via 10.0.0.1 dev ens3*", "default via fe80::* dev ens3*"),
        also=("ens3 2001:db8:5::1??/*",),  # the router says that there is DHCPv6 too
        servers=("10.0.0.2",),
    ),
)

# ens5 is configured by an earlier request and not mentioned again: it stays as it is. ens3 becomes another.
AGAIN = _intent(
    "again",
    """
[network]
  [[old]]
  mac = 52:54:00:12:34:56
  addresses = 10.0.0.77/24, 2001:db8::77/64
  gateway4 = 10.0.0.1
  [[kept]]
  mac = 52:54:00:12:34:58
  addresses = 10.0.3.11/24, 2001:db8:3::11/64
""",
    """
[dns]
servers = 10.0.0.2
search = example.com
[network]
  [[lan]]
  mac = 52:54:00:12:34:56
  addresses = 10.0.0.11/24
  gateway4 = 10.0.0.254
  [[san]]
  mac = 52:54:00:12:34:57
  dhcp4 = yes
""",
    asked=Asked(
        addresses=("ens3 10.0.0.11/24", "ens4 10.0.0.1??/24", "ens5 10.0.3.11/24", "ens5 2001:db8:3::11/64"),
        routes=("default via 10.0.0.254 dev ens3*",),
        # The router of ens4's lease, beside ours, and whatever a guest makes of advertisements where nothing was said.
        also=("default via 10.0.0.1 dev ens4*", "ens[34] 2001:db8:5:*/*", "default via fe80::* dev ens[34]*"),
        servers=("10.0.0.2",),
        search=("example.com",),
    ),
)

BRIDGE = _intent(
    "bridge",
    """
[dns]
servers = 10.0.0.2
[network]
  [[first]]
  mac = 52:54:00:12:34:56
  [[second]]
  mac = 52:54:00:12:34:57
  [[br0]]
  bridge = yes
  ports = first, second
  addresses = 10.0.0.11/24, 2001:db8::11/64
  gateway4 = 10.0.0.1
  gateway6 = 2001:db8::1
""",
    asked=Asked(
        addresses=("br0 10.0.0.11/24", "br0 2001:db8::11/64"),
        routes=("default via 10.0.0.1 dev br0*", "default via 2001:db8::1 dev br0*"),
        kinds={"br0": "bridge of ens3 ens4"},
        servers=("10.0.0.2",),
    ),
    alone=("ens4",),  # two cables from one bridge to another make a loop
)

INTENTS = (STATIC, OFF_SUBNET_GATEWAY, DHCP, DHCP6, OWN_DNS, SEARCH_ALONE, SLAAC, AGAIN, BRIDGE)
