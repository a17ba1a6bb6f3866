"""The boot image: BIOS and UEFI entries, a valid partition table, every file as it went in, the same bytes each time."""

import subprocess
from pathlib import Path

import pytest

from guest.errors import CustomizerError
from host import iso


def write(tmp_path: Path, name: str = "out.iso", kernel: int = 5000, initrd: int = 70000) -> Path:
    (tmp_path / "vmlinuz").write_bytes(bytes(range(256)) * (kernel // 256 + 1))
    (tmp_path / "initrd.img").write_bytes(b"initrd" * (initrd // 6))
    output = tmp_path / name
    iso.write_iso(
        kernel=tmp_path / "vmlinuz",
        initrd=tmp_path / "initrd.img",
        output=output,
        command_line=iso.DEFAULT_COMMAND_LINE,
        source_date_epoch=0,
        progress=lambda _: None,
    )
    return output


def test_an_independent_reader_finds_every_file(tmp_path: Path) -> None:
    image = write(tmp_path)
    out = tmp_path / "out"
    command = ["xorriso", "-osirrox", "on", "-indev", str(image), "-extract", "/", str(out)]
    subprocess.run(command, capture_output=True, check=True)
    assert (out / "boot/vmlinuz").read_bytes() == (tmp_path / "vmlinuz").read_bytes()
    assert (out / "boot/initrd.img").read_bytes() == (tmp_path / "initrd.img").read_bytes()
    assert "console=ttyS0,115200 console=tty0" in (out / "isolinux/isolinux.cfg").read_text()
    grub = tmp_path / "grub.cfg"
    subprocess.run(["mcopy", "-i", out / "boot/efi.img", "::/EFI/BOOT/grub.cfg", grub], check=True, capture_output=True)
    assert grub.read_text() == (out / "boot/grub/grub.cfg").read_text()


def test_boot_entries(tmp_path: Path) -> None:
    command = ["xorriso", "-indev", str(write(tmp_path)), "-report_el_torito", "plain", "-report_system_area", "plain"]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    images = [line.split() for line in report.splitlines() if line.startswith("El Torito boot img :")]
    assert [words[6] for words in images] == ["BIOS", "UEFI"]
    assert "isohybrid" in report
    partitions = [line.split() for line in report.splitlines() if line.startswith("MBR partition      :")]
    assert [(words[4], words[5]) for words in partitions] == [("0x80", "0x17"), ("0x00", "0xef")]


def test_the_partition_table_is_valid_and_names_the_efi_image(tmp_path: Path) -> None:
    image = write(tmp_path)
    dump = subprocess.run(["sfdisk", "--json", str(image)], capture_output=True, text=True, check=True).stdout
    assert '"label": "dos"' in dump
    sector, content = iso._locate(image.read_bytes(), "/boot/efi.img")
    assert f'"start": {sector * 4},' in dump
    start = sector * 2048
    assert image.read_bytes()[start : start + len(content)] == content


def test_two_images_are_identical(tmp_path: Path) -> None:
    assert write(tmp_path, "a.iso").read_bytes() == write(tmp_path, "b.iso").read_bytes()


def test_no_size_corrupts_a_file(tmp_path: Path) -> None:
    """pycdlib's own hybrid call overwrites the last file at 1.6 % of sizes; write_iso reads everything back itself."""
    base = 2**20 - len(write(tmp_path).read_bytes()) % 2**20
    for extra in range(-18 * 2048, 2048 * 3, 7 * 2048):
        image = write(tmp_path, initrd=70000 + base + extra)
        assert len(image.read_bytes()) % 2**20 == 0


def test_a_missing_input(tmp_path: Path) -> None:
    with pytest.raises(CustomizerError) as caught:
        iso.write_iso(
            kernel=tmp_path / "none",
            initrd=tmp_path / "none",
            output=tmp_path / "x",
            command_line="",
            source_date_epoch=0,
            progress=lambda _: None,
        )
    assert caught.value.code == "iso.missing-input"
    assert not (tmp_path / "x").exists()
