"""The virtual hardware of many hypervisors at once: every controller's disk is mounted, every card is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guests.disk import FileSystem, Layout, Partition, Table
from guests.phony import phony_disk
from guests.reader import read_file
from host.vm import Vm
from machine import MAC, customize, pack

if TYPE_CHECKING:
    from pathlib import Path

# Controller and disk as QEMU calls them. mptsas finds no disk without addresses (FACTS-boot 2.4).
CONTROLLERS = {
    "ahci": ("ich9-ahci,id=c-ahci", "ide-hd,bus=c-ahci.0"),
    "ide": ("", "ide-hd,bus=ide.0"),
    "lsi": ("lsi53c895a,id=c-lsi", "scsi-hd,bus=c-lsi.0"),
    "megasas": ("megasas,id=c-megasas", "scsi-hd,bus=c-megasas.0"),
    "mptsas": (
        "mptsas1068,id=c-mptsas,sas_address=0x5000c50015ea71ac",
        "scsi-hd,bus=c-mptsas.0,wwn=0x5000c50015ea71ad",
    ),
    "nvme": ("", "nvme,serial=nvme1"),
    "usb": ("qemu-xhci,id=c-usb", "usb-storage,bus=c-usb.0"),
    "virtio-scsi": ("virtio-scsi-pci,id=c-virtio", "scsi-hd,bus=c-virtio.0"),
}
CARDS = ("e1000", "e1000e", "rtl8139", "pcnet", "vmxnet3", "virtio-net-pci")


def mac(number: int) -> str:
    return f"52:54:00:00:00:{number:02x}"


def data_disk(name: str, number: int, folder: Path) -> Path:
    uuid = f"ba4dba4d-0000-4000-8000-{number:012}"
    only = Partition(mount_point="/", filesystem=FileSystem.EXT4, mib=16, uuid=uuid, label=name)
    return phony_disk({"/README": name}, folder / f"{name}.img", Layout(Table.MBR, f"0xda7a{number:04x}", (only,)))


def test_every_controller_and_card(iso: Path, document: Path, tmp_path: Path) -> None:
    extra: list[str] = ["-device", "pvscsi,id=pvscsi"]
    fstab = "UUID=d12d12d1-0000-4000-8000-000000000002 / ext4 defaults 0 1\n"
    for number, (name, (controller, device)) in enumerate(CONTROLLERS.items()):
        image = data_disk(name, number, tmp_path)
        extra += ["-device", controller] if controller else []
        extra += ["-drive", f"file={image},format=raw,if=none,id={name}", "-device", f"{device},drive={name}"]
        fstab += f"LABEL={name} /srv/{name} ext4 defaults 0 2\n"
    sections = ""
    for number, model in enumerate(CARDS):
        extra += ["-netdev", f"user,id=n{number},restrict=on", "-device", f"{model},netdev=n{number},mac={mac(number)}"]
        sections += f"[[card{number}]]\nmac = {mac(number)}\naddresses = 10.0.{number}.11/24\n"
    document.write_text(f"format = 1\nid = hardware\n[network]\n{sections}")
    folders: dict[str, str | None] = {f"/srv/{name}/README": "hidden below the mount" for name in CONTROLLERS}
    system = phony_disk("debian12", tmp_path / "system.img", changes={"/etc/fstab": fstab, **folders})
    machine = Vm(
        disks=(system,),
        iso=iso,
        config=pack(document),
        disk_bus="scsi-hd,bus=pvscsi.0",
        cd_bus="ide",
        extra=tuple(extra),
    )
    result = customize(machine)
    assert (result.code, result.skipped, result.warnings) == ("done", (), ())
    interfaces = (read_file(system, 2, "/etc/network/interfaces") or b"").decode()
    assert [f"address 10.0.{number}.11/24" in interfaces for number in range(len(CARDS))] == [True] * len(CARDS)


def test_a_root_that_appears_late(iso: Path, document: Path, tmp_path: Path) -> None:
    """EHCI finds its disks in its own time: udev is idle and another disk is here long before (FACTS-boot 3)."""
    system = phony_disk("debian12", tmp_path / "system.img")
    data = data_disk("data", 1, tmp_path)
    extra = ("-device", "usb-ehci,id=ehci", "-drive", f"file={system},format=raw,if=none,id=late")
    extra += ("-device", "usb-storage,bus=ehci.0,drive=late")
    machine = Vm(disks=(data,), iso=iso, config=pack(document), macs=(MAC,), extra=extra)
    assert customize(machine).code == "done"
    assert read_file(system, 2, "/etc/hostname") == b"web01\n"
