"""fstab as util-linux and systemd read it, and the order in which its file systems are mounted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guest.machine.model import BlockDevice
from guest.storage.fstab import BadLine, Entry, parse_fstab
from guest.storage.mountplan import Mount, Skipped, plan_mounts
from guest.storage.reference import find_devices


@pytest.mark.parametrize(
    ("line", "spec", "mount_point", "fs_type", "options"),
    [
        (b"/dev/sda1 / ext4 defaults 0 1", "/dev/sda1", "/", "ext4", ("defaults",)),
        (b"/dev/sda1\t/\text4", "/dev/sda1", "/", "ext4", ("defaults",)),
        (b"  UUID=a /var ext4 ro,nofail", "UUID=a", "/var", "ext4", ("ro", "nofail")),
        (b'UUID="a" /var ext4', "UUID=a", "/var", "ext4", ("defaults",)),
        (b"LABEL='a' /var ext4", "LABEL=a", "/var", "ext4", ("defaults",)),
        (rb"LABEL=my\040disk /a\040b\134c ext4", "LABEL=my disk", "/a b\\c", "ext4", ("defaults",)),
        (b"/dev/sda2 none swap sw 0 0", "/dev/sda2", "none", "swap", ("sw",)),
        (b"/dev/sda1 /var/ ext4", "/dev/sda1", "/var", "ext4", ("defaults",)),
        (b"/dev/sda1 //srv//x/ ext4", "/dev/sda1", "/srv/x", "ext4", ("defaults",)),
        (b"/dev/sda1 /var ext4 # a comment", "/dev/sda1", "/var", "ext4", ("defaults",)),
        (b"LABEL=\xff /var ext4", "LABEL=\udcff", "/var", "ext4", ("defaults",)),
        (b"/dev/sda1 /var ext4 defaults 0 1\r", "/dev/sda1", "/var", "ext4", ("defaults",)),
    ],
)
def test_lines(line: bytes, spec: str, mount_point: str, fs_type: str, options: tuple[str, ...]) -> None:
    assert parse_fstab(line) == (Entry("fstab line 1", spec, mount_point, fs_type, options),)


@pytest.mark.parametrize("line", [b"", b"   ", b"# /dev/sda1 / ext4", b"\t#x"])
def test_comments_and_empty_lines(line: bytes) -> None:
    assert parse_fstab(line) == ()


@pytest.mark.parametrize("line", [b"/dev/sda1", b"/dev/sda1 /", b"/dev/sda1 relative ext4", rb"/dev/sda1 /\000 ext4"])
def test_bad_lines_are_kept_with_a_reason(line: bytes) -> None:
    (bad,) = parse_fstab(b"\n" + line)
    assert isinstance(bad, BadLine)
    assert bad.origin == "fstab line 2"


@given(st.binary())
def test_no_fstab_is_too_odd(content: bytes) -> None:
    lines = parse_fstab(content)
    assert all(
        isinstance(line, BadLine) or line.mount_point.startswith("/") or line.mount_point in ("none", "swap")
        for line in lines
    )
    plan_mounts(lines, DEVICES)


def device(path: str, **details: str) -> BlockDevice:
    return BlockDevice(
        path, path.rstrip("0123456789"), "partition", 1, 1 << 30, read_only=False, usage="filesystem", **details
    )


DEVICES = (
    device("/dev/vda1", fs_type="ext4", uuid="AAAA-1111", label="root"),
    device("/dev/vda2", fs_type="ext4", uuid="bbbb", label="var lib", part_uuid="p2", part_label="VAR"),
    device("/dev/vda3", fs_type="vfat", uuid="CCCC-3333", label="EFI"),
    device("/dev/vdb1", fs_type="xfs", uuid="dddd", label="twice", links=("/dev/disk/by-path/x",)),
    device("/dev/vdb2", fs_type="ext4", uuid="eeee", label="twice"),
    device("/dev/vdb3", fs_type="LVM2_member", uuid="ffff"),
)


@pytest.mark.parametrize(
    ("reference", "paths"),
    [
        ("UUID=bbbb", ["/dev/vda2"]),
        ("UUID=cccc-3333", ["/dev/vda3"]),
        ("LABEL=var lib", ["/dev/vda2"]),
        ("LABEL=Root", []),
        ("LABEL=twice", ["/dev/vdb1", "/dev/vdb2"]),
        ("PARTUUID=P2", ["/dev/vda2"]),
        ("PARTLABEL=VAR", ["/dev/vda2"]),
        ("/dev/disk/by-uuid/dddd", ["/dev/vdb1"]),
        (r"/dev/disk/by-label/var\x20lib", ["/dev/vda2"]),
        ("/dev/disk/by-path/x", ["/dev/vdb1"]),
        ("/dev/vdb2", ["/dev/vdb2"]),
        ("/dev/sda1", []),
        ("SOMETHING=x", []),
    ],
)
def test_references(reference: str, paths: list[str]) -> None:
    assert [found.path for found in find_devices(reference, DEVICES)] == paths


def plan(*lines: bytes) -> tuple[Mount | Skipped, ...]:
    return plan_mounts(parse_fstab(b"\n".join(lines)), DEVICES)


def test_fstab_order_with_parents_first() -> None:
    order = plan(b"UUID=eeee /var/lib ext4", b"UUID=dddd /home xfs", b"UUID=bbbb /var ext4", b"UUID=AAAA-1111 / ext4")
    assert [item.mount_point for item in order] == ["/home", "/var", "/var/lib"]


def test_the_first_of_two_lines_for_one_mount_point_counts() -> None:
    first, second = plan(b"UUID=bbbb /var ext4", b"UUID=eeee /var ext4")
    assert isinstance(first, Mount)
    assert isinstance(second, Skipped)
    assert second.reason == "fstab line 1 mounts there already"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"UUID=bbbb none swap sw", "swap"),
        (b"proc /proc proc", "not on a disk"),
        (b"tmpfs /tmp tmpfs", "not on a disk"),
        (b"server:/x /x nfs", "network file system"),
        (b"UUID=bbbb /x ext4 _netdev", "network file system"),
        (b"a /b none bind", "a bind mount of something that is no path"),
        (b"UUID=bbbb /x ext4 noauto", "noauto"),
        (b"UUID=0000 /x ext4", "no device here is UUID=0000"),
        (b"UUID=0000 /x ext4 nofail", "no device here is UUID=0000 (nofail)"),
        (b"LABEL=twice /x auto", "several devices are LABEL=twice: /dev/vdb1, /dev/vdb2"),
        (b"UUID=ffff /x ext4", "/dev/vdb3 holds LVM2_member, which is not mounted here"),
    ],
)
def test_skipped_with_a_reason(line: bytes, reason: str) -> None:
    (item,) = plan(line)
    assert isinstance(item, Skipped)
    assert item.reason == reason


def test_the_device_says_the_type_not_fstab() -> None:
    (item,) = plan(b"UUID=dddd /x auto nofail")
    assert isinstance(item, Mount)
    assert (item.fs_type, item.may_fail) == ("xfs", True)


@given(st.permutations([b"/a", b"/a/b", b"/a/b/c", b"/d", b"/d/e"]))
def test_any_order_puts_parents_first(points: list[bytes]) -> None:
    devices = tuple(device(f"/dev/vdc{number}", fs_type="ext4", uuid=f"u{number}") for number in range(5))
    lines = b"\n".join(b"UUID=u%d %s ext4" % (number, point) for number, point in enumerate(points))
    order = [item.mount_point or "" for item in plan_mounts(parse_fstab(lines), devices)]
    assert sorted(order) == sorted(point.decode() for point in points)
    assert all(
        order.index(parent) < order.index(child)
        for parent in order
        for child in order
        if child.startswith(parent + "/")
    )
