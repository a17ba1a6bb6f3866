"""undo by the ISO: the guest is file for file as it was before, and a document that asks for it twice does no harm."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from guests.disk import Extent, read_partition_table, run_mounted
from guests.phony import phony_disk
from host.vm import Vm
from machine import MAC, customize, pack

if TYPE_CHECKING:
    import subprocess

TOP = Path(__file__).resolve().parent.parent
ROOT = 1  # the second partition of the phony Debian


def whole_guest(disk: Path) -> str:
    """Every path with mode, owner, content and attributes, without our records; mounted read-only."""
    script = "import sys; from pathlib import Path; from whole import whole; print(whole(Path(sys.argv[1]), with_records=False))"
    extent: Extent = read_partition_table(disk)[ROOT]
    paths = os.pathsep.join(map(str, (TOP, TOP / "tests/support")))
    program = ["env", f"PYTHONPATH={paths}", sys.executable, "-c", script, "/mnt"]
    done: subprocess.CompletedProcess[bytes] = run_mounted(disk, extent, "ro", program)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_undo(iso: Path, document: Path, tmp_path: Path) -> None:
    disk = phony_disk("debian12", tmp_path / "disk.img")
    before = whole_guest(disk)
    asked = document.read_text()
    assert customize(Vm(disks=(disk,), iso=iso, config=pack(document), macs=(MAC,))).code == "done"
    assert whole_guest(disk) != before

    document.write_text(asked + "[request]\naction = undo\n")
    # Without the card: nothing but the id of the document counts.
    machine = Vm(disks=(disk,), iso=iso, config=pack(document))
    result = customize(machine)
    assert (result.status, result.code, result.disk) == ("ok", "undone", "restored")
    assert "/etc/hostname" in result.changed
    assert whole_guest(disk) == before

    again = customize(machine)
    assert (again.status, again.code, again.disk) == ("ok", "guest.already-undone", "untouched")
