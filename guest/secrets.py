"""Keeps what the document marks as secret out of every text: the last net, under code that puts no value in a message."""

from __future__ import annotations

from typing import Any

BLOTTED = "(secret)"
# A shorter one would be found in words that have nothing to do with it.
SHORTEST = 6


def blot(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        if len(secret) >= SHORTEST:
            text = text.replace(secret, BLOTTED)
    return text


def blot_event(event: dict[str, Any], secrets: tuple[str, ...]) -> dict[str, Any]:
    """The same for the texts of an event, and for those in its lists."""

    def in_value(value: Any) -> Any:  # noqa: ANN401 (JSON)
        if isinstance(value, str):
            return blot(value, secrets)
        return [in_value(item) for item in value] if isinstance(value, list | tuple) else value

    return {key: in_value(value) for key, value in event.items()}


def printable(text: str) -> str:
    """For a screen and a log: a guest's file name may hold what drives a terminal, or a line that looks like one of ours."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
