"""Every way in which a guest keeps its root: each file of layouts/ is a guest's disks, and what a run has to make of it.

The report is checked, and the disks themselves by an independent reader: Debian's own tools in a machine that runs none
of our code. What a run must not touch is compared block by block.
"""

from __future__ import annotations

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from guest.errors import CustomizerError
from guests import layouts
from host.vm import Vm
from machine import MAC, customize, direct, pack

if TYPE_CHECKING:
    from guest.protocol import Result
    from guests.layouts import Layout, Read

BUILD = Path(__file__).resolve().parent.parent / "build"
DOCUMENT = """\
format = 1
id = layout-1
[identity]
hostname = web01
domain = example.com
[network]
[[lan]]
mac = 52:54:00:12:34:56
addresses = 10.0.0.11/24
"""


@dataclass
class Run:
    layout: Layout
    images: tuple[Path, ...]  # as they were made
    disks: tuple[Path, ...]  # overlays of them: as they are after the run
    result: Result | Exception
    read: Read | None = None


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """All chosen layouts: made in one machine, customized one by one, read in one machine."""
    chosen = [
        item.callspec.params["name"] for item in request.session.items if "runs" in getattr(item, "fixturenames", ())
    ]
    folder = tmp_path_factory.mktemp("layouts")
    wanted = [layouts.load(name) for name in dict.fromkeys(chosen)]
    made = layouts.make(wanted, BUILD)
    with ThreadPoolExecutor(2) as pool:  # two machines of one processor are through sooner than one of two
        found = {one.layout.name: one for one in pool.map(lambda each: run(each, made[each.name], folder), wanted)}
    done = {name: (one.layout, one.disks) for name, one in found.items() if getattr(one.result, "is_ok", False)}
    for name, read in (layouts.read(done, folder) if done else {}).items():
        found[name].read = read
    return found


def run(layout: Layout, images: tuple[Path, ...], folder: Path) -> Run:
    disks = tuple(overlay(image, folder / f"{layout.name}-{number}.qcow2") for number, image in enumerate(images, 1))
    document = folder / layout.name / "customization.conf"
    document.parent.mkdir()
    document.write_text(DOCUMENT + layout.fill_in(layout.document))
    for name, content in layout.key_files.items():
        (document.parent / name).parent.mkdir(parents=True, exist_ok=True)
        (document.parent / name).write_text(content)
    start = direct(BUILD / "guest-customizer.iso")
    attached = tuple(disks[number - 1] for number in layout.attach) or disks
    machine = Vm(disks=attached, iso=start, config=pack(document), macs=(MAC,), disk_bus=layout.bus, cpus=1)
    if layout.bus == "twice":
        machine = Vm(disks=(), iso=start, config=pack(document), macs=(MAC,), cpus=1, extra=two_paths(disks[0]))
    try:
        return Run(layout, images, disks, customize(machine))
    except (AssertionError, CustomizerError) as error:
        return Run(layout, images, disks, error)


def overlay(base: Path, path: Path) -> Path:
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", base, path], check=True)
    return path


def two_paths(disk: Path) -> tuple[str, ...]:
    """One image on two controllers, with one serial number."""
    paths = ["-device", "virtio-scsi-pci,id=path1", "-device", "virtio-scsi-pci,id=path2"]
    for number in (1, 2):
        paths += ["-drive", f"file={disk},format=qcow2,if=none,id=way{number},file.locking=off,snapshot=on"]
        paths += ["-device", f"scsi-hd,bus=path{number}.0,drive=way{number},serial=ONE-LUN,wwn=0x5000c50015ea71ac"]
    return tuple(paths)


@pytest.mark.parametrize("name", layouts.NAMES)
def test_layout(runs: dict[str, Run], name: str) -> None:
    one = runs[name]
    if isinstance(one.result, Exception):
        raise one.result
    layout, expect, result = one.layout, one.layout.expect, one.result
    assert result.code == expect.code, result
    assert result.disk == (expect.disk or ("changed" if result.is_ok else "untouched"))
    assert re.search(layout.fill_in(expect.message), result.message), result.message
    assert re.search(layout.fill_in(expect.hint), result.hint), result.hint
    assert "secret" not in str(result)
    if result.is_ok:
        assert_each(expect.warnings, result.warnings)
        assert_each(expect.skipped, result.skipped)
        check_disks(layout, one.read)
    elif expect.same:
        check_untouched(one)


def assert_each(patterns: tuple[str, ...], texts: tuple[str, ...]) -> None:
    assert len(patterns) == len(texts), texts
    for pattern, text in zip(patterns, texts, strict=True):
        assert re.search(pattern, text), f"{pattern!r} is not in {text!r}"


def check_disks(layout: Layout, read: Read | None) -> None:
    assert read is not None
    if layout.expect.healthy:
        for place, (status, words) in read.health.items():
            assert status == 0, f"the file system of {place} is not clean: {words}"
    assert read.files["/etc/hostname"] == b"web01\n"
    assert b"10.0.0.11" in read.files["/etc/network/interfaces"]
    kept = json.loads(read.files[f"{layout.expect.state}/result.json"])
    assert (kept["code"], kept["id"]) == ("done", "layout-1")
    for path, content in layout.expect.files.items():
        assert read.files[path].decode() == content


def check_untouched(one: Run) -> None:
    for base, disk in zip(one.images, one.disks, strict=True):
        command = ["qemu-img", "compare", "-f", "raw", "-F", "qcow2", base, disk]
        compared = subprocess.run(command, capture_output=True, text=True, check=False)
        assert compared.returncode == 0, f"{disk.name} was written to: {compared.stdout}"
