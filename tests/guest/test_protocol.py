"""The protocol survives whatever a console carries, and only whole, well-formed results count."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guest.protocol import COUNT_LIMIT, LINE_LIMIT, MARKER, Result, clean, encode, parse_line, parse_result
from host.console import Transcript, describe

RESULT = Result("ok", "done", "message", "", "changed", id="a", changed=("/etc/hosts",), seconds=1.5)


def test_round_trip() -> None:
    event = parse_line(encode(RESULT.to_json()))
    assert event is not None
    assert parse_result(event) == RESULT


def test_a_marker_that_a_guest_put_into_its_name_hides_nothing() -> None:
    named = Result(
        "ok", "done", "", "", "changed", release=f"Debian {MARKER}", skipped=(f'{MARKER}{{"event":"hello"}}',)
    )
    event = parse_line(encode(named.to_json()))
    assert event is not None
    assert parse_result(event) == named


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


def test_a_result_is_never_too_long_to_be_read() -> None:
    many = tuple(f"fstab line {number}, /mnt/{'x' * 5000}: noauto" for number in range(20_000))
    line = encode(
        Result("ok", "done", "m" * 10_000, "\udcff" * 10_000, "changed", skipped=many, warnings=many).to_json()
    )
    assert len(line) <= LINE_LIMIT
    transcript = Transcript()
    transcript.feed(line)
    assert transcript.result is not None
    assert transcript.result.code == "done"
    assert "more, left out here" in transcript.result.skipped[-1]


@pytest.mark.parametrize("number", ["1" + "0" * 400, "1e999", "NaN", "-Infinity", "true", '"1"', "[]", "null"])
@pytest.mark.parametrize("key", ["seconds", "phases", "uptime"])
def test_numbers_that_are_none(number: str, key: str) -> None:
    value = f'{{"devices":{number}}}' if key == "phases" else number
    event = "hello" if key == "uptime" else "result"
    line = f'{MARKER}{{"event":"{event}","status":"ok","code":"done","disk":"changed","{key}":{value}}}\n'
    transcript = Transcript()
    for said in transcript.feed(line.encode()):
        describe(said)
    assert transcript.uptime is None
    assert transcript.phases == {}
    assert transcript.result is None or transcript.result.seconds == 0.0
    assert describe({"event": "step", "name": "x", "phase": "end", "seconds": 10**400}) is None


def test_counts_are_bounded() -> None:
    phases = {f"p{number}": number for number in range(3000)}
    transcript = Transcript()
    transcript.feed(encode({**RESULT.to_json(), "changed": ["x"] * 5000, "phases": phases}))
    assert transcript.result is not None
    assert len(transcript.result.changed) == COUNT_LIMIT
    assert len(transcript.phases) == COUNT_LIMIT


def test_a_truncated_result_is_none() -> None:
    whole = encode(RESULT.to_json())
    for length in range(len(whole) - 1):
        transcript = Transcript()
        transcript.feed(whole[:length] + b"\n")
        assert transcript.result is None


def test_a_result_that_is_malformed_does_not_hide_the_real_one() -> None:
    transcript = Transcript()
    transcript.feed(MARKER.encode() + b'{"event":"result","status":"great"}\n' + encode(RESULT.to_json()))
    assert transcript.result == RESULT


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    transcript = Transcript()
    transcript.feed(data + b"\n")
    parse_line(MARKER.encode() + data)
