"""Boots a guest from its own disk, with no other medium, and returns what it says of itself.

QEMU_ACCEL chooses the accelerator; the default is tcg, which every machine has.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, TypedDict

CARDS = ("52:54:00:12:34:56", "52:54:00:12:34:57")
FIRST_CARD_SLOT = 3  # where pc machines have always put it: ens3
DISK_SLOT = 16
MARKER = "@@GUEST-TELLS "
SECONDS = 300


class GuestTells(TypedDict):
    """The report of debian-overlay/usr/local/lib/guest-tells/tell; addresses and routes are iproute2's."""

    hostname: str
    fqdn: str
    addresses: list[dict[str, Any]]
    routes: dict[str, list[dict[str, Any]]]
    """By `ipv4` and `ipv6`."""
    resolv_conf: str | None
    resolved: str | None
    """The servers and domains that systemd-resolved knows, where it runs; as resolv.conf spells them."""
    hosts: str | None
    first_boot: str | None
    rc_local: str | None
    sshd_config_ok: int
    """The exit status of `sshd -t`."""
    sshd_says: str
    failed_units: list[str]
    machine_id: str
    cloud_init: str
    """`cloud-init status --long`; empty where there is none."""
    files: list[str]
    """Names in /root."""


class GuestSilentError(Exception):
    """The guest did not power off in time, or said nothing; the message ends with its last words."""


def boot_guest(
    image: Path,
    macs: tuple[str, ...] = CARDS,
    *,
    seconds: float = SECONDS,
    snapshot: bool = False,
    memory_mib: int = 512,
    console: Path | None = None,
    more_disks: tuple[Path, ...] = (),
) -> GuestTells:
    """Boot, wait for the guest to power itself off, parse its report.

    `snapshot` leaves the image as it is; `console` keeps the serial log.
    """
    with tempfile.TemporaryDirectory(prefix="boot-guest-") as folder:
        log = console or Path(folder) / "console.log"
        log.unlink(missing_ok=True)
        command = qemu_command(image, macs, log, snapshot=snapshot, memory_mib=memory_mib)
        for number, disk in enumerate(more_disks, 1):
            # Behind the first: firmware starts from the disk in the lowest slot.
            drive = f"file={disk},format={image_format(disk)},if=none,id=disk{number},cache=unsafe"
            command += ["-drive", drive, "-device", f"virtio-blk-pci,drive=disk{number},addr={DISK_SLOT + number:#x}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired as error:
            raise GuestSilentError(f"still running after {seconds} s; {_last_words(log)}") from error
        if done.returncode:
            raise GuestSilentError(f"QEMU: {done.stderr.strip()}")
        return parse_report(log)


def qemu_command(
    image: Path,
    macs: tuple[str, ...],
    log: Path,
    *,
    snapshot: bool,
    memory_mib: int,
) -> list[str]:
    drive = f"file={image},format={image_format(image)},if=none,id=disk,cache=unsafe"
    command = [
        "qemu-system-x86_64",
        "-accel",
        os.environ.get("QEMU_ACCEL", "tcg"),
        "-machine",
        "pc",
        "-cpu",
        "max",
    ]
    command += ["-smp", "2", "-m", str(memory_mib), "-nodefaults", "-no-user-config", "-no-reboot"]
    command += [
        "-display",
        "none",
        "-vga",
        "std",
        "-serial",
        f"file:{log}",
        "-smbios",
        "type=3,asset=guest-tells",
    ]
    command += ["-drive", f"{drive},snapshot={'on' if snapshot else 'off'}"]
    command += ["-device", f"virtio-blk-pci,drive=disk,addr={DISK_SLOT:#x}"]
    for number, mac in enumerate(macs):
        slot = FIRST_CARD_SLOT + number
        command += ["-netdev", f"user,id=card{number + 1},restrict=on"]
        command += ["-device", f"virtio-net-pci,netdev=card{number + 1},mac={mac},addr={slot:#x},romfile="]
    return command


def image_format(image: Path) -> str:
    with image.open("rb") as start:
        return "qcow2" if start.read(4) == b"QFI\xfb" else "raw"


def parse_report(log: Path) -> GuestTells:
    text = log.read_text(errors="replace")
    _, marker, rest = text.rpartition(MARKER)
    if not marker:
        raise GuestSilentError(f"powered off without a report; {_last_words(log)}")
    report: GuestTells = json.JSONDecoder().raw_decode(rest)[0]
    return report


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "the console's last lines:\n" + "\n".join(lines[-20:])


def main() -> None:
    parser = argparse.ArgumentParser(description="Boot a guest from its own disk; print its report as JSON.")
    parser.add_argument("image", type=Path)
    parser.add_argument("--snapshot", action="store_true", help="leave the image as it is")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"time limit, default {SECONDS}")
    parser.add_argument("--console", type=Path, help="keep the serial log here")
    options = parser.parse_args()
    start = time.monotonic()
    report = boot_guest(options.image, seconds=options.seconds, snapshot=options.snapshot, console=options.console)
    print(f"{time.monotonic() - start:.1f} s from power-on to power-off", file=sys.stderr)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
