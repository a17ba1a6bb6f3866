"""What is put together, in which pass, and what stays shut with its reason; and how it is taken apart."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from devices import device
from guest.errors import CustomizerError
from guest.storage import assemble
from guest.storage.assemble import Assembled, parse_groups
from guest.storage.assembly import (
    AskForGroups,
    Key,
    OpenContainer,
    StartArray,
    StaysShut,
    VolumeGroup,
    choose_groups,
    next_steps,
)

if TYPE_CHECKING:
    from pathlib import Path

    from guest.machine.model import BlockDevice

NOTHING: frozenset[str] = frozenset()
KEY = Key("aaaa", b"secret")


def member(path: str, uuid: str, part: str):
    return device(path, usage="raid", fs_type="linux_raid_member", uuid=uuid, member=part)


def volume(path: str, uuid: str):
    return device(path, usage="raid", fs_type="LVM2_member", uuid=uuid)


def container(path: str, uuid: str):
    return device(path, usage="crypto", fs_type="crypto_LUKS", uuid=uuid)


def test_a_plain_guest_calls_for_nothing() -> None:
    assert next_steps((device("/dev/vda1", fs_type="ext4"), device("/dev/vda2", fs_type="swap")), (KEY,), NOTHING) == ()


def test_each_kind_is_seen() -> None:
    one, two = member("/dev/vda", "r", "1"), member("/dev/vdb", "r", "2")
    pv, luks = volume("/dev/vdc", "v"), container("/dev/vdd", "AAAA")
    steps = next_steps((one, two, pv, luks), (KEY,), NOTHING)
    assert steps == (StartArray("r", (one, two)), OpenContainer(luks, KEY), AskForGroups((pv,)))


def test_what_was_handled_is_left_alone_until_something_joins_it() -> None:
    one, two = member("/dev/vda", "r", "1"), member("/dev/vdb", "r", "2")
    assert next_steps((one,), (), frozenset({"/dev/vda"})) == ()
    assert next_steps((one, two), (), frozenset({"/dev/vda"})) == (StartArray("r", (one, two)),)


@pytest.mark.parametrize(
    ("devices", "reason"),
    [
        ((member("/dev/vda", "r", "1"), member("/dev/vdb", "r", "1")), "same member of one array"),
        ((volume("/dev/vda", "v"), volume("/dev/vdb", "v")), "copies of one physical volume"),
        ((container("/dev/vda", "aaaa"), container("/dev/vdb", "aaaa")), "copies of one container"),
        ((container("/dev/vda", "bbbb"),), "no key"),
        ((device("/dev/vda", fs_type="zfs_member", uuid="z"),), "ZFS is not opened"),
    ],
)
def test_what_stays_shut(devices: tuple, reason: str) -> None:
    steps = next_steps(devices, (KEY,), NOTHING)
    assert steps
    for step in steps:
        assert isinstance(step, StaysShut)
        assert reason in step.reason
        assert all(one.path in step.describe() for one in devices)


def test_a_key_is_not_shown() -> None:
    assert "secret" not in repr(KEY)


def group(uuid: str, name: str = "vg", **details) -> VolumeGroup:
    return VolumeGroup(uuid, name, details.pop("missing", 0), (f"/dev/{uuid}",), **details)


def test_groups_of_one_name_are_both_named_and_neither_is_touched() -> None:
    chosen, reasons = choose_groups((group("u1"), group("u2"), group("u3", "other")), NOTHING, degraded=True)
    assert [one.uuid for one in chosen] == ["u3"]
    for uuid in ("u1", "u2"):
        assert "2 groups of this name" in reasons[uuid]
        assert "u1" in reasons[uuid]
        assert "u2" in reasons[uuid]


def test_an_incomplete_group_waits() -> None:
    groups = (group("u1", missing=1), group("u2", "x", exported=True), group("u3", "y"))
    chosen, reasons = choose_groups(groups, frozenset({"u3"}), degraded=False)
    assert chosen == ()
    assert "lacks 1" in reasons["u1"]
    assert "exported" in reasons["u2"]
    assert choose_groups(groups, frozenset({"u3"}), degraded=True)[0] == (groups[0],)


def row(**fields: str) -> dict[str, str]:
    return {"vg_uuid": "", "vg_name": "", "vg_missing_pv_count": "0", "vg_exported": "", "pv_name": "", **fields}


def test_lvms_report() -> None:
    rows = [
        row(vg_uuid="u", vg_name="vg", pv_name="/dev/vda1", vg_missing_pv_count="1"),
        row(vg_uuid="u", vg_name="vg", pv_name="[unknown]", vg_missing_pv_count="1"),
        row(pv_name="/dev/vdb"),
    ]
    assert parse_groups(json.dumps({"report": [{"pv": rows}]})) == (VolumeGroup("u", "vg", 1, ("/dev/vda1",)),)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Scripts in the place of the storage programs: each notes its words, and fails where a file tells it to."""
    log = tmp_path / "log"
    for name in ("mdadm", "lvm", "cryptsetup", "modprobe"):
        script = tmp_path / name
        script.write_text(
            f'#!/bin/sh\necho "{name} $*" >>{log}\n'
            f'[ "{name} $1" = "cryptsetup open" ] && cat >>{log}.key\n'
            f'[ "$1" = pvs ] && cat {tmp_path}/pvs\n'
            f'[ -e {tmp_path}/"{name}-$1-fails" ] && exit 2\nexit 0\n'
        )
        script.chmod(0o755)
        monkeypatch.setattr(assemble, f"_{name.upper()}", str(script))
    (tmp_path / "pvs").write_text(json.dumps({"report": [{"pv": []}]}))
    return tmp_path


