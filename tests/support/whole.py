"""A tree as a value, whole: what two trees must agree in to be the same; and copies that keep all of it."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from guest.standing import guards_of, set_guards

OURS = "var/lib/guest-customizer"
Tree = dict[str, tuple[object, ...]]


def whole(root: Path, *, with_records: bool = True) -> Tree:
    """Path -> kind and mode, owner, content or target, attributes, chattr flags."""
    found: Tree = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            key = os.path.relpath(path, root)
            if not with_records and (key.startswith(OURS) or OURS.startswith(key + "/")):
                continue
            found[key] = _of(path)
    return found


def _of(path: str) -> tuple[object, ...]:
    state = os.lstat(path)
    content: str | bytes | None = None
    guards = 0
    if stat.S_ISLNK(state.st_mode):
        content = os.readlink(path)
    elif stat.S_ISREG(state.st_mode):
        content = Path(path).read_bytes() if state.st_size < 1 << 24 else str(state.st_size)
    if stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode):
        folder = os.open(os.path.dirname(path), os.O_PATH)
        guards = guards_of(folder, os.path.basename(path))
        os.close(folder)
    attributes = tuple((key, os.getxattr(path, key, follow_symlinks=False)) for key in _names(path))
    return (oct(state.st_mode), state.st_uid, state.st_gid, content, attributes, guards)


def _names(path: str) -> list[str]:
    try:
        return sorted(os.listxattr(path, follow_symlinks=False))
    except OSError:
        return []


def copy(source: Path, target: Path) -> None:
    """With owners, attributes and flags. Not for trees that hold devices."""
    target.mkdir()
    _copy_details(str(source), str(target))
    guarded = []
    for key, value in whole(source).items():
        old, new = os.path.join(source, key), os.path.join(target, key)
        state = os.lstat(old)
        if stat.S_ISLNK(state.st_mode):
            os.symlink(os.readlink(old), new)
        elif stat.S_ISDIR(state.st_mode):
            os.mkdir(new)
        else:
            shutil.copyfile(old, new)
        _copy_details(old, new)
        if value[5]:
            guarded.append((Path(new), int(str(value[5]))))
    for path, guards in guarded:
        guard(path, guards)


def _copy_details(old: str, new: str) -> None:
    state = os.lstat(old)
    if os.geteuid() == 0:
        os.chown(new, state.st_uid, state.st_gid, follow_symlinks=False)
    for key in _names(old):
        os.setxattr(new, key, os.getxattr(old, key, follow_symlinks=False), follow_symlinks=False)
    if not stat.S_ISLNK(state.st_mode):
        os.chmod(new, stat.S_IMODE(state.st_mode))


def guard(path: Path, guards: int) -> None:
    folder = os.open(path.parent, os.O_PATH)
    set_guards(folder, path.name, guards)
    os.close(folder)


def remove(root: Path) -> None:
    """Also what is immutable."""
    for key, value in whole(root).items():
        if value[5]:
            guard(root / key, 0)
    shutil.rmtree(root)
