"""The house rules that a machine can check: who imports whom, and that the docs are true to the code."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from guest.codes import HOST_CODES, RESULT_CODES

TOP = Path(__file__).parent.parent
SOURCES = sorted([*TOP.glob("guest/**/*.py"), *TOP.glob("host/**/*.py")])


def imports(source: Path) -> set[str]:
    """Modules of ours that are imported when the program runs (not only for types)."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return {name for name in found if name.split(".")[0] in ("guest", "host")}


# Who may not import whom: arrows run one way (shared/DESIGN.md).
FORBIDDEN = [
    ("guest/", "host"),
    ("guest/distro/", "guest.network"),
    ("guest/network/", "guest.distro"),
    ("guest/storage/", "guest.distro"),
    ("guest/storage/", "guest.network"),
    ("guest/sysroot.py", "guest.apply"),
    ("guest/distro/", "guest.changes"),
    ("guest/network/", "guest.changes"),
    ("guest/machine/", "guest.settings"),
    ("guest/changes/", "guest.apply"),
    ("guest/changes/", "guest.pipeline"),
    ("guest/decide.py", "guest.apply"),
    ("guest/prepare.py", "guest.apply"),
    ("guest/rollback.py", "guest.apply"),
    ("guest/standing.py", "guest.journal"),
    ("guest/journal.py", "guest.staging"),
]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(TOP)))
def test_imports_run_one_way(source: Path) -> None:
    name = str(source.relative_to(TOP))
    for start, forbidden in FORBIDDEN:
        if name.startswith(start):
            wrong = {module for module in imports(source) if module == forbidden or module.startswith(forbidden + ".")}
            assert not wrong, f"{name} must not import {wrong}"


CODE = re.compile(
    r"(?:config|storage|guest|network|apply|internal|usage|pack|iso|run)\.[a-z]+(?:-[a-z]+)*|internal|done|undone"
)


def codes_in(source: Path) -> set[str]:
    """Codes that a source file names as a whole string of its own, where a code belongs: not a module or a unit."""
    nodes = ast.walk(ast.parse(source.read_text()))
    strings = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in strings if CODE.fullmatch(text)} - {"guest.changes", "guest.settings", "network.target"}


KNOWN = {code.name for code in (*RESULT_CODES, *HOST_CODES)}


def test_every_code_is_in_the_table_and_every_one_there_is_used() -> None:
    used = set().union(*(codes_in(source) for source in SOURCES if source.name != "codes.py"))
    assert used - KNOWN == set(), "add them to guest/codes.py"
    assert KNOWN - used == set(), "nothing raises these"


def test_every_code_is_reached_by_a_test() -> None:
    tests = [
        *TOP.glob("tests/**/test_*.py"),
        *TOP.glob("qemu-tests/test_*.py"),
        *TOP.glob("qemu-tests/layouts/*.toml"),
        *TOP.glob("tests/golden/*/*/report.json"),
    ]
    text = "\n".join(test.read_text() for test in tests if test.name != "test_house.py")
    missing = {code for code in KNOWN if not re.search(rf"[\"']{re.escape(code)}\b", text)}
    assert missing == set()


@pytest.mark.parametrize("document", ["configuration.md", "result-codes.md"])
def test_what_is_generated_is_up_to_date(document: str) -> None:
    spec = importlib.util.spec_from_file_location("generate", TOP / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    text = generate.reference() if document == "configuration.md" else generate.codes()
    assert (TOP / "docs" / document).read_text() == text, "run: make docs"


def test_every_make_target_has_its_line_in_help() -> None:
    makefile = (TOP / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    hidden = {"format-check", "lint", "types", "shell", "unit", "FORCE"}  # the parts of check
    for target in set(phony[1].split()) - hidden:
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE), target
