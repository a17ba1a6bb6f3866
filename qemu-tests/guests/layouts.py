"""Layouts: what a guest's disks are, each in one file of qemu-tests/layouts/. Made in a workshop, cached by content.

disks = [160, 96]           MiB each; $1 and $2 in the scripts
build = '''…'''             what an installer runs before it makes file systems
open = '''…'''              what the reader runs to get at them again
finish = '''…'''            what is done at the end, the file systems still mounted below /mnt
afterwards = '''…'''        the same, once they are unmounted
leave_mounted = true        the machine loses its power instead of unmounting
fstab = '''…'''             <AT> stands for the UUID of the file system mounted there
[[file_system]]             on = device, type, at = mount point; label, mkfs and options if there are any
[files]                     changes to the tree of a Debian 12: path = text
[vm] bus                    how the disks are attached when our ISO starts
[run] document, key_files   what the configuration document says beside the usual
[expect]                    how the run ends: code, disk, message, hint, warnings, skipped, files (regular expressions)
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
import tomllib
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guests import phony, workshop
from guests.trees import plant
from guests.workshop import Attached

FOLDER = Path(__file__).resolve().parents[1] / "layouts"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))
CHECKS = {
    "ext2": "e2fsck -fn",
    "ext3": "e2fsck -fn",
    "ext4": "e2fsck -fn",
    "xfs": "xfs_repair -n",
    "btrfs": "btrfs check --readonly",
    "vfat": "fsck.fat -n",
    "f2fs": "fsck.f2fs --dry-run",
    "jfs": "fsck.jfs -n",
    "reiserfs": "reiserfsck --check --yes --quiet",
}


@dataclass(frozen=True)
class FileSystem:
    on: str
    type: str
    at: str
    label: str = ""
    mkfs: str = ""
    options: str = ""  # mount options, a subvolume
    again: bool = False  # another part of a file system that was made before


@dataclass(frozen=True)
class Expected:
    code: str = "done"
    disk: str | None = None
    message: str = ""
    hint: str = ""
    warnings: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    healthy: bool = True
    same: bool = True  # where nothing was done: every byte of the disks is as it was
    state: str = "/var/lib/guest-customizer"  # where the reader, who makes no bind mounts, finds our own folder


@dataclass(frozen=True)
class Layout:
    name: str
    disks: tuple[int, ...]
    file_systems: tuple[FileSystem, ...]
    build: str = ""
    open: str = ""
    finish: str = ""
    afterwards: str = ""
    leave_mounted: bool = False
    fstab: str | None = None
    files: dict[str, str] = field(default_factory=dict)
    bus: str = "virtio"
    attach: tuple[int, ...] = ()  # the disks that the run sees, from 1; all of them where it is empty
    document: str = ""
    key_files: dict[str, str] = field(default_factory=dict)
    expect: Expected = field(default_factory=Expected)

    def uuid(self, at: str) -> str:
        whole = uuid.uuid5(uuid.NAMESPACE_URL, f"{self.name}{at}")
        kind = next((fs.type for fs in self.file_systems if fs.at == at), "")
        return f"{whole.hex[:4]}-{whole.hex[4:8]}".upper() if kind == "vfat" else str(whole)

    def fill_in(self, text: str) -> str:
        for fs in self.file_systems:
            text = text.replace(f"<{fs.at}>", self.uuid(fs.at))
        return text


def load(name: str) -> Layout:
    data: dict[str, Any] = tomllib.loads((FOLDER / f"{name}.toml").read_text())
    expect = data.pop("expect", {})
    for key in ("warnings", "skipped"):
        expect[key] = tuple(expect.get(key, ()))
    vm, run = data.pop("vm", {}), data.pop("run", {})
    return Layout(
        name=name,
        disks=tuple(data.pop("disks")),
        file_systems=tuple(FileSystem(**fields) for fields in data.pop("file_system", ())),
        expect=Expected(**expect),
        bus=vm.get("bus", "virtio"),
        attach=tuple(vm.get("attach", ())),
        document=run.get("document", ""),
        key_files=run.get("key_files", {}),
        **data,
    )


def make(layouts: list[Layout], build: Path) -> dict[str, tuple[Path, ...]]:
    """Each layout's disks (raw, sparse), those that are not in the cache made in one workshop. Work on overlays of them."""
    cache = build / "guests/layouts"
    cache.mkdir(parents=True, exist_ok=True)
    images = {
        layout.name: tuple(cache / f"{layout.name}-{input_hash(layout)}-{n}.img" for n, _ in enumerate(layout.disks, 1))
        for layout in layouts
    }
    missing = [layout for layout in layouts if not all(image.exists() for image in images[layout.name])]
    if missing:
        # Two machines at a time: one keeps one processor busy.
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda half: _make(half, images, cache), [h for h in (missing[::2], missing[1::2]) if h]))
    return images


