"""Guests that mean harm or are merely broken: nothing outside the root changes, and each run ends in a result with a code.

A case is a list of strokes on a Debian tree, and the code the run comes to. `{outside}` is a folder beside the root that
holds a canary; if it changes, or its content is shown, the guest has led us out.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from guest.__main__ import main
from guest.codes import RESULT_CODES
from guest.errors import CustomizerError
from guest.machine.model import BlockDevice
from guest.protocol import Result, encode, parse_line, parse_result
from guest.standing import APPEND_ONLY, IMMUTABLE
from guest.storage.fstab import parse_fstab
from guest.storage.mountplan import plan_mounts
from guest.sysroot import Sysroot
from guests import trees
from whole import guard, remove, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

CASE = Path(__file__).parents[1] / "golden/debian-12/static-two-cards"
CANARY = "c4n4ry-in-a-host-file"
# In the document, in a script, in the guest's own private files: what every run must keep to itself.
SECRETS = ("pl4nted-in-a-command", "pl4nted-in-a-script", "pl4nted-in-shadow", "pl4nted-in-a-profile")
SECONDS = 10
MEMORY = "/dev/shm"  # noqa: S108 (folders of our own are made in it, by mkdtemp)
KNOWN = {code.name for code in RESULT_CODES}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="devices, chattr, owners and mounts need root")

# What we read or write in this guest, by its own names; folders too.
OURS = (
    "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/network/interfaces", "etc/os-release", "etc/rc.local",
    "etc/selinux/config", "etc/network/interfaces.d", "etc/systemd/network", "etc/network", "etc", "var/lib/guest-customizer",
    "var/lib/guest-customizer/requests", "var/lib/guest-customizer/requests/golden-1/journal.json",
    "etc/dhcp/dhclient.conf", "etc/dhcp/dhclient-enter-hooks.d/guest-customizer", "var", "usr",
)  # fmt: skip
# Where a link can lead: every shape of a way out, and some that lead nowhere.
TARGETS = {
    "host path": "{outside}/file",
    "host folder": "{outside}",
    "up": "../outside/file",
    "up for ever": "../../../../../../../../../../../../../../../../../../../..{outside}/file",
    "up from the root": "/../../..{outside}",
    "through a folder link": "way-out/outside/file",
    "through dots after a folder": "./x/../../../..{outside}/file",
    "through proc": "/proc/self/root{outside}/file",
    "through the working folder": "/proc/self/cwd",
    "through a descriptor": "/proc/self/fd/3",
    "the root": "/",
    "its own folder": ".",
    "the folder above": "..",
    "itself": "{name}",
    "a long name": "n" * 256,
    "a long path": "n/" * 2000 + "n",
    "run": "/run/x",
    "devices": "/dev/zero",
}


@pytest.fixture
def scene() -> Iterator[Path]:
    """The guest in root/, what must not be touched in outside/. In memory where possible: hundreds of them are flushed."""
    tmp_path = Path(tempfile.mkdtemp(prefix="hostile-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
    trees.plant(CASE.parent / "tree", tmp_path / "root")
    trees.plant(CASE / "before", tmp_path / "root")
    document = (CASE / "customization.conf").read_text().partition("[first_boot]")[0]
    document += f'[first_boot]\ncommands = "echo {SECRETS[0]}"\nscripts = secret.sh\n'
    (tmp_path / "customization.conf").write_text(document)
    (tmp_path / "secret.sh").write_text(f"#!/bin/sh\necho {SECRETS[1]}\n")
    (tmp_path / "root/etc/shadow").write_text(f"root:$6${SECRETS[2]}:1::::::\n")
    (tmp_path / "root/etc/shadow").chmod(0o640)
    profile = tmp_path / "root/etc/NetworkManager/system-connections/old.nmconnection"
    profile.parent.mkdir(parents=True)
    profile.write_text(f"[connection]\nid=old\ninterface-name=ens4\ntype=wifi\n[wifi-security]\npsk={SECRETS[3]}\n")
    profile.chmod(0o600)
    outside = tmp_path / "outside"
    (outside / "etc").mkdir(parents=True)
    for name in ("file", "hostname", "etc/hostname", "os-release", "journal.json"):
        (outside / name).write_text(f"ID=debian\nNAME={CANARY}\n")
    yield tmp_path
    remove(tmp_path)


def run(
    scene: Path,
    capsys: pytest.CaptureFixture[str],
    root: Path | None = None,
    commands: tuple[str, ...] = ("plan", "apply"),
) -> str:
    """plan, then apply; returns the code they come to. Asserts what holds for every guest."""
    outside, root = scene / "outside", root or scene / "root"
    before_outside, before = whole(outside), whole(root)
    codes = []
    for command in commands:
        started = time.monotonic()
        line = [
            command,
            "--root",
            str(root),
            "--machine",
            str(CASE / "machine.json"),
            str(scene / "customization.conf"),
        ]
        status = main(line)
        assert time.monotonic() - started < SECONDS
        said = capsys.readouterr()
        assert CANARY not in said.out + said.err
        assert_secrets_kept(root, said.out + said.err)
        assert "Traceback" not in said.err
        codes.append("done" if status == 0 else said.err.partition(":")[0])
        assert whole(outside) == before_outside
        if status != 0 or command == "plan":
            assert without_records(whole(root)) == without_records(before)
    assert codes[-1] in KNOWN
    assert codes[0] in (codes[-1], "done"), codes
    return codes[-1]


def assert_secrets_kept(root: Path, said: str) -> None:
    """Not in what is printed, not in the journal, the log or the result. Backups and steps are 0600, and meant to hold them."""
    records = [
        value[3] for path, value in whole(root).items() if path.endswith(".json") and isinstance(value[3], bytes)
    ]
    texts = [said, *(record.decode("utf-8", "replace") for record in records)]
    assert not [secret for secret in SECRETS for text in texts if secret in text]


def without_records(tree: dict[str, tuple[object, ...]]) -> dict[str, tuple[object, ...]]:
    """Wherever the guest's links have them put."""
    ours = ("var", "requests", "golden-1")
    return {path: value for path, value in tree.items() if not path.startswith(ours)}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
