"""--json answers every error in one shape; odd names, full disks and closed terminals end in a code and a status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from guest.protocol import Result, encode
from host.__main__ import main

HOST = [sys.executable, "-m", "host"]
TOP = Path(__file__).parents[2]
GOOD = "format = 1\nid = web01\n"


def log_of(*results: Result) -> bytes:
    return b"noise\r\n" + b"".join(encode(result.to_json()) for result in results)


def done(request_id: str | None, status: str = "ok", code: str = "done") -> Result:
    return Result(status, code, "all well", "", "changed", id=request_id)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "good.conf").write_text(GOOD)
    (tmp_path / "bad.conf").write_text("format = 1\nid = web01\nb = c\n")
    (tmp_path / "disk").write_bytes(bytes(512))
    (tmp_path / "empty.log").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        ("check bad.conf", 1, "config.unknown-key"),
        ("check loop", 1, "usage.file"),
        ("check folder", 1, "usage.file"),
        ("pack bad.conf -o x", 1, "config.unknown-key"),
        ("pack good.conf -o none/x", 1, "usage.file"),
        ("pack good.conf -o loop", 1, "usage.file"),
        ("iso --kernel none -o x", 1, "iso.missing-input"),
        ("result missing.log", 1, "usage.file"),
        ("result folder", 1, "usage.file"),
        ("result empty.log", 3, "run.no-result"),
        ("run --disk none --config good.conf --iso disk", 1, "usage.file"),
        ("run --disk folder --config good.conf --iso disk", 1, "usage.file"),
        ("run --disk disk --config none --iso disk", 1, "usage.file"),
        ("run --disk disk --config bad.conf --iso disk", 1, "config.unknown-key"),
        ("run --disk disk --config good.conf --iso none", 1, "usage.file"),
        ("run --disk disk --config good.conf --iso disk --console disk", 1, "usage.file"),
        ("run --disk disk --config good.conf --iso disk --console fifo", 1, "usage.file"),
        ("run --disk disk --config good.conf --iso disk --console none/log", 1, "usage.file"),
    ],
)
def test_every_error_is_one_object(
    files: Path, line: str, status: int, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*line.split(), "--json"]) == status
    printed = capsys.readouterr()
    said = json.loads(printed.out)
    assert (said["ok"], said["code"]) == (False, code)
    assert said["message"]
    assert said["hint"]
    assert printed.err.startswith(f"{code}: "), "nothing is begun, or said to be, before the files are checked"
    assert (files / "disk").read_bytes() == bytes(512)


def test_the_file_that_failed_is_named(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--disk", str(files / "folder"), "--config", str(files / "good.conf")]) == 1
    assert f"{files}/folder is a folder" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read")
def test_a_script_that_may_not_be_read_is_named() -> None:
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)  # noqa: S103 (another user is to get in)
        Path(name, "s.conf").write_text(GOOD + "[first_boot]\nscripts = a.sh\n")
        Path(name, "a.sh").write_text("#!/bin/sh\n")
        Path(name, "a.sh").chmod(0)
        line = [*HOST, "check", f"{name}/s.conf"]
        ended = subprocess.run(line, capture_output=True, text=True, check=False, user=65534, cwd=TOP)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"usage.file: {name}/a.sh cannot be read: Permission denied\n")


def test_successes_as_json(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = str(files / "x.iso")
    assert main(["pack", str(files / "good.conf"), "-o", image, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "id": "web01", "output": image}
    line = ["iso", "--kernel", str(files / "disk"), "--initrd", str(files / "disk"), "-o", image, "--json"]
    assert main(line) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "output": image}


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_full_disk_behind_standard_output(files: Path, options: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        line = [*HOST, "check", str(files / "good.conf"), *options]
        ended = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=TOP)
    assert ended.returncode == 1
    assert ended.stderr.startswith("usage.file: reading or writing failed: No space left on device\n")
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


def test_names_and_results_that_the_terminal_cannot_show(files: Path) -> None:
    (files / "u.log").write_bytes(log_of(Result("ok", "done", "größer", "", "changed")))
    odd = os.fsencode(files) + b"/b\xffd.conf"
    Path(os.fsdecode(odd)).write_text(GOOD)
    for encoding, line, words in (
        ("ascii", ["result", str(files / "u.log")], b"gr\\xf6\\xdfer"),
        ("utf-8:strict", ["check", odd], b"b\\udcffd.conf: ok"),
    ):
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        ended = subprocess.run([*HOST, *line], capture_output=True, env=environment, check=False, cwd=TOP)
        assert (ended.returncode, ended.stderr) == (0, b"")
        assert words in ended.stdout


@pytest.mark.parametrize(
    "option", ["--mac=zz", "--mac=01:00:00:00:00:00", "--memory=0", "--timeout=-1", "--timeout=nan"]
)
def test_values_that_are_none(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["run", "--disk", "x", "--config", "x", option])
    assert caught.value.code == 2
    assert "multicast" in (said := capsys.readouterr().err) or "must be" in said


@pytest.mark.parametrize(
    ("results", "status", "words"),
    [
        ([done("old"), done("new")], 0, '"id": "new"'),
        ([done("old"), done("new", "failed", "storage.no-root")], 1, "storage.no-root"),
        ([done("new"), done("old")], 0, '"id": "new"'),
        ([done("old")], 3, "no result of request new; the last one is done of request old"),
        ([done(None, "failed", "config.no-medium")], 3, "the last one is config.no-medium of no request"),
        ([], 3, "no result of request new"),
    ],
)
def test_the_result_of_one_request(
    files: Path, results: list[Result], status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / "x.log").write_bytes(log_of(*results))
    assert main(["result", str(files / "x.log"), "--id", "new", "--json"]) == status
    assert words in (said := capsys.readouterr().out)
    assert json.loads(said)["ok"] is (status == 0)
