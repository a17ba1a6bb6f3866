"""How our command-line programs answer: sentences for a person, one JSON object for a program, an exit status."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from guest.errors import CustomizerError
from guest.settings.problems import DocumentError

if TYPE_CHECKING:
    from collections.abc import Callable

OK, FAILED, INTERRUPTED = 0, 1, 130


def carry_out(action: Callable[[], int], *, as_json: bool, explain: Callable[[OSError], CustomizerError]) -> int:
    """Runs a command and returns its exit status; whatever it raises is said. `explain` makes our error of the system's."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file's name may be of any bytes, a terminal of any encoding.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = action()
        sys.stdout.flush()
    except BrokenPipeError:
        _give_up_stdout()  # whoever read our output has enough of it
    except CustomizerError as error:
        refuse(error, as_json=as_json)
    except OSError as error:
        refuse(explain(error), as_json=as_json)
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    else:
        return status
    return FAILED


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def show(**fields: object) -> None:
    """The one JSON object of a success."""
    print(json.dumps({"ok": True, **fields}, indent=1))


def refuse(error: CustomizerError, *, as_json: bool, **more: object) -> None:
    """Says an error: on standard error, and where asked for as the one JSON object on standard output."""
    say(f"{error.code}: {error.message}")
    if error.hint:
        say(f"  {error.hint}")
    try:
        if as_json:
            print(json.dumps({**_to_json(error), **more}, indent=1))
        sys.stdout.flush()
    except OSError:
        _give_up_stdout()


def _to_json(error: CustomizerError) -> dict[str, Any]:
    fields: dict[str, Any] = {"ok": False, "code": error.code, "message": error.message, "hint": error.hint}
    if isinstance(error, DocumentError):
        fields["problems"] = [
            {
                "code": p.code,
                "file": p.document,
                "line": p.line,
                "path": list(p.path),
                "message": p.message,
                "hint": p.hint,
            }
            for p in error.problems
        ]
    return fields


def _give_up_stdout() -> None:
    """Python flushes once more at its end, and must find neither a broken pipe nor a full disk then."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
