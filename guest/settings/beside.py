"""The files that a document names: scripts and key files, on its medium or in its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest.errors import CustomizerError
from guest.settings.model import Script, Unlock
from guest.settings.problems import Problem
from guest.sysroot import READ_LIMIT

if TYPE_CHECKING:
    from guest.settings.document import Checked
    from guest.sysroot import View


def read(medium: View, name: str) -> bytes | None:
    try:
        return medium.read(name)
    except CustomizerError as error:
        if error.code != "guest.file-too-large":
            raise
        # The limit is the same as for a guest's files; what to do about it is not.
        message = f"{name} on the config medium is larger than {READ_LIMIT} bytes, the most that is read"
        raise CustomizerError(
            "config.too-large",
            message,
            "a document is a few KB; what is larger belongs into a script, which may fetch it at first boot",
        ) from None


def read_scripts(medium: View, checked: Checked) -> tuple[tuple[Script, ...], tuple[Problem, ...]]:
    path = ("first_boot", "scripts")
    scripts: list[Script] = []
    problems: list[Problem] = []
    for name in checked.values.get("first_boot", {}).get("scripts") or ():
        content = read(medium, name)
        if content is None:
            problems.append(
                Problem(
                    "config.missing-file",
                    path,
                    checked.lines.get(path),
                    f"there is no file {name} on the config medium",
                )
            )
        elif fault := _first_line_fault(content):
            message, hint = fault
            problems.append(Problem("config.bad-value", path, checked.lines.get(path), f"{name} {message}", hint))
        else:
            scripts.append(Script(name, content))
    return tuple(scripts), tuple(problems)


def _first_line_fault(script: bytes) -> tuple[str, str] | None:
    """(message, hint) where the kernel could not start the script by its first line."""
    line = script.split(b"\n")[0]
    if not line.startswith(b"#!"):
        return "does not start with #!", "begin it with #!/bin/sh"
    if line.endswith(b"\r"):
        return (
            "has Windows line ends: the guest would look for an interpreter whose name ends in one",
            "convert it with dos2unix",
        )
    if not line[2:].strip():
        return "names no interpreter behind #!", "begin it with #!/bin/sh"
    return None


def read_unlocks(medium: View, checked: Checked) -> tuple[tuple[Unlock, ...], tuple[Problem, ...]]:
    unlocks: list[Unlock] = []
    problems: list[Problem] = []
    for label, unlock in checked.values.get("storage", {}).get("unlock", {}).items():
        name = unlock["key_file"]
        content = read(medium, name) if name else unlock["passphrase"]
        if content is None:
            path = ("storage", "unlock", label, "key_file")
            message = f"there is no file {name} on the config medium"
            problems.append(Problem("config.missing-file", path, checked.lines.get(path), message))
        else:
            unlocks.append(Unlock(unlock["uuid"].lower(), content, name))
    return tuple(unlocks), tuple(problems)
