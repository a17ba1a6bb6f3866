"""Reads customization.conf: ConfigObj parses it, the shipped configspec checks it, frozen values come out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from configobj import ConfigObj, ConfigObjError

from guest.errors import CustomizerError
from guest.settings import beside, schema
from guest.settings.bent import bent_values
from guest.settings.contradictions import contradictions
from guest.settings.conversion import to_settings
from guest.settings.model import Action
from guest.settings.problems import (
    DOCUMENT,
    DocumentError,
    KeyPath,
    Problem,
    bad_values,
    index_lines,
    misplaced_sections,
    syntax_problems,
    unknown_keys,
)

if TYPE_CHECKING:
    from guest.settings.model import Settings
    from guest.sysroot import View

SIZE_LIMIT = 1024 * 1024
_DEPTH_LIMIT = 8


def load(medium: View, name: str = DOCUMENT) -> Settings:
    """Reads and checks the document and the scripts it names. Raises DocumentError, CustomizerError."""
    try:
        return _load(medium, name)
    except DocumentError as error:
        raise DocumentError(tuple(replace(problem, document=name) for problem in error.problems)) from None


def _load(medium: View, name: str) -> Settings:
    content = beside.read(medium, name)
    if content is None:
        raise CustomizerError(
            "config.no-document",
            f"the config medium has no {name} at its top",
            "pack it with `guest-customizer pack`",
        )
    raw = parse(content)
    # An undo runs none of the scripts: the medium may have lost them since.
    undoes = raw.values.get("request", {}).get("action") is Action.UNDO
    scripts, problems = ((), ()) if undoes else beside.read_scripts(medium, raw)
    unlocks, more_problems = beside.read_unlocks(medium, raw)
    if problems or more_problems:
        raise DocumentError((*problems, *more_problems))
    return to_settings(raw.values, scripts, unlocks)


@dataclass(frozen=True)
class Checked:
    """A document that fits the schema: ConfigObj's sections, with each value already converted."""

    values: Any
    lines: dict[KeyPath, int]


def parse(content: bytes) -> Checked:
    """Raises DocumentError that holds every problem found."""
    text = _decode(content)
    lines = text.splitlines()
    places = index_lines(lines)
    if deep := [number for number, line in enumerate(lines, 1) if line.lstrip().startswith("[" * _DEPTH_LIMIT)]:
        # ConfigObj's own expression for a heading takes minutes over thousands of brackets.
        raise DocumentError((Problem("config.syntax", (), deep[0], "has more brackets than any section here"),))
    try:
        values = ConfigObj(lines, configspec=schema.schema(), interpolation=False, raise_errors=False, list_values=True)
    except ConfigObjError as error:
        raise DocumentError(tuple(syntax_problems(error))) from None
    if sections := tuple(misplaced_sections(values, values.configspec, places)):
        # ConfigObj's validation stumbles over them.
        raise DocumentError(sections)
    outcome = values.validate(schema.validator(), preserve_errors=True)
    problems = [*bent_values(lines, places), *unknown_keys(values, places)]
    if outcome is not True:
        problems += bad_values(values, outcome, places)
    if not problems:
        problems += contradictions(values, places)
    if problems:
        raise DocumentError(tuple(sorted(problems, key=lambda p: p.line or 0)))
    return Checked(values, places)


def _decode(content: bytes) -> str:
    if len(content) > SIZE_LIMIT:
        raise DocumentError(
            (Problem("config.too-large", (), 1, f"has {len(content)} bytes; at most {SIZE_LIMIT} are read"),)
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DocumentError(
            (Problem("config.syntax", (), line, "is not UTF-8 text", "save the file as UTF-8"),)
        ) from None
