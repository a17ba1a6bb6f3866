"""What goes wrong ends in one result with its documented code, the disks byte for byte as they were, power off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from conftest import fingerprint

from guests.phony import phony_disk
from guests.reader import list_files, read_file
from host.vm import Vm
from machine import MAC, PLANTED, customize, direct, pack

if TYPE_CHECKING:
    from pathlib import Path

    from guest.protocol import Result


ROOT, STATE = 2, "/var/lib/guest-customizer"
SECRETS = f"""commands = ": {PLANTED}-in-a-command"
scripts = secret.sh
[storage]
[[unlock]]
[[[none]]]
uuid = 11111111-2222-4333-8444-555555555555
passphrase = {PLANTED}-passphrase
"""


@pytest.fixture
def document(document: Path) -> Path:
    """With everything that the schema marks as secret: customize() looks for it in all that the machine says."""
    text = document.read_text().replace('commands = "true"\n', SECRETS)
    assert PLANTED in text
    document.write_text(text)
    document.with_name("secret.sh").write_text(f"#!/bin/sh\n: {PLANTED}-in-a-script\n")
    return document


def fails(machine: Vm, code: str) -> Result:
    before = fingerprint(*machine.disks)
    result = customize(machine)
    assert (result.status, result.code, result.disk) == ("failed", code, "untouched"), result
    assert fingerprint(*machine.disks) == before
    return result


def test_two_config_media(iso: Path, document: Path, tmp_path: Path) -> None:
    disk = phony_disk("debian12", tmp_path / "disk.img")
    second = pack(document, "disk")
    extra = ("-drive", f"file={second},format=raw,if=none,id=second", "-device", "virtio-blk-pci,drive=second")
    result = fails(Vm(disks=(disk,), iso=iso, config=pack(document), macs=(MAC,), extra=extra), "config.several-media")
    assert "/dev/sr1" in result.message


def test_a_document_with_an_error(iso: Path, document: Path, tmp_path: Path) -> None:
    disk = phony_disk("debian12", tmp_path / "disk.img")
    config = pack(document, "disk")
    broken = document.read_text().replace("hostname = web01", "hostnam = secret-name")
    document.write_text(broken)
    import subprocess  # noqa: PLC0415 (`pack` refuses such a document, so it is put there by hand)

    subprocess.run(["mcopy", "-o", "-i", config, document, "::customization.conf"], check=True)
    result = fails(
        Vm(disks=(disk,), iso=direct(iso), config=config, config_as="disk", macs=(MAC,)),
        "config.unknown-key",
    )
    assert "line 4" in result.message
    assert "hostname" in result.hint
    assert "secret-name" not in str(result)


def test_no_root(iso: Path, document: Path, tmp_path: Path) -> None:
    disk = phony_disk("empty-data", tmp_path / "data.img")
    fails(Vm(disks=(disk,), iso=direct(iso), config=pack(document), macs=(MAC,)), "storage.no-root")


def test_two_roots(iso: Path, document: Path, tmp_path: Path) -> None:
    disks = (phony_disk("debian12", tmp_path / "a.img"), phony_disk("el8", tmp_path / "b.img"))
    result = fails(Vm(disks=disks, iso=direct(iso), config=pack(document), macs=(MAC,)), "storage.several-roots")
    assert "root = UUID=" in result.hint


def test_wrong_mac(iso: Path, document: Path, tmp_path: Path) -> None:
    disk = phony_disk("debian12", tmp_path / "disk.img")
    machine = Vm(disks=(disk,), iso=direct(iso), config=pack(document), macs=("52:54:00:00:00:01",))
    result = fails(machine, "network.no-such-card")
    assert "52:54:00:00:00:01" in result.message


def test_a_request_is_carried_out_once(iso: Path, document: Path, tmp_path: Path) -> None:
    disk = phony_disk("debian12", tmp_path / "disk.img")
    machine = Vm(disks=(disk,), iso=direct(iso), config=pack(document), macs=(MAC,))
    assert customize(machine).code == "done"
    check_records(disk)
    before = fingerprint(disk)
    result = customize(machine)
    assert (result.status, result.code, result.disk) == ("ok", "guest.already-customized", "untouched")
    assert fingerprint(disk) == before


def check_records(disk: Path) -> None:
    """What is kept in the guest says nothing of the secrets; only the steps of the first boot hold them."""
    files = [path for path, entry in list_files(disk, ROOT, STATE).items() if entry.kind == "file"]
    kept = {path: read_file(disk, ROOT, path) or b"" for path in files}
    holding = {path.removeprefix(f"{STATE}/") for path, content in kept.items() if PLANTED.encode() in content}
    assert {path.rpartition("/")[0] for path in holding} == {"first-boot/steps"}
    names = {path.rpartition("/")[2] for path in kept}
    assert {"customization.log", "result.json", "journal.json"} <= names
    assert b" runs /usr/bin/udevadm settle --timeout=60\n" in kept[f"{STATE}/customization.log"]
