"""Mounts without an fstab line: enabled mount units, and partitions that their GPT type gives away."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import device
from guest.storage.fstab import Entry
from guest.storage.mountunits import discover_partitions, parse_mount_unit, read_mount_units
from guest.sysroot import Sysroot

VAR_TYPE = "4d21b016-b534-45c2-a9fb-5c16e091fd2d"
USR_TYPE = "8484680c-9521-48c6-9c11-b0720656f69e"
SRV_TYPE = "3b8f8425-20e0-4f3b-907f-1a25a76f98e8"
MACHINE_ID = "6a2d7c6a9b1e4d5ca1e34b7788d0c1aa"


@pytest.mark.parametrize(
    ("content", "entry"),
    [
        ("[Mount]\nWhat=/dev/vdb1\nWhere=/srv\n", Entry("unit a.mount", "/dev/vdb1", "/srv", "auto", ())),
        (
            "# x\n[Unit]\nWhat=no\n[Mount]\n;c\nWhat = UUID=u\nWhere=/srv//x/\nType=xfs\nOptions=nofail,ro\n",
            Entry("unit a.mount", "UUID=u", "/srv/x", "xfs", ("nofail", "ro")),
        ),
        ("[Mount]\nWhere=/srv\n", None),
        ("[Mount]\nWhat=/dev/vdb1\nWhere=srv\n", None),
        ("[Mount]\nWhat=/dev/%i\nWhere=/srv\n", None),
        ("What=/dev/vdb1\nWhere=/srv\n", None),
    ],
)
def test_units(content: str, entry: Entry | None) -> None:
    assert parse_mount_unit("a.mount", content) == entry


@given(st.text())
def test_no_unit_is_too_odd(content: str) -> None:
    entry = parse_mount_unit("a.mount", "[Mount]\n" + content)
    assert entry is None or entry.mount_point.startswith("/")


def test_only_enabled_units_count(tmp_path: Path) -> None:
    units = tmp_path / "etc/systemd/system"
    (units / "local-fs.target.wants").mkdir(parents=True)
    (units / "srv.mount").write_text("[Mount]\nWhat=LABEL=srv\nWhere=/srv\n")
    (units / "off.mount").write_text("[Mount]\nWhat=LABEL=off\nWhere=/off\n")
    (units / "local-fs.target.wants/srv.mount").symlink_to("/etc/systemd/system/srv.mount")
    (units / "local-fs.target.wants/other.service").symlink_to("/nowhere")
    (units / "local-fs.target.wants/gone.mount").symlink_to("/nowhere")
    with Sysroot(tmp_path) as files:
        assert [entry.mount_point for entry in read_mount_units(files)] == ["/srv"]


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/machine-id").write_text(f"{MACHINE_ID}\n")
    generators = tmp_path / "usr/lib/systemd/system-generators"
    generators.mkdir(parents=True)
    (generators / "systemd-gpt-auto-generator").touch()
    return tmp_path


ROOT = device("/dev/vda1", fs_type="ext4", part_uuid="r")
# systemd-id128 --app-specific=4d21b016-b534-45c2-a9fb-5c16e091fd2d machine-id, for MACHINE_ID
VAR_OF_THIS_GUEST = "cf3a38dc-e842-49de-9eee-082b8bce9f47"


def found(guest: Path, *devices, mounted: frozenset[str] = frozenset()) -> list[str]:
    with Sysroot(guest) as files:
        return [entry.mount_point for entry in discover_partitions(files, ROOT, (ROOT, *devices), mounted)]


def test_partitions_of_a_type(guest: Path) -> None:
    srv = device("/dev/vda2", part_type=SRV_TYPE.upper(), part_uuid="s")
    assert found(guest, srv) == ["/srv"]
    assert found(guest, srv, mounted=frozenset({"/srv"})) == []
    assert found(guest, device("/dev/vdb1", part_type=SRV_TYPE, part_uuid="s")) == [], "another disk's"
    assert found(guest, device("/dev/vda2", part_type=SRV_TYPE, part_uuid="s", part_flags=1 << 63)) == [], "no-auto"


def test_var_belongs_to_one_machine_id(guest: Path) -> None:
    assert found(guest, device("/dev/vda2", part_type=VAR_TYPE, part_uuid="v")) == []
    assert found(guest, device("/dev/vda2", part_type=VAR_TYPE, part_uuid=VAR_OF_THIS_GUEST)) == ["/var"]
    (guest / "etc/machine-id").write_text("uninitialized\n")
    assert found(guest, device("/dev/vda2", part_type=VAR_TYPE, part_uuid=VAR_OF_THIS_GUEST)) == []


def test_a_guest_without_the_generator_mounts_nothing_by_itself(guest: Path) -> None:
    (guest / "usr/lib/systemd/system-generators/systemd-gpt-auto-generator").unlink()
    usr = device("/dev/vda2", part_type=USR_TYPE, part_uuid="u")
    assert found(guest, usr) == []


def test_an_empty_usr_is_found_before_the_generator_can_be_seen(tmp_path: Path) -> None:
    (tmp_path / "usr").mkdir()
    assert found(tmp_path, device("/dev/vda2", part_type=USR_TYPE, part_uuid="u")) == ["/usr"]
