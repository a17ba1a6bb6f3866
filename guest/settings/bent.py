"""Values that ConfigObj would take otherwise than they are meant, and say nothing: cut at a #, split at a comma in quotes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.settings.problems import KeyPath, Problem, value_in

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUOTE_WHOLE = "put the whole value between quotation marks of the kind that it does not hold, or use a script"
# One item of a list: all of it in quotes, or as it is up to a comma or a comment.
_ITEM = re.compile(r"""\s*(?:(?P<quoted>"[^"]*"|'[^']*')|(?P<plain>[^"',#\s](?:[^,#]|(?<=\S)\#)*)?)\s*""")


def bent_values(lines: list[str], places: dict[KeyPath, int]) -> Iterator[Problem]:
    for path, number in places.items():
        value = value_in(lines[number - 1])
        fault = _fault(value) if value is not None else None
        if fault:
            yield Problem("config.bad-value", path, number, fault, _QUOTE_WHOLE)


def _fault(value: str) -> str | None:
    """What is wrong with the text behind a key's =, without a word of it."""
    text = value.strip()
    if text.startswith(("'''", '"""')):
        return None
    place = 0
    while place < len(text) and (item := _ITEM.match(text, place)):
        plain = item["plain"] or ""
        if "#" in plain:
            return "holds a # that would begin a comment"
        if plain.count('"') % 2 or plain.count("'") % 2:
            return "holds a quotation mark without its other half before the next comma, # or end of line"
        place = item.end()
        if text[place : place + 1] in ("", "#"):
            return None
        if text[place] != ",":
            return "holds something before or behind what stands in quotation marks"
        place += 1
    return None
