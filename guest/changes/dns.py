"""DNS servers and search domains, handed to whoever owns /etc/resolv.conf in that guest (LESSONS L8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest.changes import netconfig
from guest.changes.change import Change, Context, Note
from guest.changes.dhcp_dns import keep_from_dhcp, keep_from_initscripts, keep_from_resolvconf
from guest.edits import Edit, WriteFile
from guest.errors import CustomizerError
from guest.network import keyfile, shellvars
from guest.network.model import Resolver
from guest.network.versions import network_manager_version
from guest.sysroot import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.settings.model import Settings
    from guest.sysroot import View

RESOLV_CONF = "/etc/resolv.conf"
RESOLVED_DROP_IN = "/etc/systemd/resolved.conf.d/90-guest-customizer.conf"
RESOLVCONF_HEAD = "/etc/resolvconf/resolv.conf.d/head"
RESOLVCONF_TAIL = "/etc/resolvconf/resolv.conf.d/tail"
OPENRESOLV = "/etc/resolvconf.conf"
NETWORK_MANAGER_DROP_IN = "/etc/NetworkManager/conf.d/90-guest-customizer-dns.conf"
# glibc reads the first three name servers and ignores the rest (resolv.conf(5), MAXNS).
_SERVERS_READ = 3
# NetworkManager takes global search domains without global servers; before, it passed over the file (seen with 1.42.4).
_SEARCHES_ALONE = (1, 42, 4)


def plan(context: Context, view: View) -> Iterator[Edit | Note]:
    settings, stack = context.settings, context.guest.stack
    resolver = everything(settings)
    if not resolver:
        return
    if len(resolver.servers) > _SERVERS_READ:
        yield Note(f"{len(resolver.servers)} DNS servers are asked for; most guests' resolvers read {_SERVERS_READ}")
    # Whether the network change has put it all into the interfaces' own files.
    in_cards = bool(settings.interfaces) and stack is not None and stack.carries_dns(view)
    link = view.link_target(RESOLV_CONF) or ""
    if "systemd/resolve" in link or link.endswith("systemd/resolv.conf"):
        if not in_cards:
            yield WriteFile(RESOLVED_DROP_IN, _resolved(resolver), "systemd-resolved owns resolv.conf", mode=0o644)
    elif "resolvconf" in link:
        yield from _to_resolvconf(settings, view, resolver, in_cards=in_cards)
    elif "NetworkManager" in link:
        if not in_cards:
            yield from _to_network_manager(view, resolver)
    elif netconfig.owns_resolv_conf(view):
        if not in_cards:  # NetworkManager hands its own to netconfig
            yield from netconfig.plan_netconfig(view, resolver, dhcp=_uses_dhcp(settings))
    elif link and view.resolve(RESOLV_CONF).startswith(("/run/", "/var/run/")):
        if not in_cards:
            raise CustomizerError(
                "network.unknown-resolver",
                f"/etc/resolv.conf in the guest is a link to {link}, and what makes that file is not known here",
                "give the cards in [network] too, or make it a regular file in the template",
            )
    else:
        yield from _to_file(context, view, resolver, in_cards=in_cards)


def everything(settings: Settings) -> Resolver:
    """The document's servers and domains in one list: [dns] first, then each interface's own."""
    resolvers = [settings.resolver, *(interface.resolver for interface in settings.interfaces)]
    servers = dict.fromkeys(server for resolver in resolvers for server in resolver.servers)
    search = dict.fromkeys(domain for resolver in resolvers for domain in resolver.search)
    return Resolver(tuple(servers), tuple(search))


def _uses_dhcp(settings: Settings) -> bool:
    """A document without [network] leaves the cards as they are, and they may well ask DHCP."""
    return not settings.interfaces or any(i.dhcp4 or i.dhcp6 for i in settings.interfaces)


def _resolved(resolver: Resolver) -> bytes:
    lines = ["[Resolve]"]
    lines += [f"DNS={' '.join(map(str, resolver.servers))}"] if resolver.servers else []
    lines += [f"Domains={' '.join(resolver.search)}"] if resolver.search else []
    return "".join(f"{line}\n" for line in lines).encode()


def _to_resolvconf(settings: Settings, view: View, resolver: Resolver, *, in_cards: bool) -> Iterator[Edit]:
    if not in_cards:
        # The first servers count, and the last search list: what resolvconf makes of the cards stands between.
        for path, part in (
            (RESOLVCONF_HEAD, Resolver(resolver.servers)),
            (RESOLVCONF_TAIL, Resolver((), resolver.search)),
        ):
            if part:
                yield WriteFile(path, _replace_lines(text(view, path) or "", part), "resolvconf owns resolv.conf")
    if _uses_dhcp(settings):
        yield from keep_from_resolvconf(view, resolver)


def _to_network_manager(view: View, resolver: Resolver) -> Iterator[Edit | Note]:
    """NetworkManager.conf(5): global DNS servers go before what any profile or DHCP says; 1.0 and later."""
    if not resolver.servers and (network_manager_version(view) or ()) < _SEARCHES_ALONE:
        yield Note(
            "this NetworkManager takes search domains without servers from its profiles alone: give the card in [network]"
        )
        return
    lines = ["# guest-customizer: these instead of what profiles and DHCP say."]
    if resolver.search:
        lines += ["[global-dns]", f"searches={','.join(resolver.search)}"]
    if resolver.servers:
        lines += ["[global-dns-domain-*]", f"servers={','.join(map(str, resolver.servers))}"]
    content = "".join(f"{line}\n" for line in lines).encode()
    yield WriteFile(NETWORK_MANAGER_DROP_IN, content, "NetworkManager writes resolv.conf", mode=0o644)


def _to_file(context: Context, view: View, resolver: Resolver, *, in_cards: bool) -> Iterator[Edit | Note]:
    old = text(view, RESOLV_CONF) or ""
    yield WriteFile(RESOLV_CONF, _replace_lines(old, resolver), "DNS servers")
    if text(view, OPENRESOLV) is not None:
        yield _to_openresolv(view, resolver)
    if in_cards:
        return
    settings, stack = context.settings, context.guest.stack
    if keyfile.is_enabled(view) and (stack is None or stack.name in ("keyfile", "ifcfg", "netplan")):
        yield from _to_network_manager(view, resolver)
    elif not settings.interfaces and stack is not None and stack.name == "ifcfg":
        yield from keep_from_initscripts(view, resolver)
        return
    if _uses_dhcp(settings):
        yield from keep_from_dhcp(view, resolver)


def _to_openresolv(view: View, resolver: Resolver) -> Edit:
    """resolvconf.conf(5): what stands there goes before what is announced by DHCP."""
    changes: dict[str, str | None] = {}
    if resolver.servers:
        changes["name_servers"] = " ".join(map(str, resolver.servers))
    if resolver.search:
        changes["search_domains"] = " ".join(resolver.search)
    content = shellvars.assign(text(view, OPENRESOLV) or "", changes)
    return WriteFile(OPENRESOLV, content.encode("utf-8", "surrogateescape"), "openresolv writes resolv.conf")


def _replace_lines(content: str, resolver: Resolver) -> bytes:
    """resolv.conf(5) with our servers and search list; options, comments and what is not asked for stay."""
    replaced = [word for word, given in (("nameserver", resolver.servers), ("search", resolver.search)) if given]
    if "search" in replaced:
        replaced.append("domain")  # `domain` and `search` exclude each other: the last one counts
    kept = [line for line in content.splitlines() if (line.split() or [""])[0] not in replaced]
    ours = [f"search {' '.join(resolver.search)}"] if resolver.search else []
    ours += [f"nameserver {server}" for server in resolver.servers]
    return "".join(f"{line}\n" for line in (*kept, *ours)).encode("utf-8", "surrogateescape")


CHANGE = Change("dns", plan)
