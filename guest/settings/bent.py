"""Values that ConfigObj would take otherwise than they are meant, and say nothing: cut at a #, split at a comma in quotes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from guest.settings.lines import TRIPLE, Kind, Line
from guest.settings.problems import Problem
from guest.settings.schema import check_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_QUOTE_WHOLE = "put the whole value between quotation marks of the kind that it does not hold"
_HALF = "holds a quotation mark without its other half before the next comma, # or end of line"
_QUOTE_SECRET = "put the secret between quotation marks; a comment may follow them, after a blank"  # noqa: S105 (a hint)
# One item of a list: all of it in quotes, or as it is up to a comma or a comment.
_ITEM = re.compile(r"""\s*(?:(?P<quoted>"[^"]*"|'[^']*')|(?P<plain>[^"',#\s](?:[^,#]|(?<=\S)\#)*)?)\s*""")
# Commands go to a shell, to which a blank and a # begin a comment as well: nothing is lost that would have run.
_FOR_A_SHELL = "secret_texts"


def bent_values(scanned: Iterable[Line], spec: Any) -> Iterator[Problem]:  # noqa: ANN401 (ConfigObj's sections)
    for line in scanned:
        if line.kind is not Kind.KEY:
            continue
        if fault := value_fault(line.value):
            yield Problem("config.bad-value", line.path, line.number, fault, quote_hint(check_of(line.path, spec)))
            continue
        check = check_of(line.path, spec) or ""
        if check.startswith("secret") and (fault := _secret_fault(line.value, check)):
            yield Problem("config.bad-value", line.path, line.number, fault, _QUOTE_SECRET)


def quote_hint(check: str | None) -> str:
    return _QUOTE_WHOLE + (", or use a script" if (check or "").startswith(_FOR_A_SHELL) else "")


def value_fault(value: str) -> str | None:
    """What is wrong with the text behind a key's =, without a word of it."""
    text = value.strip()
    if text.startswith(TRIPLE):
        return None
    place = 0
    while place < len(text) and (item := _ITEM.match(text, place)):
        plain = item["plain"] or ""
        if "#" in plain:
            return "holds a # that would begin a comment"
        if plain.count('"') % 2 or plain.count("'") % 2:
            return _HALF
        place = item.end()
        if text[place : place + 1] in ("", "#"):
            return None
        if text[place] in "\"'" and text[place] not in text[place + 1 :]:
            return _HALF
        if text[place] != ",":
            return "holds something before or behind what stands in quotation marks"
        place += 1
    return None


def _secret_fault(value: str, check: str) -> str | None:
    """What would be taken off a secret's end: it may be the end of the secret."""
    text, behind = _parted(value)
    if behind and not text:
        return "holds nothing before its #, which begins a comment"
    if behind.startswith("#"):
        return "holds a # right behind a quotation mark"
    if check.startswith(_FOR_A_SHELL) or text.startswith(("'", '"')):
        return None
    if behind:
        return "holds a blank and a #, which would begin a comment"
    if value.strip(" \t") != value.strip():
        return "begins or ends in a blank that is not the usual one"
    return None


def _parted(value: str) -> tuple[str, str]:
    """A value that value_fault finds nothing wrong with, and what stands behind it: blanks and a comment, or nothing."""
    text = value.strip()
    if text.startswith(TRIPLE):
        whole = re.match(r"(?P<quoted>(?P<quote>'''|\"{3}).*?(?P=quote))(?P<behind>\s*(?:#.*)?)$", text)
        # One that ends in a later line is refused for its line breaks.
        return (whole["quoted"], whole["behind"]) if whole else (text, "")
    place = 0
    while (item := _ITEM.match(text, place)) and text[item.end() : item.end() + 1] == ",":
        place = item.end() + 1
    end = item.end() if item else place
    content = text[:end].rstrip()
    return content, text[len(content) :]
