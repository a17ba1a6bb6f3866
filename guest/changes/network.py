"""The network cards named in the document, in the files of the stack that is in charge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest.changes import cloudinit
from guest.changes.change import Change, Check, Context, Note
from guest.changes.cloudseed import hand_over
from guest.network import STACKS
from guest.network.meaning import verify
from guest.network.model import Network
from guest.network.names import bind
from guest.network.pinning import plan_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.edits import Edit
    from guest.sysroot import View


def plan(context: Context, view: View) -> Iterator[Edit | Note | Check]:
    settings, stack, cards = context.settings, context.guest.stack, context.machine.cards
    if not settings.interfaces or stack is None:
        return
    network = Network(bind(view, stack, settings.interfaces, cards), settings.resolver)
    handed_over = cloudinit.takes_network(context, view)
    yield from plan_names(view, network, cards)
    for other in STACKS:
        if other is not stack or handed_over:
            yield from other.disown(view, network.interfaces)
    if handed_over:
        yield from hand_over(view, network)
    else:
        yield from stack.render(view, network)
        yield Check(lambda written: verify(written, stack, network))
    for bound in network.interfaces:
        side = bound.interface.of(4)
        if not side.addresses and not side.dhcp and network.controller_of(bound) is None:
            yield Note(f"[[{bound.interface.label}]] ({bound.name}) gets no IPv4 address")


CHANGE = Change("network", plan)
