"""What the schema marks as secret, and what is private in the guest, is printed nowhere. (test_hostile.py plants more.)"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guest.diff import unified_diff
from guest.edits import Overlay, SetAside, WriteFile
from guest.errors import CustomizerError
from guest.protocol import Result
from guest.report import Report
from guest.secrets import blot, printable
from guest.settings import schema
from guest.settings.document import load, parse
from guest.settings.problems import DocumentError, Problem
from guest.sysroot import Sysroot
from host.__main__ import main as host

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "pl4nted-secret"  # noqa: S105 (planted to be looked for)
DOCUMENT = f'format = 1\nid = a\n[first_boot]\ncommands = "echo {SECRET}", "other {SECRET}"\nscripts = a.sh\n'


def test_marked_values_are_known(tmp_path: Path) -> None:
    (tmp_path / "customization.conf").write_text(DOCUMENT)
    (tmp_path / "a.sh").write_text(f"#!/bin/sh\n{SECRET}\n")
    with Sysroot(tmp_path) as medium:
        settings = load(medium)
    assert settings.secrets == (f"other {SECRET}", f"echo {SECRET}")
    assert SECRET not in repr(settings), "a traceback or a debugger's print shows it"


@pytest.mark.parametrize(
    "fault",
    [
        f"{SECRET}\n",
        f"[{SECRET}\n",
        f"hostname = '{SECRET}\n",
        f"[identity]\nhostname = {SECRET} {SECRET}\n",
        f"[identity]\nhostname = {SECRET}, b\n",
        f"[network]\n[[lan]]\nmac = {SECRET}\naddresses = {SECRET}\nmtu = {SECRET}\n[[[routes]]]\na = {SECRET}\n",
        f"[dns]\nservers = {SECRET}\nsearch = {SECRET}!\n",
        f'[first_boot]\ncommands = """{SECRET}\n',
        f"[first_boot]\ncommands = {SECRET}\ncommands = {SECRET}\n",
        f"[first_boot]\nwait_for_network = {SECRET}\n",
        f"[power]\non_success = {SECRET}\n",
        f"[guest]\nroot = {SECRET}\nfamily = {SECRET}\n",
        f"[request]\naction = {SECRET}\n",
    ],
)
def test_faults_of_a_document(fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(("format = 1\nid = a\n" + fault).encode())
    assert SECRET not in "".join(map(str, caught.value.problems))
    (tmp_path / "customization.conf").write_text("format = 1\nid = a\n" + fault)
    for options in ([], ["--json"]):
        assert host(["check", str(tmp_path / "customization.conf"), *options]) == 1
        said = capsys.readouterr()
        assert SECRET not in said.out + said.err


def test_a_report_blots_them_out_wherever_they_come_from(tmp_path: Path) -> None:
    screen, console = tmp_path / "screen", tmp_path / "console"
    for path in (screen, console):
        os.mkfifo(path)
    ends = [os.open(path, os.O_RDONLY | os.O_NONBLOCK) for path in (screen, console)]
    report = Report(str(screen))
    report.add_consoles([str(console)])
    report.keep_secret((SECRET,))
    report.warning(f"no such thing as {SECRET}")
    for number in range(1000):
        report.warning(f"{number}: {SECRET}")
    report.result(Result("failed", "internal", f"it is {SECRET}", SECRET, "changed", warnings=(SECRET, "fine")))
    said = [os.read(end, 1 << 20) for end in ends]
    for text in (*said, "\n".join(report.log).encode()):
        assert b"(secret)" in text
        assert SECRET.encode() not in text
    assert said[1].count(b'"event":"warning"') == 100
    assert len(report.log) == 1002


def test_a_plan_shows_nothing_that_is_private_in_the_guest(tmp_path: Path) -> None:
    for name, mode in (("private", 0o640), ("public", 0o644), ("profile", 0o600)):
        (tmp_path / name).write_text(f"key={SECRET}\n" if mode != 0o644 else "old\n")
        (tmp_path / name).chmod(mode)
    with Sysroot(tmp_path) as guest:
        edits = (
            WriteFile("/private", f"key={SECRET}\nnew\n".encode(), "changed"),
            WriteFile("/public", b"new\n", "changed"),
            WriteFile("/steps", SECRET.encode(), "new", secret=True),
            SetAside("/profile", "stale"),
        )
        diff = "\n".join(unified_diff(Overlay(guest).with_edits(edits)))
    assert SECRET not in diff
    assert "+new" in diff


@given(st.text(), st.lists(st.text(min_size=6)))
def test_blotting(text: str, secrets: list[str]) -> None:
    for secret in secrets:
        assert secret not in blot(f"{text}{secret}", (secret,)) or secret in text + "(secret)" + text


def test_what_drives_a_terminal_is_not_printed() -> None:
    assert printable("a\x1b[2J\r\x9b\udcff\nb") == "a\ufffd[2J\ufffd\ufffd\ufffd\nb"


def test_the_listener_hears_what_is_said(heard: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """conftest.py's, which searches every failure of every test here."""
    load_text = "format = 1\nid = a\n[first_boot]\ncommands = 'echo a-known-secret'\n"
    schema.secret_values(parse(load_text.encode()).values)
    for text in ("pl4nted", "echo a-known-secret"):
        with suppress(CustomizerError):
            raise CustomizerError("internal", "nothing in it") from ValueError(text)
        with suppress(DocumentError):
            raise DocumentError((Problem("config.syntax", (), 1, "nothing", text),))
        Report().warning(text)
        print(text)
        capsys.readouterr()
    assert len(heard.leaks()) == 2 * 5, "a cause, a hint, a problem's hint, a log, what is printed"
    for said in (heard.errors, heard.reports, heard.printed):
        said.clear()
