"""guest-customizer: builds the boot ISO, checks and packs config media, drives a VM, finds results."""

from __future__ import annotations

import contextlib
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from guest.answers import carry_out
from host import commands, files
from host.arguments import parser

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ACTIONS = {
    "iso": commands.make_iso,
    "check": commands.check,
    "pack": commands.pack,
    "hash-password": commands.print_hash,
    "run": commands.run,
    "result": commands.find_result,
}
_ENDS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status. Raises SystemExit where the command line is wrong, or a signal ends the program."""
    arguments = parser().parse_args(argv)
    with _ended_by_exception():
        return carry_out(lambda: _ACTIONS[arguments.command](arguments), as_json=arguments.json, explain=files.explain)


@contextlib.contextmanager
def _ended_by_exception() -> Iterator[None]:
    """Signals end the program by SystemExit, so that the machine is stopped and files with secrets are removed."""
    before = {number: signal.getsignal(number) for number in _ENDS}
    caught = [number for number in _ENDS if before[number] is not signal.SIG_IGN]  # nohup's stays ignored

    def end(number: int, _frame: object) -> NoReturn:
        for each in caught:
            signal.signal(each, signal.SIG_IGN)  # a second one must not interrupt the clearing up
        sys.exit(128 + number)

    for number in caught:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in caught:
            signal.signal(number, before[number])


if __name__ == "__main__":
    sys.exit(main())
