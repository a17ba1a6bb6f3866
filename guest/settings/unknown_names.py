"""Names in a document that its schema does not have, or has for something else."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from guest.settings.lines import goes_on, index
from guest.settings.problems import KeyPath, Problem, heading
from guest.settings.schema import MANY, RESERVED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.settings.lines import Line


def wrong_names(values: Any, schema: Any, scanned: tuple[Line, ...]) -> Iterator[Problem]:  # noqa: ANN401 (ConfigObj's sections)
    """Unknown names, keys in place of sections, sections in place of keys. What stands in an unknown section is passed over."""
    yield from _below(values, schema, (), _Document(schema, scanned))


class _Document:
    def __init__(self, schema: Any, scanned: tuple[Line, ...]) -> None:  # noqa: ANN401 (as above)
        self.schema = schema
        self.places = index(scanned)
        # Keys that may be the rest of the value in the line above: their names may be values.
        self.rests = {line.path: before for before, line in pairwise(scanned) if goes_on(before)}

    def unknown(self, path: KeyPath, section: Any) -> Problem:  # noqa: ANN401 (as above; None where it is a key)
        from guest.settings import nearest  # noqa: PLC0415 (most documents name nothing unknown)

        if section is None and path in self.rests:
            from guest.settings.syntax import rest_of_value  # noqa: PLC0415 (as above)

            return rest_of_value(self.rests[path], self.places[path])
        if section is None:
            message, hint = "there is no such key", nearest.key_hint(path, self.schema)
        else:
            message, hint = "there is no such section", nearest.section_hint(path, section, self.schema)
        return Problem("config.unknown-key", path, self.places.get(path), message, hint, is_section=section is not None)

    def mixed_up(self, path: KeyPath, section: Any) -> Problem:  # noqa: ANN401 (as above)
        if section is None:
            message, hint = "is a section, not a key", f"write {heading(path[-1], len(path))} on a line of its own"
        else:
            message, hint = "is a key with a value, not a section", f"write `{path[-1]} = …`, without brackets"
        return Problem("config.bad-value", path, self.places.get(path), message, hint, is_section=section is not None)


def _below(values: Any, spec: Any, above: KeyPath, document: _Document) -> Iterator[Problem]:  # noqa: ANN401 (as above)
    for name in values.scalars:
        expected = _expected(name, spec)
        if expected is None or (name not in spec and not isinstance(expected, str)):
            yield document.unknown((*above, name), None)
        elif not isinstance(expected, str):
            yield document.mixed_up((*above, name), None)
    for name in values.sections:
        expected = _expected(name, spec)
        if expected is None:
            yield document.unknown((*above, name), values[name])
        elif isinstance(expected, str):
            yield document.mixed_up((*above, name), values[name])
        else:
            yield from _below(values[name], expected, (*above, name), document)


def _expected(name: str, spec: Any) -> Any:  # noqa: ANN401 (as above)
    """The schema's section or check of this name; None where it has none."""
    return None if name in RESERVED else spec.get(name, spec.get(MANY))
