"""The frozen program: two builds from the same inputs give the same bytes, the initrd's too, and it starts the quick way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
BUILD = TOP / "build"


# What a run imports, and where each module of the archive says that it comes from.
ASKING = """\
import sys
import pyudev
from guest import boot_words, pipeline, report
found = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in ("configobj", "guest", "pyudev")}
print({type(module.__loader__).__name__ for module in found.values()}, len(found) > 80)
print(pipeline.__file__.endswith("/_internal/guest/pipeline.py"), [path.rpartition("/")[2] for path in found["guest"].__path__])
print(found["guest.settings.model"].__spec__.parent, found["guest"].__spec__.submodule_search_locations == found["guest"].__path__)
try:
    import guest.nothing
except ModuleNotFoundError as error:
    print(error)
"""


def freeze(output: Path, *arguments: str | Path) -> Path:
    command = [sys.executable, TOP / "initrd-build/freeze.py", "--output", output, *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return output


def initrd(customizer: Path, output: Path) -> bytes:
    builder = [sys.executable, TOP / "initrd-build/build.py", "--modules", BUILD / "kernel/modules"]
    arguments = ["--customizer", customizer, "--compress-level", "3", "--output", output]
    subprocess.run([*builder, *arguments], check=True, stdout=subprocess.DEVNULL)
    return output.read_bytes()


def test_a_second_build_is_the_same(iso: Path, tmp_path: Path) -> None:
    assert iso.exists()  # so are the customizer and the kernel that it was made of
    again = freeze(tmp_path / "customizer")
    frozen = BUILD / "customizer"
    names = sorted(path.relative_to(frozen) for path in frozen.rglob("*"))
    assert names == sorted(path.relative_to(again) for path in again.rglob("*"))
    for name in names:
        if (again / name).is_file():
            assert (again / name).read_bytes() == (frozen / name).read_bytes(), name
    assert initrd(frozen, tmp_path / "first.img") == initrd(again, tmp_path / "second.img")


def test_modules_come_straight_from_the_archive(tmp_path: Path) -> None:
    """The slower way would be taken without a word."""
    (tmp_path / "asking.py").write_text(ASKING)
    program = freeze(tmp_path / "asking", "--entry", tmp_path / "asking.py") / "customizer"
    said = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    assert said.splitlines() == [
        "{'DirectFinder'} True",
        "True ['guest']",
        "guest.settings True",
        "No module named 'guest.nothing'",
    ]
