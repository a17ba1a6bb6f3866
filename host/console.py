"""Reads the customizer's events from a console. What a console prints is hostile: lengths, counts and shapes are bounded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from guest.protocol import COUNT_LIMIT, LINE_LIMIT, Result, clean, number, parse_line, parse_result

EVENT_LIMIT = 100_000
CONSOLE_LIMIT = 64 * 1024 * 1024  # bytes of a machine that `run` follows; ours writes some kilobytes


@dataclass
class Transcript:
    """What a console has said so far. The first result counts: after it the guest itself may be talking.

    Where `wanted` is given, it is the first of that request; of the others, the last is kept in `passed_over`.
    """

    wanted: str | None = None
    passed_over: Result | None = None
    result: Result | None = None
    uptime: float | None = None  # of the kernel when the customizer said hello
    started_for: float | None = None  # seconds that it had been starting by then
    phases: dict[str, float] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)  # begun, in order
    _rest: bytes = b""
    _events: int = 0

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The events in the lines that are now complete, in order."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        # A line without an end is cut: the marker of a real one stands at its start.
        self._rest = self._rest[:LINE_LIMIT]
        return [event for line in lines if (event := self._take(line))]

    def _take(self, line: bytes) -> dict[str, Any] | None:
        if self.result is not None or self._events >= EVENT_LIMIT:
            return None
        event = parse_line(line)
        if event is None:
            return None
        self._events += 1
        if event["event"] == "hello":
            self.uptime, self.started_for = number(event.get("uptime")), number(event.get("t"))
        if event["event"] == "step" and event.get("phase") == "begin":
            self.steps.append(clean(str(event.get("name"))))
        if event["event"] == "result":
            self._take_result(event)
        return event

    def _take_result(self, event: dict[str, Any]) -> None:
        result = parse_result(event)
        if result is not None and self.wanted is not None and result.id != self.wanted:
            self.passed_over = result
            self.steps.clear()
            return
        self.result = result
        phases = event.get("phases")
        if isinstance(phases, dict):
            timed = ((clean(name), number(value)) for name, value in list(phases.items())[:COUNT_LIMIT])
            self.phases = {name: seconds for name, seconds in timed if seconds is not None}


def describe(event: dict[str, Any]) -> str | None:
    """An event as a sentence for the person who waits; None where there is nothing worth saying."""
    match event:
        case {"event": "hello", "version": str(version)}:
            return f"guest-customizer {clean(version)} is running"
        case {"event": "step", "name": "request", "id": str(request)}:
            return f"request {clean(request)}"
        case {"event": "step", "name": str(name), "phase": "end"} if (
            seconds := number(event.get("seconds"))
        ) is not None:
            return f"{clean(name)}: {seconds:.2f} s"
        case {"event": "warning", "message": str(message)}:
            return f"warning: {clean(message)}"
    return None


def summarize(result: Result) -> list[str]:
    """A result as lines for a person."""
    lines = [f"{'OK' if result.is_ok else 'FAILED'}  {result.code}: {result.message}"]
    lines += [f"      {result.hint}"] if result.hint else []
    lines += [f"guest:   {result.release} (family {result.family})"] if result.family else []
    lines += [f"network: {result.stack}, because {result.stack_because}"] if result.stack else []
    lines += [f"disk:    {result.disk}"]
    lines += [f"changed: {path}" for path in result.changed]
    lines += [f"skipped: {reason}" for reason in result.skipped]
    lines += [f"warning: {warning}" for warning in result.warnings]
    return lines
