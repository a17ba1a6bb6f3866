"""What each kind of value below [network] and [dns] must look like. Messages never hold the value (LESSONS S3)."""

from __future__ import annotations

import ipaddress
import re

from configobj.validate import ValidateError

from guest.network.model import Address, AddressWithPrefix, BondMode, Route
from guest.settings.checks import Raw, one, whole_number

_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
_BROADCAST = ipaddress.IPv4Address("255.255.255.255")


def mac(value: Raw) -> str:
    text = one(value).lower().replace("-", ":")
    if not _MAC.fullmatch(text):
        raise ValidateError("must be a hardware address such as 52:54:00:12:34:56")
    if int(text[:2], 16) & 1:
        raise ValidateError("is a multicast address; no card has one")
    if text == "00:00:00:00:00:00":
        raise ValidateError("is the address of no card")
    return text


def address(value: Raw) -> Address:
    text = one(value)
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise ValidateError("must be an IP address, without a prefix length") from None
    _refuse_zone(text)
    return found


def _refuse_zone(text: str) -> None:
    # A zone is a name of the guest's own cards: the section says which card is meant, and most stacks' files cannot hold it.
    if "%" in text:
        raise ValidateError("must be without a zone (`%eth0`)")


def gateway4(value: Raw) -> Address:
    found = address(value)
    if found.version != 4:
        raise ValidateError("must be an IPv4 address")
    return _gateway(found)


def gateway6(value: Raw) -> Address:
    found = address(value)
    if found.version != 6:
        raise ValidateError("must be an IPv6 address")
    return _gateway(found)


def _gateway(found: Address) -> Address:
    if found.is_multicast or found.is_unspecified or found.is_loopback or found == _BROADCAST:
        raise ValidateError("is an address that no gateway can have")
    return found


def address_with_prefix(value: Raw) -> AddressWithPrefix:
    text = one(value)
    wrong = ValidateError("must be an IP address with its prefix length, such as 10.0.0.11/24")
    if "/" not in text:
        raise wrong
    try:
        found = ipaddress.ip_interface(text)
    except ValueError:
        raise wrong from None
    _refuse_zone(text)
    if found.ip.is_multicast or found.ip.is_unspecified or found.ip.is_loopback:
        raise ValidateError("is an address that no card can have")
    network = found.network
    if (
        network.version == 4
        and network.prefixlen < 31
        and found.ip in (network.network_address, network.broadcast_address)
    ):
        raise ValidateError("is the network's own or its broadcast address; no card can have it")
    return found


def route(value: Raw) -> Route:
    """`DESTINATION/PREFIX [via GATEWAY] [metric N]`, as ip-route(8) has it."""
    words = one(value).split()
    wrong = ValidateError(
        "must be DESTINATION/PREFIX [via GATEWAY] [metric N], such as 192.168.7.0/24 via 10.0.0.254 metric 50"
    )
    if not words or len(words) % 2 == 0:
        raise wrong
    options = dict(zip(words[1::2], words[2::2], strict=True))
    if len(options) * 2 + 1 != len(words) or not set(options) <= {"via", "metric"}:
        raise wrong
    try:
        if ipaddress.ip_interface(words[0]).ip != ipaddress.ip_interface(words[0]).network.network_address:
            raise ValidateError("has a destination with bits set beyond its prefix; a network ends in zeros")
        destination = ipaddress.ip_network(words[0])
        via = _gateway(ipaddress.ip_address(options["via"])) if "via" in options else None
    except ValueError:
        raise wrong from None
    _refuse_zone(options.get("via", ""))
    metric = whole_number(options["metric"], "0", "999999999") if "metric" in options else None
    if via is not None and via.version != destination.version:
        raise ValidateError("has a gateway of the other IP version than its destination")
    return Route(destination, via, metric)


def bond_mode(value: Raw) -> BondMode:
    try:
        return BondMode(one(value))
    except ValueError:
        raise ValidateError(f"must be one of: {', '.join(mode.value for mode in BondMode)}") from None
