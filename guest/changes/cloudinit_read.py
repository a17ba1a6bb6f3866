"""A guest's cloud-init as its files show it: whether it is there, and what it would make the network's files with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.sysroot import View

CONFIGURATION = "/etc/cloud/cloud.cfg"
DROP_INS = "/etc/cloud/cloud.cfg.d"
# The last file of the folder counts; distributions and installers number theirs.
DROP_IN = f"{DROP_INS}/zz-guest-customizer.cfg"
DISABLED = "/etc/cloud/cloud-init.disabled"
HEAD = "# guest-customizer: "
_RENDERERS = re.compile(r"(?m)^[ \t]*renderers:[ \t]*\[([^\]]{0,200})\]")
# Its own order, where its configuration says none (cloudinit/net/renderers.py).
_ORDER = ("eni", "sysconfig", "netplan", "network-manager", "networkd")


def is_present(view: View) -> bool:
    return exists(view, "/usr/bin/cloud-init") or exists(view, CONFIGURATION)


def renderer(view: View) -> str | None:
    """By the tests that cloud-init makes itself (cloudinit/net/eni.py, netplan.py …). None: one that is not looked for here."""
    found = {
        "eni": all(_is_program(view, name) for name in ("ifquery", "ifup", "ifdown"))
        and exists(view, "/etc/network/interfaces"),
        "sysconfig": exists(view, "/etc/sysconfig/network-scripts"),
        "netplan": _is_program(view, "netplan"),
        "network-manager": _is_program(view, "NetworkManager"),
        "networkd": any(exists(view, f"{lib}/systemd/systemd-networkd") for lib in ("/usr/lib", "/lib")),
    }
    return next((name for name in _order(view) if found.get(name)), None)


def _is_program(view: View, name: str) -> bool:
    return exists(view, f"/usr/sbin/{name}") or exists(view, f"/sbin/{name}")


def _order(view: View) -> list[str]:
    found = [*_ORDER]
    for _, content in configuration(view):
        for listed in _RENDERERS.findall(content):
            found = re.findall(r"[a-z-]+", listed)
    return found


def configuration(view: View) -> Iterator[tuple[str, str]]:
    """(path, content) of its own files in the order in which they are merged; a later one wins."""
    for path in (CONFIGURATION, *(f"{DROP_INS}/{name}" for name in view.names(DROP_INS) if name.endswith(".cfg"))):
        content = text(view, path)
        if content is not None:
            yield path, content
