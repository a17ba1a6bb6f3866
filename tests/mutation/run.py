"""Mutation testing with cosmic-ray, on a copy below build/: plants mistakes in what changes guests, one at a time.

Prints how many the tests find, and the survivors; exit status 1 where one survives that equivalent.toml does not explain.
`--sample N` takes every so-manieth only. What was run is kept in build/mutation/session.sqlite, which cosmic-ray's own
programs read (cr-html, cr-report); `--resume` goes on with it.
"""

from __future__ import annotations

import argparse
import collections
import functools
import importlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import cosmic_ray.plugins
from cosmic_ray.mutating import _make_diff, use_mutation
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult
from mistakes import BY_NAME, SAME_NUMBER, is_same_program, without_effect
from sandbox import Outcome, run_tests

if TYPE_CHECKING:
    from cosmic_ray.work_item import MutationSpec, WorkItem

TOP = Path(__file__).resolve().parents[2]
WORK = TOP / "build/mutation"
SESSION = WORK / "session.sqlite"
MODULES = ("apply", "rollback", "undo", "prepare", "staging", "standing", "journal", "sysroot", "openat2")
# A module's own tests come first (see Tests.find), all of the quick ones after them, and the last lot for what these do not
# find. The two that explore every chain of interruptions stand there.
QUICK = ("test_apply.py", "test_undo.py", "test_sysroot.py", "test_journal.py", "test_standing.py", "test_staging.py", "test_prepare.py",
         "test_crash.py::test_killed_for_real")  # fmt: skip
SLOW = ("test_hostile.py", "test_tree.py", "test_codes.py", "test_crash.py::test_undo_stopped_at_every_change",
        "test_crash.py::test_apply_stopped_at_every_change")  # fmt: skip
CONFIG = """\
[cosmic-ray]
module-path = [{modules}]
timeout = 300.0
test-command = "see tests/mutation/run.py"
[cosmic-ray.distributor]
name = "local"
"""
# Loaded before each fork. Not the tests or what pytest rewrites, nor what the mistakes are planted in.
_LOADED_ONCE = frozenset(
    {*sys.stdlib_module_names, "_pytest", "pluggy", "hypothesis", "configobj", "validate", "yaml", "pyudev", "pycdlib"}
)
_LOADED_ONCE -= {"this", "antigravity", "idlelib"}
_LONG_AGO = 1_500_000_000
_CONTROL_EVERY = 400


def copy_sources() -> None:
    """Anew: a run that was broken off has left its mistake."""
    for name in ("guest", "host", "tests", "qemu-tests", "pyproject.toml", "docs"):
        source = TOP / name
        if source.is_dir():
            shutil.copytree(source, WORK / name, dirs_exist_ok=True)
        else:
            shutil.copy(source, WORK / name)
    for source in WORK.glob("guest/**/*.py"):
        # A mistake has another time, so that what was compiled before is never taken for it.
        os.utime(source, (_LONG_AGO, _LONG_AGO))


def prepare() -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    copy_sources()
    modules = ", ".join(f'"guest/{name}.py"' for name in MODULES)
    (WORK / "config.toml").write_text(CONFIG.format(modules=modules))
    program = Path(sys.executable).with_name("cosmic-ray")
    subprocess.run([program, "init", "config.toml", SESSION.name], cwd=WORK, check=True)


def skip_those_without_effect(database: WorkDB) -> None:
    spans = {f"guest/{name}.py": without_effect((WORK / f"guest/{name}.py").read_text()) for name in MODULES}
    for item in list(database.pending_work_items):
        mutation = item.mutations[0]
        here = spans[str(mutation.module_path)]
        reason = BY_NAME.get(mutation.operator_name) or next(
            (span.reason for span in here if span.holds(mutation.start_pos, mutation.end_pos)), None
        )
        if reason:
            database.set_result(item.job_id, WorkResult(WorkerOutcome.SKIPPED, output=reason))


def forget_unexplained(database: WorkDB) -> None:
    """So that they are tried again, by tests that are newer."""
    items = {item.job_id: item.mutations[0] for item in database.work_items}
    again = [
        (job,)
        for job, result in database.results
        if result.test_outcome is TestOutcome.SURVIVED
        and (str(items[job].module_path), *changed_lines(result.diff)) not in known()
    ]
    with sqlite3.connect(SESSION) as session:
        session.executemany("delete from work_results where job_id = ?", again)


class Tests:
    """Those that found most mistakes of a module come first for its next one, then the quickest."""

    def __init__(self, *, quick: bool) -> None:
        self._kills: collections.Counter[tuple[str, str]] = collections.Counter()
        self._seconds: dict[str, float] = {}
        self._all = _paths(QUICK) if quick else [*_paths(QUICK), *_paths(SLOW)]
        # The first run writes down what was compiled (the tests are rewritten by pytest) and tells what to load once.
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
        argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *self._all]
        subprocess.run(argv, cwd=WORK, env=environment, check=True, stdout=subprocess.DEVNULL)
        outcome = self.control()
        for name in sorted(outcome.modules):
            if name.partition(".")[0] in _LOADED_ONCE:
                importlib.import_module(name)
        self._seconds = outcome.seconds
        print(f"{len(self._seconds)} tests, {sum(self._seconds.values()):.1f} s without a mistake", flush=True)

    def control(self) -> Outcome:
        """Without a mistake nothing may fail."""
        outcome = run_tests(WORK, self._all, lambda _: 0, self._seconds)
        if outcome.found:
            raise SystemExit(f"{outcome.failed or 'something'} fails without a mistake")
        return outcome

    def find(self, module: str, lots: tuple[tuple[str, ...], ...]) -> Outcome:
        outcome = Outcome(found=False, failed="", seconds={}, modules=())
        own = f"test_{Path(module).stem}.py"
        for lot in ((own,), *lots) if own in QUICK else lots:
            outcome = run_tests(WORK, _paths(lot), lambda test: self._rank(module, test), self._seconds)
            if outcome.found:
                break
        self._kills[module, outcome.failed] += outcome.found
        return outcome

    def _rank(self, module: str, test: str) -> tuple[int, float]:
        return -self._kills[module, test], self._seconds.get(test, 0)


