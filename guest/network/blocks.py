"""Files with a block of lines for each interface, below what somebody else wrote in them: dhcpcd.conf, Gentoo's conf.d/net."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guest.network.model import BoundInterface

_SIGN = "by guest-customizer"


def heading(bound: BoundInterface) -> str:
    """The comment above an interface's lines; by it a later request finds what is ours."""
    return f"# [[{bound.interface.label}]] {_SIGN}"


def is_heading(line: str) -> bool:
    return line.rstrip("\n").endswith(_SIGN)


def with_blocks(kept: str, blocks: Iterable[Iterable[str]]) -> bytes:
    """`kept`, then the blocks of lines, an empty line between."""
    kept = kept.rstrip("\n")
    parts = [*([kept] if kept else []), *("\n".join(block) for block in blocks)]
    return ("\n\n".join(parts) + "\n").encode("utf-8", "surrogateescape")
