"""The house rules that a machine can check: who imports whom, and that the docs are true to the code."""

import ast
import graphlib
import importlib.util
import re
from pathlib import Path

import pytest

from guest.codes import HOST_CODES, RESULT_CODES

TOP = Path(__file__).parent.parent
SOURCES = sorted([*TOP.glob("guest/**/*.py"), *TOP.glob("host/**/*.py")])


# Who may import whom (shared/DESIGN.md, "Imports run one way"), from the top down: a module imports what stands in
# lower lines, nothing beside it in its own line, and of its own package what makes no circle. Imports for types alone count:
# who names another's noun knows it. Where this says more than DESIGN's line, or another thing:
# - edits stand above sysroot: what a guest will be like (edits.Overlay) is a view of it as well;
# - network and distro stand above machine: an interface's name is computed from its card's slot;
# - settings know distro and network for the words that a document may use, and for the model that it is read into;
# - apply and what belongs to it stand above changes, and do not know them: whoever decides cannot write.
LAYERS = (
    ("guest.__main__",),
    ("guest.pipeline", "guest.tree"),
    ("guest.keep",),
    ("guest.outcome",),
    ("guest.answers", "guest.disks", "guest.document_file", "guest.undo"),
    ("guest.apply",),
    ("guest.prepare", "guest.rollback"),
    ("guest.staging",),
    ("guest.decide",),
    ("guest.changes",),
    ("guest.settings", "guest.storage"),
    ("guest.distro", "guest.network"),
    ("guest.machine",),
    ("guest.diff", "guest.journal", "guest.labels", "guest.remembered"),
    ("guest.edits", "guest.standing"),
    ("guest.command", "guest.report", "guest.sysroot"),
    (
        "guest.boot_words",
        "guest.codes",
        "guest.errors",
        "guest.openat2",
        "guest.protocol",
        "guest.secrets",
        "guest.shipped",
    ),
)
# What the order alone does not say: assembling and mounting are the same for every distribution and stack.
APART = {"guest.storage": {"guest.distro", "guest.network"}}
# All that the host may know of the guest: one definition of each format that both read or write.
FOR_THE_HOST = {
    "guest": "the version",
    "guest.errors": "one exception for both programs",
    "guest.protocol": "the result, as it comes from a console",
    "guest.answers": "what both command lines print, and their exit statuses",
    "guest.document_file": "the document, for `check` and `pack`",
    "guest.settings.model": "the document, read",
    "guest.settings.problems": "what is wrong with a document, and its file's name",
    "guest.settings.network_checks": "a MAC on the command line is spelled as in a document",
    "guest.machine.media": "the config medium's label",
}
MODULES = {
    ".".join(path.relative_to(TOP).with_suffix("").parts).removesuffix(".__init__"): path
    for path in SOURCES
    if path.is_relative_to(TOP / "guest")
}


def imports(source: Path) -> set[str]:
    """Modules of the guest that a source file imports, wherever in it, and be it for types alone."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}: a relative import"
            inside = {f"{node.module}.{name.name}" for name in node.names} & MODULES.keys()
            found |= inside
            if len(inside) < len(node.names):
                found.add(node.module or "")
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return {name for name in found if name.split(".")[0] in ("guest", "host")}


def place(module: str) -> tuple[int, str]:
    """The line of LAYERS that a module stands in, and its entry there."""
    entry = ".".join(module.split(".")[:2])
    return next((line, entry) for line, entries in enumerate(LAYERS) if entry in entries)


def test_every_module_has_its_place() -> None:
    placed = [entry for entries in LAYERS for entry in entries]
    assert sorted(placed) == sorted({".".join(module.split(".")[:2]) for module in MODULES} - {"guest"})


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"guest"}))
def test_imports_run_one_way(module: str) -> None:
    line, entry = place(module)
    for imported in imports(MODULES[module]) - {"guest"}:
        assert imported in MODULES, f"{module} imports {imported}"
        other_line, other = place(imported)
        assert other == entry or other_line > line, f"{module} imports {imported}, which stands above or beside it"
        assert other not in APART.get(entry, set()), f"{module} imports {imported}"


def test_no_circle() -> None:
    graph = {module: imports(path) - {module} for module, path in MODULES.items()}
    list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, which names it


def test_the_top_package_imports_nothing() -> None:
    """Every module imports it: what it imported would stand below all."""
    assert imports(MODULES["guest"]) == set()


def test_the_host_imports_of_the_guest_what_is_listed() -> None:
    used = set().union(*(imports(path) for path in TOP.glob("host/**/*.py")))
    assert {name for name in used if name.split(".")[0] == "guest"} == FOR_THE_HOST.keys()


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
