"""The network cards named in the document, in the files of the stack that is in charge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest.changes.change import Change, Context, Note
from guest.network.model import Network
from guest.network.names import bind, choose_cards, plan_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.edits import Edit
    from guest.sysroot import View


def plan(context: Context, view: View) -> Iterator[Edit | Note]:
    settings, stack = context.settings, context.guest.stack
    if not settings.interfaces or stack is None:
        return
    cards = context.machine.cards
    bound = bind(view, stack, choose_cards(settings.interfaces, cards), cards)
    yield from plan_names(view, bound, cards)
    yield from stack.render(view, Network(bound, settings.resolver))
    for interface in bound:
        if not interface.interface.gateways and not interface.interface.addresses and not interface.interface.dhcp4:
            yield Note(f"[[{interface.interface.label}]] ({interface.name}) gets no IPv4 address")


CHANGE = Change("network", plan)
