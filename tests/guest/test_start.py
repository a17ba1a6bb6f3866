"""What a run imports: each module of the standard library costs the frozen program 5 to 50 ms under TCG at every boot."""

from __future__ import annotations

import subprocess
import sys

# Each was imported once, for something that has another way or that few guests need.
NOT_FOR_EVERY_RUN = {
    "argparse", "difflib", "hmac", "importlib.resources", "pathlib", "platform", "random", "tempfile", "traceback",
    "urllib.parse", "uuid", "yaml", "zipfile",
}  # fmt: skip
# Absent from the frozen program, where stand_ins.py answers for them; without it they bring the others along.
STAND_INS = """
import sys, types
for name in ("ctypes.util", "inspect"):
    module = sys.modules[name] = types.ModuleType(name)
    module.find_library = {"udev": "libudev.so.1", "c": "libc.so.6"}.get
    module.signature = lambda _: ""
before = set(sys.modules)
import pyudev, guest.__main__, guest.boot_words, guest.pipeline, guest.report
print(*(set(sys.modules) - before))
"""


def test_a_run_imports_nothing_that_it_can_do_without() -> None:
    imported = subprocess.run([sys.executable, "-c", STAND_INS], check=True, capture_output=True, text=True).stdout
    assert set(imported.split()) & NOT_FOR_EVERY_RUN == set()
