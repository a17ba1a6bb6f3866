"""The house rules that a machine can check: who imports whom, and that the docs are true to the code."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

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
]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(TOP)))
def test_imports_run_one_way(source: Path) -> None:
    name = str(source.relative_to(TOP))
    for start, forbidden in FORBIDDEN:
        if name.startswith(start):
            wrong = {module for module in imports(source) if module == forbidden or module.startswith(forbidden + ".")}
            assert not wrong, f"{name} must not import {wrong}"


def test_every_code_is_documented() -> None:
    documented = set(re.findall(r"`([a-z]+(?:\.[a-z-]+)?)`", (TOP / "docs/result-protocol.md").read_text()))
    pattern = re.compile(r'"((?:config|storage|guest|network|apply|internal|usage|pack|iso|run)\.[a-z]+(?:-[a-z]+)*)"')
    # Module names and unit names look alike.
    other = {"guest.changes", "guest.settings", "guest.network", "network.target"}
    used = {code for source in SOURCES for code in pattern.findall(source.read_text())} - other
    assert used
    assert used <= documented, f"not in docs/result-protocol.md: {sorted(used - documented)}"


def test_the_configuration_reference_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("generate", TOP / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert (TOP / "docs/configuration.md").read_text() == generate.reference(), "run: make docs"


def test_every_make_target_has_its_line_in_help() -> None:
    makefile = (TOP / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    hidden = {"format-check", "lint", "types", "shell", "unit", "FORCE"}  # the parts of check
    for target in set(phony[1].split()) - hidden:
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE), target
