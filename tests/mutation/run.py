"""Mutation testing with cosmic-ray, on a copy below build/: plants mistakes in what changes guests, one at a time.

Prints how many the tests find, and the survivors. `--sample N` takes every so-manieth only: all of them take an hour or two.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
WORK = TOP / "build/mutation"
MODULES = ("apply", "rollback", "undo", "prepare", "staging", "standing", "journal", "sysroot")
TESTS = ("test_apply.py", "test_undo.py", "test_sysroot.py", "test_crash.py::test_killed_for_real")
CONFIG = """\
[cosmic-ray]
module-path = [{modules}]
timeout = 120.0
test-command = "{python} -m pytest -x -q -p no:cacheprovider {tests}"
[cosmic-ray.distributor]
name = "local"
"""
# Between types a | means nothing at run time.
NO_MISTAKES = "core/ReplaceBinaryOperator_BitOr_%"


def prepare() -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    for name in ("guest", "host", "tests", "qemu-tests", "pyproject.toml", "docs"):
        source = TOP / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, WORK / name)
    modules = ", ".join(f'"guest/{name}.py"' for name in MODULES)
    tests = " ".join(f"tests/guest/{name}" for name in TESTS)
    (WORK / "config.toml").write_text(CONFIG.format(modules=modules, tests=tests, python=TOP / ".venv/bin/python"))


def cosmic_ray(*arguments: str) -> str:
    program = Path(sys.executable).with_name("cosmic-ray")
    return subprocess.run([program, *arguments], cwd=WORK, check=True, capture_output=True, text=True).stdout


def thin_out(session: Path, sample: int | None) -> None:
    with sqlite3.connect(session) as database:
        mistakes = database.execute(
            "select job_id, operator_name like ? from mutation_specs order by job_id", (NO_MISTAKES,)
        )
        rows = mistakes.fetchall()
        jobs = [job for job, is_none in rows if not is_none]
        kept = jobs[:: max(len(jobs) // sample, 1)] if sample else jobs
        dropped = {job for job, _ in rows} - set(kept)
        for table in ("mutation_specs", "work_items"):
            database.executemany(f"delete from {table} where job_id = ?", [(job,) for job in dropped])  # noqa: S608 (two constants)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="about this many of the mistakes")
    options = parser.parse_args()
    prepare()
    cosmic_ray("init", "config.toml", "session.sqlite")
    thin_out(WORK / "session.sqlite", options.sample)
    cosmic_ray("exec", "config.toml", "session.sqlite")
    survivors, found = [], 0
    for line in cosmic_ray("dump", "session.sqlite").splitlines():
        item, outcome = json.loads(line)
        if outcome and outcome["test_outcome"] == "survived":
            survivors.append((item["mutations"][0], outcome["diff"]))
        found += bool(outcome) and outcome["test_outcome"] != "survived"
    for mutation, diff in survivors:
        print(f"survived: {mutation['module_path']} {mutation['operator_name']}\n{diff}")
    total = found + len(survivors)
    print(f"{found} of {total} mistakes found ({100 * found / max(total, 1):.0f} %)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