def input_hash(layout: Layout) -> str:
    """Of all that goes into the disks, and of nothing that only the run or the reader needs."""
    words = "\n".join([PREAMBLE, _making(layout), str(layout.disks), workshop.START, str(workshop.TOOLS)])
    return hashlib.sha256(words.encode() + _tree(layout)).hexdigest()[:12]


def _make(layouts: list[Layout], images: dict[str, tuple[Path, ...]], cache: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="making-", dir=cache) as name:
        folder = Path(name)
        attached, files = [], {}
        for layout in layouts:
            for old in cache.glob(f"{layout.name}-*-*.img"):
                if old.name.rsplit("-", 2)[0] == layout.name:
                    old.unlink()
            files[f"trees/{layout.name}.tar"] = _tree(layout)
            for image, size in zip(images[layout.name], layout.disks, strict=True):
                with (folder / image.name).open("wb") as empty:
                    empty.truncate(size * 2**20)
                attached.append(Attached(folder / image.name, serial(layout, image)))
        script = "\n".join([PREAMBLE, *(_making(layout) for layout in layouts)])
        workshop.run(script, files, attached, folder / "output", keep=True)
        for layout in layouts:
            for image in images[layout.name]:
                (folder / image.name).rename(image)


def serial(layout: Layout, image: Path) -> str:
    """20 characters are all that a SCSI disk shows of it."""
    return hashlib.sha256(layout.name.encode()).hexdigest()[:12] + image.stem.rsplit("-", 1)[1]


def _tree(layout: Layout) -> bytes:
    lines = (
        f"UUID=<{fs.at}> {fs.at} {fs.type} {fs.options or 'defaults'} 0 {1 if fs.at == '/' else 2}"
        for fs in layout.file_systems
    )
    fstab = layout.fill_in(layout.fstab if layout.fstab is not None else "\n".join([*lines, ""]))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "root"
        plant(phony.TREES / "debian12", root)
        phony.change(root, {"/etc/fstab": fstab, **{path: layout.fill_in(text) for path, text in layout.files.items()}})
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
            tar.add(root, arcname=".", filter=_undated)
    return archive.getvalue()


