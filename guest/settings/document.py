"""Reads customization.conf: ConfigObj parses it, the shipped configspec checks it, frozen values come out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from configobj import ConfigObj, ConfigObjError, flatten_errors
from configobj.validate import ValidateError

from guest.errors import CustomizerError
from guest.settings import schema
from guest.settings.bent import bent_values
from guest.settings.beside import ON_MEDIUM, Place, read_scripts, read_unlocks
from guest.settings.contradictions import contradictions
from guest.settings.conversion import Checked, to_settings
from guest.settings.decoding import TOO_LARGE, TOO_LARGE_HINT, decode
from guest.settings.lines import Kind, Line, index, scan
from guest.settings.model import Action
from guest.settings.problems import DOCUMENT, DocumentError, KeyPath, Problem
from guest.settings.unknown_names import wrong_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.settings.model import Settings
    from guest.sysroot import View

# Of the two keys that every document needs.
_EXAMPLES = {"format": "1", "id": "web01-0001"}


def load(medium: View, name: str = DOCUMENT, place: Place = ON_MEDIUM) -> Settings:
    """Reads and checks the document and the scripts it names. Raises DocumentError, CustomizerError."""
    try:
        return _load(medium, name, place)
    except DocumentError as error:
        raise DocumentError(tuple(replace(problem, document=name) for problem in error.problems)) from None


def _load(medium: View, name: str, place: Place) -> Settings:
    checked = parse(_read(medium, name))
    # An undo runs none of the scripts: the medium may have lost them since.
    undoes = checked.values.get("request", {}).get("action") is Action.UNDO
    scripts, problems = ((), ()) if undoes else read_scripts(medium, checked, place)
    unlocks, more_problems = read_unlocks(medium, checked, place)
    if problems or more_problems:
        raise DocumentError((*problems, *more_problems))
    return to_settings(checked.values, scripts, unlocks)


def _read(medium: View, name: str) -> bytes:
    try:
        content = medium.read(name)
    except CustomizerError as error:
        if error.code != "guest.file-too-large":
            raise
        raise DocumentError((Problem("config.too-large", (), None, TOO_LARGE, TOO_LARGE_HINT),)) from None
    if content is None:
        message = f"the config medium has no {name} at its top"
        raise CustomizerError("config.no-document", message, "pack it with `guest-customizer pack`")
    return content


def parse(content: bytes) -> Checked:
    """Raises DocumentError that holds every problem found."""
    lines = decode(content)
    scanned = scan(lines)
    values = _read_values(lines, scanned)
    places = index(scanned)
    wrong = tuple(wrong_names(values, values.configspec, scanned))
    problems = [*bent_values(scanned, values.configspec), *wrong]
    for problem in wrong:
        if problem.code == "config.bad-value" or problem.path[-1] in schema.RESERVED:
            _remove(values, problem.path)  # ConfigObj's validation stumbles over it
    outcome = values.validate(schema.validator(), preserve_errors=True)
    if outcome is not True:
        known = {problem.path for problem in problems}
        problems += [problem for problem in _bad_values(values, outcome, places) if problem.path not in known]
    if not problems:
        problems += contradictions(values, places)
    if problems:
        raise DocumentError(tuple(sorted(problems, key=lambda problem: problem.line or 0)))
    return Checked(values, places)


def _read_values(lines: list[str], scanned: tuple[Line, ...]) -> Any:  # noqa: ANN401 (ConfigObj's sections)
    """Raises DocumentError where a line is bad."""
    bad = {line.number for line in scanned if line.kind in (Kind.OTHER, Kind.ENDLESS)}
    fit = ["" if number in bad else line for number, line in enumerate(lines, 1)]
    spec = schema.schema()
    try:
        values = ConfigObj(fit, configspec=spec, interpolation=False, raise_errors=False, list_values=True)
    except ConfigObjError as error:
        faults = error.errors  # the library's own message quotes the line, which may hold a secret
    else:
        faults = []
    if bad or faults:
        from guest.settings.syntax import syntax_problems  # noqa: PLC0415 (most documents have no such line)

        raise DocumentError(syntax_problems(scanned, lines, faults, spec))
    return values


def _remove(values: Any, path: KeyPath) -> None:  # noqa: ANN401 (as above)
    *sections, name = path
    for section in sections:
        values = values[section]
    del values[name]


def _bad_values(values: ConfigObj, outcome: Any, places: dict[KeyPath, int]) -> Iterator[Problem]:  # noqa: ANN401 (ConfigObj's own nested result)
    for sections, name, fault in flatten_errors(values, outcome):
        path = (*sections, name)
        if isinstance(fault, ValidateError):
            yield Problem("config.bad-value", path, places.get(path), str(fault))
        elif name:
            line = places.get(tuple(sections))
            yield Problem("config.missing-key", path, line, "is needed", f"add `{name} = {_EXAMPLES.get(name, '…')}`")
