"""Freezes guest/__main__.py into a folder with its own Python; two runs give the same bytes."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# What the program imports on its way through a run.
RECORDED = ("pyudev", "guest.boot_words", "guest.pipeline", "guest.report")


def freeze(entry: Path, output: Path, log_level: str) -> None:
    with tempfile.TemporaryDirectory(prefix="customizer-freeze-") as scratch:
        record = [sys.executable, str(HERE / "compiled_ahead.py"), scratch, *RECORDED]
        subprocess.run(record, check=True, env={**os.environ, "PYTHONPATH": str(HERE.parent)})
        environment = {
            **os.environ,
            "CUSTOMIZER_ENTRY": str(entry.resolve()),
            "CUSTOMIZER_GENERATED": scratch,
            "PYTHONHASHSEED": "1",  # the order of sets decides the order of what is packed
            "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", "0"),
            "PYTHONDONTWRITEBYTECODE": "1",
            # The initrd is compressed as a whole, and better; inflating each module cost 9 % of the start.
            "PYINSTALLER_ZLIB_COMPRESSION_LEVEL": "0",
        }
        subprocess.run(
            [
                *(sys.executable, "-m", "PyInstaller", "--noconfirm", "--clean", "--log-level", log_level),
                *("--distpath", f"{scratch}/dist", "--workpath", f"{scratch}/work"),
                str(HERE / "customizer.spec"),
            ],
            check=True,
            env=environment,
            cwd=HERE.parent,
        )
        shutil.rmtree(output, ignore_errors=True)
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(f"{scratch}/dist/customizer", output)


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="freeze.py", description=__doc__)
    parser.add_argument("--entry", type=Path, default=HERE.parent / "guest/__main__.py", help="script to freeze")
    parser.add_argument("--output", type=Path, default=Path("build/customizer"), help="folder (%(default)s)")
    parser.add_argument("--log-level", default="ERROR", help="PyInstaller's (%(default)s)")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    arguments = parse_arguments(argv)
    print(f"freeze: {arguments.entry}", flush=True)
    freeze(arguments.entry, arguments.output, arguments.log_level)
    size = sum(path.stat().st_size for path in arguments.output.rglob("*") if path.is_file())
    print(f"freeze: {arguments.output}, {size / 2**20:.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
