"""Keeps the names that interfaces have in the guest: by .link file or udev rule, as that release honours (FACTS-distros 4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.edits import SetAside, WriteFile
from guest.network.names import (
    GENERATOR,
    LINK_FOLDER,
    LINK_PREFIX,
    PERSISTENT_RULES,
    RULE_MAC,
    RULE_NAME,
    RULES_FOLDER,
    links,
    rule_in_force,
)
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.edits import Edit
    from guest.machine.model import Card
    from guest.network.model import BoundInterface, Network
    from guest.sysroot import View

# cloud-init's too, and SLES 10's 30-net_persistent_names.rules.
_PERSISTENT_NAME = re.compile(r".*-(?:persistent-net|net_persistent_names).*\.rules")
_KERNEL_NAME = re.compile(r"eth\d+")
# As YaST and the generator write it. DRIVERS keeps VLANs and bonds away, which have the same MAC.
_RULE = 'SUBSYSTEM=="net", ACTION=="add", DRIVERS=="?*", ATTR{{address}}=="{mac}", ATTR{{type}}=="1", NAME="{name}"\n'


def plan_names(view: View, network: Network, cards: tuple[Card, ...]) -> Iterator[Edit]:
    """Pins the names where something could give others, and takes away what binds names to cards that are gone."""
    bound, by_rule = network.interfaces, _names_by_rule(view)
    yield from _plan_rules(view, cards, bound if by_rule else ())
    pinned = {}
    # A .link file counts from systemd 209 on; where 80-net-name-slot.rules is (EL7), that rule is first and wins, and
    # where the generator is (SLES up to 15), its rules.
    by_link = rule_in_force(view, "80-net-setup-link.rules") and not rule_in_force(view, "80-net-name-slot.rules")
    if by_link and not by_rule:
        # Names such as eth0 are the kernel's own to give: pinning them races with it (FACTS-distros 4.3).
        pinned = {f"{LINK_PREFIX}{b.name}.link": b for b in bound if b.mac and not _KERNEL_NAME.fullmatch(b.name)}
    yield from _drop_stalelinks(view, set(pinned), bound, {card.mac for card in cards})
    for name, interface in pinned.items():
        content = (
            f"# {interface.mac} keeps its name.\n[Match]\nMACAddress={interface.mac}\n\n[Link]\nName={interface.name}\n"
        )
        if (mtu := network.mtu_of(interface)) is not None:
            # The first .link file that fits is the only one: netplan before 0.99 has the MTU in its own alone, after ours.
            content += f"MTUBytes={mtu}\n"
        yield WriteFile(f"{LINK_FOLDER}/{name}", content.encode(), f"pins the name {interface.name}", mode=0o644)


def _names_by_rule(view: View) -> bool:
    """Whether a udev rule is what names a card for good: beside the generator, and where .link files do not count (eudev).

    Red Hat's initscripts rename cards by HWADDR of their ifcfg files instead.
    """
    slots = rule_in_force(view, "80-net-name-slot.rules") and not exists(view, "/etc/sysconfig/network-scripts")
    return slots or rule_in_force(view, GENERATOR)


def _drop_stalelinks(view: View, pinned: set[str], bound: tuple[BoundInterface, ...], here: set[str]) -> Iterator[Edit]:
    """Our own .link files of an earlier name, and others that keep one of these names for a card that is gone."""
    macs, names = {b.mac for b in bound if b.mac}, {b.name for b in bound if b.mac}
    for file, matched, name in links(view):
        if file in pinned:
            continue
        if file.startswith(LINK_PREFIX) and matched & macs:
            yield SetAside(f"{LINK_FOLDER}/{file}", "pinned an earlier name")
        elif name in names and matched and not matched & here:
            yield SetAside(f"{LINK_FOLDER}/{file}", "keeps a name for a card that is gone")


def _plan_rules(view: View, cards: tuple[Card, ...], pinned: tuple[BoundInterface, ...]) -> Iterator[Edit]:
    """70-persistent-net.rules with the cards that are here; from others of its kind, such as cloud-init's, the gone ones go.

    A rule for a card that is gone keeps eth0 taken, and the clone's card becomes eth1 (LESSONS L13). Where udev's generator
    writes such rules, ours are there before it looks.
    """
    others = [f"{RULES_FOLDER}/{name}" for name in view.names(RULES_FOLDER) if _PERSISTENT_NAME.fullmatch(name)]
    for path in sorted({PERSISTENT_RULES, *others}):
        ours = {bound.mac: bound.name for bound in pinned if bound.mac} if path == PERSISTENT_RULES else {}
        old = text(view, path) or ""
        new = _with_rules(old, {card.mac for card in cards}, ours)
        if new != old and RULE_MAC.search(new):
            yield WriteFile(path, new.encode("utf-8", "surrogateescape"), "names of the cards that are here")
        elif new != old:
            yield SetAside(path, "names of cards that are gone")


def _with_rules(old: str, here: set[str], ours: dict[str, str]) -> str:
    """The rules without those of other cards than `here`, and without what ours replace; then ours, by MAC."""
    kept = []
    for line in old.splitlines(keepends=True):
        mac, name = RULE_MAC.search(line), RULE_NAME.search(line)
        gone = mac is not None and (mac[1].lower() not in here or mac[1].lower() in ours)
        if not gone and not (name is not None and name[1] in ours.values()):
            kept.append(line)
    return "".join(kept) + "".join(_RULE.format(mac=mac, name=name) for mac, name in ours.items())
