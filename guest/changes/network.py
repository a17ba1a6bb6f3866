"""The network cards named in the document, in the files of the stack that is in charge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest.changes.change import Change, Context, Note
from guest.network import STACKS
from guest.network.model import Network
from guest.network.names import bind, plan_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.edits import Edit
    from guest.machine.model import Machine
    from guest.network.stack import Stack
    from guest.settings.model import Settings
    from guest.sysroot import View


def network_of(settings: Settings, machine: Machine, view: View, stack: Stack | None) -> Network | None:
    """The document's interfaces with the names they have in this guest; None where no network is asked for."""
    if not settings.interfaces or stack is None:
        return None
    return Network(bind(view, stack, settings.interfaces, machine.cards), settings.resolver)


def plan(context: Context, view: View) -> Iterator[Edit | Note]:
    stack, cards = context.guest.stack, context.machine.cards
    network = network_of(context.settings, context.machine, view, stack)
    if network is None or stack is None:
        return
    yield from plan_names(view, network.interfaces, cards)
    for other in STACKS:
        if other is not stack:
            yield from other.disown(view, network.interfaces)
    yield from stack.render(view, network)
    for bound in network.interfaces:
        side = bound.interface.of(4)
        if not side.addresses and not side.dhcp and network.controller_of(bound) is None:
            yield Note(f"[[{bound.interface.label}]] ({bound.name}) gets no IPv4 address")


CHANGE = Change("network", plan)