def never() -> tuple[BlockDevice, ...]:
    raise AssertionError("nothing is missing, and time is lost")


def log_of(programs: Path) -> list[str]:
    return [line for line in (programs / "log").read_text().splitlines() if not line.startswith("modprobe")]


def test_lvm_on_luks_is_opened_in_passes_and_closed_in_the_opposite_order(programs: Path) -> None:
    luks, pv = container("/dev/vda", "aaaa"), volume("/dev/dm-0", "v")
    root = device("/dev/dm-1", fs_type="ext4")
    rows = [row(vg_uuid="u", vg_name="vg", pv_name="/dev/dm-0")]
    (programs / "pvs").write_text(json.dumps({"report": [{"pv": rows}]}))
    seen = iter([(luks,), (luks, pv), (luks, pv, root), (luks, pv, root)])
    assembled = Assembled()
    assert assembled.assemble(lambda: next(seen), never, (KEY,)) == (luks, pv, root)
    assert assembled.shut == []
    assembled.take_apart()
    assert log_of(programs) == [
        "cryptsetup open --type luks --batch-mode --key-file - /dev/vda luks-aaaa",
        "lvm pvs --reportformat json -o vg_uuid,vg_name,vg_missing_pv_count,vg_exported,pv_name",
        "lvm vgchange --quiet --activate y --select vg_uuid=u",
        "lvm vgchange --quiet --activate n --select vg_uuid=u",
        "cryptsetup close luks-aaaa",
    ]
    assert (programs / "log.key").read_bytes() == b"secret", "the key goes in by standard input, without a line end"


def test_a_key_that_does_not_fit_leaves_the_container_shut(programs: Path) -> None:
    (programs / "cryptsetup-open-fails").touch()
    assembled = Assembled()
    assembled.assemble(lambda: (container("/dev/vda", "aaaa"),), never, (KEY, Key("ffff", b"x")))
    (shut,) = assembled.shut
    assert shut.reason == "the document's key does not open it"
    assert assembled.warnings == ["[storage] [[unlock]] names a container that is not here: ffff"]
    assembled.take_apart()
    assert not any("close" in line for line in log_of(programs))


def test_what_cannot_be_closed_is_an_error(programs: Path) -> None:
    assembled = Assembled()
    luks = container("/dev/vda", "aaaa")
    assembled.assemble(lambda: (luks,), never, (KEY,))
    (programs / "cryptsetup-close-fails").touch()
    with pytest.raises(CustomizerError) as caught:
        assembled.take_apart()
    assert caught.value.code == "storage.still-in-use"


def test_a_plain_guest_starts_no_program(programs: Path) -> None:
    Assembled().assemble(lambda: (device("/dev/vda1", fs_type="ext4"),), never, ())
    assert not os.path.exists(programs / "log")


def test_a_part_that_is_missing_is_waited_for_before_the_rest_is_used(programs: Path) -> None:
    one, two = volume("/dev/vda", "1"), volume("/dev/vdb", "2")
    rows = [row(vg_uuid="u", vg_name="vg", pv_name="/dev/vda", vg_missing_pv_count="1")]
    (programs / "pvs").write_text(json.dumps({"report": [{"pv": rows}]}))
    waits = []

    def look_longer() -> tuple[BlockDevice, ...]:
        assert not any("vgchange" in line for line in log_of(programs))
        waits.append(1)
        return (one, two)

    Assembled().assemble(lambda: (one, two) if waits else (one,), look_longer, ())
    assert waits == [1]
