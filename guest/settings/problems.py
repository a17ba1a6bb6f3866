"""What can be wrong with a document, named by file, line, section and key, and never by value (LESSONS S3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guest.errors import CustomizerError

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCUMENT = "customization.conf"

KeyPath = tuple[str, ...]


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a document. `line` counts from 1; None where no line is to blame."""

    code: str
    path: KeyPath  # the sections, and the key where there is one
    line: int | None
    message: str
    hint: str = ""
    is_section: bool = False  # what `path` ends in
    document: str = DOCUMENT  # the file's name

    def __str__(self) -> str:
        line = f", line {self.line}" if self.line else ""
        where = spell(self.path, is_section=self.is_section)
        return f"{self.document}{line}: {where}: {self.message}" if where else f"{self.document}{line}: {self.message}"


class DocumentError(CustomizerError):
    """A document with faults; all of them are in `problems`, the first one is the message."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        first = problems[0]
        hint = first.hint or "correct the document"
        more = len(problems) - 1
        if more:
            hint += "; `guest-customizer check` says what else is wrong with it"
        super().__init__(first.code, f"{first} (and {more} more)" if more else str(first), hint)
        self.problems = problems


def spell(path: Sequence[str], *, is_section: bool = False) -> str:
    """("network", "lan", "mtu") -> [network] [[lan]] mtu, as it stands in the document."""
    sections, keys = (path, path[:0]) if is_section else (path[:-1], path[-1:])
    return " ".join([*(heading(name, depth) for depth, name in enumerate(sections, 1)), *keys])


def heading(name: str, depth: int) -> str:
    return "[" * depth + name + "]" * depth
