"""SELinux labels for new files, from the guest's own file_contexts (FACTS-distros 8.3): what selabel_file(5) looks up.

Only the paths we make are labelled; files that are replaced keep the label they have (LESSONS L14).
"""

from __future__ import annotations

import re
import stat
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from guest.sysroot import text

if TYPE_CHECKING:
    from guest.sysroot import View

_TYPES = {"--": stat.S_IFREG, "-d": stat.S_IFDIR, "-l": stat.S_IFLNK}
_META = re.compile(r"[.^$?*+|\[({]")


@dataclass(frozen=True)
class Spec:
    """One line of file_contexts. `kind` is a file type of stat(2), None for any."""

    pattern: str
    kind: int | None
    context: str

    @cached_property
    def literal(self) -> str:
        """What every path that matches starts with: a cheap test before the regular expression."""
        plain = re.match(r"(?:[^\\.^$?*+|\[({]|\\[^A-Za-z0-9])*", self.pattern)
        start = plain[0] if plain else ""
        if self.pattern[len(start) :][:1] in ("?", "*", "{"):
            start = start[:-1].removesuffix("\\")  # the last character is optional
        return "" if "|" in self.pattern and "(" not in self.pattern else re.sub(r"\\(.)", r"\1", start)

    @cached_property
    def is_plain(self) -> bool:
        return not _META.search(re.sub(r"\\.", "", self.pattern))

    def fits(self, path: str, kind: int) -> bool:
        if self.kind not in (None, kind) or not path.startswith(self.literal):
            return False
        return self._compiled is not None and self._compiled.fullmatch(path) is not None

    @cached_property
    def _compiled(self) -> re.Pattern[str] | None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of what a later Python might read differently: `[[`
            try:
                return re.compile(self.pattern, re.DOTALL)
            except (re.error, RecursionError):
                return None  # RHEL 6.2 ships one that no one can compile


@dataclass(frozen=True)
class Policy:
    """The guest's file contexts, with the path substitutions that come first."""

    specs: tuple[Spec, ...]
    substitutions: tuple[tuple[tuple[str, str], ...], ...]

    def label(self, path: str, kind: int) -> str | None:
        """The context for a path of this file type; None where the policy says that it has none."""
        for table in self.substitutions:
            path = _substitute(path, table)
        plain = (spec for spec in reversed(self.specs) if spec.is_plain and spec.fits(path, kind))
        found = next(plain, None) or next((spec for spec in reversed(self.specs) if spec.fits(path, kind)), None)
        return None if found is None or found.context == "<<none>>" else found.context


def _substitute(path: str, table: tuple[tuple[str, str], ...]) -> str:
    for source, target in table:
        if path == source or path.startswith(source + "/"):
            return target + path[len(source) :]
    return path


def read_policy(view: View) -> Policy | None:
    """None where the guest has no SELinux, or has it switched off."""
    config = dict(
        line.strip().partition("=")[::2]
        for line in (text(view, "/etc/selinux/config") or "").splitlines()
        if "=" in line
    )
    if config.get("SELINUX", "disabled").strip() not in ("enforcing", "permissive"):
        return None
    base = f"/etc/selinux/{config.get('SELINUXTYPE', 'targeted').strip()}/contexts/files/file_contexts"
    # The last match wins, so what the administrator added comes last.
    lines = [line for suffix in ("", ".homedirs", ".local") for line in (text(view, base + suffix) or "").splitlines()]
    specs = tuple(spec for line in lines if (spec := _parse(line)))
    tables = tuple(_parse_substitutions(text(view, base + suffix) or "") for suffix in (".subs", ".subs_dist"))
    return Policy(specs, tables) if specs else None


def _parse(line: str) -> Spec | None:
    match line.split():
        case [pattern, context] if not pattern.startswith("#"):
            return Spec(pattern, None, context)
        case [pattern, kind, context] if not pattern.startswith("#") and kind in _TYPES:
            return Spec(pattern, _TYPES[kind], context)
    return None


def _parse_substitutions(content: str) -> tuple[tuple[str, str], ...]:
    rows = (line.split() for line in content.splitlines() if not line.lstrip().startswith("#"))
    return tuple((row[0], row[1]) for row in rows if len(row) == 2)
