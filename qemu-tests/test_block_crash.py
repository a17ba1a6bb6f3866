"""Power cuts: everything that a run of our ISO writes to a disk is recorded, and the disk is made anew as it was at each point.

Every prefix of the writes, writes that are torn between two blocks, and writes that came later than their neighbours, which
a disk may do until it is told to flush. CRASH_POINTS sets how many for each file system (`make crash-test`: all there are).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from guests import writelog
from guests.disk import FileSystem, Layout, Partition, Table, read_partition_table
from guests.phony import phony_disk
from host.vm import Vm
from machine import customize, pack

HERE = Path(__file__).resolve().parent
POINTS = int(os.environ.get("CRASH_POINTS", "210"))
UUID = "f11ef11e-0000-4000-8000-000000000001"
# No card, so that the same document can be carried out on the mounted disk here.
DOCUMENT = """\
format = 1
id = test-1
[identity]
hostname = web01
domain = example.com
[dns]
servers = 10.0.0.2
[first_boot]
commands = "true"
"""


@pytest.mark.parametrize(("fs_type", "mib"), [("ext4", 64), ("xfs", 300), ("btrfs", 128)])
def test_power_cuts(iso: Path, tmp_path: Path, fs_type: str, mib: int) -> None:
    document, log = tmp_path / "customization.conf", tmp_path / "log"
    document.write_text(DOCUMENT)
    layout = Layout(Table.MBR, "0xf11ef11e", (Partition("/", FileSystem(fs_type), mib, UUID),))
    fstab = f"UUID={UUID} / {fs_type} defaults 0 1\n"
    base = phony_disk("debian12", tmp_path / "base", layout, changes={"/etc/fstab": fstab})
    recorded = Path(shutil.copy(base, tmp_path / "recorded"))
    result = customize(Vm(disks=(), iso=iso, config=pack(document), extra=writelog.drive(recorded, log)))
    assert result.code == "done"
    extent = read_partition_table(base)[0]
    paths = os.pathsep.join(map(str, (HERE, HERE.parent, HERE.parent / "tests/support")))
    command = [
        "unshare",
        "--mount",
        sys.executable,
        "-m",
        "guests.powercuts",
        base,
        log,
        str(extent.offset),
        str(extent.size),
    ]
    done = subprocess.run(
        [*command, fs_type, document, str(POINTS)],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    print(fs_type, told)
    assert told["wrong"] == {}
    assert told["cuts"] >= min(POINTS, 200)
    # It bites only if cuts fell before, between and after.
    assert min(told["old"], told["new"], told["taken back"]) > 0
