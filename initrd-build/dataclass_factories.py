"""Writes down what dataclasses generates for the customizer's classes, so that the frozen program need not compile it.

Python compiles some four hundred little functions for them at each start: 0.3 s under TCG. stand_ins.py finds them here by
their text; one that is missing is compiled as ever.
"""

from __future__ import annotations

import builtins
import dataclasses
import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MODULE = "dataclass_factories"


def record(modules: Iterable[str]) -> tuple[str, ...]:
    """The source of each function that dataclasses makes while these are imported, in a process that has not yet."""
    texts: dict[str, None] = {}

    def take_down(text: str, *namespaces: dict[str, Any]) -> None:
        texts[text] = None
        builtins.exec(text, *namespaces)  # noqa: S102 (as dataclasses would)

    dataclasses.exec = take_down  # type: ignore[attr-defined] # found there before the builtin
    for module in modules:
        importlib.import_module(module)
    return tuple(sorted(texts))


def as_module(texts: Iterable[str]) -> str:
    """A module whose FACTORIES has for each text what it defines."""
    lines = ["FACTORIES = {}"]
    for text in texts:
        lines += [text, f"FACTORIES[{text!r}] = __create_fn__"]
    return "\n".join([*lines, ""])


def write(folder: Path, modules: Iterable[str]) -> None:
    (folder / f"{MODULE}.py").write_text(as_module(record(modules)))


if __name__ == "__main__":
    from pathlib import Path

    write(Path(sys.argv[1]), sys.argv[2:])
