"""Derivatives that count their own releases: which version of the distribution they are built from decides for them."""

from __future__ import annotations

Version = tuple[int, ...]

_UBUNTU: dict[str, Version] = {
    "precise": (12, 4), "trusty": (14, 4), "xenial": (16, 4), "zesty": (17, 4), "artful": (17, 10), "bionic": (18, 4),
    "cosmic": (18, 10), "disco": (19, 4), "eoan": (19, 10), "focal": (20, 4), "groovy": (20, 10), "hirsute": (21, 4),
    "impish": (21, 10), "jammy": (22, 4), "kinetic": (22, 10), "lunar": (23, 4), "mantic": (23, 10), "noble": (24, 4),
    "oracular": (24, 10), "plucky": (25, 4), "questing": (25, 10), "resolute": (26, 4),
}  # fmt: skip
_DEBIAN: dict[str, Version] = {
    "wheezy": (7,), "jessie": (8,), "stretch": (9,), "buster": (10,), "bullseye": (11,), "bookworm": (12,),
    "trixie": (13,), "forky": (14,),
}  # fmt: skip
# (ID, first number of its version) -> the release of RHEL whose files it reads (FACTS-distros 10).
_RHEL = {("kylin", 10): (8,), ("openeuler", 20): (8,), ("openeuler", 22): (8,)}
# Devuan 1 is Debian 8, and so on.
_DEVUAN_BEHIND = 7
_COUNT_AS_DEBIAN_DOES = frozenset({"debian", "ubuntu", "raspbian"})


def base_version(
    identity: str, like: tuple[str, ...], own: Version, codenames: dict[str, str], upstream: Version
) -> Version:
    """`codenames`: of "ubuntu" or "debian", as os-release names the base; `upstream`: its version, where a file has it."""
    if identity in _COUNT_AS_DEBIAN_DOES:
        return own
    if identity == "devuan":
        return (own[0] + _DEVUAN_BEHIND,) if own else ()
    if own and (identity, own[0]) in _RHEL:
        return _RHEL[identity, own[0]]
    if codenames.get("ubuntu") in _UBUNTU:
        return _UBUNTU[codenames["ubuntu"]]
    if codenames.get("debian") in _DEBIAN:
        return _DEBIAN[codenames["debian"]]
    if identity in ("linuxmint", "kali") or {"debian", "ubuntu"} & set(like):
        return upstream  # its own number would be taken for Debian's
    return own