def _paths(tests: tuple[str, ...]) -> list[str]:
    return [f"tests/guest/{name}" for name in tests]


def run_one(item: WorkItem, tests: Tests, *, quick: bool) -> WorkResult:
    mutation: MutationSpec = item.mutations[0]
    operator = cosmic_ray.plugins.get_operator(mutation.operator_name)(**mutation.operator_args)
    path = WORK / mutation.module_path
    with use_mutation(path, operator, mutation.occurrence) as (original, mutated):
        if mutated is None:
            return WorkResult(WorkerOutcome.NO_TEST)
        if is_same_program(original, mutated):
            return WorkResult(WorkerOutcome.SKIPPED, output=SAME_NUMBER)
        diff = "\n".join(_make_diff(original, mutated, mutation.module_path))
        module = str(mutation.module_path)
        outcome = tests.find(module, (QUICK,) if quick or (module, *changed_lines(diff)) in known() else (QUICK, SLOW))
    os.utime(path, (_LONG_AGO, _LONG_AGO))
    verdict = TestOutcome.KILLED if outcome.found else TestOutcome.SURVIVED
    return WorkResult(WorkerOutcome.NORMAL, output=outcome.failed, test_outcome=verdict, diff=diff)


def run_all(database: WorkDB, sample: int | None, *, quick: bool) -> None:
    pending = sorted(database.pending_work_items, key=lambda item: item.job_id)
    if sample:
        pending = pending[:: max(len(pending) // sample, 1)]
    tests = Tests(quick=quick)
    begun = time.monotonic()
    for number, item in enumerate(pending, 1):
        database.set_result(item.job_id, run_one(item, tests, quick=quick))
        if number % _CONTROL_EVERY == 0 or number == len(pending):
            tests.control()
            print(f"{number} of {len(pending)}, {time.monotonic() - begun:.0f} s", flush=True)


@functools.cache
def known() -> dict[tuple[str, str, str], str]:
    """(module, line, line with the mistake) -> why no test can or need tell the two apart."""
    entries = tomllib.loads(Path(__file__).with_name("equivalent.toml").read_text())["equivalent"]
    return {
        (entry["module"], entry["line"], instead): entry["why"] for entry in entries for instead in entry["instead"]
    }


def changed_lines(diff: str) -> tuple[str, str]:
    """As one line each: what the mistake takes out and what it puts in."""
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++", "@@"))]
    before, after = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return before, after


def report(database: WorkDB) -> int:
    explained, survivors, outcomes = known(), [], collections.Counter()
    reasons: collections.Counter[str] = collections.Counter()
    left_out: collections.Counter[str] = collections.Counter()
    items = {item.job_id: item.mutations[0] for item in database.work_items}
    for job, result in database.results:
        if result.worker_outcome is not WorkerOutcome.NORMAL:
            left_out[result.output or "cosmic-ray makes nothing of it"] += 1
            continue
        outcomes[result.test_outcome] += 1
        if result.test_outcome is TestOutcome.SURVIVED:
            lines = changed_lines(result.diff)
            why = explained.get((str(items[job].module_path), *lines))
            reasons[why or ""] += 1
            if why is None:
                survivors.append((items[job], *lines))
    for mutation, before, after in sorted(
        survivors, key=lambda survivor: (str(survivor[0].module_path), survivor[0].start_pos)
    ):
        print(
            f"survived: {mutation.module_path}:{mutation.start_pos[0]} {mutation.operator_name}\n  {before} => {after}"
        )
    for reason, count in left_out.most_common():
        print(f"{count:4} not planted: {reason}")
    for why, count in reasons.most_common():
        print(f"{count:4} survive: {why or 'UNEXPLAINED'}")
    total, found = sum(outcomes.values()), outcomes[TestOutcome.KILLED]
    print(f"{found} of {total} mistakes found ({100 * found / max(total, 1):.1f} %)")
    return 1 if survivors else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="about this many of the mistakes")
    parser.add_argument("--quick", action="store_true", help="only the quick tests")
    parser.add_argument("--again", action="store_true", help="with --resume: also what survived unexplained")
    parser.add_argument("--resume", action="store_true", help="go on with the last run")
    options = parser.parse_args()
    if options.resume:
        copy_sources()
    else:
        prepare()
    with use_db(str(SESSION), WorkDB.Mode.open) as database:
        if options.again:
            forget_unexplained(database)
        skip_those_without_effect(database)
        run_all(database, options.sample, quick=options.quick)
        return report(database)


if __name__ == "__main__":
    sys.exit(main())
