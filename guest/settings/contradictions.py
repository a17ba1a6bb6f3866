"""What no single value of a document shows: keys that need or exclude each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guest.settings.addresses import address_faults
from guest.settings.checks import INTERFACE_NAME
from guest.settings.model import Action
from guest.settings.problems import KeyPath, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

# What makes an interface that is no card; at most one of them in a section.
_VIRTUAL = ("vlan", "bond", "bridge")
_SELECTORS = ("mac", "name", "position")
# A port has no network of its own: its bond's or bridge's counts.
_NOT_FOR_PORTS = (
    "addresses", "gateway4", "gateway6", "dhcp4", "dhcp6", "slaac", "mtu", "dns", "search",
)  # fmt: skip
_FQDN_LIMIT = 253  # RFC 1035, without the dot at the end


def contradictions(values: Any, places: dict[KeyPath, int]) -> Iterator[Problem]:  # noqa: ANN401 (ConfigObj's sections)
    def problem(code: str, path: KeyPath, message: str) -> Problem:
        line = places.get(path, places.get(path[:-1]))  # what is missing is missed by its section
        return Problem(code, path, line, message, is_section=_is_section(values, path))

    request = values.get("request", {})
    if request.get("force") and request.get("action") is not Action.UNDO:
        yield problem("config.contradiction", ("request", "force"), "is for `action = undo` only")
    identity = values.get("identity", {})
    if identity.get("domain") and not identity.get("hostname"):
        yield problem("config.contradiction", ("identity", "domain"), "a domain needs a hostname beside it")
    elif identity.get("domain") and len(f"{identity['hostname']}.{identity['domain']}") > _FQDN_LIMIT:
        message = f"makes a name of more than {_FQDN_LIMIT} characters with the hostname"
        yield problem("config.contradiction", ("identity", "domain"), message)
    opened: dict[str, str] = {}
    for label, unlock in values.get("storage", {}).get("unlock", {}).items():
        place: KeyPath = ("storage", "unlock", label)
        if (unlock["passphrase"] is None) == (unlock["key_file"] is None):
            yield problem("config.contradiction", (*place, "passphrase"), "needs either `passphrase` or `key_file`")
        uuid = unlock["uuid"].lower()
        if uuid in opened:
            yield problem("config.contradiction", (*place, "uuid"), f"is the same container as [[[{opened[uuid]}]]]")
        opened[uuid] = label
    cards = values.get("network", {})
    chosen: dict[tuple[str, object], str] = {}
    for label, card in cards.items():
        path = ("network", label)
        selector = next(((key, card[key]) for key in _SELECTORS if card[key] is not None), None)
        if selector is None and not _virtual_keys(card):
            yield problem(
                "config.missing-key", path, "needs `mac`, `name` or `position`; or `vlan`, `bond` or `bridge`"
            )
            continue
        if selector is not None and selector in chosen:
            yield problem("config.contradiction", (*path, selector[0]), f"is the same card as [[{chosen[selector]}]]")
        if selector is not None:
            chosen[selector] = label
        faults = (*_of_card(card), *_of_virtual(label, card, cards), *_of_port(label, card, cards))
        for key, message in (*faults, *address_faults(label, card, cards)):
            yield problem("config.contradiction", (*path, key), message)


def _is_section(values: Any, path: KeyPath) -> bool:  # noqa: ANN401 (as above)
    for name in path:
        values = values.get(name)
    return isinstance(values, dict)


def _virtual_keys(card: Any) -> list[str]:  # noqa: ANN401 (as above)
    return [key for key in _VIRTUAL if card[key]]


def _of_card(card: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 (as above)
    """(key, message) within one card's section."""
    versions = {address.version for address in card["addresses"] or ()}
    for version in (4, 6):
        if card[f"gateway{version}"] and version not in versions:
            yield f"gateway{version}", f"needs a static IPv{version} address beside it"
        if card[f"dhcp{version}"] and version in versions:
            yield f"dhcp{version}", f"excludes static IPv{version} addresses on the same card"
    for route in card.get("routes", {}).values():
        version = route.destination.version
        if route.destination.prefixlen == 0 and route.metric is None:
            yield "routes", f"hold a default route: write it as `gateway{version}`, or give it a metric"
        if not (version in versions or card[f"dhcp{version}"] or (version == 6 and card["slaac"] is not False)):
            yield "routes", f"need an IPv{version} address, or `dhcp{version}`, beside those of IPv{version}"
    if 6 in versions and card["mtu"] is not None and card["mtu"] < 1280:
        yield "mtu", "must be at least 1280 beside IPv6 addresses"


def _of_virtual(label: str, card: Any, cards: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 (as above)
    """(key, message) of what makes an interface that is no card."""
    kinds = _virtual_keys(card)
    if len(kinds) > 1:
        yield kinds[1], f"excludes `{kinds[0]}`"
    for key in ("mac", "position") if kinds else ():
        if card[key] is not None:
            yield key, f"chooses a card, and a {kinds[0]} is none"
    if kinds in (["bond"], ["bridge"]) and card["name"] is None and not INTERFACE_NAME.fullmatch(label):
        yield kinds[0], "needs a `name`: its section's name cannot be a network device's"
    if bool(card["parent"]) != ("vlan" in kinds):
        yield "parent" if card["parent"] else "vlan", "`vlan` and `parent` need each other"
    elif card["parent"] and (card["parent"] not in cards or card["parent"] == label):
        yield "parent", "is not the name of another section below [network]"
    elif card["parent"] and cards[card["parent"]]["vlan"]:
        yield "parent", "is a VLAN itself"
    elif card["parent"] and any(card["parent"] in (other["ports"] or ()) for other in cards.values()):
        yield "parent", "is a port of a bond or bridge; the VLAN lies on that one"
    if bool(card["ports"]) != bool({"bond", "bridge"} & set(kinds)):
        yield "ports" if card["ports"] else kinds[0], "`ports` and `bond` or `bridge` need each other"
    for port in card["ports"] or ():
        if port not in cards or port == label:
            yield "ports", "names what is not another section below [network]"
        elif label in _made_of(port, cards):
            yield "ports", "names what is made of this section itself"
    if len(set(card["ports"] or ())) != len(card["ports"] or ()):
        yield "ports", "names a section twice"


def _made_of(label: str, cards: Any) -> set[str]:  # noqa: ANN401 (as above)
    """The sections below a section: its ports and parent, theirs, and so on."""
    found: set[str] = set()
    waiting = [label]
    while waiting:
        card = cards.get(waiting.pop(), {})
        below = {*(card.get("ports") or ()), *([card["parent"]] if card.get("parent") else [])} - found
        found |= below
        waiting += below
    return found


def _of_port(label: str, card: Any, cards: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 (as above)
    """(key, message) of an interface that a bond or bridge is made of."""
    users = [other for other, entry in cards.items() if label in (entry["ports"] or ())]
    if not users:
        return
    if len(users) > 1:
        yield "mac" if card["mac"] else "name", f"is a port of [[{users[0]}]] and of [[{users[1]}]]"
    if cards[users[0]]["bond"] and _virtual_keys(card):
        yield _virtual_keys(card)[0], "cannot be a port of a bond, which is made of cards"
    if card["bridge"]:
        yield "bridge", "cannot be a port of another bridge"
    for key in _NOT_FOR_PORTS:
        if card[key]:
            yield key, f"belongs into [[{users[0]}]], which this is a port of"
    if card.get("routes"):
        yield "routes", f"belong into [[{users[0]}]], which this is a port of"
