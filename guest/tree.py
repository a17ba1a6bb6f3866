"""plan and apply on a directory tree: the same decisions, with the hardware described in a file."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING

from guest import __version__, apply, journal
from guest.decide import decide
from guest.diff import unified_diff
from guest.errors import CustomizerError
from guest.machine.description import parse_machine
from guest.machine.model import Machine
from guest.settings.document import load
from guest.settings.problems import DOCUMENT
from guest.sysroot import Sysroot

if TYPE_CHECKING:
    from guest.decide import Decision
    from guest.settings.model import Settings

_EPILOG = """\
Exit status: 0 done; 1 it cannot be done, standard error says why; 2 the command line is wrong.
The document's `scripts` are looked for beside it."""


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m guest",
        description="Customizes a Linux guest's directory tree as our boot ISO would customize its disks.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="plan | apply")
    for name, what in (("plan", "print a unified diff and touch nothing"), ("apply", "change the tree")):
        command = commands.add_parser(name, help=what, description=what)
        command.add_argument("--root", required=True, help="the guest's root folder")
        command.add_argument("--machine", help="the hardware, as JSON; needed where the document names network cards")
        command.add_argument("--json", action="store_true", help="print the outcome as one JSON object")
        command.add_argument("document", help=f"the configuration document ({DOCUMENT})")
    return top


def main(argv: list[str]) -> int:
    arguments = parser().parse_args(argv)
    try:
        settings = _load(arguments.document)
        machine = _machine(arguments.machine)
        with _open_root(arguments.root) as root:
            return _plan_or_apply(arguments, settings, machine, root)
    except CustomizerError as error:
        print(f"{error.code}: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return 1


def _plan_or_apply(arguments: argparse.Namespace, settings: Settings, machine: Machine, root: Sysroot) -> int:
    if journal.is_done(root, settings.request_id):
        print(f"request {settings.request_id} has been carried out here before; nothing to do", file=sys.stderr)
        return 0
    decision = decide(settings, machine, root)
    if arguments.command == "apply":
        for interrupted in journal.unfinished(root):
            apply.roll_back(root, interrupted)
        decision = decide(settings, machine, root)
        apply.check_room(root, decision.plan.edits)
        apply.apply(root, settings.request_id, decision.plan.edits)
    for warning in decision.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(summary(decision), indent=1))
    elif arguments.command == "plan":
        print(f"# {summary(decision)['release']}: family {decision.guest.family.name}", end="")
        print(f", network stack {decision.guest.stack.name} ({decision.stack_because})" if decision.guest.stack else "")
        for line in unified_diff(decision.plan):
            print(line.encode("utf-8", "backslashreplace").decode())
    else:
        for edit in decision.plan.edits:
            print(f"{edit.path}: {edit.reason}")
    return 0


def summary(decision: Decision) -> dict[str, object]:
    """The part of a result that a directory tree can have."""
    guest = decision.guest
    return {
        "family": guest.family.name,
        "release": guest.release.name or guest.release.id,
        "stack": guest.stack.name if guest.stack else None,
        "changed": sorted(edit.path for edit in decision.plan.edits),
        "warnings": list(decision.warnings),
    }


def _load(document: str) -> Settings:
    folder, name = os.path.split(os.path.abspath(document))
    try:
        with Sysroot(folder) as medium:
            return load(medium, name)
    except OSError as error:
        raise CustomizerError("usage.document", f"{document} cannot be read: {error.strerror}") from error


def _machine(path: str | None) -> Machine:
    if path is None:
        return Machine()
    try:
        with open(path, "rb") as file:
            return parse_machine(file.read())
    except OSError as error:
        raise CustomizerError("usage.machine", f"{path} cannot be read: {error.strerror}") from error


def _open_root(path: str) -> Sysroot:
    try:
        return Sysroot(path)
    except OSError as error:
        raise CustomizerError("usage.root", f"{path} is not a folder that can be opened: {error.strerror}") from error
