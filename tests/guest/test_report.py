"""Every console gets every event, whenever it appeared; one that blocks holds nothing up."""

import fcntl
import os
import pty
import threading
import time
import tty
from pathlib import Path

import pytest

from guest import report as reporting
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


LONG = Result("ok", "done", "", "", "changed", changed=tuple(f"/etc/{'x' * 100}{number}" for number in range(900)))


def test_a_slow_port_gets_the_whole_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it goes on taking something, however much longer that is than a port that stands still is waited for."""
    monkeypatch.setattr(reporting, "_STALL_SECONDS", 0.3)
    master, slave = pty.openpty()
    tty.setraw(slave)
    said = b""

    def read_slowly() -> None:
        nonlocal said
        while b'"event":"result"' not in said or not said.endswith(b"\n"):
            said += os.read(master, 1024)
            time.sleep(0.02)

    reader = threading.Thread(target=read_slowly)
    reader.start()
    report = Report()
    report.add_consoles([os.ttyname(slave)])
    begin = time.monotonic()
    report.result(LONG)
    reader.join(10)
    assert time.monotonic() - begin > 0.4, "not slow: this test proves nothing"
    event = parse_line(said.splitlines()[-1])
    assert event
    assert event["code"] == "done"
    for fd in (master, slave):
        os.close(fd)


@pytest.mark.parametrize("is_read", [True, False])
def test_the_result_is_waited_for_until_it_is_read_but_not_for_ever(
    tmp_path: Path, is_read: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on the virtio port: it can be written to again when the other end has taken what it holds."""
    monkeypatch.setattr(reporting, "_DRAIN_SECONDS", 2.0 if is_read else 0.5)
    port = tmp_path / "port"
    os.mkfifo(port)
    end = os.open(port, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, 4096)
    read = []
    timer = threading.Timer(0.3, lambda: read.append(os.read(end, 4096)))
    report = Report()
    report.add_consoles([str(port)])
    os.read(end, 4096)
    begin = time.monotonic()
    if is_read:
        timer.start()
    report.result(OK)
    took = time.monotonic() - begin
    if is_read:
        timer.join()
        assert 0.2 < took < 1.9
        assert parse_line(read[0].splitlines()[-1])
    else:
        assert 0.4 < took < 1.9
    os.close(end)
