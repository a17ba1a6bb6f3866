"""What each command of guest-customizer does: its files are checked, the work is done, the outcome is printed."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from guest.answers import FAILED, OK, refuse, say, show
from guest.document_file import load_file
from guest.errors import CustomizerError
from guest.protocol import clean
from guest.settings.problems import DocumentError
from host import files, media, vm
from host.console import CONSOLE_LIMIT, Transcript, summarize
from host.password import hash_password, read_password

if TYPE_CHECKING:
    import argparse

    from guest.protocol import Result
    from host.follow import Outcome

NO_RESULT = 3


def make_iso(arguments: argparse.Namespace) -> int:
    from host import iso  # noqa: PLC0415 (pycdlib's import is slow, and the other commands do without)

    added = f" {arguments.command_line}" if arguments.command_line else ""
    iso.write_iso(
        kernel=arguments.kernel,
        initrd=arguments.initrd,
        output=arguments.output,
        command_line=iso.DEFAULT_COMMAND_LINE + added,
        source_date_epoch=0,
        progress=say,
    )
    if arguments.json:
        show(output=str(arguments.output))
    else:
        print(arguments.output)
    return OK


def check(arguments: argparse.Namespace) -> int:
    try:
        settings = load_file(arguments.document)
    except DocumentError as error:
        if arguments.json:
            raise
        for problem in error.problems:
            say(f"{problem.code}: {problem}" + (f"\n  {problem.hint}" if problem.hint else ""))
        return FAILED
    if arguments.json:
        show(id=settings.request_id)
    else:
        print(f"{arguments.document}: ok")
    return OK


def pack(arguments: argparse.Namespace) -> int:
    settings = media.pack(arguments.document, arguments.output, arguments.form)
    if arguments.json:
        show(id=settings.request_id, output=str(arguments.output))
    else:
        print(f"{arguments.output}: request {settings.request_id}")
    return OK


def print_hash(_arguments: argparse.Namespace) -> int:
    print(hash_password(read_password()))
    return OK


def run(arguments: argparse.Namespace) -> int:
    machine = vm.Vm(
        disks=tuple(arguments.disk),
        iso=arguments.iso,
        config=arguments.config,
        config_as=arguments.config_as,
        firmware=arguments.firmware,
        macs=tuple(arguments.mac),
        memory_mib=arguments.memory,
    )
    vm.check(machine)
    with contextlib.ExitStack() as ended:
        request_id = None
        if not _is_medium(arguments.config):
            image = Path(ended.enter_context(tempfile.TemporaryDirectory(prefix="guest-customizer-")), "config")
            form = {"cd": "iso"}.get(arguments.config_as, arguments.config_as)
            request_id = media.pack(arguments.config, image, form).request_id
            machine = replace(machine, config=image)
        log = None
        if arguments.console:
            inputs = (*arguments.disk, arguments.config, arguments.iso)
            log = ended.enter_context(files.open_log(arguments.console, inputs))
        outcome = vm.run(machine, timeout=arguments.timeout, say=say, log=log)
    return _report(outcome, request_id, arguments)


def _is_medium(config: Path) -> bool:
    """Whether it is packed already: an image of ISO 9660, FAT or ext, or a device. A document is packed on the way."""
    with config.open("rb") as file:
        start = file.read(34 * 1024)
    signatures = (start[32769:32774] == b"CD001", start[510:512] == b"\x55\xaa", start[1080:1082] == b"\x53\xef")
    return any(signatures) or config.is_block_device()


def _report(outcome: Outcome, request_id: str | None, arguments: argparse.Namespace) -> int:
    result = outcome.transcript.result
    if outcome.halted:
        say(f"{outcome.seconds:6.1f} s  the machine has halted, as the document says; it was switched off")
    elif outcome.powered_off:
        say(f"{outcome.seconds:6.1f} s  the machine is off; its media are detached")
    else:
        return _stopped(outcome, result, as_json=arguments.json)
    # A failure from before the document was read names no request.
    if result is not None and result.id != request_id and request_id is not None and (result.id or result.is_ok):
        return _no_result(result, request_id, as_json=arguments.json)
    return _print_result(outcome.transcript, arguments)


def _stopped(outcome: Outcome, result: Result | None, *, as_json: bool) -> int:
    """Also where there is a result: what happened after it is not known, so nobody should boot the guest unseen."""
    if outcome.flooded:
        code, what = "run.console-flood", f"it wrote more than {CONSOLE_LIMIT >> 20} MiB to its serial port"
        hint = "see that it boots from our ISO"
    else:
        code, what = "run.timeout", f"it was not off after {outcome.seconds:.0f} s"
        hint = "raise --timeout; --console keeps what the machine says"
    error = CustomizerError(
        code, f"the machine had to be stopped: {what}", f"{hint}; the next run takes back what was half done"
    )
    if result and not as_json:
        print("\n".join(summarize(result)))
    refuse(error, as_json=as_json, result=result.to_json() if result else None)
    return NO_RESULT


def find_result(arguments: argparse.Namespace) -> int:
    transcript = Transcript(wanted=arguments.id)
    source = contextlib.nullcontext(sys.stdin.buffer) if str(arguments.log) == "-" else arguments.log.open("rb")
    with source as file:
        while data := file.read(1 << 16):
            transcript.feed(data)
    transcript.feed(b"\n")
    return _print_result(transcript, arguments)


def _print_result(transcript: Transcript, arguments: argparse.Namespace) -> int:
    result = transcript.result
    if result is None:
        return _no_result(transcript.passed_over, transcript.wanted, as_json=arguments.json)
    if arguments.json:
        print(json.dumps({"ok": result.is_ok, **result.to_json(), "phases": transcript.phases}, indent=1))
    else:
        print("\n".join(summarize(result)))
    return OK if result.is_ok else FAILED


def _no_result(other: Result | None, wanted: str | None, *, as_json: bool) -> int:
    message = f"there is no result of request {clean(wanted)}" if wanted else "there is no result"
    hint = "the machine was stopped too early, or our ISO did not start; see the console's last lines"
    if other is not None:
        message += f"; the last one is {other.code} of " + (f"request {other.id}" if other.id else "no request")
        hint = "see that the right config medium is attached, and read the log of this run alone"
    refuse(CustomizerError("run.no-result", message, hint), as_json=as_json)
    return NO_RESULT
