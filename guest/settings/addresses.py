"""What no single address of a document shows: those that are there twice, gateways that lead nowhere, VLANs in each other's way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import Address, AddressWithPrefix


def address_faults(label: str, card: Any, cards: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 (ConfigObj's sections)
    """(key, message) of one interface beside those that stand before it in the document."""
    before = {other: cards[other] for other in list(cards)[: list(cards).index(label)]}
    yield from _twice(card, before)
    for version in (4, 6):
        if not (gateway := card[f"gateway{version}"]):
            continue
        if fault := _gateway_fault(gateway, card["addresses"] or ()):
            yield f"gateway{version}", fault
        if first := next((other for other, entry in before.items() if entry[f"gateway{version}"]), None):
            # Both would be default routes without a metric: the kernel or the stack keeps one, and not always the same.
            yield (
                f"gateway{version}",
                f"is a second default gateway beside [[{first}]]'s: write it as a route with a metric",
            )
    if card["vlan"] and card["parent"] in cards:
        yield from _of_vlan(card, cards[card["parent"]], before)


def _twice(card: Any, before: dict[str, Any]) -> Iterator[tuple[str, str]]:  # noqa: ANN401 (as above)
    own = [address.ip for address in card["addresses"] or ()]
    if len(set(own)) != len(own):
        yield "addresses", "hold an address twice"
    for other, entry in before.items():
        # A link-local IPv6 address counts on its own link only: each card may have the same.
        if {
            address.ip for address in entry["addresses"] or () if not (address.version == 6 and address.is_link_local)
        } & {*own}:
            yield "addresses", f"hold an address that [[{other}]] has too"


def _gateway_fault(gateway: Address, addresses: tuple[AddressWithPrefix, ...]) -> str | None:
    if any(gateway == address.ip for address in addresses):
        return "is the card's own address"
    for address in addresses:
        network = address.network
        ends = (network.network_address, network.broadcast_address)
        if network.version == 4 and network.prefixlen < 31 and gateway in ends:
            return "is the network's own or its broadcast address; no gateway can have it"
    return None


def _of_vlan(card: Any, parent: Any, before: dict[str, Any]) -> Iterator[tuple[str, str]]:  # noqa: ANN401 (as above)
    if card["mtu"] and parent["mtu"] and card["mtu"] > parent["mtu"]:
        yield "mtu", f"is larger than that of [[{card['parent']}]], which it lies on"
    for other, entry in before.items():
        if (entry["vlan"], entry["parent"]) == (card["vlan"], card["parent"]):
            yield "vlan", f"is the same VLAN as [[{other}]]"
