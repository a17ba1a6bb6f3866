"""Which file system is the root: one, or an error that says how to choose; never our own or one disk twice."""

from pathlib import Path

import pytest

from devices import device
from guest.errors import CustomizerError
from guest.machine.media import without_own_media
from guest.machine.model import Machine
from guest.storage.assembly import StaysShut
from guest.storage.root import (
    Candidate,
    Wanted,
    choose_root,
    looks_like_root,
    parse_wanted,
    refuse_paths_of_one_disk,
    says_it_is,
    worth_probing,
)
from guest.sysroot import Sysroot

ONE = device("/dev/vda1", fs_type="ext4", uuid="u1", label="first")
TWO = device("/dev/vda2", fs_type="btrfs", uuid="u2")
COPY = device("/dev/vdb1", fs_type="ext4", uuid="u1")


def test_one_candidate_is_the_root() -> None:
    candidate = Candidate(ONE, "Debian 12")
    assert choose_root((candidate,), (ONE, TWO)) is candidate


def test_several_are_listed_each_with_its_line() -> None:
    candidates = (Candidate(ONE, "Debian 12"), Candidate(TWO, "Fedora 40", "root"), Candidate(COPY, "Debian 12"))
    with pytest.raises(CustomizerError) as caught:
        choose_root(candidates, (ONE, TWO, COPY))
    assert caught.value.code == "storage.several-roots"
    assert '/dev/vda1 (ext4, label "first", u1): Debian 12' in caught.value.message
    assert "/dev/vda2 (btrfs, u2), subvolume root: Fedora 40" in caught.value.message
    # A UUID that two have chooses neither.
    assert caught.value.hint.endswith("root = /dev/vda1 | root = UUID=u2 subvol=root | root = /dev/vdb1")


def test_none_names_what_was_not_opened() -> None:
    shut = StaysShut((device("/dev/vdc", fs_type="crypto_LUKS", uuid="u3"),), "the document has no key for it")
    with pytest.raises(CustomizerError) as caught:
        choose_root((), (ONE,), (shut,))
    assert caught.value.code == "storage.no-root"
    assert caught.value.hint == "not opened: /dev/vdc (crypto_LUKS, u3): the document has no key for it"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("UUID=u2", Wanted("UUID=u2", None)),
        ("UUID=u2 subvol=@", Wanted("UUID=u2", "@")),
        ("LABEL=a b subvol=/x/y", Wanted("LABEL=a b", "x/y")),
        ("LABEL=a b", Wanted("LABEL=a b", None)),
    ],
)
def test_the_documents_choice(text: str, wanted: Wanted) -> None:
    assert parse_wanted(text) == wanted


def test_a_choice_that_is_not_here_or_not_clear() -> None:
    for reference, count in (("UUID=u9", "none"), ("UUID=u1", "more than one")):
        with pytest.raises(CustomizerError) as caught:
            worth_probing((ONE, TWO, COPY), Wanted(reference, None))
        assert caught.value.code == "storage.root-not-found"
        assert f"names {count} of" in caught.value.message


def test_what_is_never_looked_into() -> None:
    others = (
        device("/dev/sr0", fs_type="iso9660", uuid="x"),
        device("/dev/vdc", fs_type="vfat", label="GUESTCONF"),
        device("/dev/vdd", fs_type="swap", usage="other"),
        device("/dev/vde", fs_type="LVM2_member", usage="raid"),
    )
    assert worth_probing((ONE, *others), None) == (ONE,)


def test_btrfs_over_two_devices_is_looked_into_once() -> None:
    first = device("/dev/vdb", fs_type="btrfs", uuid="b", member="1")
    second = device("/dev/vdc", fs_type="btrfs", uuid="b", member="2")
    assert worth_probing((first, second), None) == (first,)
    with pytest.raises(CustomizerError) as caught:
        worth_probing((first, device("/dev/vdd", fs_type="btrfs", uuid="b", member="1")), None)
    assert caught.value.code == "storage.duplicate-disk"


def disk(path: str, serial: str | None, uuid: str) -> tuple:
    return (
        device(path, usage=None, serial=serial),
        device(f"{path}1", fs_type="ext4", uuid=uuid, serial=serial),
    )


def test_one_disk_on_two_paths_is_refused() -> None:
    with pytest.raises(CustomizerError) as caught:
        refuse_paths_of_one_disk((*disk("/dev/sda", "s", "u"), *disk("/dev/sdb", "s", "u")))
    assert "/dev/sda and /dev/sdb are one disk" in caught.value.message


def test_disks_that_only_look_alike_are_not() -> None:
    refuse_paths_of_one_disk((*disk("/dev/sda", "s", "u"), *disk("/dev/sdb", "s", "v")))  # a host without real serials
    refuse_paths_of_one_disk((*disk("/dev/sda", "s", "u"), *disk("/dev/sdb", "t", "u")))  # a clone: two roots
    refuse_paths_of_one_disk((*disk("/dev/vda", None, "u"), *disk("/dev/vdb", None, "u")))


def test_our_own_media_are_none_of_the_guests_devices() -> None:
    stick = (
        device("/dev/sda", fs_type="iso9660", label="GUESTCUSTOMIZER"),
        device("/dev/sda2", fs_type="vfat", label="ESP"),
    )
    medium = device("/dev/vdb", fs_type="vfat", label="GUESTCONF")
    machine = Machine(devices=(*stick, ONE, medium))
    assert without_own_media(machine, medium).devices == (ONE,)


def test_a_config_partition_on_the_guests_disk_leaves_the_disk() -> None:
    medium = device("/dev/vda9", fs_type="vfat", label="GUESTCONF")
    assert without_own_media(Machine(devices=(ONE, medium)), medium).devices == (ONE,)


def test_what_looks_like_a_root(tmp_path: Path) -> None:
    with Sysroot(tmp_path) as files:
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc/fstab").touch()
        assert not looks_like_root(files)
        (tmp_path / "usr").mkdir()
        assert looks_like_root(files)


def test_a_snapshot_names_the_subvolume_that_it_was_taken_of(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/fstab").write_text("UUID=u / btrfs defaults,subvol=/@ 0 0\nUUID=u /home btrfs subvol=@home 0 0\n")
    with Sysroot(tmp_path) as files:
        assert says_it_is(files, "@")
        assert not says_it_is(files, "@home")
        assert not says_it_is(files, "@before")


def test_a_disk_that_holds_nothing_but_the_config_medium_does_not_count() -> None:
    """Some tools make partitioned disks only; the guest's first disk is the next one."""
    disk = device("/dev/vdb", usage=None)
    medium = device("/dev/vdb1", fs_type="vfat", label="GUESTCONF")
    assert medium.disk == disk.path
    assert without_own_media(Machine(devices=(ONE, disk, medium)), medium).devices == (ONE,)