@pytest.mark.parametrize("path", OURS)
def test_a_link_that_leads_out(scene: Path, path: str, target: str, capsys: pytest.CaptureFixture[str]) -> None:
    root, outside = scene / "root", scene / "outside"
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    clear(place)
    (place.parent / "way-out").symlink_to(scene)
    place.symlink_to(target.format(outside=outside, name=place.name))
    run(scene, capsys, commands=("apply",))


def clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


# (strokes, the code): kind, path, details.
GUESTS: dict[str, tuple[list[tuple[str, str, object]], str]] = {
    "nothing odd": ([], "done"),
    "etc is a link to another folder of the guest": ([("move", "etc", "real-etc"), ("link", "etc", "real-etc")], "done"),
    "etc is an absolute link": ([("move", "etc", "usr/etc"), ("link", "etc", "/usr/etc")], "done"),
    "etc is a file": ([("gone", "etc", ""), ("file", "etc", b"")], "network.unknown-stack"),
    "etc is a FIFO": ([("gone", "etc", ""), ("fifo", "etc", "")], "network.unknown-stack"),
    "no etc": ([("gone", "etc", "")], "network.unknown-stack"),
    "var is a file": ([("gone", "var", ""), ("file", "var", b"")], "guest.not-a-folder"),
    "an empty guest": ([("gone", name, "") for name in ("etc", "usr", "var", "lib", "sbin")], "guest.unknown-release"),
    "os-release is a FIFO": ([("fifo", "etc/os-release", "")], "done"),
    "os-release is a FIFO and so is the other": (
        [("fifo", name, "") for name in ("etc/os-release", "usr/lib/os-release", "etc/debian_version")],
        "guest.unknown-release",
    ),
    "os-release is a folder": ([("gone", "etc/os-release", ""), ("dir", "etc/os-release", "")], "done"),
    "os-release is a loop": ([("link", "etc/os-release", "os-release")], "guest.link-loop"),
    "os-release of zeros": ([("file", "usr/lib/os-release", b"\0" * 4096)], "done"),
    "os-release of noise": ([("file", "usr/lib/os-release", bytes(range(256)) * 64)], "done"),
    "os-release of one long line": ([("file", "usr/lib/os-release", b"ID=" + b"x" * 4_000_000)], "guest.unknown-family"),
    "os-release too large": ([("sparse", "usr/lib/os-release", 5 << 20)], "guest.file-too-large"),
    "hostname of 10 GB": ([("sparse", "etc/hostname", 10 << 30)], "guest.file-too-large"),
    "hosts of 10 GB": ([("sparse", "etc/hosts", 10 << 30)], "guest.file-too-large"),
    "interfaces of 10 GB": ([("sparse", "etc/network/interfaces", 10 << 30)], "guest.file-too-large"),
    "resolv.conf of 10 GB": ([("sparse", "etc/resolv.conf", 10 << 30)], "guest.file-too-large"),
    "hostname is a FIFO": ([("fifo", "etc/hostname", "")], "apply.not-a-file"),
    "hosts is a FIFO": ([("fifo", "etc/hosts", "")], "apply.not-a-file"),
    "interfaces is a FIFO": ([("fifo", "etc/network/interfaces", "")], "done"),
    "resolv.conf is a socket": ([("socket", "etc/resolv.conf", "")], "apply.not-a-file"),
    "hostname is a folder": ([("gone", "etc/hostname", ""), ("dir", "etc/hostname", "")], "apply.not-a-file"),
    "resolv.conf is /dev/zero": ([("device", "etc/resolv.conf", (1, 5))], "apply.not-a-file"),
    "resolv.conf is a disk": ([("device", "etc/resolv.conf", (7, 200))], "apply.not-a-file"),
    "hosts is /dev/mem": ([("device", "etc/hosts", (1, 1))], "apply.not-a-file"),
    "interfaces is a link to /dev/zero in the guest": (
        [("dir", "dev", ""), ("device", "dev/zero", (1, 5)), ("link", "etc/network/interfaces", "/dev/zero")],
        "done",
    ),
    "resolv.conf leads into run": ([("link", "etc/resolv.conf", "/run/x/resolv.conf")], "network.unknown-resolver"),
    "hosts leads into run": ([("link", "etc/hosts", "/run/hosts")], "guest.volatile-target"),
    "hosts leads into a run that is there": ([("dir", "run", ""), ("link", "etc/hosts", "/run/hosts")], "guest.volatile-target"),
    "hosts in a ring of links": (
        [("link", "etc/hosts", "a"), ("link", "etc/a", "b"), ("link", "etc/b", "hosts")],
        "guest.link-loop",
    ),
    "hosts at the end of 39 links": (
        [*(("link", f"etc/l{n}", f"l{n + 1}") for n in range(38)), ("link", "etc/hosts", "l0"), ("file", "etc/l38", b"x\n")],
        "done",
    ),
    "hosts at the end of 60 links": (
        [*(("link", f"etc/l{n}", f"l{n + 1}") for n in range(60)), ("link", "etc/hosts", "l0")],
        "guest.link-loop",
    ),
    "a link in the middle of a link's target": (
        [("link", "etc/way", "/usr/../.."), ("link", "etc/hosts", "way/../outside/file")],
        "done",
    ),
    "interfaces that includes itself": ([("file", "etc/network/interfaces", b"source /etc/network/interfaces\n")], "done"),
    "interfaces that includes everything": ([("file", "etc/network/interfaces", b"source /*\nsource-directory /\n")], "done"),
    "interfaces that includes the outside": (
        [("file", "etc/network/interfaces", b"source ../../outside/*\nsource /../../outside/file\n")],
        "done",
    ),
    "interfaces of noise": ([("file", "etc/network/interfaces", bytes(range(256)) * 256)], "done"),
    "interfaces of a million words": ([("file", "etc/network/interfaces", b"auto " + b"eth0 " * 700_000)], "done"),
    "interfaces with lines without end": ([("file", "etc/network/interfaces", b"iface x inet static\\\n" * 150_000)], "done"),
    "8-bit names everywhere": (
        [("file", b"etc/network/interfaces.d/\xff\xfe", b"iface eth9 inet dhcp\n"), ("file", b"etc/\xff", b""),
         ("link", b"etc/systemd/network/\xe4.link", b"\xff")],
        "done",
    ),
    "names that drive a terminal": ([("file", "etc/systemd/network/\x1b[2J\n.network", b"[Match]\nName=*\n")], "done"),
    "a deep tree": ([("deep", "etc/network/interfaces.d", 500)], "done"),
    "fstab of noise": ([("file", "etc/fstab", bytes(range(256)) * 100)], "done"),
    "rc.local of noise": ([("file", "etc/rc.local", b"#!/bin/sh\n" + bytes(range(256)) * 200)], "done"),
    "rc.local of 100,000 exits": ([("file", "etc/rc.local", b"exit 0\n" * 100_000)], "done"),
    "an unending policy": (
        [("file", "etc/selinux/config", b"SELINUX=enforcing\nSELINUXTYPE=x\n"),
         ("file", "etc/selinux/x/contexts/files/file_contexts", b"/(((((a*)*)*)*)*)*b -- u:r:t:s0\n" * 2000)],
        "done",
    ),
    "a policy out of its folder": (
        [("file", "etc/selinux/config", b"SELINUX=enforcing\nSELINUXTYPE=../../../outside\n")],
        "done",
    ),
    "a policy that is a folder": (
        [("file", "etc/selinux/config", b"SELINUX=enforcing\n"), ("dir", "etc/selinux/targeted/contexts/files/file_contexts", "")],
        "done",
    ),
    "immutable files": ([("immutable", "etc/hostname", ""), ("append-only", "etc/hosts", "")], "done"),
    "an immutable etc": ([("immutable", "etc", "")], "done"),
    "an immutable place for our records": ([("dir", "var/lib", ""), ("immutable", "var/lib", "")], "apply.failed"),
    "our records are a file": ([("file", "var/lib/guest-customizer", b"")], "guest.not-a-folder"),
    "our records are a FIFO": ([("dir", "var/lib", ""), ("fifo", "var/lib/guest-customizer", "")], "guest.not-a-folder"),
    "a journal of noise": ([("file", "var/lib/guest-customizer/requests/golden-1/journal.json", b"\xff{[")], "guest.bad-journal"),
    "a journal without end": (
        [("file", "var/lib/guest-customizer/requests/golden-1/journal.json", b"[" * 1_000_000)],
        "guest.bad-journal",
    ),
    "a journal of 10 GB": (
        [("sparse", "var/lib/guest-customizer/requests/golden-1/journal.json", 10 << 30)],
        "guest.file-too-large",
    ),
    "another's journal of noise": ([("file", "var/lib/guest-customizer/requests/x/journal.json", b"")], "guest.bad-journal"),
    "a journal that is a FIFO": (
        [("dir", "var/lib/guest-customizer/requests/golden-1", ""),
         ("fifo", "var/lib/guest-customizer/requests/golden-1/journal.json", "")],
        "done",
    ),
    "10,500 requests": ([("many", "var/lib/guest-customizer/requests", 10_500)], "guest.folder-too-large"),
    "a shadow that is not UTF-8": ([("file", "etc/shadow", b"root:\xff\xfe:1::::::\n\xe9l\xe8ve:!:1::::::\n")], "done"),
    "temporary files of ours that are links": (
        [("link", "etc/.hostname.guest-customizer", "../outside/file"), ("link", "etc/.hosts.guest-customizer", "/etc/passwd")],
        "done",
    ),
    "temporary files of ours that are folders": (
        [("dir", "etc/.hostname.guest-customizer", ""), ("file", "etc/.hostname.guest-customizer/x", b"")],
        "apply.not-a-file",
    ),
}  # fmt: skip


