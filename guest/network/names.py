"""Which card an interface of the document means, and which name that card has in the guest (FACTS-distros 4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.edits import SetAside, WriteFile
from guest.errors import CustomizerError
from guest.network.model import BoundInterface, Interface, Vlan
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.edits import Edit
    from guest.machine.model import Card
    from guest.network.stack import Stack
    from guest.sysroot import View

PERSISTENT_RULES = "/etc/udev/rules.d/70-persistent-net.rules"
LINK_FOLDER = "/etc/systemd/network"
_LINK_PREFIX = "10-guest-customizer-"
NAME_LIMIT = 15  # IFNAMSIZ without the zero byte
_KERNEL_NAME = re.compile(r"eth\d+")
_RULES_FOLDERS = ("/usr/lib/udev/rules.d", "/lib/udev/rules.d")
# Where guests keep the kernel command line of their next boot.
_BOOT_FILES = (
    "/etc/default/grub", "/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/boot/grub2/grubenv", "/boot/grub/grub.conf",
    "/etc/kernel/cmdline", "/boot/extlinux/extlinux.conf", "/boot/extlinux.conf",
)  # fmt: skip


def choose_cards(interfaces: tuple[Interface, ...], cards: tuple[Card, ...]) -> tuple[tuple[Interface, Card], ...]:
    """The interfaces that are cards, with theirs; needs nothing of the guest.

    Raises CustomizerError where a card is not here, or is meant twice.
    """
    chosen: dict[str, str] = {}
    pairs = []
    for interface in interfaces:
        if interface.virtual is not None:
            continue
        card = _choose_card(interface, cards)
        if card.mac in chosen:
            raise CustomizerError(
                "network.card-used-twice",
                f"[[{interface.label}]] and [[{chosen[card.mac]}]] are the same card, {card.mac}",
                "choose every card by its mac",
            )
        chosen[card.mac] = interface.label
        pairs.append((interface, card))
    return tuple(pairs)


def _choose_card(interface: Interface, cards: tuple[Card, ...]) -> Card:
    if interface.mac:
        found = [card for card in cards if card.mac == interface.mac]
        wanted = f"the mac {interface.mac}"
    elif interface.name:
        found = [card for card in cards if interface.name in (card.name, *card.predicted)]
        wanted = f"the name {interface.name}"
    else:
        found = list(cards)[(interface.position or 1) - 1 :][:1]
        wanted = f"position {interface.position}"
    if not found:
        here = ", ".join(f"{card.mac} ({card.name})" for card in cards) or "none"
        raise CustomizerError(
            "network.no-such-card",
            f"no card of this machine has {wanted}, which [[{interface.label}]] asks for; cards here: {here}",
            "attach the card before our ISO starts, or correct the document",
        )
    return found[0]


def bind(
    view: View, stack: Stack, interfaces: tuple[Interface, ...], cards: tuple[Card, ...]
) -> tuple[BoundInterface, ...]:
    """Gives each interface its name in the guest, in the document's order. Raises CustomizerError as choose_cards does."""
    predictable = uses_predictable_names(view)
    bound = {
        interface.label: BoundInterface(
            interface, _card_name(view, stack, interface, card, cards, predictable=predictable), card.mac
        )
        for interface, card in choose_cards(interfaces, cards)
    }
    waiting = [interface for interface in interfaces if interface.virtual is not None]
    for interface in sorted(waiting, key=lambda interface: isinstance(interface.virtual, Vlan)):
        # VLANs last: their names are made of their parents'; one on top of another VLAN has to have a name.
        bound[interface.label] = BoundInterface(interface, _virtual_name(interface, bound), None)
    return tuple(bound[interface.label] for interface in interfaces)


def _card_name(
    view: View, stack: Stack, interface: Interface, card: Card, cards: tuple[Card, ...], *, predictable: bool
) -> str:
    return (
        _persistent_name(view, card.mac)
        or (interface.name if interface.mac and interface.name else None)
        or (card.predicted[0] if predictable and card.predicted else None)
        or stack.known_name(view, card.mac)
        or f"eth{cards.index(card)}"
    )


