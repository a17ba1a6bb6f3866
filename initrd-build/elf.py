"""Which shared libraries a program needs: DT_NEEDED, found by RUNPATH or the system's folders, and .note.dlopen.

ldd would not do: since systemd 256 udevd opens libkmod by dlopen, and an initrd without it loads no driver.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from elftools.elf.elffile import ELFFile

if TYPE_CHECKING:
    from collections.abc import Iterable

# https://systemd.io/ELF_DLOPEN_METADATA
DLOPEN_NOTE_TYPE = 0x407C0C0A
LIBRARY_FOLDERS = (
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
)


class MissingLibraryError(Exception):
    """A program cannot start: a library that it needs is nowhere."""


@dataclass(frozen=True)
class Binary:
    """What one ELF file says about itself."""

    interpreter: str | None
    needed: tuple[str, ...]
    opened: tuple[str, ...]  # by dlopen; may be absent
    runpath: tuple[str, ...]


def is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _dlopen_names(blob: bytes) -> tuple[str, ...]:
    names: list[str] = []
    offset = 0
    while offset + 12 <= len(blob):
        name_size, size, kind = struct.unpack_from("<III", blob, offset)
        start = offset + 12 + (name_size + 3) // 4 * 4
        if kind == DLOPEN_NOTE_TYPE:
            for feature in json.loads(blob[start : start + size].rstrip(b"\0")):
                # The first of the alternatives that exists would be opened; "suggested" is what can be missed.
                if feature.get("priority") != "suggested":
                    names += feature["soname"]
        offset = start + (size + 3) // 4 * 4
    return tuple(names)


def read_binary(path: Path) -> Binary:
    with path.open("rb") as file:
        elf = ELFFile(file)
        interpreter = elf.get_section_by_name(".interp")
        dynamic = elf.get_section_by_name(".dynamic")
        note = elf.get_section_by_name(".note.dlopen")
        tags = list(dynamic.iter_tags()) if dynamic else []
        runpath = [tag.runpath for tag in tags if tag.entry.d_tag == "DT_RUNPATH"]
        rpath = [tag.rpath for tag in tags if tag.entry.d_tag == "DT_RPATH"]
        return Binary(
            interpreter=interpreter.data().rstrip(b"\0").decode() if interpreter else None,
            needed=tuple(tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED"),
            opened=_dlopen_names(note.data()) if note else (),
            runpath=tuple(folder for entry in runpath or rpath for folder in entry.split(":")),
        )


def find_library(name: str, user: Path, runpath: tuple[str, ...], root: Path = Path("/")) -> Path | None:
    """Where the loader would find the library for this user of it."""
    own = (folder.replace("$ORIGIN", str(user.parent)).replace("${ORIGIN}", str(user.parent)) for folder in runpath)
    for folder in (*own, *(str(root) + folder for folder in LIBRARY_FOLDERS)):
        candidate = Path(folder) / name
        if candidate.is_file():
            return candidate
    return None


def find_closure(programs: Iterable[Path], bundled: frozenset[str] = frozenset()) -> tuple[Path, ...]:
    """All libraries and loaders the programs need, as paths of the build host.

    `bundled` names libraries that a program carries itself (PyInstaller's folder).
    """
    found: set[Path] = set()
    waiting = list(programs)
    while waiting:
        user = waiting.pop()
        binary = read_binary(user)
        libraries = [Path(binary.interpreter)] if binary.interpreter else []
        for name in (*binary.needed, *binary.opened):
            if name in bundled:
                continue
            library = find_library(name, user, binary.runpath)
            if library is not None:
                libraries.append(library)
            elif name in binary.needed:
                raise MissingLibraryError(f"{user} needs {name}, which is not installed")
        waiting += [library for library in libraries if library not in found]
        found.update(libraries)
    return tuple(sorted(found))
