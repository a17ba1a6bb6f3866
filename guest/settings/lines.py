"""What stands in which line of a document: ConfigObj keeps no line numbers, and says of a bad line only that it is bad.

The expressions for headings and keys are ConfigObj's own, so that a name is read as ConfigObj reads it. What ConfigObj takes for a key
that begins with a bracket, for one of blanks, or for a section whose name holds a = or a bracket, is no line of ours: it is a mistake, and
the name may be a value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from guest.settings.problems import KeyPath

# The expressions go back and forth over a heading, and over what stands before a key's =: over thousands of brackets or
# blanks they take minutes.
_DEPTH_LIMIT = 8
_BRACKETS_LIMIT = 40
_NAME_LIMIT = 1000
# What a key is called: a line that has a : or a blank for its =, or goes on with another's value, may have a = much later,
# and what stands before that one is a value, a secret perhaps.
_PLAIN = re.compile(r"[\w.-]+")
_DEEP = re.compile(rf"\s*(?:\[\s*){{{_DEPTH_LIMIT}}}")

HEADING = re.compile(
    r"""\s*(?P<opened>(?:\[\s*)+)(?P<name>"\s*\S.*?\s*"|'\s*\S.*?\s*'|[^'"\s].*?)(?P<closed>(?:\s*\])+)\s*(?:\#.*)?$"""
)
_KEY = re.compile(r"""\s*(?P<name>".*?"|'.*?'|[^'"=].*?)\s*=\s*(?P<value>.*)$""")
TRIPLE = ("'''", '"""')


class Kind(Enum):
    SECTION = "a section's heading"
    KEY = "a key and its value"
    MORE = "a further line of a value in triple quotes"
    OTHER = "nothing that a document may hold"
    ENDLESS = "a name that ConfigObj would take minutes to look at"


@dataclass(frozen=True)
class Line:
    """A line that is neither empty nor a comment."""

    number: int  # from 1
    kind: Kind
    path: KeyPath  # of the section or key that stands here, else of the one that the line stands in
    text: str = field(repr=False)
    value: str = field(default="", repr=False)  # of a key: what stands behind its =
    is_placed: bool = True  # not below a heading that cannot be read: nobody knows which section this belongs to


def scan(lines: Sequence[str]) -> tuple[Line, ...]:
    """Every line that holds something, as ConfigObj goes through them."""
    return tuple(_Scanner(lines).scan())


def index(scanned: tuple[Line, ...]) -> dict[KeyPath, int]:
    """The first line of each section and key."""
    places: dict[KeyPath, int] = {}
    for line in scanned:
        if line.kind in (Kind.SECTION, Kind.KEY):
            places.setdefault(line.path, line.number)
    return places


class _Scanner:
    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.section: KeyPath = ()
        self.lost = 0  # below a heading that cannot be read: how deep that one is

    def scan(self) -> Iterator[Line]:
        last = 0  # the last line of a value in triple quotes
        inside: KeyPath = ()
        for number, text in enumerate(self.lines, 1):
            start = text.strip()
            if number <= last:
                yield Line(number, Kind.MORE, inside, text)
            elif start and not start.startswith("#"):
                line = self._classify(number, text)
                last, inside = last_line(self.lines, line) or number, line.path
                yield line

    def _classify(self, number: int, text: str) -> Line:
        is_bracket = text.lstrip().startswith("[")
        is_endless = is_bracket and (_DEEP.match(text) or text.count("]") > _BRACKETS_LIMIT)
        if is_endless or len(text if is_bracket else text.partition("=")[0]) > _NAME_LIMIT:
            return Line(number, Kind.ENDLESS, self._here(), text, is_placed=not self.lost)
        if heading := HEADING.match(text) if is_bracket else None:
            return self._heading(number, text, heading)
        is_key = "=" in text and not is_bracket and not text.lstrip().startswith("=")
        key = _KEY.match(text) if is_key else None
        if key and _PLAIN.fullmatch(name := unquoted(key["name"])):
            path = (*self._here(), name)
            return Line(number, Kind.KEY, path, text, key["value"], is_placed=not self.lost)
        value = key["value"] if key else ""  # where it opens triple quotes, what follows is no line of its own either
        line = Line(number, Kind.OTHER, self._here(), text, value, is_placed=not self.lost)
        if is_bracket:
            self.lost = len(text.lstrip()) - len(text.lstrip().lstrip("["))
        return line

    def _heading(self, number: int, text: str, heading: re.Match[str]) -> Line:
        opened, closed = heading["opened"].count("["), heading["closed"].count("]")
        name = unquoted(heading["name"])
        if is_doubtful(name):
            line = Line(number, Kind.OTHER, self._here(), text)
            self.lost = opened
            return line
        if opened != closed or opened > len(self.section) + 1 or opened > self.lost > 0:
            # What is wrong with the first such heading is wrong with those as deep, or deeper, below it.
            line = Line(number, Kind.OTHER, self._here(), text, is_placed=not self.lost or opened != closed)
            self.lost = min(opened, closed)
            return line
        self.lost = 0
        self.section = (*self.section[: opened - 1], name)
        return Line(number, Kind.SECTION, self.section, text)

    def _here(self) -> KeyPath:
        return () if self.lost else self.section


def goes_on(line: Line) -> bool:
    """Whether it looks as if the next line were to be more of this one's value."""
    return line.kind is Kind.KEY and line.value.rstrip().endswith((",", "\\"))


def is_doubtful(name: str) -> bool:
    """Whether it is no section's name, whatever ConfigObj says."""
    return any(character in name for character in "=[]")


def last_line(lines: Sequence[str], key: Line) -> int | None:
    """The line in which a value in triple quotes ends; None where it is no such value, or does not end as it should."""
    quote = key.value[:3]
    if quote not in TRIPLE or quote in key.value[3:]:
        return None
    for number in range(key.number + 1, len(lines) + 1):
        if quote in lines[number - 1]:
            return number if re.match(rf".*?{quote}\s*(?:#.*)?$", lines[number - 1]) else None
    return None


def unquoted(name: str) -> str:
    """As ConfigObj takes it: one pair of quotation marks belongs to the spelling, any other to the name."""
    return name[1:-1] if name[0] == name[-1] and name[0] in "\"'" else name