def _undated(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mtime = 0
    return entry


PREAMBLE = r"""
set -e
say() { read -r uptime _ </proc/uptime; echo "$uptime $1 $layout"; }
fail() { echo "layout $layout: $1"; poweroff -f; }
disk() { found=; for path in /dev/disk/by-id/scsi-*_"$1"; do found=$(readlink -f "$path"); done; [ -b "$found" ] || fail "no disk $1"; }
# The tools see no other layout's disks.
only() {
  mkdir -p /tmp/lvm
  accept= ; for each in "$@"; do accept="$accept \"a|^$each([0-9]+)?\$|\","; done
  cat >/tmp/lvm/lvm.conf <<END
devices { use_devicesfile = 0
global_filter = [$accept "a|^/dev/md|", "a|^/dev/mapper/|", "r|.*|" ] }
backup { backup = 0
archive = 0 }
activation { monitoring = 0 }
global { use_lvmpolld = 0
thin_check_executable = "" }
END
  export LVM_SYSTEM_DIR=/tmp/lvm
}
parts() { sfdisk --quiet --wipe never "$1" >/dev/null; udevadm settle; }
raid() { mdadm --create --run --quiet --homehost=guest --assume-clean "$@" 2>&1 | grep -v '^mdadm: array' || true; udevadm settle; }
luks() {
  case $4 in *iterations*) fast=;; *) fast="--pbkdf-force-iterations 1000" ;; esac
  printf %s "$3" | cryptsetup luksFormat --batch-mode --uuid "$2" --key-file - $fast $4 "$1"
}
opened() { printf %s "$2" | cryptsetup open --type luks --key-file - "$1" "$3"; udevadm settle; }
close_all() {
  for _ in 1 2 3; do
    ls -d /sys/block/dm-* /sys/block/md[0-9]* >/dev/null 2>&1 || break
    dmsetup remove_all 2>/dev/null || true
    lvm vgchange -q -an >/dev/null 2>&1 || true
    for array in /dev/md[0-9]*; do [ -b "$array" ] && mdadm --stop --quiet "$array" 2>/dev/null || true; done
    udevadm settle
  done
  # dmsetup tells LVM nothing, whose folders stay; and vgcreate takes no name that stands in /dev.
  for link in /dev/*/*; do if [ -L "$link" ] && [ ! -e "$link" ]; then rm -f "$link"; fi; done
  for folder in /dev/*/; do rmdir "$folder" 2>/dev/null || true; done
}
vgcreate() { lvm vgcreate -q "$@" >/dev/null 2>&1 || lvm vgcreate "$@"; }
lvcreate() { lvm lvcreate -q --yes --wipesignatures y "$@" >/dev/null 2>&1 || lvm lvcreate --yes "$@"; udevadm settle; }
vgchange() { lvm vgchange -q "$@" >/dev/null 2>&1 || true; udevadm settle; }
"""


def _making(layout: Layout) -> str:
    lines = [
        f"layout={layout.name}; say making",
        _disks(layout),
        'only "$@"',
        layout.fill_in(layout.build),
    ]
    lines += [_mkfs(layout, fs) for fs in layout.file_systems if not fs.again]
    by_depth = sorted(layout.file_systems, key=lambda fs: fs.at)
    lines += [_mount(fs, "rw") for fs in by_depth]
    if layout.file_systems:
        lines.append(f"tar -x -f trees/{layout.name}.tar -C /mnt")
    lines.append(layout.fill_in(layout.finish))
    if layout.leave_mounted:
        # A second layer over the mount: nobody unmounts it, and the power goes.
        lines.append("echo late >/mnt/etc/written-late; sync; mkdir -p /left/$layout; mount --move /mnt /left/$layout")
    else:
        lines += [f"umount /mnt{fs.at}" for fs in reversed(by_depth)]
    lines += [layout.fill_in(layout.afterwards), "" if layout.leave_mounted else "close_all"]
    return "\n".join(line for line in lines if line)


def _disks(layout: Layout) -> str:
    names = [serial(layout, Path(f"x-{number}.img")) for number, _ in enumerate(layout.disks, 1)]
    return "set --; " + "; ".join(f'disk {name}; set -- "$@" "$found"' for name in names)


def _mkfs(layout: Layout, fs: FileSystem) -> str:
    identity = layout.uuid(fs.at)
    label = {"xfs": "-L", "btrfs": "-L", "vfat": "-n", "f2fs": "-l", "reiserfs": "-l"}.get(fs.type, "-L")
    name = f"{label} '{fs.label}'" if fs.label else ""
    words = {
        "xfs": f"mkfs.xfs -q -f -m uuid={identity}",
        "btrfs": f"mkfs.btrfs -q -f -U {identity}",
        "vfat": f"mkfs.fat -i {identity.replace('-', '')}",
        "f2fs": f"mkfs.f2fs -q -f -U {identity}",
        "jfs": "mkfs.jfs -q",
        "reiserfs": f"mkfs.reiserfs -q -ff -u {identity}",
    }.get(fs.type, f"mke2fs -q -F -t {fs.type} -U {identity}")
    return f"{words} {name} {fs.mkfs} {fs.on} >/dev/null"


def _mount(fs: FileSystem, how: str) -> str:
    options = ",".join(word for word in (how, fs.options) if word)
    return f"mkdir -p /mnt{fs.at} 2>/dev/null; mount -t {fs.type} -o {options} {fs.on} /mnt{fs.at}"


@dataclass(frozen=True)
class Read:
    """What the independent reader found on a layout's disks."""

    health: dict[str, tuple[int, str]]  # mount point -> status and words of its file system's checker
    files: dict[str, bytes]


def read(layouts: dict[str, tuple[Layout, tuple[Path, ...]]], folder: Path) -> dict[str, Read]:
    """Opens the disks with Debian's tools, checks every file system, and returns /etc and our own folder."""
    attached = [
        Attached(i, serial(layout, Path(f"x-{n}.img")))
        for layout, images in layouts.values()
        for n, i in enumerate(images, 1)
    ]
    script = "\n".join(
        [PREAMBLE, "set +e", *(_reading(layout) for layout, _ in layouts.values()), "tar -c -f /dev/vda -C /tmp read"]
    )
    output = folder / "read.tar"
    workshop.run(script, {}, attached, output, keep=False)
    found: dict[str, Read] = {name: Read({}, {}) for name in layouts}
    with tarfile.open(output) as tar:
        for member in tar:
            if member.isfile():
                _, name, path = member.name.split("/", 2)
                _sort_in(found[name], path, (tar.extractfile(member) or io.BytesIO()).read())
    return found


def _sort_in(read: Read, path: str, content: bytes) -> None:
    if path.startswith("health/"):
        place = "/" + path.removeprefix("health/").replace("+", "/").strip("/")
        words = content.decode(errors="replace")
        read.health[place] = (int(words.rpartition("status ")[2]), words)
    else:
        read.files["/" + path.removeprefix("files/")] = content


def _reading(layout: Layout) -> str:
    where = f"/tmp/read/{layout.name}"  # noqa: S108 (in a machine of its own)
    lines = [f"layout={layout.name}; say reading; mkdir -p {where}/health {where}/files"]
    lines += [_disks(layout), 'only "$@"', layout.fill_in(layout.open)]
    for fs in (fs for fs in layout.file_systems if not fs.again):
        note = f"{where}/health/{fs.at.replace('/', '+')}"
        lines.append(f'{CHECKS[fs.type]} {fs.on} >{note} 2>&1; echo "status $?" >>{note}')
    by_depth = sorted(layout.file_systems, key=lambda fs: fs.at)
    lines += [_mount(fs, "ro") for fs in by_depth]
    lines.append(f"(cd /mnt; tar -c etc {layout.expect.state.lstrip('/')} 2>/dev/null) | tar -x -C {where}/files")
    lines += [f"umount /mnt{fs.at}" for fs in reversed(by_depth)]
    lines.append("close_all")
    return "\n".join(lines)
