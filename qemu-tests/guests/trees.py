"""A directory tree as a checkout can keep it: files in a folder, and beside it a list of what a checkout cannot carry.

`NAME.list` stands beside the folder `NAME/`; either may be missing. One line an entry, quoted as in a shell:

    link PATH TARGET            a symbolic link
    dir MODE PATH               a folder, empty or with a mode of its own
    file MODE[:UID:GID] PATH    mode and owner of a file of the folder
    fifo MODE PATH              a named pipe
    gone PATH                   nothing stands here (in a tree that is laid over another)

Modes not listed are 0644, or 0755 for folders and for files with an x bit. Links are listed rather than kept as
links because not everything that copies a checkout keeps them: they came back as files once.
"""

from __future__ import annotations

import os
import shlex
import shutil
import stat
from pathlib import Path

LIST = ".list"

# Path -> (kind, details as in a list, content of a file).
Snapshot = dict[str, tuple[str, str, bytes]]


def plant(folder: Path, root: Path) -> None:
    """Lays the tree `folder` over `root`, which need not exist."""
    root.mkdir(parents=True, exist_ok=True)
    if folder.is_dir():
        _copy(folder, root)
    for kind, path, details in read_list(folder):
        _make(kind, root / path, details)


def read_list(folder: Path) -> list[tuple[str, str, str]]:
    """(kind, path, details) of each line; `details` is a link's target, or MODE[:UID:GID]."""
    file = folder.with_name(folder.name + LIST)
    entries = []
    for line in file.read_text().splitlines() if file.is_file() else []:
        match shlex.split(line, comments=True):
            case ["link", path, target]:
                entries.append(("link", path, target))
            case ["gone", path]:
                entries.append(("gone", path, ""))
            case ["dir" | "file" | "fifo" as kind, mode, path]:
                entries.append((kind, path, mode))
            case []:
                continue
            case _:
                raise ValueError(f"{file}: cannot read the line {line!r}")
    return entries


def write_list(folder: Path, entries: list[tuple[str, str, str]]) -> None:
    """The counterpart of read_list, sorted by path."""
    lines = []
    for kind, path, details in sorted(entries, key=lambda entry: entry[1]):
        words = {"link": [kind, path, details], "gone": [kind, path]}.get(kind, [kind, details, path])
        lines.append(shlex.join(words) + "\n")
    file = folder.with_name(folder.name + LIST)
    if lines:
        file.write_text("".join(lines))
    else:
        file.unlink(missing_ok=True)


def _copy(folder: Path, root: Path) -> None:
    for source in sorted(folder.rglob("*")):
        target = root / source.relative_to(folder)
        if source.is_dir():
            target.mkdir(exist_ok=True)
            target.chmod(0o755)
        else:
            _clear(target)
            shutil.copyfile(source, target)
            target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


def _make(kind: str, path: Path, details: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind in ("link", "gone", "fifo"):
        _clear(path)
    mode, _, owner = details.partition(":")
    match kind:
        case "link":
            path.symlink_to(details)
        case "dir":
            path.mkdir(exist_ok=True)
        case "fifo":
            os.mkfifo(path)
    if kind in ("dir", "file", "fifo"):
        path.chmod(int(mode, 8))
        if owner:
            uid, _, gid = owner.partition(":")
            os.chown(path, int(uid), int(gid))


def _clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def read(folder: Path) -> Snapshot:
    """A kept tree as snapshot() would see it planted; its list names every file."""
    return {
        path: (kind, details, (folder / path).read_bytes() if kind == "file" else b"")
        for kind, path, details in read_list(folder)
    }


def write(folder: Path, tree: Snapshot) -> None:
    """Replaces a kept tree."""
    shutil.rmtree(folder, ignore_errors=True)
    for path, (kind, details, content) in tree.items():
        if kind == "file":
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            file.chmod(0o755 if int(details, 8) & 0o100 else 0o644)
    write_list(folder, [(kind, path, details) for path, (kind, details, _) in tree.items()])


def snapshot(root: Path) -> Snapshot:
    """Every path but folders of mode 0755."""
    found: Snapshot = {}
    for folder, folders, files in os.walk(root):
        for name in sorted(folders + files):
            path = Path(folder, name)
            state = path.lstat()
            mode = f"{stat.S_IMODE(state.st_mode):04o}"
            relative = str(path.relative_to(root))
            if path.is_symlink():
                found[relative] = ("link", os.readlink(path), b"")
            elif path.is_dir():
                if mode != "0755":
                    found[relative] = ("dir", mode, b"")
            else:
                content = path.read_bytes() if path.is_file() else b""
                found[relative] = ("file" if path.is_file() else "fifo", mode, content)
    return found
