"""The files that a document names, scripts and key files: on its medium, or in its folder."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guest.errors import CustomizerError, OutOfTimeError
from guest.settings.model import Script, Unlock
from guest.settings.problems import KeyPath, Problem
from guest.sysroot import READ_LIMIT

if TYPE_CHECKING:
    from guest.settings.conversion import Checked
    from guest.sysroot import View


@dataclass(frozen=True)
class Place:
    """Where the document lies, in the words of whoever reads the message."""

    where: str
    remedy: str  # of a file that is not there


ON_MEDIUM = Place(
    "on the config medium", "pack the medium again: `guest-customizer pack` takes along what a document names"
)
BESIDE_DOCUMENT = Place("beside the document", "put it into the document's folder, or correct the name")


@dataclass(frozen=True)
class _Fault:
    code: str
    message: str
    hint: str


def read_scripts(medium: View, checked: Checked, place: Place) -> tuple[tuple[Script, ...], tuple[Problem, ...]]:
    path = ("first_boot", "scripts")
    scripts: list[Script] = []
    problems: list[Problem] = []
    for name in checked.values.get("first_boot", {}).get("scripts") or ():
        content = _read(medium, name, place)
        if isinstance(content, _Fault):
            problems.append(_problem(content, path, checked))
        elif fault := _first_line_fault(name, content):
            problems.append(_problem(fault, path, checked))
        else:
            scripts.append(Script(name, content))
    return tuple(scripts), tuple(problems)


def read_unlocks(medium: View, checked: Checked, place: Place) -> tuple[tuple[Unlock, ...], tuple[Problem, ...]]:
    unlocks: list[Unlock] = []
    problems: list[Problem] = []
    for label, unlock in checked.values.get("storage", {}).get("unlock", {}).items():
        name = unlock["key_file"]
        content = _read(medium, name, place) if name else unlock["passphrase"]
        if isinstance(content, _Fault):
            problems.append(_problem(content, ("storage", "unlock", label, "key_file"), checked))
        else:
            unlocks.append(Unlock(unlock["uuid"].lower(), content, name))
    return tuple(unlocks), tuple(problems)


def _problem(fault: _Fault, path: KeyPath, checked: Checked) -> Problem:
    return Problem(fault.code, path, checked.lines.get(path), fault.message, fault.hint)


def _read(medium: View, name: str, place: Place) -> bytes | _Fault:
    try:
        content = medium.read(name)
    except CustomizerError as error:
        if error.code != "guest.file-too-large":
            raise
        # The limit is the same as for a guest's files; what to do about it is not.
        message = f"{name} {place.where} is larger than {READ_LIMIT} bytes, the most that is read"
        return _Fault("config.too-large", message, "have a script fetch what is that large at first boot")
    return _missing(medium, name, place) if content is None else content


def _missing(medium: View, name: str, place: Place) -> _Fault:
    """What stands there, where it is no file."""
    state = medium.state(name)
    message, hint = f"there is no file {name} {place.where}", place.remedy
    if state is None:
        if near := _another_spelling(medium, name):
            hint = f"capitals count: {near} is there"
    elif state.is_directory:
        message = f"{name} {place.where} is a folder, not a file"
        hint = f"name the files in it one by one: {name}/…"
    elif state.is_link:
        message = f"{name} {place.where} is a link that leads nowhere, or out of there"
        hint = "put a copy of the file in its place"
    else:
        message, hint = f"{name} {place.where} is not a plain file", "put a copy of what it holds in its place"
    return _Fault("config.missing-file", message, hint)


def _another_spelling(medium: View, name: str) -> str | None:
    folder, _ = posixpath.split(name)
    try:
        names = medium.names(folder)
    except OutOfTimeError:
        raise
    except CustomizerError:  # more names than are looked through
        return None
    return next(
        (near for near in (posixpath.join(folder, other) for other in names) if near.lower() == name.lower()), None
    )


def _first_line_fault(name: str, script: bytes) -> _Fault | None:
    """Where the kernel could not start the script by its first line."""
    line = script.split(b"\n")[0]
    begin = "begin it with #!/bin/sh"
    if not line.startswith(b"#!"):
        return _Fault("config.bad-value", f"{name} does not start with #!", begin)
    if line.endswith(b"\r"):
        message = f"{name} has Windows line ends: the guest would look for an interpreter whose name ends in one"
        return _Fault("config.bad-value", message, "convert it with dos2unix")
    if not line[2:].strip():
        return _Fault("config.bad-value", f"{name} names no interpreter behind #!", begin)
    return None
