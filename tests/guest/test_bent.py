"""What ConfigObj would cut or split in silence is refused, by line and key and never by value."""

from __future__ import annotations

import pytest

from guest.settings.document import DocumentError, parse

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


@pytest.mark.parametrize(("line", "commands"), TAKEN)
def test_taken(line: str, commands: tuple[str, ...]) -> None:
    assert tuple(parse(document(line)).values["first_boot"]["commands"]) == commands
