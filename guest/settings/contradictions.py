"""What no single value of a document shows: keys that need or exclude each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guest.settings.problems import KeyPath, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator


def contradictions(values: Any, places: dict[KeyPath, int]) -> Iterator[Problem]:  # noqa: ANN401 (ConfigObj's sections)
    def problem(code: str, path: KeyPath, message: str) -> Problem:
        return Problem(code, path, places.get(path), message)

    identity = values.get("identity", {})
    if identity.get("domain") and not identity.get("hostname"):
        yield problem("config.contradiction", ("identity", "domain"), "a domain needs a hostname beside it")
    opened: dict[str, str] = {}
    for label, unlock in values.get("storage", {}).get("unlock", {}).items():
        place: KeyPath = ("storage", "unlock", label)
        if (unlock["passphrase"] is None) == (unlock["key_file"] is None):
            yield problem("config.contradiction", (*place, "passphrase"), "needs either `passphrase` or `key_file`")
        uuid = unlock["uuid"].lower()
        if uuid in opened:
            yield problem("config.contradiction", (*place, "uuid"), f"is the same container as [[[{opened[uuid]}]]]")
        opened[uuid] = label
    chosen: dict[tuple[str, object], str] = {}
    for label, card in values.get("network", {}).items():
        path = ("network", label)
        selector = next(((key, card[key]) for key in ("mac", "name", "position") if card[key] is not None), None)
        if selector is None:
            yield problem("config.missing-key", path, "needs `mac`, `name` or `position`")
            continue
        if selector in chosen:
            yield problem("config.contradiction", (*path, selector[0]), f"is the same card as [[{chosen[selector]}]]")
        chosen[selector] = label
        for key, message in _of_card(card):
            yield problem("config.contradiction", (*path, key), message)


def _of_card(card: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 (as above)
    """(key, message) within one card's section."""
    versions = {address.version for address in card["addresses"] or ()}
    for version in (4, 6):
        if card[f"gateway{version}"] and version not in versions:
            yield f"gateway{version}", f"needs a static IPv{version} address beside it"
        if card[f"dhcp{version}"] and version in versions:
            yield f"dhcp{version}", f"excludes static IPv{version} addresses on the same card"
    if 6 in versions and card["mtu"] is not None and card["mtu"] < 1280:
        yield "mtu", "must be at least 1280 beside IPv6 addresses"
