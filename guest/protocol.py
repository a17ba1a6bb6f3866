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
COUNT_LIMIT = 1000  # items of a list, phases of a run
_SENT_TEXT, _SENT_ITEM = 1500, 400  # what is sent stays well below what is accepted
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
    """One line. ASCII only, so that no terminal and no serial port changes it.

    Never longer than LINE_LIMIT, or nobody would read it: a guest with 100,000 odd fstab lines gets lists that end early.
    """
    event = {key: _shortened(value) for key, value in event.items()}
    while len(line := _line(event)) > LINE_LIMIT:
        key = max((key for key, value in event.items() if isinstance(value, list)), key=lambda key: len(event[key]))
        left_out = len(event[key]) - len(event[key]) // 2
        event[key] = [*event[key][: len(event[key]) // 2], f"… and {left_out} more, left out here"]
    return line


def _line(event: dict[str, Any]) -> bytes:
    # No marker within: a reader takes the last one of a line, and a guest may have put one into a name.
    body = json.dumps(event, ensure_ascii=True, separators=(",", ":")).replace("@@", "@\\u0040")
    return (MARKER + body + "\n").encode("ascii")


def _shortened(value: Any) -> Any:  # noqa: ANN401 (JSON)
    if isinstance(value, str):
        return value if len(value) <= _SENT_TEXT else value[:_SENT_TEXT] + "…"
    if isinstance(value, list | tuple):
        return [item if len(item) <= _SENT_ITEM else item[:_SENT_ITEM] + "…" for item in value]
    return value


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
        found = [value for value in values if isinstance(value, str)] if isinstance(values, list) else []
        return tuple(clean(value) for value in found[:COUNT_LIMIT])

    status, code, disk = text("status"), text("code"), text("disk")
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
        seconds=number(event.get("seconds")) or 0.0,
        power=text("power") or "off",
    )


def number(value: object) -> float | None:
    """A number as a person would take it for a time; JSON also knows 10^400, NaN and true."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e9 < value < 1e9:
        return None
    return float(value)


def clean(text: str) -> str:
    """Without control characters, which could drive the terminal of whoever reads it; bounded in length."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:TEXT_LIMIT])
