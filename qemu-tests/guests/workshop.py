"""A machine with Debian's own storage tools that runs one shell script over many disks: it makes the layouts' disks, and
reads them afterwards.

It starts our kernel, and of our initrd it uses the drivers, udev and busybox; none of our own code runs in it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "initrd-build"))

import cpio  # noqa: E402 (a program beside initrd-build's others)
import elf  # noqa: E402 (the same)
from host.vm import Vm, arguments  # noqa: E402 (after the path is set)

TOOLS = (
    "/bin/dash", "/sbin/mke2fs", "/sbin/e2fsck", "/sbin/tune2fs", "/sbin/debugfs", "/sbin/mkfs.xfs", "/sbin/xfs_repair", "/usr/sbin/xfs_db",
    "/bin/btrfs", "/sbin/mkfs.btrfs", "/sbin/mkfs.fat", "/sbin/fsck.fat", "/sbin/mkfs.f2fs", "/sbin/fsck.f2fs", "/sbin/mkfs.jfs",
    "/sbin/fsck.jfs", "/sbin/mkfs.reiserfs", "/sbin/reiserfsck", "/sbin/sfdisk", "/sbin/mkswap", "/sbin/wipefs",
)  # fmt: skip
OUTPUT_MIB = 64
SECONDS = 1500
DONE = "@@WORKSHOP done"
# Not busybox's shell: it takes its own mke2fs and modprobe for the real ones.
START = """\
#!/workshop/bin/dash
export PATH=/workshop/bin:/usr/sbin:/usr/bin:/usr/lib/busybox
/bin/busybox --install -s /usr/lib/busybox
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm /run /mnt; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /tmp
exec </dev/null >/dev/ttyS0 2>&1
ln -s ../bin/kmod /usr/sbin/modprobe
/usr/lib/systemd/systemd-udevd --daemon --resolve-names=never
udevadm trigger --action=add --type=devices
udevadm settle
modprobe -a dm_mod md_mod
echo 1 >/sys/module/md_mod/parameters/start_ro
cd /workshop
dash ./script && echo "{done}"
sync
poweroff -f
"""


@dataclass(frozen=True)
class Attached:
    """A disk, and the name by which the script finds it: /dev/disk/by-id/scsi-*_NAME."""

    image: Path
    name: str


def run(script: str, files: dict[str, bytes], disks: list[Attached], output: Path, *, keep: bool) -> str:
    """Runs the script; what it writes to $OUTPUT is in `output`. Returns the console. `keep`: changes to the disks stay."""
    with tempfile.TemporaryDirectory(prefix="workshop-", dir=output.parent) as name:
        folder = Path(name)
        initrd = _initrd(folder, script, files)
        with output.open("wb") as empty:
            empty.truncate(OUTPUT_MIB * 2**20)
        console = folder / "console"
        subprocess.run(
            _command(initrd, console, disks, output, keep=keep), check=True, timeout=SECONDS, capture_output=True
        )
        said = console.read_text(errors="replace")
    if DONE not in said:
        raise RuntimeError(f"the workshop's script failed:\n{said[-3000:]}")
    return said


def _initrd(folder: Path, script: str, files: dict[str, bytes]) -> Path:
    """Ours with a second archive behind it: the tools, what the script needs, and an init of its own."""
    stage = folder / "stage"
    tools = [Path(tool) for tool in TOOLS]
    (stage / "workshop/bin").mkdir(parents=True)
    for tool in tools:
        _copy(tool, stage / "workshop/bin" / tool.name)
    for library in elf.find_closure(tools):
        _copy(library, stage / "usr" / str(library).lstrip("/").removeprefix("usr/"))
    (stage / "usr/lib/busybox").mkdir(parents=True)
    for name, content in {"script": script.encode(), "init": START.replace("{done}", DONE).encode(), **files}.items():
        path = stage / "workshop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (stage / "workshop/init").chmod(0o755)
    initrd = folder / "initrd"
    shutil.copyfile(TOP / "build/initrd.img", initrd)
    with initrd.open("ab") as archive:
        cpio.write_archive(cpio.read_tree(stage), archive)
    return initrd


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755)


def _command(initrd: Path, console: Path, disks: list[Attached], output: Path, *, keep: bool) -> list[str]:
    from host.vm import Direct  # noqa: PLC0415 (beside its one use)

    start = Direct(
        TOP / "build/vmlinuz", initrd, "console=ttyS0 quiet rdinit=/workshop/init selinux=0 panic=-1 cryptomgr.notests"
    )
    command = arguments(Vm(disks=(output,), iso=start, config=None, memory_mib=1024, cpus=1), console, None)
    command += ["-device", "virtio-scsi-pci,id=scsi"]
    for number, disk in enumerate(disks):
        form = "qcow2" if disk.image.suffix == ".qcow2" else "raw"
        options = f"format={form},if=none,id=disk-{number},snapshot={'off' if keep else 'on'},cache=unsafe"
        command += ["-drive", f"file={disk.image},{options}"]
        command += ["-device", f"scsi-hd,bus=scsi.0,scsi-id={number},drive=disk-{number},serial={disk.name}"]
    return command
