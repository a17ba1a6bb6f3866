"""plan, apply and undo on a directory tree: the same decisions, with the hardware described in a file."""

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
from guest.prepare import prepare
from guest.settings.document import load
from guest.settings.model import Action
from guest.settings.problems import DOCUMENT
from guest.sysroot import Sysroot
from guest.undo import plan_undo, undo

if TYPE_CHECKING:
    from guest.decide import Decision
    from guest.settings.model import Settings

_EPILOG = """\
Exit status: 0 done; 1 it cannot be done, standard error says why; 2 the command line is wrong.
The document's `scripts` are looked for beside it. A run that was interrupted is taken back by the next apply or undo."""

_COMMANDS = (
    ("plan", "print a unified diff and touch nothing"),
    ("apply", "change the tree"),
    ("undo", "take back the request that the document's id names"),
)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m guest",
        description="Customizes a Linux guest's directory tree as our boot ISO would customize its disks.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="plan | apply | undo")
    for name, what in _COMMANDS:
        command = commands.add_parser(name, help=what, description=what)
        command.add_argument("--root", required=True, help="the guest's root folder")
        command.add_argument("--json", action="store_true", help="print the outcome as one JSON object")
        if name == "undo":
            command.add_argument("--force", action="store_true", help="also where files were changed since")
            command.add_argument("--id", help="the request, where there is no document")
        else:
            command.add_argument("--machine", help="the hardware, as JSON; needed where the document names cards")
        nargs = "?" if name == "undo" else None
        command.add_argument("document", nargs=nargs, help=f"the configuration document ({DOCUMENT})")
    return top


def main(argv: list[str]) -> int:
    top = parser()
    arguments = top.parse_args(argv)
    if arguments.command == "undo" and (arguments.id is None) == (arguments.document is None):
        top.error("undo needs a document or --id")
    try:
        with _open_root(arguments.root) as root:
            status = _undo(arguments, root) if arguments.command == "undo" else _plan_or_apply(arguments, root)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has enough of it (`plan | head`); Python's own last flush must find no broken pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except CustomizerError as error:
        return _failed(error)
    except OSError as error:
        where = f" at {error.filename}" if isinstance(error.filename, str) else ""
        return _failed(CustomizerError("storage.io-error", f"reading or writing failed{where}: {error.strerror}"))
    return status


def _failed(error: CustomizerError) -> int:
    for line in (f"{error.code}: {error.message}", *([f"  {error.hint}"] if error.hint else [])):
        # Names in a guest may be of any bytes.
        print(line.encode("utf-8", "backslashreplace").decode(), file=sys.stderr)
    return 1


def _plan_or_apply(arguments: argparse.Namespace, root: Sysroot) -> int:
    settings = _load(arguments.document)
    machine = _machine(arguments.machine)
    if arguments.command == "apply":
        _recover(root)
    if settings.request.action is Action.UNDO:
        return _take_back(root, settings.request_id, settings.request.force, arguments)
    if journal.is_done(root, settings.request_id):
        print(f"request {settings.request_id} has been carried out here before; nothing to do", file=sys.stderr)
        if arguments.json:
            done = {"code": "guest.already-customized", "id": settings.request_id, "changed": []}
            print(json.dumps(done, indent=1))
        return 0
    decision = decide(settings, machine, root)
    transaction = prepare(root, settings.request_id, decision.plan.edits)
    if arguments.command == "apply":
        apply.carry_out(root, transaction, decision.checks)
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
            print(f"{edit.path}: {edit.reason}".encode("utf-8", "backslashreplace").decode())
    return 0


def _recover(root: Sysroot) -> None:
    for interrupted in journal.unfinished(root):
        for warning in apply.say_recovered(interrupted, apply.recover(root, interrupted)):
            print(f"warning: {warning}".encode("utf-8", "backslashreplace").decode(), file=sys.stderr)


def _undo(arguments: argparse.Namespace, root: Sysroot) -> int:
    _recover(root)
    request_id = arguments.id or _load(arguments.document).request_id
    return _take_back(root, request_id, arguments.force, arguments)


def _take_back(root: Sysroot, request_id: str, force: bool, arguments: argparse.Namespace) -> int:
    plan = plan_undo(root, request_id, force=force)
    if plan is not None and arguments.command != "plan":
        undo(root, plan)
    if arguments.json:
        print(json.dumps({"id": request_id, "changed": sorted(plan.paths) if plan else []}, indent=1))
    elif plan is None:
        print(f"request {request_id} is not in force here; nothing to do", file=sys.stderr)
    else:
        outcome = "would be put back" if arguments.command == "plan" else "back as it was"
        for path in plan.paths:
            print(f"{path}: {outcome}".encode("utf-8", "backslashreplace").decode())
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
    if not os.path.isfile(document):
        raise CustomizerError("usage.document", f"{document} does not exist, or is not a file", "correct the path")
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
