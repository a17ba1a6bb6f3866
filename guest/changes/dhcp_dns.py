"""Keeps DHCP clients that write /etc/resolv.conf by themselves from replacing what stands in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.changes.change import Note
from guest.changes.udhcpc import keep_from_udhcpc
from guest.edits import Edit, WriteFile
from guest.network import ifcfg
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import Resolver
    from guest.sysroot import View

DHCLIENT = "/etc/dhcp/dhclient.conf"
# Sourced by dhclient-script, which defines make_resolv_conf before and calls it after (dhclient-script(8)).
DHCLIENT_HOOK = "/etc/dhcp/dhclient-enter-hooks.d/guest-customizer"
# resolvconf's own hook there, `resolvconf`, defines it anew: this one has to come after it.
DHCLIENT_LATE_HOOK = "/etc/dhcp/dhclient-enter-hooks.d/zz-guest-customizer"
_DHCLIENT_HOOK = (
    b"# guest-customizer: /etc/resolv.conf holds the servers that were asked for.\nmake_resolv_conf() { :; }\n"
)
_BEGIN = "# >>> guest-customizer: this instead of what DHCP says >>>\n"
_END = "# <<< guest-customizer <<<\n"
_SEARCH = "DHCP must not replace the search list"
DHCPCD = "/etc/dhcpcd.conf"
_DHCPCD_LINE = "nohook resolv.conf"


def keep_from_dhcp(view: View, resolver: Resolver) -> Iterator[Edit | Note]:
    """For a guest where some interface asks DHCP, and resolv.conf is a file that we write."""
    dhclient, dhcpcd = text(view, DHCLIENT), text(view, DHCPCD)
    if dhclient is not None and resolver.servers:
        # dhclient.conf could supersede the servers of each IP version, but each lease would drop the other's.
        yield WriteFile(DHCLIENT_HOOK, _DHCLIENT_HOOK, "DHCP must not replace the DNS servers", mode=0o644)
    elif dhclient is not None:
        content = _with_search_list(dhclient, resolver)
        yield WriteFile(DHCLIENT, content, _SEARCH)
    if dhcpcd is not None and _DHCPCD_LINE not in dhcpcd.splitlines():
        # Above any `interface` block: what follows one belongs to it (dhcpcd.conf(5)).
        yield WriteFile(DHCPCD, _for_dhcpcd(dhcpcd, resolver), "DHCP must not replace DNS servers or search list")
    yield from keep_from_udhcpc(view, resolver)


def _for_dhcpcd(old: str, resolver: Resolver) -> bytes:
    """The servers stand in resolv.conf, and its hook stays away from there; a search list alone it is told for every card."""
    own = _without_block(old)
    if resolver.servers:
        start = f"# guest-customizer: /etc/resolv.conf holds what was asked for.\n{_DHCPCD_LINE}\n"
    else:
        start = f"{_BEGIN}static domain_search={' '.join(resolver.search)}\n{_END}"
    return (start + own).encode("utf-8", "surrogateescape")


def keep_from_resolvconf(view: View, resolver: Resolver) -> Iterator[Edit]:
    """The same where resolvconf would add DHCP's servers to ours."""
    if resolver.servers and exists(view, DHCLIENT):
        yield WriteFile(DHCLIENT_LATE_HOOK, _DHCLIENT_HOOK, "DHCP must not add DNS servers", mode=0o644)


def keep_from_initscripts(view: View, resolver: Resolver) -> Iterator[Edit | Note]:
    """The same for Red Hat's dhclient-script. EL5 has its files a folder above."""
    el5 = ifcfg.is_el5(view)
    folder = "/etc" if el5 else "/etc/dhcp"
    if resolver.servers:
        yield from _hook_of_initscripts(view, f"{folder}/dhclient-enter-hooks")
        return
    path = f"{folder}/dhclient.conf"
    # EL5's dhclient knows no search list; its script makes one of the domain's name.
    words = f'domain-name "{" ".join(resolver.search)}"' if el5 else None
    content = _with_search_list(text(view, path) or "", resolver, words)
    yield WriteFile(path, content, _SEARCH, mode=0o644 if view.state(path) is None else None)


def _hook_of_initscripts(view: View, path: str) -> Iterator[Edit | Note]:
    """One for everybody, which is run only where it is executable."""
    state = view.state(path)
    content = _with_block(text(view, path) or "#!/bin/sh\n", "make_resolv_conf() { :; }")
    yield WriteFile(path, content, "DHCP must not replace the DNS servers", mode=0o755 if state is None else None)
    if state is not None and not state.mode & 0o111:
        yield Note(f"{path} in the guest is not executable: DHCP's DNS servers may replace those of [dns]")


def _with_search_list(old: str, resolver: Resolver, words: str | None = None) -> bytes:
    quoted = ", ".join(f'"{domain}"' for domain in resolver.search)
    return _with_block(old, f"supersede {words or f'domain-search {quoted}'};")


def _with_block(old: str, line: str) -> bytes:
    """The file with our line between marks at its end."""
    without = _without_block(old)
    start = without if without.endswith("\n") or not without else without + "\n"
    return f"{start}{_BEGIN}{line}\n{_END}".encode("utf-8", "surrogateescape")


def _without_block(old: str) -> str:
    return re.sub(re.escape(_BEGIN) + r"(?:.*\n)*?" + re.escape(_END), "", old)
