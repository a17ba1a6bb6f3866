"""Every console gets every event, whenever it appeared; one that blocks holds nothing up."""

import os
import time
from pathlib import Path

from guest.protocol import Result, parse_line
from guest.report import Report

OK = Result(status="ok", code="done", message="", hint="", disk="changed")


def events(console: Path) -> list[str]:
    lines = [parse_line(line) for line in console.read_bytes().split(b"\n")]
    return [line["event"] for line in lines if line]


def test_a_console_that_appears_late_gets_what_was_said_before(tmp_path: Path) -> None:
    early, late = tmp_path / "early", tmp_path / "late"
    early.touch()
    late.touch()
    report = Report()
    report.add_consoles([str(early)])
    report.hello("1", "6.1")
    with report.step("devices"):
        report.add_consoles([str(early), str(late), str(tmp_path / "none")])
    report.result(OK)
    assert events(early) == events(late) == ["hello", "step", "step", "result"]


def test_nothing_comes_after_the_result(tmp_path: Path) -> None:
    console = tmp_path / "console"
    console.touch()
    report = Report()
    report.add_consoles([str(console)])
    report.result(OK)
    report.warning("late")
    report.result(OK)
    assert events(console) == ["result"]


def test_a_console_nobody_reads_is_given_up(tmp_path: Path) -> None:
    stuck, good = tmp_path / "stuck", tmp_path / "good"
    os.mkfifo(stuck)
    reader = os.open(stuck, os.O_RDONLY | os.O_NONBLOCK)
    good.touch()
    report = Report()
    report.add_consoles([str(stuck), str(good)])
    begin = time.monotonic()
    for _ in range(300):
        report.warning("x" * 1000)
    report.result(OK)
    os.close(reader)
    assert time.monotonic() - begin < 5
    assert events(good)[-1] == "result"
