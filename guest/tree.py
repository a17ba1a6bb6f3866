"""plan, apply and undo on a directory tree: the same decisions, with the hardware described in a file."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from guest import __version__, apply, journal
from guest.answers import OK, carry_out, say, show
from guest.decide import decide
from guest.diff import unified_diff
from guest.document_file import load_file
from guest.errors import CustomizerError, io_error
from guest.machine.description import parse_machine
from guest.machine.model import Machine
from guest.prepare import prepare
from guest.settings.model import Action
from guest.settings.problems import DOCUMENT
from guest.sysroot import Sysroot
from guest.undo import plan_undo, undo

if TYPE_CHECKING:
    from guest.decide import Decision

_EPILOG = """\
Exit status: 0 done; 1 it cannot be done, standard error says why; 2 the command line is wrong; 130 interrupted.
With --json standard output holds one JSON object, "ok" true or false; plan's is what apply's would be.
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
    return carry_out(lambda: _carry_out(arguments), as_json=arguments.json, explain=_explain)


def _explain(error: OSError) -> CustomizerError:
    return io_error(error, "check the disk and its permissions")


def _carry_out(arguments: argparse.Namespace) -> int:
    with _open_root(arguments.root) as root:
        return _undo(arguments, root) if arguments.command == "undo" else _plan_or_apply(arguments, root)


def _plan_or_apply(arguments: argparse.Namespace, root: Sysroot) -> int:
    settings = load_file(arguments.document)
    machine = _machine(arguments.machine)
    warnings = _recover(root) if arguments.command == "apply" else ()
    if settings.request.action is Action.UNDO:
        return _take_back(root, settings.request_id, settings.request.force, arguments, warnings)
    if journal.is_done(root, settings.request_id):
        say(f"request {settings.request_id} has been carried out here before; nothing to do")
        if arguments.json:
            show(**(_NOTHING | {"code": "guest.already-customized", "id": settings.request_id, "warnings": warnings}))
        return OK
    decision = decide(settings, machine, root)
    transaction = prepare(root, settings.request_id, decision.plan.edits)
    if arguments.command == "apply":
        apply.carry_out(root, transaction, decision.checks)
    for warning in decision.warnings:
        say(f"warning: {warning}")
    if arguments.json:
        all_warnings = [*warnings, *decision.warnings]
        show(**(summary(decision) | {"code": "done", "id": settings.request_id, "warnings": all_warnings}))
    else:
        _print_plan(decision, as_diff=arguments.command == "plan")
    return OK


def _print_plan(decision: Decision, *, as_diff: bool) -> None:
    if not as_diff:
        for edit in decision.plan.edits:
            print(f"{edit.path}: {edit.reason}")
        return
    print(f"# {summary(decision)['release']}: family {decision.guest.family.name}", end="")
    print(f", network stack {decision.guest.stack.name} ({decision.stack_because})" if decision.guest.stack else "")
    for line in unified_diff(decision.plan):
        print(line)


def _recover(root: Sysroot) -> tuple[str, ...]:
    """Takes back what interrupted runs left; returns the warnings, which are said."""
    warnings: list[str] = []
    for interrupted in journal.unfinished(root):
        for warning in apply.say_recovered(interrupted, apply.recover(root, interrupted)):
            say(f"warning: {warning}")
            warnings.append(warning)
    return tuple(warnings)


def _undo(arguments: argparse.Namespace, root: Sysroot) -> int:
    warnings = _recover(root)
    request_id = arguments.id or load_file(arguments.document).request_id
    return _take_back(root, request_id, arguments.force, arguments, warnings)


def _take_back(
    root: Sysroot, request_id: str, force: bool, arguments: argparse.Namespace, warnings: tuple[str, ...]
) -> int:
    plan = plan_undo(root, request_id, force=force)
    if plan is not None and arguments.command != "plan":
        undo(root, plan)
    if arguments.json:
        code = "undone" if plan else "guest.already-undone"
        changed = sorted(plan.paths) if plan else []
        show(**(_NOTHING | {"code": code, "id": request_id, "changed": changed, "warnings": warnings}))
    elif plan is None:
        say(f"request {request_id} is not in force here; nothing to do")
    else:
        outcome = "would be put back" if arguments.command == "plan" else "back as it was"
        for path in plan.paths:
            print(f"{path}: {outcome}")
    return OK


# What an answer holds where nothing had to be decided: every one has the same fields.
_NOTHING: dict[str, object] = {"family": None, "release": None, "stack": None, "changed": [], "warnings": []}


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


def _machine(path: str | None) -> Machine:
    if path is None:
        return Machine()
    try:
        with open(path, "rb") as file:
            return parse_machine(file.read())
    except OSError as error:
        raise CustomizerError(
            "usage.machine", f"{path} cannot be read: {error.strerror}", "correct the path"
        ) from error


def _open_root(path: str) -> Sysroot:
    try:
        return Sysroot(path)
    except OSError as error:
        raise CustomizerError(
            "usage.root", f"{path} is not a folder that can be opened: {error.strerror}", "correct the path"
        ) from error
