"""guest-customizer: builds the boot ISO, checks and packs config media, drives a VM, parses results."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from guest import __version__
from guest.errors import CustomizerError
from guest.settings.problems import DocumentError, Problem
from host import media, vm
from host.console import Transcript, summarize

if TYPE_CHECKING:
    from collections.abc import Sequence

_EPILOG = """\
Exit status: 0 done; 1 it failed, and standard error or the result says why; 2 the command line is wrong;
3 (run, result) there is no result: the machine was stopped, or the log ends too early."""

_PASSWORD_LIMIT = 256  # of `openssl passwd`

OK, FAILED, USAGE, NO_RESULT = 0, 1, 2, 3


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="guest-customizer",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"guest-customizer {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    iso = _command(commands, "iso", "make the boot ISO from a kernel and an initrd (both come from `make iso`)")
    iso.add_argument("--kernel", type=Path, default=Path("build/vmlinuz"), help="default: %(default)s")
    iso.add_argument("--initrd", type=Path, default=Path("build/initrd.img"), help="default: %(default)s")
    iso.add_argument("--command-line", help="added to the kernel's command line, e.g. customizer.debug")
    iso.add_argument(
        "-o", "--output", type=Path, default=Path("build/guest-customizer.iso"), help="default: %(default)s"
    )

    check = _command(
        commands, "check", "check a configuration document as the customizer will; says everything that is wrong"
    )
    check.add_argument("document", type=Path, metavar="customization.conf")
    check.add_argument("--json", action="store_true", help="print one JSON object")

    pack = _command(commands, "pack", "pack a checked document and its scripts into a config medium")
    pack.add_argument("document", type=Path, metavar="customization.conf")
    pack.add_argument("-o", "--output", type=Path, required=True, help="the image to write")
    pack.add_argument(
        "--as", dest="form", choices=("iso", "floppy", "disk"), default="iso", help="default: %(default)s"
    )

    _command(commands, "hash-password", "make a crypt(3) hash; the password is asked for, or read from standard input")

    run = _command(
        commands, "run", "customize a guest's disks in QEMU: attach both media, boot, read the result, detach"
    )
    run.add_argument("--disk", type=Path, action="append", required=True, help="raw or qcow2; repeat for more disks")
    run.add_argument(
        "--config", type=Path, required=True, help="a packed config medium, or a customization.conf to pack"
    )
    run.add_argument("--iso", type=Path, default=Path("build/guest-customizer.iso"), help="default: %(default)s")
    run.add_argument("--config-as", choices=("cd", "floppy", "disk"), default="cd", help="default: %(default)s")
    run.add_argument("--mac", action="append", default=[], help="a network card with this address; repeat for more")
    run.add_argument("--firmware", choices=("bios", "uefi", "secure-boot"), default="bios", help="default: %(default)s")
    run.add_argument("--memory", type=int, default=512, metavar="MIB", help="default: %(default)s")
    run.add_argument(
        "--timeout", type=float, default=vm.DEFAULT_TIMEOUT_SECONDS, metavar="S", help="default: %(default)s"
    )
    run.add_argument("--console", type=Path, help="keep the machine's serial output in this file")
    run.add_argument("--json", action="store_true", help="print the result as one JSON object")

    result = _command(commands, "result", "find the result in a console log")
    result.add_argument("log", type=Path, help="the file; - for standard input")
    result.add_argument("--json", action="store_true", help="print the result as one JSON object")
    return top


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, what: str
) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    actions = {
        "iso": _iso,
        "check": _check,
        "pack": _pack,
        "hash-password": _hash_password,
        "run": _run,
        "result": _result,
    }
    try:
        status = actions[arguments.command](arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has enough of it. Python flushes once more at its end, and must find no broken pipe then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except CustomizerError as error:
        print(f"{error.code}: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
    except OSError as error:
        print(f"usage.file: {error.filename}: {error.strerror}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    else:
        return status
    return FAILED


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _iso(arguments: argparse.Namespace) -> int:
    from host import iso  # noqa: PLC0415 (pycdlib's import is slow, and the other commands do without)

    added = f" {arguments.command_line}" if arguments.command_line else ""
    iso.write_iso(
        kernel=arguments.kernel,
        initrd=arguments.initrd,
        output=arguments.output,
        command_line=iso.DEFAULT_COMMAND_LINE + added,
        source_date_epoch=0,
        progress=_say,
    )
    print(arguments.output)
    return OK


def _check(arguments: argparse.Namespace) -> int:
    try:
        settings = media.check(arguments.document)
    except CustomizerError as error:
        found = (
            error.problems
            if isinstance(error, DocumentError)
            else (Problem(error.code, (), None, error.message, error.hint),)
        )
        if arguments.json:
            problems = [
                {"code": p.code, "line": p.line, "path": list(p.path), "message": p.message, "hint": p.hint}
                for p in found
            ]
            print(json.dumps({"ok": False, "problems": problems}, indent=1))
            return FAILED
        if not isinstance(error, DocumentError):
            raise
        for problem in found:
            _say(f"{problem.code}: {problem}" + (f"\n  {problem.hint}" if problem.hint else ""))
        return FAILED
    print(json.dumps({"ok": True, "id": settings.request_id}) if arguments.json else f"{arguments.document}: ok")
    return OK


def _pack(arguments: argparse.Namespace) -> int:
    settings = media.pack(arguments.document, arguments.output, arguments.form)
    print(f"{arguments.output}: request {settings.request_id}")
    return OK


def _hash_password(_arguments: argparse.Namespace) -> int:
    if sys.stdin.isatty():
        typed = getpass.getpass("Password: ")
        if typed != getpass.getpass("Again: "):
            raise CustomizerError("usage.password", "the two passwords differ", "try again")
        password = typed.encode("utf-8", "surrogateescape")
    else:
        password = sys.stdin.buffer.readline().rstrip(b"\r\n")
    if not password:
        raise CustomizerError("usage.password", "the password is empty", "")
    # openssl cuts what is longer, and C's strings end at a NUL: the hash would be of another password.
    if len(password) > _PASSWORD_LIMIT or b"\0" in password:
        message = f"the password has more than {_PASSWORD_LIMIT} bytes, or a zero byte"
        raise CustomizerError("usage.password", message, "choose another")
    # SHA-512 ($6$) is understood by every guest since 2009; the password goes in by a pipe, not by the command line.
    argv = ["openssl", "passwd", "-6", "-stdin"]
    try:
        done = subprocess.run(argv, input=password + b"\n", capture_output=True, check=False)
    except FileNotFoundError as error:
        raise CustomizerError("usage.missing-tool", "openssl is not installed", "apt-get install openssl") from error
    if done.returncode:
        raise CustomizerError("usage.password", "openssl could not hash the password", "")
    print(done.stdout.decode("ascii").strip())
    return OK


def _run(arguments: argparse.Namespace) -> int:
    if arguments.console:
        arguments.console.touch()  # a path that cannot be written to is said before the machine starts
    with tempfile.TemporaryDirectory(prefix="guest-customizer-") as folder:
        config = _packed(arguments.config, arguments.config_as, Path(folder))
        machine = vm.Vm(
            disks=tuple(arguments.disk),
            iso=arguments.iso,
            config=config,
            config_as=arguments.config_as,
            firmware=arguments.firmware,
            macs=tuple(arguments.mac),
            memory_mib=arguments.memory,
        )
        _say("booting the ISO; the first sign of life takes a few seconds")
        outcome = vm.run(machine, timeout=arguments.timeout, say=_say)
    if arguments.console:
        arguments.console.write_bytes(outcome.console)
    if outcome.halted:
        _say(f"{outcome.seconds:6.1f} s  the machine has halted, as the document says; it was switched off")
    elif outcome.powered_off:
        _say(f"{outcome.seconds:6.1f} s  the machine is off; its media are detached")
    else:
        _say(f"{outcome.seconds:6.1f} s  out of time: the machine was stopped")
    return _print_result(outcome.transcript, arguments.json)


def _packed(config: Path, config_as: str, folder: Path) -> Path:
    """A document is packed on the way; anything else is a medium already."""
    with config.open("rb") as file:
        start = file.read(64 * 1024)
    if b"\0" in start:
        return config
    image = folder / "config"
    media.pack(config, image, {"cd": "iso"}.get(config_as, config_as))
    return image


def _result(arguments: argparse.Namespace) -> int:
    transcript = Transcript()
    source = sys.stdin.buffer if str(arguments.log) == "-" else arguments.log.open("rb")
    with source as file:
        while data := file.read(1 << 16):
            transcript.feed(data)
    transcript.feed(b"\n")
    return _print_result(transcript, arguments.json)


def _print_result(transcript: Transcript, as_json: bool) -> int:
    result = transcript.result
    if result is None:
        _say("there is no result: the customizer did not get to its end")
        return NO_RESULT
    if as_json:
        print(json.dumps({**result.to_json(), "phases": transcript.phases}, indent=1))
    else:
        print("\n".join(summarize(result)))
    return OK if result.is_ok else FAILED


if __name__ == "__main__":
    sys.exit(main())
