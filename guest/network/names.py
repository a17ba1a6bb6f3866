"""Which card an interface of the document means, and which name that card has in the guest (FACTS-distros 4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.errors import CustomizerError
from guest.network import ini
from guest.network.model import BoundInterface, Interface, Vlan
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.machine.model import Card
    from guest.network.stack import Stack
    from guest.sysroot import View

RULES_FOLDER = "/etc/udev/rules.d"
PERSISTENT_RULES = f"{RULES_FOLDER}/70-persistent-net.rules"
LINK_FOLDER = "/etc/systemd/network"
LINK_PREFIX = "10-guest-customizer-"
NAME_LIMIT = 15  # IFNAMSIZ without the zero byte
# What the kernel takes, but for signs that no file of any stack would hold as they are.
_SOUND_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")
RULE_MAC = re.compile(r'(?:ATTR|SYSFS)\{address\}=="([0-9A-Fa-f:]{17})"')
RULE_NAME = re.compile(r'\bNAME="([^"]+)"')
# Writes 70-persistent-net.rules: EL6, Debian up to 8, SLES 11 to 15.
GENERATOR = "75-persistent-net-generator.rules"
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
    """Gives each interface its name in the guest, in the document's order.

    Raises CustomizerError as choose_cards does, and where two interfaces come to the same name.
    """
    chosen = choose_cards(interfaces, cards)
    names = _card_names(view, stack, {card.mac: interface.name for interface, card in chosen if interface.mac}, cards)
    bound = {interface.label: BoundInterface(interface, names[card.mac], card.mac) for interface, card in chosen}
    waiting = [interface for interface in interfaces if interface.virtual is not None]
    for interface in sorted(waiting, key=lambda interface: isinstance(interface.virtual, Vlan)):
        # VLANs last: their names are made of their parents'; one on top of another VLAN has to have a name.
        bound[interface.label] = BoundInterface(interface, _virtual_name(interface, bound), None)
    _refuse_same_names(bound)
    return tuple(bound[interface.label] for interface in interfaces)


def _card_names(view: View, stack: Stack, asked: dict[str, str | None], cards: tuple[Card, ...]) -> dict[str, str]:
    """MAC -> name, for every card of the machine; `asked` are names that the document gives beside a MAC."""
    predictable = uses_predictable_names(view)
    names = {}
    for card in cards:
        name = (
            _sound(_persistent_name(view, card.mac))
            or _sound(_linked_name(view, card.mac))
            or asked.get(card.mac)
            or (card.predicted[0] if predictable and card.predicted else None)
            or _sound(stack.known_name(view, card.mac))
        )
        if name:
            names[card.mac] = name
    for number, card in enumerate(cards):
        if card.mac not in names:
            counts = (number, *range(len(cards) * 2))  # its own place, else the first that nobody has
            names[card.mac] = next(name for n in counts if (name := f"eth{n}") not in names.values())
    return names


def _sound(name: str | None) -> str | None:
    """A name that the guest's files give, unless it could be no card's: `../x`, one with a line break, half a character."""
    return name if name is not None and _SOUND_NAME.fullmatch(name) else None


def _refuse_same_names(bound: dict[str, BoundInterface]) -> None:
    labels: dict[str, str] = {}
    for label, interface in bound.items():
        if interface.name in labels:
            raise CustomizerError(
                "network.name-used-twice",
                f"[[{label}]] and [[{labels[interface.name]}]] would both be {interface.name} in the guest",
                "give one of them another `name`",
            )
        labels[interface.name] = label


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
    if not any(rule_in_force(view, rule) for rule in rules):
        return False
    if view.link_target(f"{LINK_FOLDER}/99-default.link") == "/dev/null":
        return False
    if rule_in_force(view, GENERATOR):
        return any("net.ifnames=1" in content for content in boot_texts(view))  # SLES 12 to 15: ethN unless told so
    return not any("net.ifnames=0" in content for content in boot_texts(view))


def rule_in_force(view: View, rule: str) -> bool:
    """Whether a rules file of udev's own is there, and the administrator has not masked it."""
    if view.link_target(f"/etc/udev/rules.d/{rule}") == "/dev/null":
        return False
    return any(exists(view, f"{folder}/{rule}") for folder in _RULES_FOLDERS)


def boot_texts(view: View) -> Iterator[str]:
    """The files that hold the kernel command line of the guest's next boot."""
    entries = "/boot/loader/entries"
    for path in (
        *_BOOT_FILES,
        *(f"{entries}/{name}" for name in view.names(entries) if name.endswith(".conf")),
    ):
        yield text(view, path) or ""


def links(view: View) -> Iterator[tuple[str, set[str], str | None]]:
    """(file name, MACs in lower case, name) of each .link file in /etc."""
    for file in view.names(LINK_FOLDER):
        if file.endswith(".link"):
            link = ini.parse(text(view, f"{LINK_FOLDER}/{file}") or "")
            matched = link.merged("Match").every("MACAddress")
            yield file, {mac.lower() for value in matched for mac in value.split()}, link.merged("Link").last("Name")


def _linked_name(view: View, mac: str) -> str | None:
    """The name that the administrator's own .link file gives a card."""
    found = (name for file, macs, name in links(view) if mac in macs and not file.startswith(LINK_PREFIX))
    return next((name for name in found if name), None)


def _persistent_name(view: View, mac: str) -> str | None:
    for line in (text(view, PERSISTENT_RULES) or "").splitlines():
        address, name = RULE_MAC.search(line), RULE_NAME.search(line)
        if address and name and address[1].lower() == mac and not line.lstrip().startswith("#"):
            return name[1]
    return None
