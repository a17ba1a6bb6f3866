"""A machine described in a JSON file, for plan and apply on a directory tree: {"cards": [{"mac", "name", "predicted"}]}."""

from __future__ import annotations

import json
from typing import Any

from guest.errors import CustomizerError
from guest.machine.model import Card, Machine


def parse_machine(content: bytes) -> Machine:
    """Raises CustomizerError where the file has another shape."""
    try:
        data = json.loads(content)
        return Machine(cards=tuple(_card(card, number) for number, card in enumerate(data.get("cards", []))))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CustomizerError(
            "usage.machine",
            f"the machine description cannot be read: {type(error).__name__}: {error}",
            'it looks like {"cards": [{"mac": "52:54:00:12:34:56", "predicted": ["ens3"]}]}',
        ) from error


def _card(card: Any, number: int) -> Card:  # noqa: ANN401 (JSON)
    return Card(
        name=str(card.get("name", f"eth{number}")),
        mac=str(card["mac"]).lower(),
        predicted=tuple(str(name) for name in card.get("predicted", [])),
    )
