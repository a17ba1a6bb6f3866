"""The libraries of a program: needed ones, those by RUNPATH, those opened at run time."""

import json
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

import elf

COMPILER = shutil.which("gcc") or shutil.which("cc")


def test_what_ldd_says_is_in_the_closure() -> None:
    program = Path("/usr/bin/udevadm") if Path("/usr/bin/udevadm").exists() else Path("/bin/udevadm")
    closure = {path.name for path in elf.find_closure([program])}
    said = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    needed = {Path(line.split()[0]).name for line in said.splitlines() if "linux-vdso" not in line}
    assert needed <= closure


def test_a_note_of_dlopen() -> None:
    features = [
        {"feature": "kmod", "priority": "recommended", "soname": ["libkmod.so.2"]},
        {"feature": "pwquality", "priority": "suggested", "soname": ["libpwquality.so.1"]},
    ]
    text = json.dumps(features).encode() + b"\0"
    text += bytes(-len(text) % 4)
    note = struct.pack("<III", 4, len(text), elf.DLOPEN_NOTE_TYPE) + b"FDO\0" + text
    assert elf._dlopen_names(note) == ("libkmod.so.2",)


@pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
def test_a_library_found_by_runpath(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "library.c").write_text("int answer(void) { return 42; }\n")
    (tmp_path / "program.c").write_text("int answer(void); int main(void) { return answer(); }\n")
    library = tmp_path / "private/libanswer.so"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", library, tmp_path / "library.c"], check=True)
    rpath = ["-Wl,--enable-new-dtags", "-Wl,-rpath,$ORIGIN/private"]
    program = tmp_path / "program"
    subprocess.run([COMPILER, "-o", program, tmp_path / "program.c", library, *rpath], check=True)
    # The linker notes the library by its path unless it has a soname; both ways must lead to it.
    assert any(path.name == "libanswer.so" for path in elf.find_closure([program]))


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    assert elf.find_library("libnothing.so.7", tmp_path / "x", ()) is None
