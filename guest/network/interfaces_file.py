"""/etc/network/interfaces and what it sources, as such: stanzas, and the files without some of them. See interfaces(5)."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guest.edits import Edit, SetAside, WriteFile
from guest.sysroot import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from guest.sysroot import View

INTERFACES = "/etc/network/interfaces"
# The comment above each block of ours.
MARK = "# guest-customizer: "
# Words that begin a stanza; every other line belongs to the stanza above it.
_KEYWORDS = (
    "auto", "iface", "mapping", "source", "source-directory", "no-auto-down", "no-scripts", "rename", "template",
)  # fmt: skip
# source-directory reads only names of this shape (0.7.44 and later).
_DIRECTORY_NAME = re.compile(r"[A-Za-z0-9_-]+")
# Options that take other interfaces away from their own stanzas (ifenslave, bridge-utils; with _ in older spellings).
_TAKES = ("bond-slaves", "slaves", "bridge-ports")


@dataclass(frozen=True)
class Stanza:
    """Lines that belong together, as they stand, with their line ends."""

    words: tuple[str, ...]  # of the first line; () for what stands before any stanza
    lines: tuple[str, ...]

    def options(self) -> list[tuple[str, str]]:
        """(option, value) of each line below an `iface` line; comments are none."""
        found = [line.split(None, 1) for line in joined_lines("".join(self.lines))]
        pairs = [(words[0], words[1].strip() if len(words) > 1 else "") for words in found if words]
        return [pair for pair in pairs if not pair[0].startswith("#")][1:]


def joined_lines(content: str) -> list[str]:
    return content.replace("\\\n", " ").splitlines()


def split(content: str) -> Iterator[Stanza]:
    words: tuple[str, ...] = ()
    lines: list[str] = []
    continued = False
    for line in content.splitlines(keepends=True):
        first = () if continued or line.lstrip().startswith("#") else tuple(line.split())
        continued = line.rstrip("\n").endswith("\\")
        if first and (first[0] in _KEYWORDS or first[0].startswith("allow-")):
            # Comments and blank lines directly above a stanza go with it.
            above = len(lines)
            while above and (not lines[above - 1].strip() or lines[above - 1].lstrip().startswith("#")):
                above -= 1
            yield Stanza(words, tuple(lines[:above]))
            words, lines = first, lines[above:]
        lines.append(line if line.endswith("\n") else line + "\n")
    yield Stanza(words, tuple(lines))


def sourced_files(view: View) -> list[str]:
    """Files that /etc/network/interfaces reads, one level deep, in its order."""
    found: list[str] = []
    for line in joined_lines(text(view, INTERFACES) or ""):
        words = line.split()
        if words[:1] == ["source"]:
            for pattern in words[1:]:
                folder, name = posixpath.split(posixpath.join("/etc/network", pattern))
                found += [
                    posixpath.join(folder, entry) for entry in view.names(folder) if fnmatch.fnmatchcase(entry, name)
                ]
        elif words[:1] == ["source-directory"]:
            for pattern in words[1:]:
                folder = posixpath.join("/etc/network", pattern)
                found += [
                    posixpath.join(folder, entry) for entry in view.names(folder) if _DIRECTORY_NAME.fullmatch(entry)
                ]
    return list(dict.fromkeys(found))


def stanzas(view: View) -> list[Stanza]:
    """All of them, those of sourced files too."""
    return [stanza for path in (INTERFACES, *sourced_files(view)) for stanza in split(text(view, path) or "")]


def card_of(name: str) -> str:
    """ens3:1 is another address of ens3; ens3.10 is a card of its own."""
    return name.partition(":")[0].partition("=")[0]


def configured(view: View) -> set[str]:
    """The interfaces that have a stanza; lo is none."""
    return {card_of(s.words[1]) for s in stanzas(view) if s.words[:1] == ("iface",) and len(s.words) > 1} - {"lo"}


def with_takers(view: View, names: frozenset[str]) -> frozenset[str]:
    """These interfaces, the bonds and bridges that take one of them as a port, and the VLANs on those."""
    below: dict[str, set[str]] = {}
    for stanza in stanzas(view):
        if stanza.words[:1] == ("iface",) and len(stanza.words) > 1:
            name = card_of(stanza.words[1])
            below.setdefault(name, set())
            for option, value in stanza.options():
                if option.replace("_", "-") in _TAKES:
                    below[name] |= set(value.split())
    found = set(names)
    while (
        more := {name for name, ports in below.items() if ports & found or name.rpartition(".")[0] in found - names}
        - found
    ):
        found |= more
    return frozenset(found)


def drop(content: str, names: frozenset[str]) -> str:
    """The file without the stanzas of these interfaces; other lines stay byte for byte."""
    return "".join(_kept(content, names))


def _kept(content: str, names: frozenset[str]) -> Iterator[str]:
    for stanza in split(content):
        lines = [line for line in stanza.lines if not line.startswith(MARK)]
        match stanza.words:
            case ("iface", name, *_) if card_of(name) in names:
                # The comments that followed stay: they may be about something else.
                yield from _comments(lines)
            case (word, *listed) if word == "auto" or word.startswith("allow-"):
                kept = [name for name in listed if card_of(name) not in names]
                if kept == listed:
                    yield from lines
                else:
                    yield from _comments(lines)
                    if kept:
                        yield f"{word} {' '.join(kept)}\n"
            case _:
                yield from lines


def _comments(lines: Iterable[str]) -> list[str]:
    return [line for line in lines if line.lstrip().startswith("#")]


def without(view: View, path: str, names: frozenset[str], reason: str) -> Iterator[Edit]:
    """The edit that takes these interfaces out of a file; the file goes where nothing else is in it."""
    content = text(view, path)
    if content is None:
        return
    kept = drop(content, names)
    if kept == content:
        return
    if path == INTERFACES or any(stanza.words for stanza in split(kept)):
        yield WriteFile(path, kept.encode("utf-8", "surrogateescape"), reason)
    else:
        yield SetAside(path, reason)
