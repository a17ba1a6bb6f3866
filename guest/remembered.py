"""A guest's files while nothing changes them: each question is put to the kernel once, however many deciders ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from guest.sysroot import FileState, View

T = TypeVar("T")
# What is kept of contents in all. Real guests are asked for some 100 KB; a hostile one has thousands of large files.
CONTENTS_LIMIT = 4 * 1024 * 1024


class Remembered:
    """A View with the answers of another. Only errors are asked for again."""

    def __init__(self, below: View) -> None:
        self._below = below
        self._room = CONTENTS_LIMIT
        self._contents: dict[str, bytes | None] = {}
        self._states: dict[str, FileState | None] = {}
        self._targets: dict[str, str | None] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._resolved: dict[str, str] = {}

    def read(self, path: str) -> bytes | None:
        if path in self._contents:
            return self._contents[path]
        content = self._below.read(path)
        self._room -= len(content or b"")
        if self._room >= 0:
            self._contents[path] = content
        return content

    def state(self, path: str) -> FileState | None:
        return _once(self._states, path, self._below.state)

    def link_target(self, path: str) -> str | None:
        return _once(self._targets, path, self._below.link_target)

    def names(self, path: str) -> tuple[str, ...]:
        return _once(self._names, path, self._below.names)

    def resolve(self, path: str) -> str:
        return _once(self._resolved, path, self._below.resolve)


def _once(answers: dict[str, T], path: str, ask: Callable[[str], T]) -> T:
    if path not in answers:
        answers[path] = ask(path)
    return answers[path]
