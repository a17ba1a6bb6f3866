"""Runs our ISO in QEMU against a guest's disks: attach both media, boot, read the result; power-off detaches them."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from guest.errors import CustomizerError
from host import files
from host.follow import Outcome, follow

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import FileIO

QEMU = "qemu-system-x86_64"
_OVMF = Path("/usr/share/OVMF")
# A minute after init's own limit (customizer.timeout): the machine is stopped then.
DEFAULT_TIMEOUT_SECONDS = 1860


@dataclass(frozen=True)
class Direct:
    """What the ISO holds, started without firmware and boot loader: as hypervisors can, and tests like to."""

    kernel: Path
    initrd: Path
    command_line: str


@dataclass(frozen=True)
class Vm:
    """A virtual machine: what a person would choose in a hypervisor's dialogue."""

    disks: tuple[Path, ...]
    iso: Path | Direct
    config: Path | None
    config_as: str = "cd"  # cd, floppy or disk
    firmware: str = "bios"  # bios, uefi or secure-boot
    macs: tuple[str, ...] = ()
    memory_mib: int = 512
    cpus: int = 2
    iso_as: str = "cd"  # cd or stick
    disk_bus: str = "virtio"  # virtio, or the name of another QEMU disk device
    cd_bus: str = "ahci"  # ahci or ide: firmware reads 3 MB/s from an IDE CD under TCG, ten times that by AHCI's DMA
    extra: tuple[str, ...] = ()


def accelerator() -> str:
    """TCG unless QEMU_ACCEL says otherwise: a /dev/kvm that is there may still not work."""
    return os.environ.get("QEMU_ACCEL", "tcg")


def arguments(vm: Vm, serial: Path, variables: Path | None) -> list[str]:
    """QEMU's command line."""
    machine = "pc" if vm.firmware == "bios" else "q35"
    smm = ",smm=on" if vm.firmware == "secure-boot" else ""
    argv = [QEMU, "-accel", accelerator(), "-machine", machine + smm, "-m", str(vm.memory_mib), "-smp", str(vm.cpus)]
    argv += [
        "-display",
        "none",
        "-monitor",
        "none",
        "-serial",
        f"file:{serial}",
        "-no-reboot",
        "-nodefaults",
        "-vga",
        "std",
    ]
    argv += _firmware(vm, variables)
    # No boot ROM: nothing boots from the network here, and firmware would spend a second on it.
    # Fixed slots: a card's name in the guest comes from its slot, whatever else is attached.
    for number, mac in enumerate(vm.macs):
        argv += [
            "-netdev",
            f"user,id=net{number},restrict=on",
            "-device",
            f"virtio-net-pci,netdev=net{number},mac={mac}",
        ]
    argv += vm.extra  # before the disks, which may want a bus of it
    for number, disk in enumerate(vm.disks):
        argv += ["-drive", f"file={_escape(disk)},format={image_format(disk)},if=none,id=disk{number}"]
        argv += [
            "-device",
            f"{'virtio-blk-pci' if vm.disk_bus == 'virtio' else vm.disk_bus},drive=disk{number},bootindex={10 + number}",
        ]
    return [*argv, *_media(vm)]


def _escape(path: Path) -> str:
    return str(path).replace(",", ",,")


def _firmware(vm: Vm, variables: Path | None) -> list[str]:
    if vm.firmware == "bios":
        return []
    code = "OVMF_CODE_4M.secboot.fd" if vm.firmware == "secure-boot" else "OVMF_CODE_4M.fd"
    argv = ["-global", "driver=cfi.pflash01,property=secure,value=on"] if vm.firmware == "secure-boot" else []
    argv += ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={_OVMF / code}"]
    return [*argv, "-drive", f"if=pflash,format=raw,unit=1,file={variables}"]


def _start_medium(vm: Vm, bus: str) -> list[str]:
    if isinstance(vm.iso, Direct):
        return ["-kernel", str(vm.iso.kernel), "-initrd", str(vm.iso.initrd), "-append", vm.iso.command_line]
    argv = ["-drive", f"file={_escape(vm.iso)},format=raw,readonly=on,if=none,id=iso"]
    if vm.iso_as == "stick":
        return [*argv, "-device", "qemu-xhci,id=xhci", "-device", "usb-storage,bus=xhci.0,drive=iso,bootindex=0"]
    return [*argv, "-device", f"ide-cd,drive=iso,bus={bus}.0,bootindex=0"]


def _media(vm: Vm) -> list[str]:
    bus = "ide"  # q35's own controller is AHCI by that name
    argv = []
    if vm.firmware == "bios" and vm.cd_bus == "ahci":
        bus = "ahci"
        argv = ["-device", "ich9-ahci,id=ahci,addr=0x1d"]
    argv += _start_medium(vm, bus)
    if vm.config is None:
        return argv
    config = f"file={_escape(vm.config)},format=raw,if=none,id=config"
    if vm.config_as == "cd":
        return [*argv, "-drive", f"{config},readonly=on", "-device", f"ide-cd,drive=config,bus={bus}.1"]
    if vm.config_as == "floppy":
        # q35 has no floppy controller of its own.
        controller = ["-device", "isa-fdc,id=fdc"] if vm.firmware != "bios" else []
        drive = ["-device", "floppy,drive=config" + (",bus=fdc.0" if controller else "")]
        return [*argv, "-drive", config, *controller, *drive]
    return [*argv, "-drive", config, "-device", "virtio-blk-pci,drive=config"]


def image_format(disk: Path) -> str:
    """raw or qcow2, by the first bytes: QEMU must not guess, a guest could write another format's header."""
    with disk.open("rb") as file:
        return "qcow2" if file.read(4) == b"QFI\xfb" else "raw"


def run(vm: Vm, *, timeout: float, say: Callable[[str], None], log: FileIO | None = None) -> Outcome:
    """Boots the ISO and follows its serial port until the machine is off; `log` gets what it says, as it says it.

    However this ends, the machine is off and the files beside it are gone. Raises CustomizerError where QEMU fails.
    """
    check(vm)
    with tempfile.TemporaryDirectory(prefix="guest-customizer-") as folder:
        serial = Path(folder, "serial")
        serial.touch()
        variables = _variables(vm, Path(folder))
        say("booting the ISO; the first sign of life takes a few seconds")
        return follow(arguments(vm, serial, variables), serial, timeout, say, log)


def check(vm: Vm) -> None:
    """Raises CustomizerError usage.file or run.missing-tool where something that the machine needs is not there."""
    for path in (*vm.disks, *([vm.config] if vm.config else [])):
        files.require(path)
    for path in (vm.iso.kernel, vm.iso.initrd) if isinstance(vm.iso, Direct) else (vm.iso,):
        files.require(path, "build the ISO with `make iso`, or name another with --iso")
    if shutil.which(QEMU) is None:
        raise CustomizerError("run.missing-tool", f"{QEMU} is not installed", "apt-get install qemu-system-x86")
    if vm.firmware != "bios" and not (_OVMF / "OVMF_CODE_4M.fd").exists():
        raise CustomizerError("run.missing-tool", "the UEFI firmware is not installed", "apt-get install ovmf")


def _variables(vm: Vm, folder: Path) -> Path | None:
    if vm.firmware == "bios":
        return None
    template = "OVMF_VARS_4M.ms.fd" if vm.firmware == "secure-boot" else "OVMF_VARS_4M.fd"
    return Path(shutil.copy(_OVMF / template, folder / "variables"))
