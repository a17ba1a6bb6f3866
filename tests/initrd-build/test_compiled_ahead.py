"""What is compiled when the program is frozen does what would be compiled at its start."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

BUILDER = Path(__file__).resolve().parents[2] / "initrd-build"
SAMPLE = """
from __future__ import annotations
import re
from dataclasses import dataclass, field
@dataclass(frozen=True, order=True)
class Sample:
    name: str
    size: int = 3
    rest: tuple[str, ...] = field(default_factory=tuple)
WORDS = re.compile(r"(?P<first>\\w+)\\s+(?P<last>[^#]*)", re.IGNORECASE | re.MULTILINE)
BYTES = re.compile(rb"^[\\x00-\\x1f]+$")
"""
# A program as it is frozen, in which nothing may be compiled that was compiled ahead.
START = """
import builtins, dataclasses, re, sys
def refuse(text, *_):
    sys.exit(f"compiled: {text!r}")
run = builtins.exec
re._compiler.compile = refuse
import stand_ins
builtins.exec = lambda text, *rest: (refuse if isinstance(text, str) else run)(text, *rest)  # modules come as code
import sample_of_ours as sample
builtins.exec = run
"""
CLASS = """
one = sample.Sample("a", 4)
assert repr(one) == "Sample(name='a', size=4, rest=())"
assert hash(one) == hash(("a", 4, ()))
assert one == sample.Sample("a", 4) and one < sample.Sample("b")
try:
    one.size = 5
except dataclasses.FrozenInstanceError:
    print("right")
"""
EXPRESSION = """
assert sample.WORDS.search("\\nOne  two three # x").groupdict() == {"first": "One", "last": "two three "}
assert sample.WORDS.flags == re.IGNORECASE | re.MULTILINE | re.UNICODE
assert sample.BYTES.match(b"\\1\\2") and not sample.BYTES.match(b"a")
print("right")
"""


def run(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    path = {"PYTHONPATH": f"{folder}:{BUILDER}", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, *arguments], env=path, capture_output=True, text=True, check=False)


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    (tmp_path / "sample_of_ours.py").write_text(SAMPLE)
    assert run(tmp_path, BUILDER / "compiled_ahead.py", tmp_path, "sample_of_ours").returncode == 0
    return tmp_path


@pytest.mark.parametrize("program", [CLASS, EXPRESSION])
def test_it_behaves_as_ever(frozen: Path, program: str) -> None:
    assert run(frozen, "-c", START + program).stdout == "right\n"


def test_what_was_not_written_down_is_compiled(frozen: Path) -> None:
    assert run(frozen, "-c", f"{START}re.compile('another')").stderr == "compiled: 'another'\n"
    other = "@dataclasses.dataclass\nclass Other:\n    size: int\nprint(Other(1).size)"
    assert run(frozen, "-c", START + other).stdout == "1\n"


def test_every_module_that_a_run_begins_with_is_written_down() -> None:
    """The others are imported by these."""
    import freeze  # noqa: PLC0415 (beside its one use)

    ask = f"import sys, {', '.join(freeze.RECORDED)}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", ask], cwd=BUILDER.parent, capture_output=True, text=True, check=True)
    text = (BUILDER.parent / "guest/__main__.py").read_text()
    (run,) = (
        node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == "run_in_initrd"
    )
    begins = {
        f"{node.module}.{name.name}"
        for node in ast.walk(run)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert len(begins) > 3
    assert begins <= set(loaded.stdout.split())
