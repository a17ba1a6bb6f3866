"""`look_inside.py {read,list} PATH`: what a file system mounted on /mnt holds, as its inhabitants see it.

reader.py runs it in a mount namespace; with /mnt for its root, the guest's links lead nowhere else.
"""

import json
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

MISSING = 3  # the exit status that says so


@dataclass(frozen=True)
class Entry:
    kind: str
    """`file`, `directory`, `link` or `other`."""
    mode: int
    uid: int
    gid: int
    size: int
    target: str | None
    """Where a link points."""
    label: str | None
    """security.selinux, without its final NUL."""


def list_entries(below: bytes) -> Iterator[tuple[str, Entry]]:
    for folder, folders, files in os.walk(below):
        for name in sorted(folders + files):
            path = folder.rstrip(b"/") + b"/" + name
            yield os.fsdecode(path), _entry(path)


def _entry(path: bytes) -> Entry:
    seen = os.lstat(path)
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}
    return Entry(
        kind=kinds.get(stat.S_IFMT(seen.st_mode), "other"),
        mode=stat.S_IMODE(seen.st_mode),
        uid=seen.st_uid,
        gid=seen.st_gid,
        size=seen.st_size,
        target=os.fsdecode(os.readlink(path)) if stat.S_ISLNK(seen.st_mode) else None,
        label=_label(path),
    )


def _label(path: bytes) -> str | None:
    if "security.selinux" not in os.listxattr(path, follow_symlinks=False):
        return None
    return os.getxattr(path, "security.selinux", follow_symlinks=False).rstrip(b"\0").decode()


def main() -> int:
    verb, path = sys.argv[1:]
    os.chroot("/mnt")
    os.chdir("/")
    if verb == "list":
        entries = list_entries(os.fsencode(path))
        print(json.dumps({name: asdict(entry) for name, entry in entries}))
        return 0
    try:
        sys.stdout.buffer.write(Path(path).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return MISSING
    return 0


if __name__ == "__main__":
    sys.exit(main())
