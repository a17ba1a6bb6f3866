"""What is wrong with a section's heading that stands where it cannot, or whose brackets do not match."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from guest.settings import nearest
from guest.settings.lines import HEADING, Line, is_doubtful, unquoted
from guest.settings.problems import KeyPath, Problem, heading
from guest.settings.schema import MANY

if TYPE_CHECKING:
    from collections.abc import Sequence

EXAMPLES = "a section is written [name], one below it [[name]], one below that [[[name]]]"
_WORD = re.compile(r"[^\s:=\[\]]+")


def bad_heading(line: Line, keys: Sequence[str], schema: Any) -> Problem:  # noqa: ANN401 (ConfigObj's sections)
    """`keys` are those that stand below it: they tell which section is meant, where its name is free."""
    if found := HEADING.match(line.text):
        name, opened, closed = unquoted(found["name"]), found["opened"].count("["), found["closed"].count("]")
        if is_doubtful(name):
            return _unreadable(line, schema)
        if opened == closed:
            return _too_deep(line, name, opened, keys, schema)
        message = f"a section's heading has {opened} [ and {closed} ]"
        home = nearest.section_home(name, keys, schema)
        if home is None:
            return _problem(line.path, line, message, EXAMPLES)
        above = line.path[: len(home) - 1]
        path = (*above, name) if nearest.fits(above, home) else line.path if MANY in home else home
        return _problem(path, line, message, f"write {heading(name, len(home))}")
    return _unreadable(line, schema)


def _unreadable(line: Line, schema: Any) -> Problem:  # noqa: ANN401 (as above)
    text = line.text.strip()
    word = _WORD.search(text)
    # No name is shown but those of the schema: a line that cannot be read may hold anything.
    path = (nearest.section_home(word[0], (), schema) if word else None) or line.path
    if word is None:
        return _problem(path, line, "a section's heading holds no name", EXAMPLES)
    if nearest.is_key(word[0], schema) and "=" in text:
        return _problem(path, line, "a key stands between brackets", f"write `{word[0]} = …`, without brackets")
    if "]" not in text:
        end = "]" * (len(text) - len(text.lstrip("[")))
        return _problem(path, line, f"a section's heading does not end in {end}", f"end it with {end}")
    message = "a section's heading has something behind its ], or quotation marks that do not match"
    return _problem(path, line, message, "put what follows it on a line of its own; a comment begins with #")


def _too_deep(line: Line, name: str, depth: int, keys: Sequence[str], schema: Any) -> Problem:  # noqa: ANN401 (as above)
    written = heading(name, depth)
    known = nearest.section_home(name, (), schema)
    home = None if known and not keys and len(known) != depth else nearest.section_home(name, keys, schema, depth)
    if home is None:
        hint = f"write {heading(name, len(known))}" if known else EXAMPLES
        return _problem(line.path, line, f"{written} has no {heading('name', depth - 1)} above it", hint)
    common = line.path if nearest.fits(line.path, home) else ()
    above = home[len(common) : -1]
    missing = " and ".join(heading(nearest.called(part), level) for level, part in enumerate(above, len(common) + 1))
    hint = f"write {missing} above it"
    if MANY in above:
        return _problem(line.path, line, f"{written} has no {missing} above it", hint)
    return _problem((*common, *above, name), line, f"has no {missing} above it", hint)


def _problem(section: KeyPath, line: Line, message: str, hint: str) -> Problem:
    return Problem("config.syntax", section, line.number, message, hint, is_section=True)
