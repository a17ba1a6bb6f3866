"""The one door to external programs: an argv list, never a shell; failure is an exception that holds all there is."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

from guest.errors import CustomizerError

if TYPE_CHECKING:
    from collections.abc import Callable


class CommandError(CustomizerError):
    """A program that could not be started, took too long, or ended with a status that was not expected."""

    def __init__(self, argv: list[str], status: int | None, output: str) -> None:
        why = "took too long" if status is None else f"ended with status {status}"
        super().__init__(
            "internal.command",
            f"{shlex.join(argv)} {why}: {output.strip()[-500:]}",
            "boot with customizer.debug on the kernel command line and run it by hand",
        )
        self.argv = argv
        self.status = status
        self.output = output


_listeners: list[Callable[[str | None], None]] = []


def tell(listener: Callable[[str | None], None]) -> None:
    """From now on `listener` gets the line of each program before it runs, as a shell would take it; None when it has ended."""
    _listeners.append(listener)


def _say(line: str | None) -> None:
    for listener in _listeners:
        listener(line)


def run(argv: list[str], *, timeout: float, ok: frozenset[int] = frozenset({0}), feed: bytes = b"") -> str:
    """Its standard output. Raises CommandError. Programs are named by absolute path; secrets go in by `feed`, stdin."""
    _say(shlex.join(argv))
    try:
        done = subprocess.run(argv, capture_output=True, check=False, timeout=timeout, input=feed, env=_environment())
    except subprocess.TimeoutExpired as error:
        raise CommandError(argv, None, (error.stderr or b"").decode("utf-8", "replace")) from error
    except OSError as error:
        raise CommandError(argv, 127, str(error)) from error
    finally:
        _say(None)
    if done.returncode not in ok:
        raise CommandError(argv, done.returncode, done.stderr.decode("utf-8", "replace"))
    return done.stdout.decode("utf-8", "replace")


def _environment() -> dict[str, str]:
    """PyInstaller points LD_LIBRARY_PATH at its own libraries and keeps what was there before in ..._ORIG."""
    environment = {
        key: value for key, value in os.environ.items() if key not in ("LD_LIBRARY_PATH", "LD_LIBRARY_PATH_ORIG")
    }
    if "LD_LIBRARY_PATH_ORIG" in os.environ:
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH_ORIG"]
    return environment
