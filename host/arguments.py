"""The command line of guest-customizer."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from configobj.validate import ValidateError

from guest import __version__
from guest.settings import network_checks
from host import vm

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 (argparse has no other name for it)

_EPILOG = """\
With --json standard output holds one JSON object, "ok" true or false, of a success and of an error alike.

Exit status: 0 done; 1 it failed, and standard error or the result says why (also: nobody reads our output any more);
2 the command line is wrong; 3 (run, result) there is no result of this request, or the machine had to be stopped;
129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM: the virtual machine is off, nothing of ours is left in /tmp."""

_ISO = Path("build/guest-customizer.iso")


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="guest-customizer",
        description="Builds the boot ISO, checks and packs config media, drives a VM, finds results.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"guest-customizer {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_iso(commands)
    _add_check_and_pack(commands)
    hash_password = "make a crypt(3) hash; the password is asked for, or read from standard input"  # noqa: S105 (a help text)
    _command(commands, "hash-password", hash_password).set_defaults(json=False)
    _add_run(commands)
    _add_result(commands)
    return top


def _add_iso(commands: Commands) -> None:
    iso = _command(commands, "iso", "make the boot ISO from a kernel and an initrd (both come from `make iso`)")
    iso.add_argument("--kernel", type=Path, default=Path("build/vmlinuz"), help="default: %(default)s")
    iso.add_argument("--initrd", type=Path, default=Path("build/initrd.img"), help="default: %(default)s")
    iso.add_argument("--command-line", help="added to the kernel's command line, e.g. customizer.debug")
    iso.add_argument("-o", "--output", type=Path, default=_ISO, help="default: %(default)s")
    _add_json(iso)


def _add_check_and_pack(commands: Commands) -> None:
    what = "check a configuration document as the customizer will; says what is wrong with it"
    check = _command(commands, "check", what)
    check.add_argument("document", type=Path, metavar="customization.conf")
    _add_json(check)
    pack = _command(commands, "pack", "pack a checked document and its scripts into a config medium")
    pack.add_argument("document", type=Path, metavar="customization.conf")
    pack.add_argument("-o", "--output", type=Path, required=True, help="the image to write")
    forms = ("iso", "floppy", "disk")
    pack.add_argument("--as", dest="form", choices=forms, default="iso", help="default: %(default)s")
    _add_json(pack)


def _add_run(commands: Commands) -> None:
    run = _command(
        commands, "run", "customize a guest's disks in QEMU: attach both media, boot, read the result, detach"
    )
    run.add_argument("--disk", type=Path, action="append", required=True, help="raw or qcow2; repeat for more disks")
    run.add_argument(
        "--config", type=Path, required=True, help="a packed config medium, or a customization.conf to pack"
    )
    run.add_argument("--iso", type=Path, default=_ISO, help="default: %(default)s")
    run.add_argument("--config-as", choices=("cd", "floppy", "disk"), default="cd", help="default: %(default)s")
    run.add_argument(
        "--mac", type=_mac, action="append", default=[], help="a network card with this address; repeat for more"
    )
    run.add_argument("--firmware", choices=("bios", "uefi", "secure-boot"), default="bios", help="default: %(default)s")
    run.add_argument("--memory", type=_positive, default=512, metavar="MIB", help="default: %(default)s")
    run.add_argument(
        "--timeout",
        type=_positive,
        default=vm.DEFAULT_TIMEOUT_SECONDS,
        metavar="S",
        help="stop the machine then; default: %(default)s",
    )
    run.add_argument(
        "--console",
        type=Path,
        metavar="FILE",
        help="keep the machine's serial output in this file; one that is there is replaced if it is empty or such a log",
    )
    _add_json(run)


def _add_result(commands: Commands) -> None:
    result = _command(commands, "result", "find the result in a console log")
    result.add_argument("log", type=Path, help="the file; - for standard input")
    result.add_argument("--id", help="the request, where the log may hold earlier runs too")
    _add_json(result)


def _command(commands: Commands, name: str, what: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON object")


def _mac(text: str) -> str:
    try:
        return network_checks.mac(text)
    except ValidateError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < len(text) < 8 or int(text) == 0:
        raise argparse.ArgumentTypeError("must be a whole number above 0")
    return int(text)
