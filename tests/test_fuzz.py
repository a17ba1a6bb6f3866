"""No bytes make a parser raise anything but our own exception, or take long. (Shortly; `make fuzz` goes on for longer.)"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from targets import TARGETS, allowing_our_own, words

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=EXAMPLES, deadline=5000, suppress_health_check=[HealthCheck.too_slow], database=None)
@given(data=st.data())
def test_any_bytes(name: str, data: st.DataObject) -> None:
    pieces = data.draw(st.lists(st.one_of(st.sampled_from(words(name)), st.binary(max_size=12)), max_size=30))
    allowing_our_own(lambda: TARGETS[name](b"".join(pieces)))


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize(
    "unit", [b"a", b"\n", b"a=b\n", b"[", b'"', b"'", b"\\\n", b"{", b"- ", b"/", b"((a*)*)*", b" "]
)
def test_much_of_the_same(name: str, unit: bytes) -> None:
    """100 kB of it is parsed, or refused, in time: nothing here is of higher order than its input."""
    allowing_our_own(lambda: TARGETS[name](unit * (100_000 // len(unit))))