@needs_root
@pytest.mark.parametrize("name", GUESTS)
def test_a_guest(scene: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    strokes, code = GUESTS[name]
    for kind, path, details in strokes:
        stroke(scene / "root", kind, path, details)
    assert run(scene, capsys) == code


def stroke(root: Path, kind: str, name: str | bytes, details: object) -> None:
    path = root / os.fsdecode(name)
    if kind in ("file", "sparse", "link", "fifo", "socket", "device", "dir", "many", "deep"):
        path.parent.mkdir(parents=True, exist_ok=True)
    if kind in ("file", "sparse", "link", "fifo", "socket", "device") and os.path.lexists(path):
        clear(path)
    match kind, details:
        case "gone", _:
            clear(path)
        case "file", bytes(content):
            path.write_bytes(content)
        case "sparse", int(size):
            with path.open("wb") as file:
                file.truncate(size)
        case "link", str() | bytes() as target:
            path.symlink_to(os.fsdecode(target))
        case "move", str(target):
            path.rename(root / target)
        case "dir", _:
            path.mkdir(exist_ok=True)
        case "fifo", _:
            os.mkfifo(path)
        case "socket", _:
            os.mknod(path, stat.S_IFSOCK | 0o600)
        case "device", (int(major), int(minor)):
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(major, minor))
        case "immutable" | "append-only", _:
            guard(path, IMMUTABLE if kind == "immutable" else APPEND_ONLY)
        case "many", int(count):
            path.mkdir(exist_ok=True)
            for number in range(count):
                (path / str(number)).touch()
        case "deep", int(count):
            for _ in range(count):
                path /= "d"
            path.mkdir(parents=True)
        case _:
            raise ValueError(kind)


