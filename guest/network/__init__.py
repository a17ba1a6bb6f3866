"""The network stacks, and which one is in charge in a guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest.errors import CustomizerError
from guest.network import ifcfg, ifupdown, keyfile, netplan, networkd

if TYPE_CHECKING:
    from guest.network.stack import Stack
    from guest.sysroot import View

# The first one with evidence is in charge.
STACKS: tuple[Stack, ...] = (netplan.STACK, ifcfg.STACK, ifupdown.STACK, keyfile.STACK, networkd.STACK)


def find_stack(view: View, family: str, version: tuple[int, ...], wanted: str | None) -> tuple[Stack, str]:
    """(stack, why). Raises CustomizerError where no stack known here is in charge."""
    if wanted is not None:
        return next(stack for stack in STACKS if stack.name == wanted), "the document says so"
    for stack in STACKS:
        if why := stack.evidence(view, family, version):
            return stack, why
    raise CustomizerError(
        "network.unknown-stack",
        "nothing that is known here configures the guest's network",
        f"known are {', '.join(stack.name for stack in STACKS)}; if one of them does, say so: [guest] network_stack = …",
    )
