"""What was meant by a name that stands in the wrong place, or is not known at all: the hint beside it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from guest.settings.problems import KeyPath, heading, spell
from guest.settings.schema import MANY, RESERVED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# How alike two names must be to be taken for one: `hstname` and `hostname` are, `timezone` and `domain` are not.
_NEAR = 0.66
# The same where they stand in different sections.
_NEAR_ELSEWHERE = 0.88


def key_hint(path: KeyPath, schema: Any) -> str:  # noqa: ANN401 (ConfigObj's sections)
    """Where the key belongs, which one was meant, or which there are."""
    *above, name = path
    if name in RESERVED:
        return "take another name"
    if name.startswith("["):
        return "a section's name stands between brackets on a line of its own, without a ="
    if name.startswith((";", "//")):
        return "a comment begins with #"
    spec = _section(above, schema)
    homes, near = _homes(name, schema), _near(name, spec.scalars)
    if near:
        homes += [("or " if homes else "") + f"did you mean {' or '.join(f'`{other}`' for other in near)}?"]
    return "; ".join(homes) or _elsewhere(name, spec, schema) or _known(above, spec)


def section_hint(path: KeyPath, section: Any, schema: Any) -> str:  # noqa: ANN401 (as above)
    *above, name = path
    spec = _section(above, schema)
    if name in RESERVED:
        return "take another name"
    exact = [other for other, is_section in _all(schema) if is_section and other[-1] == name and other != path]
    if exact:
        return f"belongs {_below(exact[0])}" if len(exact[0]) > 1 else f"write {spell(exact[0], is_section=True)}"
    keys = [other for other, is_section in _all(schema) if not is_section and other[-1] == name]
    if keys:
        return f"is a key, `{name} = …`, which belongs {_inside(keys[0])}"
    if near := _near(name, spec.sections):
        return f"did you mean {heading(near[0], len(path))}?"
    if home := section_home(name, section, schema) or section_home(name, section, schema, len(path)):
        return f"belongs {_below((*home[:-1], name))}"
    return _known_sections(above, spec)


def section_home(name: str, keys: Iterable[str], schema: Any, depth: int = 0) -> KeyPath | None:  # noqa: ANN401 (as above)
    """The section of the schema that this name, or else these keys, belong to; `depth` 0 is any."""
    sections = [path for path, is_section in _all(schema) if is_section and depth in (0, len(path))]
    for path in sections:
        if path[-1] == name:
            return path
    free = [path for path in sections if path[-1] == MANY]
    wanted = set(keys)
    if not wanted:
        return free[0] if free and depth else None
    fitting = {path: len(wanted & {*_section(path, schema)}) for path in free}
    best = max(free, key=lambda path: fitting[path], default=None)
    return best if best is not None and fitting[best] * 2 >= len(wanted) else None


def is_known(name: str, schema: Any) -> bool:  # noqa: ANN401 (as above)
    return any(path[-1] == name for path, _ in _all(schema))


def is_key(name: str, schema: Any) -> bool:  # noqa: ANN401 (as above)
    return any(path[-1] == name and not is_section for path, is_section in _all(schema))


def written(path: KeyPath) -> str:
    """A section of the schema as a document has it."""
    return spell([called(name) for name in path], is_section=True)


def fits(path: KeyPath, home: KeyPath) -> bool:
    """Whether a section of a document may be one of those above a section of the schema."""
    return len(path) < len(home) and all(part in (name, MANY) for name, part in zip(path, home, strict=False))


def called(name: str) -> str:
    return "any name" if name == MANY else name


def _section(path: Iterable[str], schema: Any) -> Any:  # noqa: ANN401 (as above)
    for name in path:
        schema = schema[name if name in schema else MANY]
    return schema


def _all(schema: Any, above: KeyPath = ()) -> Iterator[tuple[KeyPath, bool]]:  # noqa: ANN401 (as above)
    """(path, whether it is a section) of everything that the schema has."""
    for name in schema.scalars:
        if name != MANY:
            yield (*above, name), False
    for name in schema.sections:
        yield (*above, name), True
        yield from _all(schema[name], (*above, name))


def _near(name: str, known: Iterable[str], limit: float = _NEAR) -> list[str]:
    """Those that are most alike: more than one where they are so to the same degree."""
    # Capitals and dashes are how other tools spell the same names.
    compared = difflib.SequenceMatcher(b=name.strip("\"' ").lower().replace("-", "_"))
    alike: list[tuple[float, str]] = []
    for other in known:
        compared.set_seq1(other)
        if other != MANY and compared.real_quick_ratio() >= limit and compared.quick_ratio() >= limit:
            alike.append((compared.ratio(), other))
    most = max([limit, *(ratio for ratio, _ in alike)])
    return [other for ratio, other in alike if ratio == most]


def _homes(name: str, schema: Any) -> list[str]:  # noqa: ANN401 (as above)
    keys = [path for path, is_section in _all(schema) if not is_section and path[-1] == name]
    sections = [path for path, is_section in _all(schema) if is_section and path[-1] == name]
    hints = ["belongs " + " or ".join(_inside(path) for path in keys)] if keys else []
    return hints + [f"{written(path)} is a section" for path in sections]


def _elsewhere(name: str, spec: Any, schema: Any) -> str:  # noqa: ANN401 (as above)
    """Empty where no key is alike."""
    if not spec.scalars:
        return ""  # only sections stand here, whose names are free
    keys = {path[-1]: path for path, is_section in _all(schema) if not is_section}
    near = _near(name, keys, _NEAR_ELSEWHERE)
    return f"did you mean `{near[0]}`? It belongs {_inside(keys[near[0]])}" if near else ""


def _inside(key: KeyPath) -> str:
    return f"into {written(key[:-1])}" if len(key) > 1 else "at the top, above the first section"


def _below(section: KeyPath) -> str:
    """Where a section belongs that is not one of the top's."""
    return f"below {written(section[:-1])}: write {heading(called(section[-1]), len(section))}"


def _known(above: Iterable[str], spec: Any) -> str:  # noqa: ANN401 (as above)
    keys = ", ".join(f"`{key}`" for key in spec.scalars if key != MANY)
    if not keys:
        return f"only sections stand here: {_sections(above, spec)}"
    return f"the keys here are {keys}" + (f"; the sections {_sections(above, spec)}" if spec.sections else "")


def _known_sections(above: Iterable[str], spec: Any) -> str:  # noqa: ANN401 (as above)
    return (
        f"the sections here are {_sections(above, spec)}" if spec.sections else "there are no sections below this one"
    )


def _sections(above: Iterable[str], spec: Any) -> str:  # noqa: ANN401 (as above)
    depth = len([*above]) + 1
    return ", ".join(heading(called(name), depth) for name in spec.sections)
