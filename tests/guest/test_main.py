"""The program's own door: `run` belongs to the initrd."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from guest import __main__ as program

if TYPE_CHECKING:
    from pathlib import Path


def test_run_is_refused_on_a_machine_that_was_not_started_from_our_iso() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "guest", "run"], capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage.not-the-initrd: ")
    assert "guest-customizer run" in done.stderr


def test_the_age_is_counted_from_the_start_of_the_process() -> None:
    before = program._age()
    time.sleep(0.05)
    assert 0.04 <= program._age() - before < 5
    ask = "import time; time.sleep(0.3); from guest import __main__; print(__main__._age())"
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout
    assert 0.3 <= float(told) < 20


@pytest.mark.parametrize(("mode", "says"), [(0, None), (1, None), (2, False), (3, True)])
def test_secure_boot_as_the_kernel_was_told(tmp_path: Path, mode: int, says: bool | None) -> None:
    """efi_secureboot_mode of <linux/efi.h>: unset, unknown, disabled, enabled."""
    parameters = bytearray(4096)
    parameters[0x1EC] = mode
    (tmp_path / "data").write_bytes(parameters)
    assert program._secure_boot(str(tmp_path / "data")) is says


def test_no_word_of_secure_boot(tmp_path: Path) -> None:
    """Where the kernel is for another architecture."""
    assert program._secure_boot(str(tmp_path / "none")) is None
    (tmp_path / "short").write_bytes(b"x")
    assert program._secure_boot(str(tmp_path / "short")) is None
