"""The journal says the same when it is read back, and takes each field up to its limit and no further."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from guest.journal import Journal, Phase, Record, encode_journal, parse_journal, unfinished
from guest.standing import NOTHING, Kind, Standing
from guest.sysroot import Sysroot

if TYPE_CHECKING:
    from pathlib import Path

FILE = Standing(Kind.FILE, 0o640, 5, 6, "digest", "", 0x10, (("security.selinux", "6c00"), ("user.note", "00ff")))
JOURNAL = Journal(
    "a",
    Phase.UNDOING,
    (
        Record("/etc/a", "/", FILE, NOTHING, "0000"),
        Record("/boot/b", "/boot", Standing(Kind.LINK, 0o777, target="a"), Standing(Kind.FOLDER)),
    ),
    ("/etc/x", "/etc/x/y"),
    (("/etc", 0x20),),
)


def changed(*where: str | int, to: object) -> bytes:
    data: Any = json.loads(encode_journal(JOURNAL))
    place = data
    for step in where[:-1]:
        place = place[step]
    place[where[-1]] = to
    return json.dumps(data).encode()


def test_what_is_written_is_read() -> None:
    assert parse_journal(encode_journal(JOURNAL), "a") == JOURNAL
    assert encode_journal(JOURNAL).endswith(b"}\n")
    assert b'"backup"' in encode_journal(JOURNAL)
    assert b'"gid": 0' not in encode_journal(JOURNAL), "what is so anyway takes no room"


RECORD = ("records", 0)
BEFORE = (*RECORD, "before")


@pytest.mark.parametrize(
    ("where", "most", "too_much"),
    [
        ((*BEFORE, "mode"), 0o7777, 0o10000),
        ((*BEFORE, "mode"), 0, -1),
        ((*BEFORE, "uid"), 0xFFFF_FFFE, 0xFFFF_FFFF),
        ((*BEFORE, "gid"), 0xFFFF_FFFE, 0xFFFF_FFFF),
        ((*BEFORE, "guards"), 0xFF, 0x100),
        ((*BEFORE, "guards"), 1, True),
        ((*BEFORE, "target"), "n" * 4096, "n" * 4097),
        ((*BEFORE, "target"), "\udcff", "\ud800"),
        ((*BEFORE, "target"), "a", "a\0"),
        ((*BEFORE, "target"), "", 0),
        ((*BEFORE, "digest"), "d", None),
        ((*BEFORE, "attributes"), {"n" * 255: "00"}, {"n" * 256: "00"}),
        ((*BEFORE, "attributes"), {}, {"n" * 300: "00"}),
        ((*BEFORE, "attributes"), {}, {"a\0": "00"}),
        ((*BEFORE, "attributes"), {"a": ""}, {"a": "0"}),
        ((*BEFORE, "kind"), "other", "device"),
        ((*RECORD, "backup"), "", "000"),
        ((*RECORD, "backup"), "0" * 9, "0" * 10),
        ((*RECORD, "backup"), "0000", None),
        ((*RECORD, "path"), "/a", "/"),
        ((*RECORD, "path"), "/...", "/a/../b"),
        ((*RECORD, "path"), "/a b", "/a//b"),
        ((*RECORD, "path"), "/.a", "/./a"),
        ((*RECORD, "path"), "/a", "a/b"),
        ((*RECORD, "mount_point"), "/", ""),
        ((*RECORD, "mount_point"), "/a", "/a/"),
        ((*RECORD, "before"), {"kind": "none"}, []),
        (("guarded",), {"/etc": 0xFF}, {"/etc": 0x100}),
        (("guarded",), {}, {"/": 0x10}),
        (("guarded",), {}, None),
        (("folders",), ["/a"], ["/"]),
        (("folders",), [], {}),
        (("records",), [], None),
        (("records",), [], ["a"]),
        (("phase",), "restored", "started"),
        (("format",), 2, 1),
        (("id",), "a", "b"),
    ],
)
def test_the_limits_of_each_field(where: tuple[str | int, ...], most: object, too_much: object) -> None:
    parse_journal(changed(*where, to=most), "a")
    with pytest.raises((ValueError, TypeError)):
        parse_journal(changed(*where, to=too_much), "a")


@pytest.mark.parametrize(("name", "is_good"), [("a" * 64, True), ("a" * 65, False), (".a", False), ("a/b", False)])
def test_a_requests_name(name: str, is_good: bool) -> None:
    content = changed("id", to=name)
    if is_good:
        assert parse_journal(content, name).id == name
    else:
        with pytest.raises(ValueError, match="another"):
            parse_journal(content, name)


@pytest.mark.parametrize("phase", Phase)
def test_which_requests_are_unfinished(tmp_path: Path, phase: Phase) -> None:
    folder = tmp_path / "var/lib/guest-customizer/requests/a"
    folder.mkdir(parents=True)
    (folder / "journal.json").write_bytes(changed("phase", to=phase.value))
    (folder.parent / "without-a-journal").mkdir()
    with Sysroot(tmp_path) as guest:
        assert bool(unfinished(guest)) is (phase in (Phase.APPLYING, Phase.UNDOING))
