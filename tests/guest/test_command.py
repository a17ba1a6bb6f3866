"""The door to programs: what is said of one before it runs, and what of one that fails."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from guest import command
from guest.command import CommandError, run
from guest.protocol import parse_line
from guest.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHELL = "/bin/sh"


@pytest.fixture
def report() -> Iterator[Report]:
    report = Report()
    command.tell(report.program)
    yield report
    command._listeners.remove(report.program)


def failure(script: str, timeout: float = 10) -> CommandError:
    with pytest.raises(CommandError) as caught:
        run([SHELL, "-c", script], timeout=timeout)
    return caught.value


def test_what_it_prints() -> None:
    assert (
        run([SHELL, "-c", "cat; echo not this >&2"], timeout=10, feed=b"a secret \xff\n")
        == "a secret \N{REPLACEMENT CHARACTER}\n"
    )
    assert run([SHELL, "-c", "exit 5"], timeout=10, ok=frozenset({0, 5})) == ""


def test_one_that_fails() -> None:
    error = failure("echo why >&2; exit 3")
    assert (error.code, error.status) == ("internal.command", 3)
    assert error.message == "/bin/sh -c 'echo why >&2; exit 3' ended with status 3: why"
    assert "customizer.debug" in error.hint


def test_one_that_takes_too_long() -> None:
    """What it had said by then is text, though subprocess has it in bytes."""
    begin = time.monotonic()
    error = failure("echo 'Gerät fehlt' >&2; exec sleep 30", timeout=0.3)
    assert time.monotonic() - begin < 10
    assert (error.code, error.status) == ("internal.command", None)
    assert error.message.endswith("took too long: Gerät fehlt")


def test_one_that_is_not_there() -> None:
    with pytest.raises(CommandError, match=r"/no/such/program ended with status 127: .*No such file"):
        run(["/no/such/program"], timeout=10)


def test_each_is_logged_before_it_runs(report: Report, tmp_path: Path) -> None:
    """As a line that can be pasted; one that is repeated stands there once, what it is fed nowhere."""
    ran = tmp_path / "ran"
    heard: list[tuple[str | None, bool]] = []

    def listener(line: str | None) -> None:
        heard.append((line, ran.exists()))

    command.tell(listener)
    run([SHELL, "-c", f"touch {ran}"], timeout=10)
    command._listeners.remove(listener)
    assert heard == [(f"/bin/sh -c 'touch {ran}'", False), (None, True)]

    for _ in range(3):
        run([SHELL, "-c", "cat"], timeout=10, feed=b"a passphrase")
    failure("exit 1")
    run([SHELL, "-c", "cat"], timeout=10)
    told = [line.partition(" runs ")[2] for line in report.log]
    assert told == [f"/bin/sh -c 'touch {ran}'", "/bin/sh -c cat", "/bin/sh -c 'exit 1'", "/bin/sh -c cat"]
    assert "passphrase" not in str(report.log)


def test_a_heartbeat_names_the_program_that_hangs(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("guest.report.HEARTBEAT_SECONDS", 0.1)
    console = tmp_path / "console"
    console.touch()
    report.add_consoles([str(console)])
    report.keep_secret(("pl4nted",))
    report.start_heartbeat()
    run([SHELL, "-c", "sleep 1.2; : pl4nted"], timeout=10)
    time.sleep(0.7)
    report._ended = True
    events = [event for line in console.read_bytes().splitlines() if (event := parse_line(line))]
    assert {(event["event"], event["program"]) for event in events} == {
        ("heartbeat", "/bin/sh -c 'sleep 1.2; : (secret)'"),
        ("heartbeat", None),
    }