@needs_root
@pytest.mark.parametrize("after", ["none", "link", "folder"])
def test_a_journal_that_wants_a_folder_where_a_link_leads_out(
    scene: Path, after: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing outside gets the mode and owner that the guest's own record asks for."""
    root, outside = scene / "root", scene / "outside"
    (root / "etc/way").symlink_to(outside / "file")
    folder = {"kind": "folder", "mode": 0o4777, "uid": 7, "gid": 7}
    standing = {"link": {"kind": "link", "mode": 0o777, "target": str(outside / "file")}, "folder": folder}
    record = {"path": "/etc/way", "mount_point": "/", "backup": "", "before": folder}
    record["after"] = standing.get(after, {"kind": after})
    data = {"format": 2, "id": "x", "phase": "applying", "records": [record], "folders": [], "guarded": {}}
    stroke(root, "file", "var/lib/guest-customizer/requests/x/journal.json", json.dumps(data).encode())
    assert run(scene, capsys, commands=("apply",)) != "done"


# What is wrong with an fstab: its lines, over and over.
FSTABS = {
    "each below the next": b"/dev/vda1 /%d/x ext4\n/dev/vda1 /%d ext4\n",
    "binds of binds": b"/b%d /b%d none bind\n",
}


@pytest.mark.parametrize("name", FSTABS)
def test_an_fstab_of_100_000_lines(name: str) -> None:
    """It is planned in time, and the result that tells of it is one that the host reads."""
    line = FSTABS[name]
    text = b"".join(line.replace(b"%d", b"%d" % number) for number in range(100_000))
    disk = BlockDevice("/dev/vda1", "/dev/vda", "partition", 1, 1 << 30, False, "filesystem", "ext4", "a", "b")
    started = time.monotonic()
    planned = plan_mounts(parse_fstab(text), (disk,))
    assert time.monotonic() - started < 30
    skipped = tuple(str(item) for item in planned)
    sent = encode(Result("ok", "done", "", "", "changed", skipped=skipped, warnings=skipped).to_json())
    event = parse_line(sent)
    assert event is not None
    assert parse_result(event) is not None


def test_a_10_gb_fstab(tmp_path: Path) -> None:
    stroke(tmp_path, "sparse", "etc/fstab", 10 << 30)
    with Sysroot(tmp_path) as guest, pytest.raises(CustomizerError) as caught:
        guest.read("/etc/fstab")
    assert caught.value.code == "guest.file-too-large"


# Real file systems: (mke2fs's options, what is done to the mounted guest, mount options, the code).
IMAGES = {
    "room enough": ([], "true", "rw", "done"),
    "no space": ([], 'dd if=/dev/zero of="$1/fill" bs=64k status=none || :', "rw", "apply.no-space"),
    "no inodes": (
        ["-N", "256"],
        'touch $(seq -f "$1/var/f%g" 300) || :',
        "rw",
        "apply.no-inodes",
    ),
    "read-only": ([], "true", "ro", "apply.failed"),
}


@needs_root
@pytest.mark.parametrize("name", IMAGES)
def test_an_image(scene: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    options, script, mount_options, code = IMAGES[name]
    image, mounted = scene / "image", scene / "mounted"
    (scene / "root/var").mkdir(exist_ok=True)
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", *options, "-d", scene / "root", image], check=True)
    mounted.mkdir()
    subprocess.run(["mount", "-o", "loop", image, mounted], check=True)
    try:
        subprocess.run(["sh", "-c", script, "sh", mounted], check=True, stderr=subprocess.DEVNULL)
        subprocess.run(["mount", "-o", f"remount,{mount_options}", mounted], check=True)
        assert run(scene, capsys, mounted) == code
    finally:
        subprocess.run(["umount", mounted], check=True)


@needs_root
def test_binds_within_binds(scene: Path) -> None:
    """The guest's root again inside itself, and the outside mounted in it: another file system of the guest is no way out."""
    root = scene / "root"
    for name in ("again", "again2", "data"):
        (root / name).mkdir()
    (root / "etc/hosts").unlink()
    (root / "etc/hosts").symlink_to("/again/data/hosts")
    script = f"""
        mount --make-rprivate / && cd {scene} && mount -t tmpfs none root/data && printf '127.0.0.1 localhost\n' >root/data/hosts
        mount --rbind root root/again && mount --rbind root root/again2 && exec "$@"
    """
    line = ["apply", "--root", str(root), "--machine", str(CASE / "machine.json"), str(scene / "customization.conf")]
    before = whole(scene / "outside")
    command = ["unshare", "--mount", "sh", "-ec", script + "; sed -n 2p root/data/hosts", "sh"]
    done = subprocess.run(
        [*command, "sh", "-c", f'"$@" && cat {root}/data/hosts', "sh", shutil.which("python3") or "", "-m", "guest", *line],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": os.pathsep.join(_paths())},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "web01.example.com" in done.stdout.splitlines()[-1] or "web01" in done.stdout
    assert whole(scene / "outside") == before


def _paths() -> list[str]:
    import sys  # noqa: PLC0415 (beside its one use)

    return [str(Path(__file__).parents[2]), *(path for path in sys.path if "site-packages" in path)]
