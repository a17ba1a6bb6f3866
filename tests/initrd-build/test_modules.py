"""Drivers are resolved against the kernel's own tables and closed over what they need."""

from pathlib import Path

import pytest

import modules

HERE = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "modules.dep").write_text(
        "kernel/a/virtio-net.ko: kernel/a/virtio.ko\nkernel/a/virtio.ko:\nkernel/fs/ext4.ko.xz: kernel/fs/jbd2.ko.xz\n"
        "kernel/fs/jbd2.ko.xz:\nkernel/crypto/crc32c_generic.ko:\nkernel/crypto/other.ko:\n"
    )
    (tmp_path / "modules.softdep").write_text("# comment\nsoftdep ext4 pre: crypto-crc32c post: other\n")
    (tmp_path / "modules.alias").write_text(
        "# comment\nalias virtio:d00000001v* virtio_net\nalias crypto-crc32c crc32c_generic\nalias fs-ext4 ext4\n"
    )
    (tmp_path / "modules.builtin").write_text("kernel/drivers/virtio/virtio_pci.ko\n")
    return tmp_path


def hardware(module: str, modalias: str, optional: str = "") -> modules.Hardware:
    return modules.Hardware("qemu", "thing", modalias, module, optional)


def groups(*required: str, wanted: tuple[str, ...] = ()) -> dict[str, dict[str, list[str]]]:
    return {"group": {"required": list(required), "wanted": list(wanted)}}


def test_closed_over_dependencies_and_softdeps(folder: Path) -> None:
    tables = modules.read_tables(folder)
    chosen = modules.select(tables, (hardware("virtio_net", "virtio:d00000001v00001AF4"),), groups("ext4"))
    assert chosen.modules == ("crc32c_generic", "ext4", "jbd2", "other", "virtio", "virtio_net")


def test_what_is_built_in_needs_no_module(folder: Path) -> None:
    tables = modules.read_tables(folder)
    assert modules.select(tables, (hardware("virtio_pci", "pci:v00001AF4d*"),), groups()).modules == ()


def test_a_driver_that_a_kernel_dropped_stops_the_build(folder: Path) -> None:
    tables = modules.read_tables(folder)
    with pytest.raises(modules.MissingModulesError, match="qemu: thing: no mptspi for pci:x"):
        modules.select(tables, (hardware("mptspi", "pci:x"),), groups("zfs"))


def test_an_optional_one_is_a_note(folder: Path) -> None:
    tables = modules.read_tables(folder)
    chosen = modules.select(tables, (hardware("linear", "x", "gone since 6.8"),), groups(wanted=("jfs",)))
    assert chosen.notes == ("qemu: thing: no linear for x (gone since 6.8)", "group: no jfs")


@pytest.mark.skipif(not (HERE / "build/kernel/modules").exists(), reason="needs `make iso`")
def test_the_table_against_the_real_kernel() -> None:
    tables = modules.read_tables((HERE / "build/kernel/modules").resolve())
    for entry in modules.read_hardware(HERE / "initrd-build/hardware.toml"):
        driven = entry.module in tables.builtin or entry.module in modules.resolve(tables, entry.modalias)
        assert driven or entry.optional, entry
