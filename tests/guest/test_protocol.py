"""The protocol survives whatever a console carries, and only whole, well-formed results count."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guest.protocol import LINE_LIMIT, MARKER, Result, clean, encode, parse_line, parse_result
from host.console import Transcript

RESULT = Result("ok", "done", "message", "", "changed", id="a", changed=("/etc/hosts",), seconds=1.5)


def test_round_trip() -> None:
    event = parse_line(encode(RESULT.to_json()))
    assert event is not None
    assert parse_result(event) == RESULT


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"nothing",
        MARKER.encode(),
        MARKER.encode() + b"{",
        MARKER.encode() + b"[]",
        MARKER.encode() + b'{"event": "other"}',
        MARKER.encode() + b'{"event": "hello\xff"}',
        MARKER.encode() + b'{"event":"hello","x":"' + b"x" * LINE_LIMIT + b'"}',
        MARKER.encode() + b"[" * 30000,
    ],
)
def test_lines_that_are_no_event(line: bytes) -> None:
    assert parse_line(line) is None


@pytest.mark.parametrize(
    "change",
    [{"status": "great"}, {"status": None}, {"code": ""}, {"code": 5}, {"disk": "fine"}, {"disk": None}],
)
def test_results_that_are_none(change: dict[str, object]) -> None:
    assert parse_result({**RESULT.to_json(), **change}) is None


def test_the_first_result_counts_and_a_forged_second_does_not() -> None:
    transcript = Transcript()
    forged = Result("failed", "internal", "forged", "", "changed")
    transcript.feed(b"kernel noise\r\n" + encode(RESULT.to_json()) + encode(forged.to_json()))
    assert transcript.result == RESULT


def test_an_event_in_pieces_and_behind_kernel_noise() -> None:
    line = b"[    1.0] noise " + encode(RESULT.to_json())
    transcript = Transcript()
    for byte in line:
        transcript.feed(bytes([byte]))
    assert transcript.result == RESULT


def test_a_line_without_end_does_not_grow() -> None:
    transcript = Transcript()
    for _ in range(100):
        transcript.feed(b"x" * 100_000)
    assert len(transcript._rest) <= LINE_LIMIT


def test_control_characters_do_not_reach_the_terminal() -> None:
    event = json.loads(encode({**RESULT.to_json(), "message": "a\x1b[2Jb\nc"})[len(MARKER) :])
    result = parse_result(event)
    assert result is not None
    assert "\x1b" not in result.message
    assert clean("\x9b\u202e") == "\N{REPLACEMENT CHARACTER}" * 2


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    transcript = Transcript()
    transcript.feed(data + b"\n")
    parse_line(MARKER.encode() + data)
