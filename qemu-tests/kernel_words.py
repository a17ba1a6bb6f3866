"""What a kernel says of its network, in words that a table can hold, and how that differs from what was asked.

From iproute2's JSON alone: nothing here knows how our program reads or writes a network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Json = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """What a network should come to. Words are patterns as a shell's: * for what DHCP or a kernel chooses."""

    addresses: tuple[str, ...] = ()
    """`ens3 10.0.0.11/24`; those of link scope do not count."""
    routes: tuple[str, ...] = ()
    """`default via 10.0.0.1 dev ens3`, `… metric 50` where the metric was asked for."""
    also: tuple[str, ...] = ()
    """Addresses, routes, DNS servers and domains that may be there as well: what the document leaves to the guest."""
    mtu: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    """`bond active-backup of ens5 ens6`, `vlan 30 on ens3`, `bridge of ens4 ens5`."""
    servers: tuple[str, ...] = ()
    search: tuple[str, ...] | None = None
    """None: left to the guest."""


@dataclass(frozen=True)
class Found:
    links: list[Json]
    """`ip -json -details address`"""
    routes: list[Json]
    """`ip -json route` and `ip -json -6 route`"""
    resolv_conf: str | None


def addresses(links: Iterable[Json]) -> list[str]:
    return [
        f"{link['ifname']} {info['local']}/{info['prefixlen']}"
        for link in links
        for info in link.get("addr_info", [])
        if info.get("scope", "global") not in ("link", "host") and link["ifname"] != "lo"
    ]


def route_words(route: Json) -> str:
    """`metric` where the kernel was given one: 1024 is what IPv6 routes have otherwise."""
    words = [route["dst"], *(["via", route["gateway"]] if "gateway" in route else []), "dev", route["dev"]]
    metric = route.get("metric")
    return " ".join([*words, *(["metric", str(metric)] if metric and metric != 1024 else [])])


def kinds(links: list[Json]) -> dict[str, str]:
    ports: dict[str, list[str]] = {}
    for link in links:
        ports.setdefault(link.get("master", ""), []).append(link["ifname"])
    found = {}
    for link in links:
        details = link.get("linkinfo", {})
        data, name = details.get("info_data", {}), link["ifname"]
        match details.get("info_kind"):
            case "vlan":
                found[name] = f"vlan {data['id']} on {link['link']}"
            case "bond":
                found[name] = f"bond {data['mode']} of {' '.join(sorted(ports.get(name, [])))}"
            case "bridge":
                found[name] = f"bridge of {' '.join(sorted(ports.get(name, [])))}"
    return found


def differences(asked: Asked, found: Found) -> list[str]:
    """A sentence each; an empty list where everything that was asked is there and nothing else."""
    resolver = [line.split() for line in (found.resolv_conf or "").splitlines()]
    lists = {
        "addresses": (asked.addresses, addresses(found.links)),
        "routes": (asked.routes, [*_routes(found, asked)]),
    }
    wrong = [sentence for what, (wanted, got) in lists.items() for sentence in _compare(what, wanted, got, asked.also)]
    servers = [words[1] for words in resolver if words[:1] == ["nameserver"]]
    extra = [server for server in servers if server not in asked.servers and server in asked.also]
    pairs: dict[str, tuple[object, object]] = {
        "dns servers": ([*asked.servers], [server for server in servers if server not in extra]),
        "kinds": (dict(asked.kinds), kinds(found.links)),
    }
    if asked.search is not None:
        # `domain` is a list of one; the last line counts (resolv.conf(5)).
        lists_of_domains = [words[1:] for words in resolver if words[:1] in (["search"], ["domain"])]
        domains = [domain.rstrip(".") for domain in (lists_of_domains or [[]])[-1] if domain != "."]
        domains = [domain for domain in domains if domain not in asked.also]
        pairs["search domains"] = (list(asked.search), domains)
    mtu = {link["ifname"]: link["mtu"] for link in found.links}
    pairs |= {f"mtu of {name}": (size, mtu.get(name)) for name, size in asked.mtu.items()}
    return wrong + [f"{what}: asked {wanted}, found {got}" for what, (wanted, got) in pairs.items() if wanted != got]


def _compare(what: str, wanted: Iterable[str], found: list[str], also: tuple[str, ...]) -> Iterator[str]:
    allowed = (*wanted, *also)
    yield from (f"{what}: no {pattern}" for pattern in wanted if not any(fnmatchcase(word, pattern) for word in found))
    yield from (
        f"{what}: {word} was not asked for" for word in found if not any(fnmatchcase(word, one) for one in allowed)
    )


def _routes(found: Found, asked: Asked) -> Iterator[str]:
    """Those that somebody made: not those to a card's own subnets, to what a lease names, to a gateway, or for multicast."""
    gateways = {words[2] for words in (route.split() for route in asked.routes) if words[1] == "via"}
    subnets = {
        str(ip_interface(f"{info['local']}/{info['prefixlen']}").network)
        for link in found.links
        for info in link.get("addr_info", [])
    }
    for route in _one_hop_each(found.routes):
        its_own = route.get("protocol") in ("kernel", "ra", "dhcp") or route["dst"] in gateways | subnets
        if (
            ("gateway" not in route and its_own)
            or route["dst"].startswith(("fe80::", "ff00::"))
            or route["dev"] == "lo"
        ):
            continue
        yield route_words(route)


def _one_hop_each(routes: list[Json]) -> Iterator[Json]:
    """A route over several cards as if it were several."""
    for route in routes:
        yield from ({**route, **hop} for hop in route.get("nexthops", [{}]))
