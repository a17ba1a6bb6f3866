"""`run` around a machine that a shell script plays: how it ends, what is left, whose result it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from io import FileIO
from pathlib import Path

import pytest

from guest.errors import CustomizerError
from guest.protocol import Result, encode
from host import commands, files, follow, media, vm
from host.__main__ import main

HOST = [sys.executable, "-m", "host"]
# QEMU's place on PATH: finds its serial port among the arguments, says what the test wants, then does as the test wants.
QEMU = """#!/bin/sh
for word; do case $word in file:*/serial) serial=${word#file:} ;; esac; done
echo $$ >"$SCENE/pid"
cat "$SCENE/says" >>"$serial"
eval "$THEN"
"""


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / vm.QEMU).write_text(QEMU)
    (tmp_path / "bin" / vm.QEMU).chmod(0o755)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "disk").write_bytes(bytes(512))
    (tmp_path / "good.conf").write_text("format = 1\nid = web01\n")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("SCENE", str(tmp_path))
    monkeypatch.setenv("THEN", "exit 0")
    says(tmp_path, b"kernel\n")
    return tmp_path


def says(scene: Path, console: bytes) -> None:
    (scene / "says").write_bytes(console)


def result(request_id: str | None = "web01", status: str = "ok", code: str = "done") -> bytes:
    return encode(Result(status, code, "all well", "", "changed", id=request_id).to_json())


def line(scene: Path, *options: str) -> list[str]:
    disk = str(scene / "disk")
    config = str(scene / "good.conf")
    return [
        "run",
        "--disk",
        disk,
        "--iso",
        disk,
        "--config",
        config,
        "--console",
        str(scene / "log"),
        "--json",
        *options,
    ]


def alive(scene: Path) -> bool:
    """Whether the machine still runs; a process that nobody has waited for yet (state Z) does not."""
    try:
        stat = Path("/proc", (scene / "pid").read_text().strip(), "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    ("console", "status", "code"),
    [
        (result(), 0, "done"),
        (result(status="failed", code="storage.no-root"), 1, "storage.no-root"),
        (result(None, "failed", "config.no-medium"), 1, "config.no-medium"),
        (result("web02"), 3, "run.no-result"),
        (result(None), 3, "run.no-result"),
        (b"panic\n", 3, "run.no-result"),
    ],
)
def test_whose_result_it_is(
    scene: Path, console: bytes, status: int, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    says(scene, console)
    (scene / "log").write_bytes(files._LOG_HEAD + b"an earlier run, which said much more than this one" * 100)
    assert main(line(scene)) == status
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], said["code"]) == (status == 0, code)
    assert (scene / "log").read_bytes() == files._LOG_HEAD + console


@pytest.mark.parametrize(("console", "disk"), [(b"kernel\n", None), (result(), "changed")])
def test_a_machine_that_stays_on(
    scene: Path, console: bytes, disk: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    says(scene, console)
    monkeypatch.setenv("THEN", "exec sleep 60")
    assert main(line(scene, "--timeout", "1")) == 3
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], said["code"]) == (False, "run.timeout")
    assert (said["result"] and said["result"]["disk"]) == disk
    assert not alive(scene)
    assert list((scene / "tmp").iterdir()) == []
    # For a person, what is known of the result is printed all the same.
    assert main([word for word in line(scene, "--timeout", "1") if word != "--json"]) == 3
    assert ("OK  done" in capsys.readouterr().out) is (disk is not None)


def test_a_machine_that_never_stops_talking(
    scene: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(follow, "CONSOLE_LIMIT", 1 << 20)
    monkeypatch.setenv("THEN", 'head -c 3M /dev/zero >>"$serial"; exec sleep 60')
    assert main(line(scene)) == 3
    assert json.loads(capsys.readouterr().out)["code"] == "run.console-flood"
    assert (1 << 20) <= (scene / "log").stat().st_size <= (3 << 20)
    assert not alive(scene)


def test_a_machine_that_fails_leaves_its_log(
    scene: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("THEN", "echo broken >&2; exit 3")
    assert main(line(scene)) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["code"] == "run.qemu-failed"
    assert said["hint"]
    assert (scene / "log").read_bytes() == files._LOG_HEAD + b"kernel\n"


def test_a_log_on_a_full_disk_does_not_stop_the_machine(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    says(scene, result())
    machine = vm.Vm(disks=(scene / "disk",), iso=scene / "disk", config=None)
    said: list[str] = []
    with FileIO("/dev/full", "w") as full:
        outcome = vm.run(machine, timeout=20, say=said.append, log=full)
    assert outcome.powered_off
    assert outcome.transcript.result is not None
    assert "the console's log cannot be written any more: No space left on device" in said
    assert capsys.readouterr().err == ""


def wait_for(scene: Path, program: subprocess.Popen[bytes]) -> None:
    """Until the machine runs and its words have come through."""
    log = scene / "log"
    for _ in range(1000):
        if (scene / "pid").exists() and log.exists() and log.stat().st_size > len(files._LOG_HEAD):
            return
        time.sleep(0.01)
    program.kill()
    pytest.fail("the machine did not start")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_stops_the_machine_and_leaves_nothing_but_the_log(
    scene: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEN", "exec sleep 60")
    with subprocess.Popen([*HOST, *line(scene)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        wait_for(scene, program)
        assert list((scene / "tmp").iterdir()) != []
        program.send_signal(number)
        _, said = program.communicate(timeout=20)
    assert program.returncode == 128 + number
    assert b"Traceback" not in said
    assert not alive(scene)
    assert list((scene / "tmp").iterdir()) == [], "the packed document may hold secrets"
    assert (scene / "log").read_bytes() == files._LOG_HEAD + b"kernel\n"


def test_the_machine_ends_with_a_program_that_is_killed(scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEN", "exec sleep 60")
    with subprocess.Popen([*HOST, *line(scene)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
        wait_for(scene, program)
        assert alive(scene)
        program.kill()
        program.wait()
        for _ in range(500):
            if not alive(scene):
                break
            time.sleep(0.01)
        assert not alive(scene)


@pytest.mark.parametrize("content", [bytes(4096), b"format = 1\nid = web01\n", files._LOG_HEAD[:-1], result()])
def test_a_log_replaces_nothing_but_a_log(scene: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """A disk that is not attached, a document, and what merely looks like a console's."""
    (scene / "log").write_bytes(content)
    assert main(line(scene)) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["code"], "is no console log of ours" in said["message"]) == ("usage.file", True)
    assert (scene / "log").read_bytes() == content
    assert not (scene / "pid").exists(), "the machine was not started"


