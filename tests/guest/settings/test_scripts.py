"""First-boot scripts that the guest's kernel could not start are refused; an undo needs none of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from guest.document_file import load_file
from guest.settings.document import load
from guest.settings.problems import DocumentError
from guest.sysroot import READ_LIMIT, Sysroot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from guest.settings.model import Settings

DOCUMENT = "format = 1\nid = web01\n[first_boot]\nscripts = a.sh\n"
KEY_OR_SCRIPT = "scripts/a.sh"
UUID = "6f2a1c1e-8d0b-4a53-9d3a-4f6c2f1b7e10"


def read(folder: Path, document: str, script: bytes | None) -> Settings:
    (folder / "customization.conf").write_text(document)
    if script is not None:
        (folder / "a.sh").write_bytes(script)
    with Sysroot(folder) as files:
        return load(files)


@pytest.mark.parametrize("script", [b"#!/bin/sh\n", b"#!/bin/sh", b"#! /bin/sh -e\necho 'a\r\n'\r\n"])
def test_scripts_that_start(tmp_path: Path, script: bytes) -> None:
    assert read(tmp_path, DOCUMENT, script).first_boot.scripts[0].content == script


@pytest.mark.parametrize(
    ("script", "code", "message"),
    [
        (None, "config.missing-file", "there is no file a.sh"),
        (b"", "config.bad-value", "does not start with #!"),
        (b"echo\n", "config.bad-value", "does not start with #!"),
        (b"#!/bin/sh\r\necho\r\n", "config.bad-value", "has Windows line ends"),
        (b"#!/bin/sh\r", "config.bad-value", "has Windows line ends"),
        (b"#!\n/bin/sh\n", "config.bad-value", "names no interpreter"),
        (b"#! \t\n", "config.bad-value", "names no interpreter"),
    ],
)
def test_scripts_that_do_not(tmp_path: Path, script: bytes | None, code: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(tmp_path, DOCUMENT, script)
    assert (caught.value.code, caught.value.problems[0].line) == (code, 4)
    assert message in caught.value.message
    assert read(tmp_path, DOCUMENT + "[request]\naction = undo\n", script).first_boot.scripts == ()


@dataclass(frozen=True)
class Beside:
    """What stands where `scripts/a.sh` is looked for, and what is said of it."""

    make: Callable[[Path], object]
    message: str
    on_host: str
    on_medium: str


def _link_out(path: Path) -> None:
    (path.parents[2] / "a.sh").write_text("#!/bin/sh\n")
    path.symlink_to("../../a.sh")


PACK_AGAIN = "pack the medium again: `guest-customizer pack` takes along"
COPY = "put a copy of"
BESIDE = [
    Beside(lambda _: None, "there is no file scripts/a.sh", "put it into the document's folder", PACK_AGAIN),
    Beside(lambda path: path.mkdir(), "scripts/a.sh {where} is a folder", "one by one: scripts/a.sh/…", "one by one"),
    Beside(lambda path: path.with_name("A.SH").touch(), "there is no file", "scripts/A.SH is there", "scripts/A.SH"),
    Beside(lambda path: path.symlink_to("b.sh"), "is a link that leads nowhere, or out", COPY, COPY),
    Beside(_link_out, "is a link that leads nowhere, or out", COPY, COPY),
    Beside(os.mkfifo, "is not a plain file", COPY, COPY),
    Beside(lambda path: path.parent.rmdir(), "there is no file", "the document's folder", PACK_AGAIN),
]  # fmt: skip


@pytest.mark.parametrize("case", BESIDE)
@pytest.mark.parametrize("key", ["scripts", "key_file"])
def test_a_file_that_is_not_there(case: Beside, key: str, tmp_path: Path) -> None:
    folder = tmp_path / "medium"
    (folder / "scripts").mkdir(parents=True)
    text = f"format = 1\nid = a\n[first_boot]\nscripts = {KEY_OR_SCRIPT}\n"
    path: tuple[str, ...] = ("first_boot", "scripts")
    if key == "key_file":
        text = f"format = 1\nid = a\n[storage]\n[[unlock]]\n[[[disk]]]\nuuid = {UUID}\nkey_file = {KEY_OR_SCRIPT}\n"
        path = ("storage", "unlock", "disk", "key_file")
    (folder / "web.conf").write_text(text)
    case.make(folder / KEY_OR_SCRIPT)
    with pytest.raises(DocumentError) as on_host:
        load_file(folder / "web.conf")
    with pytest.raises(DocumentError) as on_medium, Sysroot(folder) as files:
        load(files, "web.conf")
    told = [(on_host, "beside the document", case.on_host), (on_medium, "on the config medium", case.on_medium)]
    for caught, where, hint in told:
        (problem,) = caught.value.problems
        expected = ("config.missing-file", "web.conf", path, text.count("\n"))
        assert (problem.code, problem.document, problem.path, problem.line) == expected
        assert case.message.format(where=where) in problem.message
        assert where in problem.message
        assert hint in problem.hint


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "a.sh").write_bytes(b"#" * (READ_LIMIT + 1))
    with pytest.raises(DocumentError) as caught:
        read(tmp_path, DOCUMENT, None)
    assert caught.value.code == "config.too-large"
    assert "line 4: [first_boot] scripts: a.sh on the config medium is larger than" in caught.value.message
    assert "at first boot" in caught.value.hint
