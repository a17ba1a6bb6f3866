"""A machine described in a JSON file, for plan and apply on a directory tree: {"cards": [{"mac", "name", "predicted"}]}."""

from __future__ import annotations

import json
import re
from typing import Any

from guest.errors import CustomizerError
from guest.machine.model import Card, Machine

_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")


def parse_machine(content: bytes) -> Machine:
    """Raises CustomizerError where the file has another shape."""
    try:
        data = json.loads(content)
        _refuse_others(data, {"cards"})
        return Machine(cards=tuple(_card(card, number) for number, card in enumerate(_list(data.get("cards", [])))))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CustomizerError(
            "usage.machine",
            f"the machine description cannot be read: {type(error).__name__}: {error}",
            'it looks like {"cards": [{"mac": "52:54:00:12:34:56", "predicted": ["ens3"]}]}',
        ) from error


def _card(card: Any, number: int) -> Card:  # noqa: ANN401 (JSON)
    _refuse_others(card, {"mac", "name", "predicted"})
    return Card(
        name=_text(card.get("name", f"eth{number}"), _NAME),
        # As people write them, also with dashes.
        mac=_text(str(card["mac"]).lower().replace("-", ":"), _MAC),
        predicted=tuple(_text(name, _NAME) for name in _list(card.get("predicted", []))),
    )


def _refuse_others(values: Any, known: set[str]) -> None:  # noqa: ANN401 (JSON)
    if others := sorted(set(values.keys()) - known):
        raise ValueError(f"unknown: {', '.join(others)}")


def _list(value: Any) -> list[Any]:  # noqa: ANN401 (JSON)
    if not isinstance(value, list):
        raise TypeError("a list is needed, in square brackets")
    return value


def _text(value: Any, pattern: re.Pattern[str]) -> str:  # noqa: ANN401 (JSON)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{value!r} is no hardware address or no network device's name")
    return value
