"""DNS servers and search domains, handed to whoever owns /etc/resolv.conf in that guest (LESSONS L8)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.changes.change import Change, Context, Note
from guest.edits import Edit, WriteFile
from guest.errors import CustomizerError
from guest.sysroot import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import Resolver
    from guest.sysroot import View

RESOLV_CONF = "/etc/resolv.conf"
RESOLVED_DROP_IN = "/etc/systemd/resolved.conf.d/90-guest-customizer.conf"
RESOLVCONF_HEAD = "/etc/resolvconf/resolv.conf.d/head"
DHCLIENT = "/etc/dhcp/dhclient.conf"
# glibc reads the first three name servers and ignores the rest (resolv.conf(5), MAXNS).
_SERVERS_READ = 3
# Sourced by dhclient-script, which defines make_resolv_conf before and calls it after (dhclient-script(8)).
DHCLIENT_HOOK = "/etc/dhcp/dhclient-enter-hooks.d/guest-customizer"
_DHCLIENT_HOOK = (
    b"# guest-customizer: /etc/resolv.conf holds the servers that were asked for.\nmake_resolv_conf() { :; }\n"
)
_DHCLIENT_BEGIN = "# >>> guest-customizer: this search list instead of DHCP's >>>\n"
_DHCLIENT_END = "# <<< guest-customizer <<<\n"


def plan(context: Context, view: View) -> Iterator[Edit | Note]:
    resolver, stack = context.settings.resolver, context.guest.stack
    if not resolver:
        return
    if len(resolver.servers) > _SERVERS_READ:
        yield Note(f"[dns] has {len(resolver.servers)} servers; the guest's resolver reads the first {_SERVERS_READ}")
    in_cards = bool(context.settings.interfaces) and stack is not None and stack.carries_dns(view)
    link = view.link_target(RESOLV_CONF) or ""
    if "systemd/resolve" in link or link.endswith("systemd/resolv.conf"):
        yield WriteFile(RESOLVED_DROP_IN, _resolved(resolver), "systemd-resolved owns resolv.conf", mode=0o644)
    elif "resolvconf" in link:
        if not in_cards:
            content = _replace_lines(text(view, RESOLVCONF_HEAD) or "", resolver)
            yield WriteFile(RESOLVCONF_HEAD, content, "resolvconf owns resolv.conf")
    elif link and view.resolve(RESOLV_CONF).startswith(("/run/", "/var/run/")):
        if not in_cards:
            raise CustomizerError(
                "network.unknown-resolver",
                f"/etc/resolv.conf in the guest is a link to {link}, and what makes that file is not known here",
                "give the cards in [network] too, or make it a regular file in the template",
            )
    else:
        yield WriteFile(RESOLV_CONF, _replace_lines(text(view, RESOLV_CONF) or "", resolver), "DNS servers")
        yield from _keep_from_dhclient(context, view)


def _resolved(resolver: Resolver) -> bytes:
    lines = ["[Resolve]"]
    lines += [f"DNS={' '.join(map(str, resolver.servers))}"] if resolver.servers else []
    lines += [f"Domains={' '.join(resolver.search)}"] if resolver.search else []
    return "".join(f"{line}\n" for line in lines).encode()


def _replace_lines(content: str, resolver: Resolver) -> bytes:
    """resolv.conf(5) with our servers and search list; options, comments and what is not asked for stay."""
    replaced = [word for word, given in (("nameserver", resolver.servers), ("search", resolver.search)) if given]
    if "search" in replaced:
        replaced.append("domain")  # `domain` and `search` exclude each other: the last one counts
    kept = [line for line in content.splitlines() if (line.split() or [""])[0] not in replaced]
    ours = [f"search {' '.join(resolver.search)}"] if resolver.search else []
    ours += [f"nameserver {server}" for server in resolver.servers]
    return "".join(f"{line}\n" for line in (*kept, *ours)).encode("utf-8", "surrogateescape")


def _keep_from_dhclient(context: Context, view: View) -> Iterator[Edit]:
    """dhclient replaces resolv.conf with what DHCP says, unless told otherwise."""
    old = text(view, DHCLIENT)
    with_dhcp = any(interface.dhcp4 or interface.dhcp6 for interface in context.settings.interfaces)
    if old is None or not with_dhcp:
        return
    resolver = context.settings.resolver
    if resolver.servers:
        # dhclient.conf could supersede the servers of each IP version, but each lease would drop the other's.
        yield WriteFile(DHCLIENT_HOOK, _DHCLIENT_HOOK, "DHCP must not replace the DNS servers", mode=0o644)
        return
    quoted = ", ".join(f'"{domain}"' for domain in resolver.search)
    block = f"{_DHCLIENT_BEGIN}supersede domain-search {quoted};\n{_DHCLIENT_END}"
    pattern = re.escape(_DHCLIENT_BEGIN) + r"(?:.*\n)*?" + re.escape(_DHCLIENT_END)
    without = re.sub(pattern, "", old)
    content = (without if without.endswith("\n") or not without else without + "\n") + block
    yield WriteFile(DHCLIENT, content.encode("utf-8", "surrogateescape"), "DHCP must not replace the search list")


CHANGE = Change("dns", plan)
