"""What is wrong with the lines of a document that nobody can read, said so that one can correct them."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

from configobj import DuplicateError

from guest.settings import bent, nearest
from guest.settings.headings import EXAMPLES, bad_heading
from guest.settings.lines import TRIPLE, Kind, Line, goes_on, last_line
from guest.settings.problems import KeyPath, Problem, heading
from guest.settings.schema import check_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from configobj import ConfigObjError

_NEITHER = "is neither a [section] nor key = value"
_KEY_VALUE = "write key = value; a comment begins with #"
_WORD = re.compile(r"[^\s:\[\]]+")


def syntax_problems(
    scanned: tuple[Line, ...],
    lines: Sequence[str],
    faults: Sequence[ConfigObjError],
    schema: Any,  # noqa: ANN401 (ConfigObj's sections)
) -> tuple[Problem, ...]:
    """`faults` is what ConfigObj says of the lines that look well. The answer is in the order of lines."""
    # Of duplicates it may be wrong: below a heading that it did not get to see, and they are found without it.
    refused = {fault.line_number for fault in faults if not isinstance(fault, DuplicateError)}
    problems = tuple(_Explaining(scanned, lines, refused, schema).problems())
    return problems or tuple(Problem("config.syntax", (), fault.line_number, _NEITHER, _KEY_VALUE) for fault in faults)


class _Explaining:
    def __init__(self, scanned: tuple[Line, ...], lines: Sequence[str], refused: set[int], schema: Any) -> None:  # noqa: ANN401 (as above)
        self.scanned = scanned
        self.lines = lines
        self.refused = refused
        self.schema = schema
        self.first: dict[KeyPath, Line] = {}
        for line in scanned:
            if line.kind in (Kind.SECTION, Kind.KEY) and line.is_placed:
                self.first.setdefault(line.path, line)

    def problems(self) -> Iterator[Problem]:
        before: Line | None = None
        twice: KeyPath = ()  # a section that stands there twice: of what is below it, all may
        for position, line in enumerate(self.scanned):
            if line.kind is Kind.SECTION:
                twice = twice if twice and line.path[: len(twice)] == twice and line.path != twice else ()
            if self._is_duplicate(line) and not twice:
                yield self._duplicate(line)
                twice = line.path if line.kind is Kind.SECTION else ()
            elif line.kind is Kind.OTHER and line.text.lstrip().startswith("["):
                if line.is_placed:
                    yield bad_heading(line, _keys(self.scanned, position + 1), self.schema)
            elif line.kind in (Kind.OTHER, Kind.ENDLESS):
                yield self._no_key(line, before)
            elif line.kind is Kind.KEY and line.number in self.refused:
                message, hint, is_open = self._bad_value(line)
                yield _problem(line, message, hint)
                if is_open:
                    return  # what follows may be the rest of the value
            before = line

    def _is_duplicate(self, line: Line) -> bool:
        return self.first.get(line.path, line) is not line and line.kind in (Kind.SECTION, Kind.KEY) and line.is_placed

    def _duplicate(self, line: Line) -> Problem:
        first = self.first[line.path]
        if first.kind is not line.kind:
            # Only this way round: behind a section nothing of the one above it can stand.
            message = f"has the name of a key, which stands in line {first.number}"
            hint = f"`{line.path[-1]}` is a key with a value, not a section"
        elif line.kind is Kind.SECTION:
            message = f"this section stands here for the second time; the first is in line {first.number}"
            hint = f"move what is below it to line {first.number}, and remove this heading"
            if not nearest.is_known(line.path[-1], self.schema):
                hint = f"give it another name, or {hint}"
        else:
            message = f"this key stands here for the second time; the first is in line {first.number}"
            hint = "remove one of the two; a list stands on one line, with commas"
        return Problem("config.duplicate", line.path, line.number, message, hint, is_section=line.kind is Kind.SECTION)

    def _no_key(self, line: Line, before: Line | None) -> Problem:
        text = line.text.strip()
        if line.kind is Kind.ENDLESS:
            if text[0] == "[":
                return _problem(line, "has more brackets, or a longer name, than any section", EXAMPLES)
            return _problem(line, "has too long a key", _KEY_VALUE)
        if text.startswith(("//", ";", "<!--", "/*")):
            return _problem(line, _NEITHER, "a comment begins with #")
        if text.startswith("="):
            return _problem(line, "has no key before its =", "write key = value")
        if text[0] in "\"'" and "=" in text:
            return _problem(line, "has a key with one quotation mark", "keys need no quotation marks")
        if before is not None and goes_on(before):
            return rest_of_value(before, line.number)
        word = _WORD.match(text)
        if word and nearest.is_known(word[0], self.schema):
            return self._without_equals(line, word[0])
        return _problem(line, _NEITHER, _KEY_VALUE)

    def _without_equals(self, line: Line, name: str) -> Problem:
        home = nearest.section_home(name, (), self.schema)
        if home and not check_of((*line.path, name), self.schema):
            message, hint = "a section stands between brackets", f"write {heading(name, len(home))}"
            return Problem("config.syntax", home, line.number, message, hint, is_section=True)
        return Problem(
            "config.syntax", (*line.path, name), line.number, "has no = behind its key", f"write `{name} = …`"
        )

    def _bad_value(self, line: Line) -> tuple[str, str, bool]:
        """(message, hint, whether the value goes on nobody knows how far)."""
        value = line.value.strip()
        triple = value[:3]
        quote = bent.quote_hint(check_of(line.path, self.schema))
        if triple in TRIPLE and triple not in value[3:] and last_line(self.lines, line) is None:
            rest = self.lines[line.number :]
            end = next((number for number, text in enumerate(rest, line.number + 1) if triple in text), None)
            if end is None:
                return f"opens {triple}, and nothing closes it", f"close it with {triple}, on the same line", True
            return f"holds something behind its closing {triple} in line {end}", quote, True
        if triple in TRIPLE:
            return f"holds something behind its closing {triple}", quote, False
        if re.match(r"\s*,\s*\S", value) or re.search(r",\s*,", value):
            return "has a comma with nothing before it", "remove it, or put the whole value in quotation marks", False
        fault = bent.value_fault(value)
        return fault or "has quotation marks or commas that do not match", quote, False


def rest_of_value(before: Line, number: int) -> Problem:
    """Of the line behind one that looks as if it went on."""
    message = f"looks like more of the value of line {before.number}, but a value ends with its line"
    return Problem("config.syntax", before.path, number, message, "write all of it on one line")


def _keys(scanned: Sequence[Line], start: int) -> list[str]:
    """The keys from there on to the next heading."""
    below = (scanned[position] for position in range(start, len(scanned)))
    keys = itertools.takewhile(lambda line: line.kind in (Kind.KEY, Kind.MORE), below)
    return [line.path[-1] for line in keys if line.kind is Kind.KEY]


def _problem(line: Line, message: str, hint: str) -> Problem:
    return Problem("config.syntax", line.path, line.number, message, hint, is_section=line.kind is not Kind.KEY)
