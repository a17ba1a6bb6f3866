"""The host program as people and programs meet it: exit statuses, messages, JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from guest.protocol import Result, encode
from guest.sysroot import Sysroot
from host.__main__ import main

GOOD = "format = 1\nid = web01\n[first_boot]\nscripts = scripts/a.sh\n"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/a.sh").write_text("#!/bin/sh\n")
    path = tmp_path / "customization.conf"
    path.write_text(GOOD)
    return path


def test_check_a_good_document(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(document), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "id": "web01"}


def test_check_a_bad_document(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document.write_text("format = 1\nid = web01\n[identity]\nhostnam = x\n")
    assert main(["check", str(document)]) == 1
    said = capsys.readouterr().err
    assert "config.unknown-key: customization.conf, line 4: [identity] hostnam" in said
    assert "did you mean `hostname`?" in said
    assert main(["check", str(document), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["problems"][0]["line"] == 4


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("missing.conf", "correct the path"),
        ("missing/customization.conf", "correct the path"),
        ("", "name the customization.conf in it"),
    ],
)
def test_a_document_that_is_not_there(tmp_path: Path, name: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / name)]) == 1
    assert capsys.readouterr().err.startswith("usage.file: ")
    assert main(["check", str(tmp_path / name), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert not said["ok"]
    assert (said["code"], said["hint"]) == ("usage.file", hint)


def test_messages_name_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "web.conf").write_text("format = 2\nid = web01\n")
    (tmp_path / "link.conf").symlink_to(tmp_path / "web.conf")
    for name in ("web.conf", "link.conf"):
        assert main(["check", str(tmp_path / name)]) == 1
        assert "web.conf, line 1: format" in capsys.readouterr().err


def test_a_script_that_is_too_large(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (document.parent / "scripts/a.sh").write_bytes(b"#!/bin/sh\n" + bytes(4 * 1024 * 1024))
    assert main(["check", str(document)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(
        "config.too-large: customization.conf, line 4: [first_boot] scripts: scripts/a.sh beside the document"
    )


def test_a_script_that_is_not_there(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (document.parent / "scripts/a.sh").unlink()
    assert main(["check", str(document)]) == 1
    assert "config.missing-file: customization.conf, line 4" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["iso", "floppy", "disk"])
def test_pack(document: Path, tmp_path: Path, form: str) -> None:
    image = tmp_path / "config.img"
    assert main(["pack", str(document), "-o", str(image), "--as", form]) == 0
    assert image.stat().st_mode & 0o077 == 0, "it may hold password hashes"
    label = subprocess.run(["blkid", "-p", "-o", "value", "-s", "LABEL", image], capture_output=True, check=True)
    assert label.stdout == b"GUESTCONF\n"
    out = tmp_path / "out"
    out.mkdir()
    if form == "iso":
        subprocess.run(
            ["xorriso", "-osirrox", "on", "-indev", image, "-extract", "/", out], capture_output=True, check=True
        )
    else:
        subprocess.run(["mcopy", "-s", "-i", image, "::*", out], check=True, capture_output=True)
    with Sysroot(out) as medium:
        assert medium.read("/customization.conf") == GOOD.encode()
        assert medium.read("/scripts/a.sh") == b"#!/bin/sh\n"


def test_pack_refuses_what_check_refuses_and_writes_nothing(document: Path, tmp_path: Path) -> None:
    document.write_text("format = 1\n")
    assert main(["pack", str(document), "-o", str(tmp_path / "config.iso")]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["customization.conf", "scripts"]


@pytest.mark.parametrize(
    ("console", "status", "words"),
    [
        (encode(Result("ok", "done", "all well", "", "changed").to_json()), 0, "OK  done: all well"),
        (
            encode(Result("failed", "storage.no-root", "none", "attach", "untouched").to_json()),
            1,
            "FAILED  storage.no-root",
        ),
        (b"kernel panic\n", 3, ""),
        (b"", 3, ""),
    ],
)
def test_result(tmp_path: Path, console: bytes, status: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(b"noise\r\n" + console)
    assert main(["result", str(log)]) == status
    assert words in capsys.readouterr().out


def test_hash_password_never_shows_the_password() -> None:
    command = [sys.executable, "-m", "host", "hash-password"]
    done = subprocess.run(command, input="correct horse\n", capture_output=True, text=True, check=True)
    assert done.stdout.startswith("$6$")
    salt = done.stdout.split("$")[2]
    again = subprocess.run(
        ["openssl", "passwd", "-6", "-salt", salt, "correct horse"], capture_output=True, text=True, check=True
    )
    assert again.stdout == done.stdout
    assert "horse" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("typed", "password"),
    [(b"a\n", b"a"), (b"a\r\n", b"a"), (b"a", b"a"), (b"\xff\n", b"\xff"), (b"x" * 256, b"x" * 256)],
)
def test_hash_password_takes_bytes(typed: bytes, password: bytes) -> None:
    command = [sys.executable, "-m", "host", "hash-password"]
    done = subprocess.run(command, input=typed, capture_output=True, check=True)
    salt = done.stdout.split(b"$")[2]
    again = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin", "-salt", salt], input=password + b"\n", capture_output=True, check=True
    )
    assert again.stdout == done.stdout


@pytest.mark.parametrize("typed", [b"", b"\n", b"\r\n", b"a\0b\n", b"x" * 257])
def test_hash_password_refuses_what_would_become_another(typed: bytes) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "host", "hash-password"], input=typed, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"usage.password: ")


def test_a_result_as_json_has_the_phases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(encode({**Result("ok", "done", "all well", "", "changed").to_json(), "phases": {"mount": 0.25}}))
    assert main(["result", str(log), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["phases"] == {"mount": 0.25}


def test_a_reader_that_has_enough_is_no_error(document: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "host", "check", str(document)]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize(("missing", "hint"), [("--disk", "correct the path"), ("--iso", "make iso")])
def test_run_says_which_file_is_not_there(
    document: Path, tmp_path: Path, missing: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "there"
    there.write_bytes(bytes(512))
    files = {"--disk": there, "--iso": there} | {missing: tmp_path / "nope"}
    options = [word for option, path in files.items() for word in (option, str(path))]
    assert main(["run", "--config", str(document), *options]) == 1
    said = capsys.readouterr().err
    assert "usage.file" in said
    assert hint in said


def test_a_wrong_command_line() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["explode"])
    assert caught.value.code == 2


@pytest.mark.parametrize("command", [[], ["iso"], ["check"], ["pack"], ["run"], ["result"], ["hash-password"]])
def test_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0
    assert len(capsys.readouterr().out) > 100


@pytest.mark.parametrize("output", ["customization.conf", "link", "scripts/a.sh"])
def test_pack_does_not_replace_what_it_packs(
    document: Path, tmp_path: Path, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link").hardlink_to(document)
    before = (tmp_path / output).read_bytes()
    assert main(["pack", str(document), "-o", str(tmp_path / output)]) == 1
    assert capsys.readouterr().err.startswith("usage.file")
    assert (tmp_path / output).read_bytes() == before


@pytest.mark.parametrize("names", ["scripts/a.sh, scripts/A.SH", "scripts/a.sh, Scripts/b.sh"])
def test_names_that_fat_takes_for_one(
    document: Path, tmp_path: Path, names: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document.write_text(GOOD.replace("scripts/a.sh", names))
    for name in names.split(", "):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("#!/bin/sh\n")
    assert main(["pack", str(document), "-o", str(tmp_path / "image"), "--as", "floppy"]) == 1
    assert "one name on a FAT medium" in capsys.readouterr().err
    assert main(["pack", str(document), "-o", str(tmp_path / "image"), "--as", "iso"]) == 0
