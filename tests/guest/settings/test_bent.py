"""What ConfigObj would cut or split in silence is refused, by line and key and never by value."""

from __future__ import annotations

import time

import pytest

from guest.settings.bent import bent_values
from guest.settings.document import DocumentError, parse
from guest.settings.lines import scan
from guest.settings.schema import schema

REFUSED = [
    "passphrase = pa#ssword",
    "commands = curl http://x/#frag",
    'commands = echo "a#b" >/x',
    'commands = echo "a #b" >/x',
    'commands = echo "hello, world" > /tmp/x',
    'commands = "/opt/my app/setup" --name "x"',
    "commands = echo don't",
    "commands = 'it''s'",
]  # fmt: skip
TAKEN = [
    ("commands = sed -i 's/a/b/' /etc/x", ("sed -i 's/a/b/' /etc/x",)),
    ('commands = touch "/a b", "true"', ('touch "/a b"', "true")),
    ('commands = "echo a#b, c" # and a comment', ("echo a#b, c",)),
    ("commands = true # don't, \"ask", ("true",)),
    ("commands = 'echo \"hello, world\" > /tmp/x'", ('echo "hello, world" > /tmp/x',)),
    ("commands = '''echo \"a\" 'b' # c'''", ("echo \"a\" 'b' # c",)),
    ("commands = true,", ("true",)),
    ('commands = "a" , "b"', ("a", "b")),
]


def document(line: str) -> bytes:
    section = "[storage]\n[[unlock]]\n[[[disk]]]\n" if line.startswith("passphrase") else "[first_boot]\n"
    return f"format = 1\nid = a\n{section}{line}\n".encode()


@pytest.mark.parametrize("line", REFUSED)
def test_refused(line: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(document(line))
    mine = [problem for problem in caught.value.problems if "quotation" in problem.message + problem.hint]
    key, _, value = line.partition(" = ")
    assert [(problem.code, problem.path[-1]) for problem in mine] == [("config.bad-value", key)]
    assert mine[0].line == document(line).count(b"\n")
    assert value not in str(mine[0])


UNLOCK = "format = 1\nid = a\n[storage]\n[[unlock]]\n[[[a]]]\nuuid = 6f2a1c1e-8d0b-4a53-9d3a-4f6c2f1b7e10\n"
HIDDEN = [
    " " * 600 + "passphrase = pa#ss\n",
    "passphrase" + " " * 600 + "= pa#ss\n",
    "passphrase" + "\t" * 600 + "= pa#ss\n",
    # A second label that differs in a quotation mark alone.
    'passphrase = good\n[[["a\'"]]]\nuuid = 6f2a1c1e-8d0b-4a53-9d3a-4f6c2f1b7e11\npassphrase = pa#ss\n',
]


@pytest.mark.parametrize("lines", HIDDEN)
def test_nothing_hides_a_value(lines: str) -> None:
    with pytest.raises(DocumentError, match="passphrase: holds a # that would begin a comment"):
        parse((UNLOCK + lines).encode())


def test_a_long_list_takes_no_longer_for_each_item() -> None:
    begin = time.process_time()
    lines = scan(["[first_boot]", "commands = " + "a," * 500_000])
    assert list(bent_values(lines, schema())) == []
    assert time.process_time() - begin < 5  # it was 15 s when each item copied the rest


@pytest.mark.parametrize(("line", "commands"), TAKEN)
def test_taken(line: str, commands: tuple[str, ...]) -> None:
    assert tuple(parse(document(line)).values["first_boot"]["commands"]) == commands
