"""fstab(5) as util-linux and systemd read it: octal escapes, quoted tag values, missing last fields, comments."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One mount. `mount_point` is normalised; "none" and "swap" stay as they are."""

    origin: str  # "fstab line 3", counted from 1
    spec: str
    mount_point: str
    fs_type: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class BadLine:
    """A line that nothing can be made of; kept for the report."""

    origin: str
    reason: str


LINE_LIMIT = 100_000
_PATH_LIMIT = 4096  # PATH_MAX
_ESCAPE = re.compile(rb"\\([0-7]{3})")


def parse_fstab(content: bytes) -> tuple[Entry | BadLine, ...]:
    """Every line that is not empty or a comment, in order. Names may be of any bytes (surrogateescape)."""
    lines = content.split(b"\n", LINE_LIMIT)[:LINE_LIMIT]
    return tuple(parsed for number, line in enumerate(lines, 1) if (parsed := _parse_line(number, line)))


def _parse_line(number: int, line: bytes) -> Entry | BadLine | None:
    # Only blank, tab and the like separate fields; a # starts a comment at the start of a line or after the last field.
    fields = line.split()
    if not fields or fields[0].startswith(b"#"):
        return None
    origin = f"fstab line {number}"
    if len(fields) < 3:
        return BadLine(origin, f"has {len(fields)} of the at least 3 fields")
    spec, mount_point, fs_type = (_unescape(field) for field in fields[:3])
    options = _unescape(fields[3]) if len(fields) > 3 and not fields[3].startswith(b"#") else "defaults"
    if "\0" in spec + mount_point:
        return BadLine(origin, "holds a zero byte")
    if max(len(spec), len(mount_point)) > _PATH_LIMIT:
        return BadLine(origin, f"has a field longer than {_PATH_LIMIT} characters")
    if mount_point.startswith("/"):
        # normpath keeps two leading slashes, as POSIX allows.
        mount_point = "/" + posixpath.normpath(mount_point).lstrip("/")
    elif mount_point not in ("none", "swap"):
        return BadLine(origin, "has a mount point that is not an absolute path")
    return Entry(origin, _unquote_tag(spec), mount_point, fs_type, tuple(o for o in options.split(",") if o))


def _unescape(field: bytes) -> str:
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 8) & 0xFF]), field).decode("utf-8", "surrogateescape")


def _unquote_tag(spec: str) -> str:
    """LABEL="x" and LABEL='x' mean LABEL=x (libblkid's blkid_parse_tag_string)."""
    tag, separator, value = spec.partition("=")
    if separator and len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return f"{tag}={value[1:-1]}"
    return spec
