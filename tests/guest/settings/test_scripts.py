"""First-boot scripts that the guest's kernel could not start are refused; an undo needs none of them."""

from pathlib import Path

import pytest

from guest.settings.document import load
from guest.settings.model import Settings
from guest.settings.problems import DocumentError
from guest.sysroot import Sysroot

DOCUMENT = "format = 1\nid = web01\n[first_boot]\nscripts = a.sh\n"


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
