"""Fuzzes each target with atheris for some seconds, from the corpus in build/fuzz. Status 1 where one crashed or hung."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP), str(Path(__file__).resolve().parent)]


def fuzz_one(name: str, arguments: list[str]) -> None:
    """In a process of its own: libFuzzer ends it."""
    import atheris  # noqa: PLC0415 (only here is it there)

    with atheris.instrument_imports(include=["guest", "host"]):
        import targets  # noqa: PLC0415 (instrumented)

    def test_one_input(data: bytes) -> None:
        targets.allowing_our_own(lambda: targets.TARGETS[name](data))

    atheris.Setup([sys.argv[0], *arguments], test_one_input)
    atheris.Fuzz()


def main() -> int:
    import targets  # noqa: PLC0415 (its folder is only now on the path)

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: %(default)s)")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"default: all of {', '.join(targets.TARGETS)}")
    options = parser.parse_args()
    failed = False
    for name in options.targets or targets.TARGETS:
        corpus = TOP / "build/fuzz" / name
        corpus.mkdir(parents=True, exist_ok=True)
        for number, word in enumerate(targets.words(name)):
            (corpus / f"word-{number}").write_bytes(word)
        (corpus / "words").write_bytes(b"".join(targets.words(name)))
        limits = [
            f"-max_total_time={options.seconds}",
            "-timeout=20",
            "-max_len=4096",
            "-print_final_stats=1",
            "-verbosity=0",
        ]
        command = [
            sys.executable,
            __file__,
            "--one",
            name,
            *limits,
            f"-artifact_prefix={corpus.parent}/{name}-",
            str(corpus),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONHASHSEED": "0"}
        )
        found = re.search(r"number_of_executed_units:\s*(\d+)", done.stderr)
        print(
            f"{name:14} {found[1] if found else '?':>9} executions  {'FAILED' if done.returncode else 'ok'}", flush=True
        )
        if done.returncode:
            failed = True
            print(done.stderr[-3000:])
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        fuzz_one(sys.argv[2], sys.argv[3:])
    sys.exit(main())
