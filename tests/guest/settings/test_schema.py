"""The schema's comments become docs/configuration.md: what they list by hand is what there is."""

from __future__ import annotations

import re

from guest.distro import FAMILIES
from guest.network import STACKS
from guest.settings.schema import schema_text


def listed(start: str) -> set[str]:
    found = re.search(rf"(?m)^# {start}: (.+)\.$", schema_text())
    assert found is not None
    return {re.sub(r" \(.*\)", "", name) for name in re.split(r", | or ", found[1])}


def test_families_and_stacks_are_listed_as_they_are() -> None:
    assert listed("The distribution family") == {family.name for family in FAMILIES}
    assert listed("The network stack") == {stack.name for stack in STACKS}
