"""Writes down what the customizer would compile at each start: the functions that dataclasses makes, and regular expressions.

Python compiles some four hundred little functions and seventy expressions: 0.4 s under TCG. stand_ins.py finds them here by
their text; one that is missing is compiled as ever.
"""

from __future__ import annotations

import builtins
import dataclasses
import importlib
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

MODULE = "compiled_ahead_code"


@dataclass
class Compiled:
    """What was compiled while modules were imported."""

    functions: set[str] = field(default_factory=set)  # sources
    # (expression, flags) -> what the regular expression engine is given for it
    patterns: dict[tuple[str | bytes, int], tuple[Any, ...]] = field(default_factory=dict)


def record(modules: Iterable[str]) -> Compiled:
    """In a process that has not imported them yet."""
    compiled = Compiled()
    compiler = re._compiler  # type: ignore[attr-defined]  # noqa: SLF001 (where expressions become what the engine takes)
    engine, compile_pattern = compiler._sre, compiler.compile  # noqa: SLF001 (as above)

    class Engine:
        """Ahead of the real one."""

        def __getattr__(self, name: str) -> object:
            return getattr(engine, name)

        def compile(self, *arguments: Any) -> object:  # noqa: ANN401 (whatever it is given)
            self.given = arguments
            return engine.compile(*arguments)

    ahead = Engine()

    def take_down_function(text: str, *namespaces: dict[str, Any]) -> None:
        compiled.functions.add(text)
        builtins.exec(text, *namespaces)  # noqa: S102 (as dataclasses would)

    def take_down_pattern(pattern: str | bytes, flags: int = 0) -> object:
        made = compile_pattern(pattern, flags)
        text, all_flags, code, *groups = ahead.given
        # The codes are integers with names.
        compiled.patterns[pattern, flags] = (text, all_flags, [int(word) for word in code], *groups)
        return made

    dataclasses.exec = take_down_function  # type: ignore[attr-defined] # found there before the builtin
    compiler._sre, compiler.compile = ahead, take_down_pattern  # noqa: SLF001 (as above)
    re.purge()  # what is cached is not compiled
    try:
        for module in modules:
            importlib.import_module(module)
    finally:
        compiler._sre, compiler.compile = engine, compile_pattern  # noqa: SLF001 (as above)
        del dataclasses.exec
    return compiled


def as_module(compiled: Compiled) -> str:
    """A module whose FUNCTIONS has for each source what it defines, and PATTERNS for each expression what the engine takes."""
    lines = ["FUNCTIONS = {}"]
    for text in sorted(compiled.functions):
        lines += [text, f"FUNCTIONS[{text!r}] = __create_fn__"]
    lines.append("PATTERNS = {")
    lines += [f"    {key!r}: {given!r}," for key, given in sorted(compiled.patterns.items(), key=repr)]
    return "\n".join([*lines, "}", ""])


if __name__ == "__main__":
    (Path(sys.argv[1]) / f"{MODULE}.py").write_text(as_module(record(sys.argv[2:])))
