"""Files of [Sections] and Key=value lines: NetworkManager's keyfiles, systemd's .network, .netdev and .link files.

Both keep the order of sections and keys, may have either several times, and know no comment behind a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Entry = tuple[str, str]


@dataclass(frozen=True)
class Section:
    name: str
    entries: tuple[Entry, ...] = ()

    def last(self, key: str) -> str | None:
        """The value that counts where a key stands once."""
        return next((value for name, value in reversed(self.entries) if name == key), None)

    def every(self, key: str) -> tuple[str, ...]:
        """The values of a key that adds up; an empty one takes back those before it (systemd.syntax(7))."""
        found: list[str] = []
        for name, value in self.entries:
            if name == key:
                found = [*found, value] if value else []
        return tuple(found)


@dataclass(frozen=True)
class Ini:
    sections: tuple[Section, ...]

    def named(self, name: str) -> tuple[Section, ...]:
        return tuple(section for section in self.sections if section.name == name)

    def merged(self, *names: str) -> Section:
        """All sections of these names as if they were one; they may be none."""
        return Section(names[0], tuple(entry for s in self.sections if s.name in names for entry in s.entries))


def parse(content: str, comments: str = "#;") -> Ini:
    """Lines that are neither section, comment nor `Key=value` are passed over, as both readers do."""
    sections: list[Section] = []
    for line in content.replace("\\\n", " ").splitlines():
        stripped = line.strip()
        if not stripped or stripped[0] in comments:
            continue
        if stripped[0] == "[" and stripped[-1] == "]":
            sections.append(Section(stripped[1:-1]))
        elif "=" in stripped and sections:
            key, _, value = stripped.partition("=")
            last = sections[-1]
            sections[-1] = Section(last.name, (*last.entries, (key.rstrip(), value.lstrip())))
    return Ini(tuple(sections))


def compose(sections: Iterable[Section], comment: str) -> bytes:
    """The file's bytes; sections without entries are left out."""
    blocks = [
        "".join(f"{line}\n" for line in (f"[{section.name}]", *(f"{key}={value}" for key, value in section.entries)))
        for section in sections
        if section.entries
    ]
    return (f"# {comment}\n" + "\n".join(blocks)).encode()
