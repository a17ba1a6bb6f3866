"""The result protocol, version 1: one JSON object a line after a marker. The host reads it with the same code.

docs/result-protocol.md has it for people. What comes out of a console is hostile: a guest may have written it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

MARKER = "@@GUESTCUSTOMIZER 1 "
LINE_LIMIT = 64 * 1024
TEXT_LIMIT = 4096
HEARTBEAT_SECONDS = 4.0  # the contract says at most 5 apart
EVENTS = ("hello", "step", "warning", "heartbeat", "result")


@dataclass(frozen=True)
class Result:
    """How a run ended. `disk` is untouched, restored or changed; `seconds` since the program started."""

    status: str  # ok or failed
    code: str
    message: str
    hint: str
    disk: str
    id: str | None = None
    family: str | None = None
    release: str | None = None
    stack: str | None = None
    stack_because: str | None = None
    changed: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    power: str = "off"

    @property
    def is_ok(self) -> bool:
        return self.status == "ok"

    def to_json(self) -> dict[str, Any]:
        return {"event": "result", **asdict(self)}


def encode(event: dict[str, Any]) -> bytes:
    """One line. ASCII only, so that no terminal and no serial port changes it."""
    return (MARKER + json.dumps(event, ensure_ascii=True, separators=(",", ":")) + "\n").encode("ascii")


def parse_line(line: bytes) -> dict[str, Any] | None:
    """The event of a console line; None where it holds none, or one that is malformed or too long."""
    start = line.rfind(MARKER.encode())
    if start < 0 or len(line) > LINE_LIMIT:
        return None
    try:
        event = json.loads(line[start + len(MARKER) :].strip().decode("ascii"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or event.get("event") not in EVENTS:
        return None
    return event


def parse_result(event: dict[str, Any]) -> Result | None:
    """A result event as a value; None where a field is missing or of another type."""

    def text(key: str) -> str | None:
        value = event.get(key)
        return clean(value) if isinstance(value, str) else None

    def texts(key: str) -> tuple[str, ...]:
        values = event.get(key)
        return (
            tuple(clean(value) for value in values if isinstance(value, str))[:1000] if isinstance(values, list) else ()
        )

    status, code, disk = text("status"), text("code"), text("disk")
    seconds = event.get("seconds", 0.0)
    if status not in ("ok", "failed") or not code or disk not in ("untouched", "restored", "changed"):
        return None
    return Result(
        status=status,
        code=code,
        message=text("message") or "",
        hint=text("hint") or "",
        disk=disk,
        id=text("id"),
        family=text("family"),
        release=text("release"),
        stack=text("stack"),
        stack_because=text("stack_because"),
        changed=texts("changed"),
        skipped=texts("skipped"),
        warnings=texts("warnings"),
        seconds=float(seconds) if isinstance(seconds, int | float) else 0.0,
        power=text("power") or "off",
    )


def clean(text: str) -> str:
    """Without control characters, which could drive the terminal of whoever reads it; bounded in length."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:TEXT_LIMIT])
