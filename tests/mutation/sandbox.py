"""Runs the tests on one planted mistake: in a fork that has pytest loaded already, and that can change nothing outside.

A mistake in sysroot.py may make a test write through a link to the machine it runs on. So each run has a mount namespace
of its own, everything in it read-only but for two tmpfs, which go with it, immutable files and all.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

_CLONE_NEWNS, _MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_PRIVATE_ALL = 0x20000, 1, 32, 4096, (1 << 18) | 16384
_MEMORY = 4 << 30
# A mistake may make a test run for ever. The machine may be busy with something else.
_TEST_SECONDS, _TEST_TIMES, _RUN_SECONDS, _RUN_TIMES = 3.0, 8.0, 20.0, 8.0

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Outcome:
    """`failed` is the first test that did, "" where none has been reached; `seconds` of each test that passed."""

    found: bool
    failed: str
    seconds: dict[str, float]
    modules: tuple[str, ...]


class _Watch:
    """As a plugin of pytest: the likeliest to fail first, a limit on each, and what became of them."""

    def __init__(self, rank: Callable[[str], object], expected: dict[str, float], answer: int) -> None:
        self._rank, self._expected, self._answer = rank, expected, answer
        self._seconds: dict[str, float] = {}
        self._running = ""
        signal.signal(signal.SIGALRM, lambda *_: self.end(found=True))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self._rank(item.nodeid))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> object:
        limit = _TEST_SECONDS + _TEST_TIMES * self._expected.get(item.nodeid, 1.0)
        self._running = item.nodeid
        begun = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, limit)
        result = yield
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._seconds[item.nodeid] = time.monotonic() - begun
        return result

    def end(self, *, found: bool) -> None:
        modules = [name for name in sys.modules if name.partition(".")[0] not in ("guest", "host")]
        failed = self._running if found else ""
        os.write(self._answer, json.dumps([found, failed, self._seconds, modules]).encode())
        os._exit(0)


def run_tests(top: Path, tests: Sequence[str], rank: Callable[[str], object], expected: dict[str, float]) -> Outcome:
    """Of the copy at `top`; those first whose rank is least. `expected` are the seconds that each takes undisturbed."""
    answer, child_answer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(answer)
        _be_the_tests(top, tests, _Watch(rank, expected, child_answer))
    os.close(child_answer)
    # Not only a test: what a module computes as it is loaded may take for ever, too.
    here = sum(seconds for test, seconds in expected.items() if any(path in test for path in tests))
    said = _read_all(answer, time.monotonic() + _RUN_SECONDS + _RUN_TIMES * here + (0 if expected else 300))
    os.close(answer)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if not said:
        return Outcome(found=True, failed="", seconds={}, modules=())
    found, failed, seconds, modules = json.loads(said)
    return Outcome(found, failed, seconds, tuple(modules))


def _read_all(fd: int, deadline: float) -> bytes:
    said = b""
    while (wait := deadline - time.monotonic()) > 0 and select.select([fd], [], [], wait)[0]:
        data = os.read(fd, 1 << 20)
        if not data:
            return said
        said += data
    return b""


def _be_the_tests(top: Path, tests: Sequence[str], watch: _Watch) -> None:
    try:
        os.setsid()
        log = os.open(top / "last-run.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        _close_in(("/tmp", "/dev/shm"))  # noqa: S108 (a tmpfs of our own on each)
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for fd in (1, 2):
            os.dup2(log, fd)
        os.chdir(top)
        sys.path.insert(0, str(top))
        sys.dont_write_bytecode = True
        # hypothesis is loaded already, and says itself what went wrong.
        quiet = ["-W", "ignore::pytest.PytestAssertRewriteWarning", "-p", "no:cacheprovider"]
        arguments = ["-x", "-q", *quiet, "--basetemp=/tmp/tests", *tests]
        watch.end(found=pytest.main(arguments, plugins=[watch]) != 0)
    except BaseException:  # noqa: BLE001 (whatever it was: the parent sees no answer, and the log says why)
        traceback.print_exc()
    finally:
        os._exit(1)


def _close_in(writable: Iterable[str]) -> None:
    _call("unshare", _CLONE_NEWNS)
    _call("mount", None, b"/", None, ctypes.c_ulong(_MS_PRIVATE_ALL), None)
    _call("mount", None, b"/", None, ctypes.c_ulong(_MS_REMOUNT | _MS_BIND | _MS_RDONLY), None)
    for folder in writable:
        _call("mount", b"tmpfs", folder.encode(), b"tmpfs", ctypes.c_ulong(0), b"mode=1777")


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
