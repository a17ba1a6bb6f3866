"""Device references: every spelling finds its device, and none finds a wrong one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import device
from guest.storage.fstab import parse_fstab
from guest.storage.mountplan import Mount, Skipped, plan_mounts
from guest.storage.names import guest_names, parse_crypttab, parse_mdadm_conf
from guest.storage.position import find_by_position, split_name
from guest.storage.reference import find_devices, without_copies

ARRAY = "b8b1b8b1:00000000:00000000:000000aa"
DEVICES = (
    device(
        "/dev/dm-0",
        dm_name="guest--vg-root",
        links=("/dev/mapper/guest--vg-root", "/dev/guest-vg/root"),
        fs_type="ext4",
    ),
    device("/dev/dm-1", dm_name="vg-a--b", fs_type="ext4"),
    device("/dev/dm-2", dm_name="luks-aaaa", links=("/dev/mapper/luks-aaaa",), fs_type="ext4"),
    device("/dev/vda1", fs_type="crypto_LUKS", usage="crypto", uuid="aaaa", part_uuid="p1"),
    device("/dev/md127", md_name="host:home", md_uuid=ARRAY, fs_type="ext4", uuid="home"),
    device("/dev/md1", md_name="host:1", md_uuid="11111111:0:0:1", fs_type="ext4"),
    device("/dev/md5", md_name=None, md_uuid="55555555:0:0:5", fs_type="ext4"),
    device("/dev/vdb", fs_type="btrfs", uuid="bbbb", member="b1"),
    device("/dev/vdc", fs_type="btrfs", uuid="bbbb", member="b2"),
    device("/dev/vdd", fs_type="btrfs", uuid="cccc", member="c1"),
    device("/dev/vde", fs_type="btrfs", uuid="cccc", member="c1"),
)


@pytest.mark.parametrize(
    ("reference", "paths"),
    [
        ("/dev/mapper/guest--vg-root", ["/dev/dm-0"]),
        ("/dev/guest-vg/root", ["/dev/dm-0"]),
        ("/dev/guest/vg-root", []),
        ("/dev/vg/a-b", ["/dev/dm-1"]),  # no link yet: the name alone tells
        ("/dev/mapper/vg-a-b", []),
        ("/dev/md127", []),  # a number that this kernel gave, while the guest's own name is another
        ("/dev/md/home", ["/dev/md127"]),
        ("/dev/md/host:home", ["/dev/md127"]),
        ("/dev/md1", ["/dev/md1"]),
        ("/dev/md/1", ["/dev/md1"]),
        ("/dev/md5", ["/dev/md5"]),
        ("/dev/md0", []),
        ("UUID=bbbb", ["/dev/vdb"]),  # two devices, one file system
        ("UUID=cccc", ["/dev/vdd", "/dev/vde"]),  # one device, twice
        (r"/dev/disk/by-label/\xff", []),
    ],
)
def test_references(reference: str, paths: list[str]) -> None:
    assert [found.path for found in find_devices(reference, DEVICES)] == paths


def test_a_snapshot_is_not_taken_for_its_original() -> None:
    original = device("/dev/dm-0", fs_type="ext4", uuid="u", dm_name="vg-root")
    copy = device("/dev/dm-3", fs_type="ext4", uuid="u", dm_name="vg-before", is_snapshot=True)
    alone = device("/dev/dm-4", fs_type="ext4", uuid="v", dm_name="vg-alone", is_snapshot=True)
    assert without_copies((original, copy, alone)) == (original, alone)


def test_a_mirrored_disk_shows_the_arrays_partitions_as_its_own() -> None:
    array = device("/dev/md126p1", kind="partition", disk="/dev/md126", fs_type="ext4", uuid="u")
    disk = device("/dev/sda", usage="raid", fs_type="linux_raid_member", uuid="r")
    assert without_copies((disk, device("/dev/sda1", fs_type="ext4", uuid="u"), array)) == (disk, array)


def test_the_only_array_is_md127_to_whoever_gave_it_no_number() -> None:
    (array,) = [found for found in DEVICES if found.path == "/dev/md127"]
    assert find_devices("/dev/md126", (array,)) == (array,)
    assert find_devices("/dev/md0", (array,)) == ()


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/dev/sda", ("sd", 0, None)),
        ("/dev/sdb12", ("sd", 1, 12)),
        ("/dev/sdaa3", ("sd", 26, 3)),
        ("/dev/xvde1", ("xvd", 4, 1)),
        ("/dev/nvme1n1p2", ("nvme", 1, 2)),
        ("/dev/nvme0n1", ("nvme", 0, None)),
        ("/dev/mmcblk0p1", ("mmcblk", 0, 1)),
        ("/dev/sda1x", None),
        ("/dev/mapper/sda1", None),
        ("UUID=/dev/sda1", None),
    ],
)
def test_kernel_names(path: str, parts: tuple[str, int, int | None] | None) -> None:
    assert split_name(path) == parts


VIRTIO = (device("/dev/vda1"), device("/dev/vda2"), device("/dev/vdb1"))


@pytest.mark.parametrize(
    ("reference", "devices", "path"),
    [
        ("/dev/sda2", VIRTIO, "/dev/vda2"),
        ("/dev/xvdb1", VIRTIO, "/dev/vdb1"),
        ("/dev/nvme1n1p1", VIRTIO, "/dev/vdb1"),
        ("/dev/vdb1", VIRTIO, "/dev/vdb1"),
        ("/dev/sda3", VIRTIO, None),
        ("/dev/sdc1", VIRTIO, None),
        ("/dev/hdb1", VIRTIO, None),  # the second connector is not the second disk
        ("/dev/hda1", VIRTIO[:2], "/dev/vda1"),
        ("/dev/sda1", (*VIRTIO, device("/dev/nvme0n1p1")), None),  # disks of two kinds have no sequence
        # Our ISO was /dev/vda, and is left out: the guest's first disk is /dev/vdb here.
        ("/dev/vda1", (device("/dev/vdb1"), device("/dev/vdc1")), "/dev/vdb1"),
        ("/dev/vdb1", (device("/dev/vdb1"), device("/dev/vdc1")), "/dev/vdc1"),
        ("/dev/sda1", (device("/dev/dm-0"), device("/dev/vda1")), "/dev/vda1"),
    ],
)
def test_positions(reference: str, devices: tuple, path: str | None) -> None:
    found = find_by_position(reference, devices)
    assert (found.path if found else None) == path


def test_a_translated_name_is_said() -> None:
    disk = device("/dev/vda2", fs_type="ext4")
    (mount,) = plan_mounts(parse_fstab(b"/dev/sda2 /var ext4"), (disk,))
    assert isinstance(mount, Mount)
    assert mount.note == "fstab line 1: /dev/sda2 is taken for /dev/vda2, which has its place on this machine"
    (plain,) = plan_mounts(parse_fstab(b"/dev/vda2 /var ext4"), (device("/dev/vda1"), disk))
    assert isinstance(plain, Mount)
    assert plain.note is None


def test_crypttab() -> None:
    text = (
        '# comment\nplaced /dev/sda1 none\nsda1_crypt UUID="aaaa" none luks,discard\nother PARTUUID=p1 /key\n'
        "swap /dev/vdb /dev/urandom swap\nbroken\n../x UUID=aaaa\n"
    )
    assert parse_crypttab(text, DEVICES) == {
        "/dev/mapper/sda1_crypt": "/dev/mapper/luks-aaaa",
        "/dev/mapper/other": "/dev/mapper/luks-aaaa",
        "/dev/mapper/placed": "/dev/mapper/luks-aaaa",
    }


def test_a_name_of_crypttab_mounts_what_was_opened() -> None:
    names = {"/dev/mapper/sda1_crypt": "/dev/mapper/luks-aaaa", "/dev/mapper/shut": "/dev/mapper/luks-bbbb"}
    opened, shut = plan_mounts(
        parse_fstab(b"/dev/mapper/sda1_crypt /srv ext4\n/dev/mapper/shut /opt ext4"), DEVICES, names
    )
    assert isinstance(opened, Mount)
    assert opened.device.path == "/dev/dm-2"
    assert isinstance(shut, Skipped)


def test_mdadm_conf() -> None:
    text = (
        "DEVICE partitions\n"
        "ARRAY /dev/md0 metadata=1.2\n   name=host:home UUID=b8b1b8b1:00000000:00000000:000000aa\n"
        "ARRAY <ignore> UUID=11111111:0:0:1\nARRAY /dev/md/x UUID=nothing\n#ARRAY /dev/md9 UUID=55555555:0:0:5\n"
    )
    assert parse_mdadm_conf(text, DEVICES) == {"/dev/md0": "/dev/md127", "/dev/md/0": "/dev/md127"}


@given(st.text(), st.text())
def test_no_file_of_names_is_too_odd(crypttab: str, mdadm_conf: str) -> None:
    class View:
        def read(self, path: str) -> bytes:
            return (crypttab if "crypttab" in path else mdadm_conf).encode("utf-8", "surrogatepass")

    assert all(name.startswith("/dev/") for name in guest_names(View(), DEVICES))  # type: ignore[arg-type]


PIECES = ["/dev/", "mapper/", "disk/by-label/", "md", "/", "-", "--", "UUID=", "LABEL=", "sd", "vda", "1", "p"]
PIECES += ["\\x", "\\xff", '"', "nvme0n1", "\0", "\udcff"]
REFERENCES = st.one_of(st.text(), st.builds("".join, st.lists(st.sampled_from(PIECES))))
LINES = st.builds(
    lambda *words: " ".join(words),
    REFERENCES,
    st.sampled_from(["/a", "/a/b", "/b", "none"]),
    st.sampled_from(["ext4", "auto", "none"]),
    st.sampled_from(["bind", "noauto", "subvol=x", "defaults"]),
)


@given(REFERENCES)
def test_no_reference_is_too_odd(reference: str) -> None:
    assert set(find_devices(reference, DEVICES)) <= set(DEVICES)
    found = find_by_position(reference, DEVICES)
    assert found is None or found in DEVICES


@given(st.lists(LINES, max_size=30))
def test_no_fstab_breaks_the_plan(lines: list[str]) -> None:
    content = "\n".join(lines).encode("utf-8", "surrogateescape")
    plan = plan_mounts(parse_fstab(content), DEVICES)
    mounted = [item.mount_point for item in plan if not isinstance(item, Skipped)]
    assert len(mounted) == len(set(mounted)), "one mount for each place"
    assert len(plan) == len(parse_fstab(content)), "every line has its outcome"