def test_an_empty_file_becomes_a_log(scene: Path) -> None:
    says(scene, result())
    (scene / "log").touch(mode=0o600)
    assert main(line(scene)) == 0
    assert main(line(scene)) == 0
    assert (scene / "log").read_bytes() == files._LOG_HEAD + result()
    assert main(["result", str(scene / "log"), "--id", "web01"]) == 0


@pytest.mark.parametrize(("last_words", "wait"), [(b"[    9.9] reboot: System halted\r\n", 15.0), (b"", 1.0)])
def test_a_machine_that_halts(
    scene: Path, last_words: bytes, wait: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It never goes off by itself: it is switched off when its kernel has said that all is over, or a while after the result."""
    monkeypatch.setattr(follow, "_HALT_SECONDS", wait)
    monkeypatch.setenv("THEN", "exec sleep 60")
    halting = Result("failed", "storage.no-root", "", "", "untouched", power="halt")
    says(scene, b"reboot: System halted\n" + encode(halting.to_json()) + last_words)
    begin = time.monotonic()
    assert main(line(scene)) == 1
    assert (wait if not last_words else 0) <= time.monotonic() - begin < 10
    said = capsys.readouterr()
    assert (json.loads(said.out)["code"], "the machine has halted" in said.err) == ("storage.no-root", True)
    assert not alive(scene)


def test_a_log_that_another_run_writes_is_left_alone(tmp_path: Path) -> None:
    with files.open_log(tmp_path / "log", ()) as log:
        log.write(b"theirs\n")
        with pytest.raises(CustomizerError, match="another run"):
            files.open_log(tmp_path / "log", ())
    assert b"theirs" in (tmp_path / "log").read_bytes()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_is_no_medium(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "customization.conf"
    path.write_text("format = 1\nid = web01-0001\n" + "#" * 40_000, encoding=encoding)
    assert not commands._is_medium(path)


@pytest.mark.parametrize("form", ["iso", "floppy", "disk"])
def test_what_pack_makes_is_a_medium(tmp_path: Path, form: str) -> None:
    (tmp_path / "customization.conf").write_text("format = 1\nid = web01-0001\n")
    media.pack(tmp_path / "customization.conf", tmp_path / "medium", form)
    assert commands._is_medium(tmp_path / "medium")
