"""SUSE's netconfig, which makes /etc/resolv.conf from variables, and only over a file that nobody else has changed.

See netconfig(8), and FACTS-distros 5.4 for the md5 rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest.distro.family import replace_assignment
from guest.edits import Edit, SetAside, WriteFile
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import Resolver
    from guest.sysroot import View

CONFIG = "/etc/sysconfig/network/config"
RESOLV_CONF = "/etc/resolv.conf"
_MD5 = "/var/adm/netconfig/md5/etc/resolv.conf"
_PROGRAMS = ("/sbin/netconfig", "/usr/sbin/netconfig")


def owns_resolv_conf(view: View) -> bool:
    """SLES 10 has none: there the file itself is written. An empty policy means that it stays away from the file."""
    content = text(view, CONFIG)
    if content is None or not any(exists(view, program) for program in _PROGRAMS):
        return False
    return not any(line.replace("'", '"').strip() == 'NETCONFIG_DNS_POLICY=""' for line in content.splitlines())


def plan_netconfig(view: View, resolver: Resolver, *, dhcp: bool) -> Iterator[Edit]:
    """`dhcp`: whether a card gets its address so; its DNS servers would come behind ours."""
    content = text(view, CONFIG) or ""
    if resolver.servers:
        servers = " ".join(map(str, resolver.servers))
        content = replace_assignment(content, "NETCONFIG_DNS_STATIC_SERVERS", f'"{servers}"')
    if resolver.search:
        content = replace_assignment(content, "NETCONFIG_DNS_STATIC_SEARCHLIST", f'"{" ".join(resolver.search)}"')
    if dhcp and resolver.servers:
        content = replace_assignment(content, "NETCONFIG_DNS_POLICY", '"STATIC"')
    yield WriteFile(CONFIG, content.encode("utf-8", "surrogateescape"), "DNS servers")
    state = view.state(RESOLV_CONF)
    if state is not None and not state.is_link:
        # One that differs from what netconfig wrote last counts as the administrator's; in its absence netconfig makes it anew.
        yield SetAside(RESOLV_CONF, "netconfig makes it anew")
        if view.state(_MD5) is not None:
            yield SetAside(_MD5, "was about the old resolv.conf")
