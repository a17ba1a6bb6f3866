"""A plan as a unified diff, for people who want to look before they leap."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from guest.edits import Edit, MakeFolder, MakeLink, Overlay, SetAside, WriteFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.sysroot import View


def unified_diff(plan: Overlay) -> Iterator[str]:
    """Lines without line ends. Contents that may hold secrets, ours or the guest's, are left out."""
    for edit in sorted(plan.edits, key=lambda edit: edit.path):
        yield from _diff_of(edit, plan.below)


def _diff_of(edit: Edit, before: View) -> Iterator[str]:
    match edit:
        case WriteFile(path=path, secret=True):
            yield f"# {path}: {edit.reason} (content not shown: it may hold secrets)"
        case WriteFile(path=path) if _is_private(before, path):
            yield f"# {path}: {edit.reason} (content not shown: in the guest it is not for everybody to read)"
        case WriteFile(path=path, content=content):
            state = before.state(path)
            if edit.mode is not None and (state is None or state.permissions != edit.mode):
                yield f"# {path}: mode {edit.mode:04o}"
            old = before.read(path)
            yield from _lines(old, content, path if old is not None else None, path)
        case MakeLink(path=path, target=target):
            yield f"# {path} -> {target}: {edit.reason}"
        case MakeFolder(path=path, mode=mode):
            yield f"# {path}/: folder of mode {mode:04o}: {edit.reason}"
        case SetAside(path=path):
            # Without its lines: they are the guest's, a profile's key among them perhaps.
            yield f"# {path} is set aside: {edit.reason}"


def _is_private(view: View, path: str) -> bool:
    state = view.state(path)
    return state is not None and state.is_regular and not state.permissions & 0o004


def _lines(old: bytes | None, new: bytes, old_path: str | None, new_path: str | None) -> Iterator[str]:
    before, after = (part.decode("utf-8", "backslashreplace").splitlines() for part in (old or b"", new))
    from_name = f"a{old_path}" if old_path else "/dev/null"
    to_name = f"b{new_path}" if new_path else "/dev/null"
    yield from difflib.unified_diff(before, after, from_name, to_name, lineterm="")
