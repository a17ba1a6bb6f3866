"""Gentoo's conf.d/net: shell assignments whose values span lines, as entries, with every other line kept as it stands.

shellvars.py is for files where each assignment is one line.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# A hostile file's quotes never close, and shlex takes minutes for megabytes.
_LINE_LIMIT = 200
_VALUE_LIMIT = 20_000
_START = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)=")


@dataclass(frozen=True)
class Entry:
    """One assignment with all the lines that its quotes span, or one other line (`name` None). `text` ends in a newline."""

    name: str | None
    value: str
    text: str


def parse_entries(content: str) -> Iterator[Entry]:
    """The file in order; the texts put together are the file."""
    lines = [line if line.endswith("\n") else line + "\n" for line in content.splitlines(keepends=True)]
    at = 0
    while at < len(lines):
        found = _START.match(lines[at])
        length = _span(lines[at : at + _LINE_LIMIT], found.end()) if found else 0
        if found is None or length == 0:
            yield Entry(None, "", lines[at])
            at += 1
            continue
        text = "".join(lines[at : at + length])
        yield Entry(found[1], _value(text[found.end() :]), text)
        at += length


def parse_assignments(content: str) -> dict[str, str]:
    """The last value of each name, quotes taken off; an array's words are joined by newlines."""
    return {entry.name: entry.value for entry in parse_entries(content) if entry.name is not None}


def _span(lines: list[str], start: int) -> int:
    """How many lines the value that starts in the first one takes; 0 where its quotes do not close."""
    quote, arrays = "", 0
    for number, line in enumerate(lines):
        rest = line[start:] if number == 0 else line
        quote, arrays = _follow(rest, quote, arrays)
        if not quote and arrays <= 0 and not rest.endswith("\\\n"):
            return number + 1
    return 0


def _follow(text: str, quote: str, arrays: int) -> tuple[str, int]:
    """(open quote, open parentheses) behind a line."""
    escaped, before = False, " "
    for char in text:
        if escaped:
            escaped = False
        elif char == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if char == quote else quote
        elif char == "#" and before.isspace():
            break
        elif char in "\"'":
            quote = char
        else:
            arrays += (char == "(") - (char == ")")
        before = char
    return quote, arrays


def _value(text: str) -> str:
    text = text.strip()[:_VALUE_LIMIT]
    array = text.startswith("(")
    try:
        words = shlex.split(text.strip("()") if array else text, comments=True)
    except ValueError:
        return text
    return "\n".join(words) if array else (words[0] if words else "")
