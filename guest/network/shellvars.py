"""Files of shell assignments, KEY=value: Red Hat's and SUSE's ifcfg files, /etc/sysconfig/*.

They are sourced by a shell, or read by programs that know as much of its quoting as this does; nothing here is run.
"""

from __future__ import annotations

import re

_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$")
_SAFE = re.compile(r"[A-Za-z0-9_@%+:,./-]*")


def parse(content: str) -> dict[str, str]:
    """The last value of each key, without its quotes. Lines that assign nothing are passed over."""
    values: dict[str, str] = {}
    for line in content.splitlines():
        if found := _ASSIGNMENT.match(line):
            values[found[1]] = _unquote(found[2])
    return values


def key_of(line: str) -> str | None:
    """The key that a line assigns to."""
    found = _ASSIGNMENT.match(line)
    return found[1] if found else None


def quote(value: str) -> str:
    """A value as every reader of such files takes it. No value of ours holds a quote, a backslash or a dollar sign."""
    return value if _SAFE.fullmatch(value) else f'"{value}"'


def assign(content: str, changes: dict[str, str | None], mark: str = '"') -> str:
    """Sets keys where they stand, adds the missing ones at the end, drops those that are None.

    Other lines stay byte for byte. `mark` is the quote around new values, as SUSE's files have it; "" quotes where needed.
    """
    lines: list[str] = []
    done: set[str] = set()
    for line in content.splitlines(keepends=True):
        key = key_of(line)
        if key not in changes:
            lines.append(line if line.endswith("\n") else line + "\n")
        elif key not in done:
            done.add(key)
            lines += _line(key, changes[key], mark)
    for key, value in changes.items():
        if key not in done:
            lines += _line(key, value, mark)
    return "".join(lines)


def _line(key: str, value: str | None, mark: str) -> list[str]:
    if value is None:
        return []
    return [f"{key}={mark}{value}{mark}\n" if mark else f"{key}={quote(value)}\n"]


def _unquote(raw: str) -> str:
    """The first word of what stands behind the sign, as a shell reads it; an unknown escape stays as it is."""
    value, quoted, position = "", "", 0
    while position < len(raw):
        character = raw[position]
        if quoted:
            if character == quoted:
                quoted = ""
            elif character == "\\" and quoted == '"' and raw[position + 1 : position + 2] in ('"', "\\", "$", "`"):
                position += 1
                value += raw[position]
            else:
                value += character
        elif character in "\"'":
            quoted = character
        elif character in " \t;#" and (character != "#" or not value):
            break
        elif character == "\\" and position + 1 < len(raw):
            position += 1
            value += raw[position]
        else:
            value += character
        position += 1
    return value
