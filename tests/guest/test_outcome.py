"""What a result says of the guest, also where the request cannot be carried out in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from guest import outcome
from guest.decide import decide
from guest.errors import CustomizerError
from guest.machine.description import parse_machine
from guest.settings.document import load
from guest.sysroot import Sysroot
from guests import trees

CASE = Path(__file__).parents[1] / "golden/debian-12/bond-without-ifenslave-refused"


def test_a_refusal_names_the_guest(tmp_path: Path) -> None:
    trees.plant(CASE.parent / "tree", tmp_path)
    trees.plant(CASE / "before", tmp_path)
    machine = parse_machine((CASE / "machine.json").read_bytes())
    with Sysroot(CASE) as medium, Sysroot(tmp_path) as files:
        progress = outcome.Progress(settings=load(medium))
        with pytest.raises(CustomizerError) as caught:
            decide(progress.settings, machine, files, progress.recognized)
    result = outcome.failure(caught.value, progress, 1.0)
    assert (result.status, result.code, result.disk) == ("failed", "network.inexpressible", "untouched")
    assert (result.family, result.stack) == ("debian", "ifupdown")
    assert result.release == "Debian GNU/Linux 12 (bookworm)"
    assert result.stack_because


def test_an_error_before_the_guest_is_seen_names_none() -> None:
    result = outcome.failure(CustomizerError("config.no-medium", "none"), outcome.Progress(), 0.5)
    assert (result.id, result.family, result.release, result.stack, result.power) == (None, None, None, None, "off")
