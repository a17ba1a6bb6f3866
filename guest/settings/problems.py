"""What can be wrong with a document, named by line, section and key, and never by value (LESSONS S3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from configobj import ConfigObj, ConfigObjError, DuplicateError, flatten_errors, get_extra_values
from configobj.validate import ValidateError

from guest.errors import CustomizerError

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = "customization.conf"

KeyPath = tuple[str, ...]


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a document. `line` counts from 1; None where the fault is that something is missing."""

    code: str
    path: KeyPath
    line: int | None
    message: str
    hint: str = ""
    document: str = DOCUMENT  # the file's name

    def __str__(self) -> str:
        where = f"line {self.line}" if self.line else "missing"
        return (
            f"{self.document}, {where}: {_spell(self.path)}: {self.message}"
            if self.path
            else f"{self.document}, {where}: {self.message}"
        )


class DocumentError(CustomizerError):
    """A document with faults; all of them are in `problems`, the first one is the message."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        hint = first.hint or "correct the document; `guest-customizer check` says all that is wrong with it"
        super().__init__(first.code, f"{first}{more}", hint)
        self.problems = problems


# Of a line, as much as is looked at for names: the expressions below go back and forth over it.
_NAMES_LIMIT = 500
_BLANKS = re.compile(r"\s{2,}")
_SECTION = re.compile(r"\s*(\[+)\s*(.*?)\s*(\]+)\s*(#.*)?$")
_KEY = re.compile(r"""\s*("[^"]*"|'[^']*'|[^'"=\s][^=]*?)\s*=(.*)$""")


def index_lines(lines: list[str]) -> dict[KeyPath, int]:
    """Where each section and key stands: ConfigObj does not keep it. Lines count from 1."""
    places: dict[KeyPath, int] = {}
    section: KeyPath = ()
    closing = None  # the triple quote that ends a value of several lines
    for number, whole in enumerate(lines, 1):
        line = _squeezed(whole)[:_NAMES_LIMIT]
        if closing:
            closing = None if closing in whole else closing
            continue
        if heading := _SECTION.match(line):
            depth = len(heading[1])
            section = (*section[: depth - 1], _unquoted(heading[2]))
            places.setdefault(section, number)
        elif not line.lstrip().startswith("#") and (key := _KEY.match(line)):
            places.setdefault((*section, _unquoted(key[1])), number)
            opening = re.match(r"\s*('''|\"\"\")", key[2])
            if opening and whole.count(opening[1]) < 2:
                closing = opening[1]
    return places


def _squeezed(line: str) -> str:
    """With one blank for many: no padding pushes a name beyond what is looked at."""
    return _BLANKS.sub(" ", line.lstrip())


def _unquoted(name: str) -> str:
    """As ConfigObj takes it: one pair of quotation marks belongs to the spelling, any other to the name."""
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'" else name


def value_in(line: str) -> str | None:
    """The text behind the = of a key's line; None where the line is none."""
    line = _squeezed(line)
    start = line[:_NAMES_LIMIT]
    key = None if _SECTION.match(start) or start.lstrip().startswith("#") else _KEY.match(start)
    return line[key.start(2) :] if key else None


def _spell(path: KeyPath) -> str:
    """("network", "lan", "mtu") -> [network] [[lan]] mtu, as it stands in the document."""
    *sections, key = path
    return " ".join([*("[" * depth + name + "]" * depth for depth, name in enumerate(sections, 1)), key])


def syntax_problems(error: ConfigObjError) -> Iterator[Problem]:
    # The library's own message quotes the line, which may hold a secret.
    for fault in getattr(error, "errors", None) or [error]:
        if isinstance(fault, DuplicateError):
            yield Problem(
                "config.duplicate",
                (),
                fault.line_number,
                "this section or key stands here for the second time",
                "join the two, or remove one",
            )
        else:
            yield Problem(
                "config.syntax",
                (),
                fault.line_number,
                "is neither a [section] nor key = value, or its brackets or quotes do not match",
                "quote a value that holds a comma, a # or a quotation mark",
            )


def misplaced_sections(
    values: Any,  # noqa: ANN401 (ConfigObj's sections)
    spec: Any,  # noqa: ANN401 (as above)
    places: dict[KeyPath, int],
    above: KeyPath = (),
) -> Iterator[Problem]:
    """Sections of the document whose name is a key's in the schema."""
    for name in values.sections:
        path = (*above, name)
        expected = spec.get(name, spec.get("__many__"))
        if isinstance(expected, str):
            yield Problem("config.bad-value", path, places.get(path), "is a key with a value, not a section")
        elif expected is not None:
            yield from misplaced_sections(values[name], expected, places, path)


def unknown_keys(values: ConfigObj, places: dict[KeyPath, int]) -> Iterator[Problem]:
    extra = get_extra_values(values)
    if not extra:
        return
    import difflib  # noqa: PLC0415 (most documents name no unknown key)

    for sections, name in extra:
        spec = values
        for section in sections:
            spec = spec[section]
        known = [key for key in (spec.configspec or {}) if key not in ("__many__", "___many___")]
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        what = "section" if (*sections, name) in places and isinstance(spec[name], dict) else "key"
        hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known) or 'nothing'}"
        if "__many__" in (spec.configspec or {}) and not known:
            hint = "only subsections stand here, under names of your choice"
        if what == "key" and (home := _home_of(name, values.configspec)):
            hint = f"belongs into {home}"
        path = (*sections, name)
        yield Problem("config.unknown-key", path, places.get(path), f"there is no such {what}", hint)


def _home_of(key: str, spec: Any, above: KeyPath = ()) -> str | None:  # noqa: ANN401 (ConfigObj's sections)
    """The first section of the schema that has this key, as it is written in a document."""
    if above and key in spec.scalars:
        return " ".join(_bracketed(above))
    homes = (_home_of(key, spec[name], (*above, name)) for name in spec.sections)
    return next((home for home in homes if home), None)


def _bracketed(sections: KeyPath) -> Iterator[str]:
    for depth, name in enumerate(sections, 1):
        yield "[" * depth + ("any name" if name.endswith("__many__") else name) + "]" * depth


def bad_values(values: ConfigObj, outcome: Any, places: dict[KeyPath, int]) -> Iterator[Problem]:  # noqa: ANN401 (ConfigObj's own nested result)
    for sections, name, fault in flatten_errors(values, outcome):
        path = (*sections, name) if name else tuple(sections)
        if isinstance(fault, ValidateError):
            # ConfigObj's own complaint about a value where a section belongs, or the other way round.
            mixed_up = "was provided as" in str(fault)
            message = "must be a section, or must not be one" if mixed_up else str(fault)
            yield Problem("config.bad-value", path, places.get(path), message)
        elif name:
            yield Problem("config.missing-key", path, None, "is needed", f"add `{name} = …`")
