"""dhcpcd's hook, /etc/dhcpcd.exit-hook: what its configuration has no words for, as shell commands that may be repeated.

dhcpcd-run-hooks(8) sources it after each event of an interface. Our lines stand between two marks, the rest is somebody else's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.edits import Edit, SetAside, WriteFile
from guest.network.dhcpcd_read import BEGIN, END, HOOK, hook_block
from guest.sysroot import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import AddressWithPrefix, BoundInterface
    from guest.sysroot import View

_QUIETLY = " 2>/dev/null || :"  # an address may not be there yet; a later event brings its routes
# Events after which addresses and routes may have to be set anew.
_EVENTS = "CARRIER|STATIC|STATIC6|BOUND|BOUND6|RENEW|RENEW6|REBIND|REBIND6|REBOOT|REBOOT6|TIMEOUT|ROUTERADVERT|INFORM6"


def commands(bound: BoundInterface) -> Iterator[str]:
    name, interface = bound.name, bound.interface
    if interface.mtu is not None:
        yield f"ip link set dev {name} mtu {interface.mtu}"  # dhcpcd's own interface_mtu is one of routes alone
    if interface.accepts_router_advertisements is False and not interface.dhcp6:
        file = f"/proc/sys/net/ipv6/conf/{name}/accept_ra"
        yield f"[ ! -w {file} ] || echo 0 >{file}"
    for version in (4, 6):
        side = interface.of(version)
        ip = f"ip -{version}"
        for address in side.addresses[1:]:
            yield f"{_after(name, side.addresses[0])}{ip} addr replace {address} dev {name}"
        for gateway in side.off_link:
            if version == 4 and gateway == side.gateway:
                continue  # dhcpcd sees to its own
            yield f"{ip} route replace {gateway}/{gateway.max_prefixlen} dev {name} scope link"
        if version == 6 and side.gateway is not None:
            yield f"{ip} route replace default via {side.gateway} dev {name}"
        for route in side.routes:
            via = f" via {route.via}" if route.via is not None else ""
            metric = f" metric {route.metric}" if route.metric is not None else ""
            yield f"{ip} route replace {route.destination}{via} dev {name}{metric}"


def _after(name: str, first: AddressWithPrefix) -> str:
    """Not before dhcpcd has its own address there: of a subnet's IPv4 addresses, the first is the one that is sent from."""
    return f"ip -4 addr show dev {name} | grep -qF ' {first} ' && " if first.version == 4 else ""


def plan_hook(view: View, interfaces: tuple[BoundInterface, ...], wanted: dict[str, list[str]]) -> Iterator[Edit]:
    """Our block anew for these interfaces, with the commands `wanted` by name; others keep theirs."""
    old = text(view, HOOK) or ""
    block = hook_block(old)
    outside = old.replace(block, "") if block else old
    ours = {bound.name for bound in interfaces}
    kept = {name: lines for name, lines in _commands_in(block).items() if name not in ours}
    everything = kept | {name: lines for name, lines in wanted.items() if lines}
    if everything:
        outside += "\n" if outside and not outside.endswith("\n") else ""
        content = outside + _compose(everything)
        yield WriteFile(HOOK, content.encode("utf-8", "surrogateescape"), "addresses and routes")
    elif outside:
        yield WriteFile(HOOK, outside.encode("utf-8", "surrogateescape"), "addresses and routes")
    elif old:
        yield SetAside(HOOK, "held nothing but what is not asked for any more")


def _commands_in(block: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    name = ""
    for line in block.splitlines():
        if heading := re.fullmatch(r"  ([^ ()]+)\)", line):
            name = heading[1]
        elif line.startswith("    ") and not line.strip().startswith(";;"):
            found.setdefault(name, []).append(line.strip().removesuffix(_QUIETLY))
    return found


def _compose(everything: dict[str, list[str]]) -> str:
    lines = [BEGIN, 'case "$reason" in', f"{_EVENTS})", '  case "$interface" in']
    for name, own in everything.items():
        lines += [f"  {name})", *(f"    {command}{_QUIETLY}" for command in own), "    ;;"]
    return "".join(f"{line}\n" for line in (*lines, "  esac", "  ;;", "esac", END))
