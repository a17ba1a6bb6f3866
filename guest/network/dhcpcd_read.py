"""What dhcpcd's configuration and hook say of an interface."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from guest.network.model import Interface, Resolver, Route
from guest.sysroot import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import Address, AddressWithPrefix, BoundInterface, Network
    from guest.sysroot import View

CONF = "/etc/dhcpcd.conf"
HOOK = "/etc/dhcpcd.exit-hook"
BEGIN = "# >>> guest-customizer >>>"
END = "# <<< guest-customizer <<<"


def hook_block(content: str) -> str:
    """Our lines of the hook; empty where there are none."""
    found = re.search(rf"^{re.escape(BEGIN)}\n(?:.*\n)*?{re.escape(END)}\n", content, re.MULTILINE)
    return found[0] if found else ""


def recover(view: View, _network: Network, bound: BoundInterface) -> Interface | None:
    options = _options(text(view, CONF) or "", bound.name)
    if options is None:
        return None
    static = dict(option.removeprefix("static ").split("=", 1) for option in options if option.startswith("static "))
    addresses, gateways, routes = _added(hook_block(text(view, HOOK) or ""), bound.name)
    first = [static[key] for key in ("ip_address", "ip6_address") if key in static]
    gateways = [*map(ipaddress.ip_address, static.get("routers", "").split()), *gateways]
    return Interface(
        label=bound.interface.label,
        addresses=(*map(ipaddress.ip_interface, first), *addresses),
        gateways=tuple(gateways),
        dhcp4="ip_address" not in static and "noipv4" not in options,
        dhcp6="ia_na" in options,
        slaac=_slaac(options),
        mtu=_mtu(hook_block(text(view, HOOK) or ""), bound.name),
        routes=tuple(routes),
        resolver=Resolver(
            tuple(map(ipaddress.ip_address, static.get("domain_name_servers", "").split())),
            tuple(static.get("domain_search", "").split()),
        ),
    )


def _options(content: str, name: str) -> list[str] | None:
    """The lines below `interface NAME`, their spaces made single; None where it has no block."""
    found: list[str] | None = None
    inside = False
    for line in content.splitlines():
        words = line.split()
        if words[:1] in (["interface"], ["ssid"], ["profile"]):
            inside = words == ["interface", name]
            found = [] if inside and found is None else found
        elif inside and found is not None and words and not words[0].startswith("#"):
            found.append(" ".join(words))
    return found


def _slaac(options: list[str]) -> bool | None:
    if "ipv6ra_autoconf" in options:
        return True
    return False if {"ipv6ra_noautoconf", "noipv6rs", "noipv6"} & set(options) else None


def _mtu(block: str, name: str) -> int | None:
    found = re.search(rf"(?m)^ +ip link set dev {re.escape(name)} mtu (\d+) ", block)
    return int(found[1]) if found else None


def _added(block: str, name: str) -> tuple[list[AddressWithPrefix], list[Address], list[Route]]:
    """(addresses, gateways, routes) that the hook adds."""
    addresses, gateways, routes = [], [], []
    for kind, what, options in _hook_commands(block):
        if options.get("dev") != name or "scope" in options:
            continue
        via = ipaddress.ip_address(options["via"]) if "via" in options else None
        if kind == "addr":
            addresses.append(ipaddress.ip_interface(what))
        elif what == "default" and via is not None:
            gateways.append(via)
        else:
            metric = int(options["metric"]) if "metric" in options else None
            routes.append(Route(ipaddress.ip_network(what), via, metric))
    return addresses, gateways, routes


def _hook_commands(block: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    for line in block.splitlines():
        if found := re.fullmatch(
            r"\s+(?:ip -4 addr show .* && )?ip -[46] (addr|route) replace (\S+) (.*?) 2>/dev/null \|\| :", line
        ):
            words = found[3].split()
            yield found[1], found[2], dict(zip(words[::2], words[1::2], strict=True))
