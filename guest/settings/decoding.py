"""The bytes of a document as lines of text; what no text holds is refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.settings.lines import Kind, scan
from guest.settings.problems import DocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guest.settings.problems import KeyPath

SIZE_LIMIT = 1024 * 1024
TOO_LARGE = f"is larger than {SIZE_LIMIT} bytes, the most that is read of a document"
TOO_LARGE_HINT = (
    "a document has a few KB: put what is large into a script beside it, or have the guest fetch it at first boot"
)
# Control characters but for tab and line feed; what some editors show as a new line; what none shows at all.
_UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200b\u2060\ufeff]")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def decode(content: bytes) -> list[str]:
    """The lines, without their ends; a byte order mark and Windows' line ends are taken off. Raises DocumentError."""
    if len(content) > SIZE_LIMIT:
        raise DocumentError((Problem("config.too-large", (), None, TOO_LARGE, TOO_LARGE_HINT),))
    if content.startswith(_UTF16) or content[:2].count(0) == 1:
        hint = "save the file as UTF-8, or convert it: iconv -f UTF-16 -t UTF-8"
        raise DocumentError((Problem("config.syntax", (), 1, "is UTF-16 text", hint),))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        places = _Places(_split(content.decode("utf-8", "replace")))
        hint = "save the file as UTF-8, or convert it: iconv -f LATIN1 -t UTF-8"
        raise DocumentError((places.problem(number, "is not UTF-8 text", hint),)) from None
    lines = _split(text)
    if unfit := [(number, found[0]) for number, line in enumerate(lines, 1) if (found := _UNFIT.search(line))]:
        places = _Places(lines)
        raise DocumentError(tuple(places.problem(number, *_words(character)) for number, character in unfit))
    return lines


def _split(text: str) -> list[str]:
    return text.replace("\r\n", "\n").split("\n")


def _words(character: str) -> tuple[str, str]:
    """(message, hint)"""
    if character == "\r":
        return "holds a carriage return that ends no line", "save the file with Unix line ends"
    kind = "a control character" if ord(character) < 0xA0 else "a character that no editor shows"
    return f"holds {kind} (U+{ord(character):04X})", "remove it, or type the line anew"


class _Places:
    """What stands where, in a text that ConfigObj never gets to see."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.scanned = scan(lines)
        self.numbers = [line.number for line in self.scanned]

    def problem(self, number: int, message: str, hint: str) -> Problem:
        import bisect  # noqa: PLC0415 (most documents are text)

        last = bisect.bisect_right(self.numbers, number) - 1
        path: KeyPath = ()
        is_section = True
        if last >= 0:
            line = self.scanned[last]
            is_section = line.kind not in (Kind.KEY, Kind.MORE)
            path = line.path
            if not is_section and line.number != number:
                path, is_section = path[:-1], True
        shown = tuple(_UNFIT.sub("", name) for name in path)
        return Problem("config.syntax", shown, number, message, hint, is_section=is_section)