def _virtual_name(interface: Interface, bound: dict[str, BoundInterface]) -> str:
    if interface.name is not None:
        return interface.name
    if isinstance(interface.virtual, Vlan):
        parent = bound.get(interface.virtual.parent)
        name = f"{parent.name}.{interface.virtual.id}" if parent else ""
        return name if 0 < len(name) <= NAME_LIMIT else f"vlan{interface.virtual.id}"
    return interface.label


def uses_predictable_names(view: View) -> bool:
    """Whether the guest's udev renames cards by their place, as it does since systemd 197 unless told otherwise."""
    rules = ("80-net-setup-link.rules", "80-net-name-slot.rules")
    if not any(_rule_in_force(view, rule) for rule in rules):
        return False
    if view.link_target(f"{LINK_FOLDER}/99-default.link") == "/dev/null":
        return False
    return not any("net.ifnames=0" in content for content in _boot_texts(view))


def _rule_in_force(view: View, rule: str) -> bool:
    if view.link_target(f"/etc/udev/rules.d/{rule}") == "/dev/null":
        return False
    return any(exists(view, f"{folder}/{rule}") for folder in _RULES_FOLDERS)


def _boot_texts(view: View) -> Iterator[str]:
    entries = "/boot/loader/entries"
    for path in (
        *_BOOT_FILES,
        *(f"{entries}/{name}" for name in view.names(entries) if name.endswith(".conf")),
    ):
        yield text(view, path) or ""


def plan_names(view: View, bound: tuple[BoundInterface, ...], cards: tuple[Card, ...]) -> Iterator[Edit]:
    """Pins the names where something could give others, and takes away what binds names to cards that are gone."""
    yield from _drop_stale_rules(view, cards)
    pinned = {}
    # A .link file counts from systemd 209 on; where 80-net-name-slot.rules is (EL7), that rule is first and wins.
    if _rule_in_force(view, "80-net-setup-link.rules") and not _rule_in_force(view, "80-net-name-slot.rules"):
        # Names such as eth0 are the kernel's own to give: pinning them races with it (FACTS-distros 4.3).
        pinned = {f"{_LINK_PREFIX}{b.name}.link": b for b in bound if b.mac and not _KERNEL_NAME.fullmatch(b.name)}
    ours = {interface.mac for interface in bound if interface.mac}
    for name in view.names(LINK_FOLDER):
        if name.startswith(_LINK_PREFIX) and name not in pinned and _mentions(view, f"{LINK_FOLDER}/{name}", ours):
            yield SetAside(f"{LINK_FOLDER}/{name}", "pinned an earlier name")
    for name, interface in pinned.items():
        content = (
            f"# {interface.mac} keeps its name.\n[Match]\nMACAddress={interface.mac}\n\n[Link]\nName={interface.name}\n"
        )
        yield WriteFile(f"{LINK_FOLDER}/{name}", content.encode(), f"pins the name {interface.name}", mode=0o644)


def _mentions(view: View, path: str, macs: set[str]) -> bool:
    content = (text(view, path) or "").lower()
    return any(mac in content for mac in macs)


_RULE_MAC = re.compile(r'(?:ATTR|SYSFS)\{address\}=="([0-9A-Fa-f:]{17})"')
_RULE_NAME = re.compile(r'NAME="([^"]+)"')


def _persistent_name(view: View, mac: str) -> str | None:
    for line in (text(view, PERSISTENT_RULES) or "").splitlines():
        address, name = _RULE_MAC.search(line), _RULE_NAME.search(line)
        if address and name and address[1].lower() == mac and not line.lstrip().startswith("#"):
            return name[1]
    return None


def _drop_stale_rules(view: View, cards: tuple[Card, ...]) -> Iterator[Edit]:
    """A rule for a card that is gone keeps eth0 taken, and the clone's card becomes eth1 (LESSONS L13)."""
    content = text(view, PERSISTENT_RULES)
    if content is None:
        return
    here = {card.mac for card in cards}
    lines = content.splitlines(keepends=True)
    kept = [line for line in lines if not (found := _RULE_MAC.search(line)) or found[1].lower() in here]
    if len(kept) == len(lines):
        return
    if any(_RULE_MAC.search(line) for line in kept):
        yield WriteFile(
            PERSISTENT_RULES, "".join(kept).encode("utf-8", "surrogateescape"), "names of cards that are gone"
        )
    else:
        yield SetAside(PERSISTENT_RULES, "names of cards that are gone")
