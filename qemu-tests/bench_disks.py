"""What many disks cost: one disk against sixteen with an fstab of 200 lines, by the time from a settled udev to the mounted
guest. `make bench` calls it; by itself it prints the two times and their ratio.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from guests.boot import CARDS
from guests.disk import FileSystem, Partition, make_filesystem
from guests.phony import phony_disk
from guests.stock import DEBIAN_12
from host import iso, media
from host.vm import Direct, Vm, run

BUILD = Path(__file__).resolve().parent.parent / "build"
DISKS = 16
LINES = 200
DOCUMENT = "format = 1\nid = disks-1\n[identity]\nhostname = web01\n"
PHASES = ("config", "assemble", "root", "mount")


def data_uuid(number: int) -> str:
    return f"da7ada7a-0000-4000-8000-{number:012}"


def fstab() -> str:
    """A line for each disk and 30 bind mounts; the others name what is not there or not on a disk."""
    boot, root = (partition.uuid for partition in DEBIAN_12.partitions)
    lines = [f"UUID={root} / ext4 errors=remount-ro 0 1", f"UUID={boot} /boot ext4 defaults 0 2"]
    lines += [f"UUID={data_uuid(number)} /srv/{number} ext4 defaults 0 2" for number in range(1, DISKS)]
    lines += [f"/srv/{number % (DISKS - 1) + 1} /mnt/bind{number} none bind 0 0" for number in range(30)]
    others = ("server:/x /net/{} nfs _netdev", "tmpfs /tmp/{} tmpfs", "LABEL=gone{} /mnt/{} ext4 nofail")
    while len(lines) < LINES:
        number = len(lines)
        lines.append(others[number % len(others)].format(number, number))
    return "\n".join([*lines, ""])


def make_disks(folder: Path) -> list[Path]:
    tree = folder / "empty"
    tree.mkdir()
    folders = {f"/srv/{number}/.keep": "" for number in range(1, DISKS)} | {
        f"/mnt/bind{number}/.keep": "" for number in range(30)
    }
    disks = [phony_disk("debian12", folder / "many-0.img", changes={"/etc/fstab": fstab(), **folders})]
    for number in range(1, DISKS):
        partition = Partition(mount_point="/", filesystem=FileSystem.EXT4, mib=32, uuid=data_uuid(number))
        disks.append(folder / f"many-{number}.img")
        make_filesystem(partition, tree, disks[-1])
    return disks


def seconds(disks: list[Path], config: Path) -> float:
    start = Direct(BUILD / "vmlinuz", BUILD / "initrd.img", iso.DEFAULT_COMMAND_LINE)
    # Nothing is kept: each run finds the same disks.
    machine = Vm(disks=tuple(disks), iso=start, config=config, macs=CARDS, extra=("-snapshot",))
    outcome = run(machine, timeout=180, say=lambda _: None)
    result = outcome.transcript.result
    assert result is not None, outcome.console[-2000:]
    assert result.code == "done", result
    return sum(outcome.transcript.phases[name] for name in PHASES)


def measure(folder: Path, runs: int) -> dict[str, float]:
    document = folder / "customization.conf"
    document.write_text(DOCUMENT)
    config = folder / "disks-config.iso"
    media.pack(document, config, "iso")
    one = [phony_disk("debian12", folder / "one.img")]
    many = make_disks(folder)
    times: dict[str, list[float]] = {"one": [], "many": []}
    for _ in range(runs):
        times["one"].append(seconds(one, config))
        times["many"].append(seconds(many, config))
    first, second = statistics.median(times["one"]), statistics.median(times["many"])
    return {
        "one_disk_seconds": round(first, 3),
        "sixteen_disks_seconds": round(second, 3),
        "sixteen_disks_over_one": round(second / first, 2),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="bench-disks-") as name:
        print(measure(Path(name), 3))
