"""The network stacks, and which one is in charge in a guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest.errors import CustomizerError
from guest.network import (
    dhcpcd,
    ifcfg,
    ifcfg_read,
    ifupdown,
    ifupdown_ng,
    keyfile,
    keyfile_read,
    netifrc,
    netplan,
    networkd,
    networkd_read,
    suse,
)

if TYPE_CHECKING:
    from guest.network.stack import Stack
    from guest.sysroot import View

# The first one with evidence is in charge. In an order that settles what lies side by side in one guest: netplan feeds
# NetworkManager or networkd; EL's releases say ifcfg or not; a card in /etc/network/interfaces is none of NetworkManager's.
STACKS: tuple[Stack, ...] = (
    netplan.STACK, suse.STACK, ifcfg.STACK, ifupdown_ng.STACK, ifupdown.STACK,
    keyfile.STACK, networkd.STACK, netifrc.STACK, dhcpcd.STACK,
)  # fmt: skip
# Where nothing is enabled, what is configured tells: (stack, folder, how a file's name begins, how it ends).
_LEFT_BEHIND = (
    (ifcfg.STACK, ifcfg_read.FOLDER, "ifcfg-", ""),
    (keyfile.STACK, keyfile_read.FOLDER, "", ".nmconnection"),
    (networkd.STACK, networkd_read.FOLDER, "", ".network"),
)


def find_stack(view: View, family: str, version: tuple[int, ...], wanted: str | None) -> tuple[Stack, str]:
    """(stack, why): by the document, else by release and what is enabled, else by what is configured (LESSONS L4).

    Raises CustomizerError where no stack known here is in charge.
    """
    if wanted is not None:
        return next(stack for stack in STACKS if stack.name == wanted), "the document says so"
    for stack in STACKS:
        if why := stack.evidence(view, family, version):
            return stack, why
    for stack, folder, start, end in _LEFT_BEHIND:
        for name in view.names(folder):
            if name.startswith(start) and name.endswith(end) and name != "ifcfg-lo":
                return stack, f"nothing is enabled, but there is {folder}/{name}"
    raise CustomizerError(
        "network.unknown-stack",
        "nothing that is known here configures the guest's network",
        f"known are {', '.join(stack.name for stack in STACKS)}; if one of them does, say so: [guest] network_stack = …",
    )
