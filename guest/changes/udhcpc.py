"""busybox' DHCP client as Alpine sets it up: its script writes /etc/resolv.conf at each lease, unless told otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest.changes.change import Note
from guest.distro.family import replace_assignment
from guest.edits import Edit, WriteFile
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import Resolver
    from guest.sysroot import View

CONF = "/etc/udhcpc/udhcpc.conf"
_SCRIPT = "/usr/share/udhcpc/default.script"


def keep_from_udhcpc(view: View, resolver: Resolver) -> Iterator[Edit | Note]:
    if not exists(view, _SCRIPT):
        return
    if not resolver.servers:
        yield Note("where a card asks DHCP, busybox' client writes its own search list: give [dns] servers too")
        return
    content = replace_assignment(text(view, CONF) or "", "RESOLV_CONF", '"no"')
    yield WriteFile(CONF, content.encode("utf-8", "surrogateescape"), "DHCP must not replace the DNS servers")
