"""What our scan says stands in each line is what ConfigObj takes from it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from configobj import ConfigObj, ConfigObjError, DuplicateError, NestingError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guest.settings.document import parse
from guest.settings.lines import Kind, index, scan
from guest.settings.problems import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.settings.problems import KeyPath

# Whatever the two expressions look for, in pieces.
PIECES = [
    "[",
    "]",
    "[[",
    "]]",
    "[[[",
    "]]]",
    "a",
    "b",
    "c d",
    " ",
    "\t",
    "\u00a0",
    "=",
    " = ",
    '"',
    "'",
    '"""',
    "'''",
    "#",
    ",",
    "\n",
    "\n",
]


LINES = [
    "[a]", "[b] # c", "[[a]]", "[ [ b ] ]", "[['c d']]", "[[[a]]]", "[[[[a]]]]", "a = 1", "'b' = 2", " c d =3", "e = '''f", "'''", "g'''#h",
    'i = """j"""', "k = '''l''' m", "# n", "", "o", "p = q, 'r'", "[s", "[t]]",
]  # fmt: skip
DOCUMENTS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.lists(st.sampled_from(LINES)).map(
    "\n".join
)


def names(section: Any, above: KeyPath = ()) -> Iterator[KeyPath]:
    for name in section.scalars:
        yield (*above, name)
    for name in section.sections:
        yield (*above, name)
        yield from names(section[name], (*above, name))


@settings(max_examples=800, deadline=None)
@given(DOCUMENTS)
@example("[a]\n[ [ 'b c' ] ] # ]\nd = '''e\nf = g\n''' # h\n[[\"i\"]]\n[j]\n'k l' = m")
@example("a = '''b''' # '''\nc = '''d\ne = '''\nf = \"\"\"g\n'''\n\"\"\"\nh = 1")
@example("[a]\n[[b]]\n[[[c]]]\nd = 1\n[[e]]\nd = 2\n[f]\nd = 3")
def test_names_are_where_configobj_finds_them(text: str) -> None:
    lines = text.split("\n")
    scanned = scan(lines)
    others = [line for line in scanned if line.kind in (Kind.OTHER, Kind.ENDLESS)]
    if any(ours_alone(line.text.strip()) for line in others):
        return
    taken, faults = read(lines)
    if taken is not None:
        assert not others
        assert set(names(taken)) == set(index(scanned))
    elif not others and not any(isinstance(fault, DuplicateError) for fault in faults):
        # Then it is for values that it cannot take. (Below a section that stands there twice it is lost.)
        assert not any(isinstance(fault, NestingError) for fault in faults)
        assert {fault.line_number for fault in faults} <= {line.number for line in scanned if line.kind is Kind.KEY}


def ours_alone(line: str) -> bool:
    """What ConfigObj takes for a key or a section, but none that is known here."""
    name = line.lstrip("[ \t\u00a0").rstrip("] \t\u00a0")
    return ("=" in line and line[0] != "[") or (
        line.startswith("[") and (not name or not set("=[]\"'").isdisjoint(name))
    )


def read(lines: list[str]) -> tuple[ConfigObj | None, list[ConfigObjError]]:
    try:
        return ConfigObj(lines, interpolation=False, list_values=True), []
    except ConfigObjError as error:
        return None, error.errors


def test_lines_of_a_value_in_triple_quotes_are_no_keys() -> None:
    lines = ["a = '''one", "b = two", "'''", "c = 3", "[s]", "# d = 4", "[[t]]", '"e" = 5']
    assert index(scan(lines)) == {("a",): 1, ("c",): 4, ("s",): 5, ("s", "t"): 7, ("s", "t", "e"): 8}


SIZE = 200_000


@pytest.mark.parametrize(
    "lines",
    [
        "a" + " " * SIZE,
        "a" + " " * SIZE + "= b",
        " " * SIZE + "a",
        "[" * SIZE + "a" + "]" * SIZE,
        "[ " * SIZE,
        "[a" + " ]" * SIZE + "x",
        ("[" + " " * 990 + "a\n") * (SIZE // 1000),
        ("[a" + "]" * 990 + "x\n") * (SIZE // 1000),
        "a = '''\nb = x\n" * (SIZE // 15),
        "[x]\n[[y]]\n[z\n" * (SIZE // 15),
        "".join(f"[a{number}]\n" for number in range(SIZE // 50)),
        "".join(f"a{number} = 1\n" for number in range(SIZE // 50)),
    ],
    ids=lambda lines: lines[:12],
)
def test_no_line_takes_long(lines: str) -> None:
    begin = time.process_time()
    with pytest.raises(DocumentError):
        parse(f"format = 1\nid = a\n{lines}\n".encode())
    assert time.process_time() - begin < 5
