"""argv -> pipeline -> report -> exit status. `run` is for the initrd alone; plan and apply work on a directory tree."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import NoReturn

from guest import __version__
from guest.errors import CustomizerError, OutOfTimeError, io_error

# Where our initrd has it. Started from anywhere else, `run` would customize the very machine that it is typed on.
_PROGRAM = "/usr/lib/guest-customizer/customizer"


def main(argv: list[str]) -> int:
    if argv[:1] == ["run"]:
        if sys.executable == _PROGRAM:
            run_in_initrd()
        return _refuse_run()
    # Not needed in the initrd, where each import costs: argparse alone takes 0.2 s under TCG.
    from guest import tree  # noqa: PLC0415

    return tree.main(argv)


def _refuse_run() -> int:
    from guest import answers  # noqa: PLC0415 (as tree)

    what = "`run` customizes the machine that it runs on, and is for one started from our ISO"
    hint = "on a directory tree: plan or apply; on a virtual machine: guest-customizer run"
    answers.refuse(CustomizerError("usage.not-the-initrd", what, hint), as_json=False)
    return 2


def run_in_initrd() -> NoReturn:
    """Customizes the guest of this machine and reports; never raises. Exits with 0 ok, 1 failed (init reads the files in RUN)."""
    import pyudev  # noqa: PLC0415 (not for plan and apply)

    from guest import boot_words, command, keep, outcome, pipeline  # noqa: PLC0415 (not for plan and apply)
    from guest import report as reporting  # noqa: PLC0415 (the same)

    words = boot_words.parse_boot_words(_kernel_command_line())
    report = reporting.Report("/dev/tty0", _age())
    command.tell(report.program)
    report.add_consoles(reporting.find_consoles())
    report.start_heartbeat()
    report.hello(__version__, os.uname().release, secure_boot=_secure_boot())
    progress = outcome.Progress(warnings=list(words.warnings))
    _limit_time(words.limit_seconds)
    try:
        _wait_for_trigger(pipeline.RUN)
        result = pipeline.run(pyudev.Context(), words, report, progress)
    except CustomizerError as error:
        result = outcome.failure(error, progress, report.seconds)
    except OSError as error:
        result = outcome.failure(io_error(error, "check the guest's disks"), progress, report.seconds)
    except Exception as error:  # noqa: BLE001 (the last one: a bug becomes a report too)
        result = outcome.failure(_bug(error), progress, report.seconds)
    signal.alarm(0)
    if warning := keep.on_medium(progress.medium, result, pipeline.MEDIUM):
        result = outcome.with_warning(result, warning)
    report.result(result)
    _tell_init(pipeline.RUN, "result-sent", "")
    _tell_init(pipeline.RUN, "power", result.power)
    # All is said and written; taking the interpreter down in order would take another 0.1 s.
    os._exit(0 if result.is_ok else 1)


def _age() -> float:
    """Seconds since this process was started: the interpreter's own start is part of what a caller waits for."""
    with open("/proc/self/stat", encoding="ascii", errors="replace") as file:
        # proc(5): field 22; the name before field 3 may hold anything.
        ticks = int(file.read().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def _kernel_command_line() -> str:
    with open("/proc/cmdline", encoding="utf-8", errors="replace") as file:
        return file.read()


def _secure_boot(parameters: str = "/sys/kernel/boot_params/data") -> bool | None:
    """What the firmware told the kernel's EFI stub; None where it told nothing (BIOS, or a boot loader that is no EFI program)."""
    try:
        with open(parameters, "rb") as file:
            # The kernel's Documentation/arch/x86/zero-page.rst: secure_boot; efi_secureboot_mode in <linux/efi.h>.
            return {2: False, 3: True}.get(file.read()[0x1EC])
    except (OSError, IndexError):
        return None


def _wait_for_trigger(folder: str) -> None:
    """init triggers udev while we start; until that is done, an idle udev means nothing."""
    while not os.path.exists(f"{folder}/triggered"):
        time.sleep(0.02)


def _limit_time(seconds: int) -> None:
    def out_of_time(_signal: int, _frame: object) -> None:
        raise OutOfTimeError(
            "internal.timeout", f"the run took more than {seconds} s", "set customizer.timeout= higher"
        )

    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(seconds)


def _bug(error: Exception) -> CustomizerError:
    import traceback  # noqa: PLC0415 (not needed where all goes well)

    # The names and lines, not the values: an exception's text may quote what it stumbled over.
    places = "; ".join(f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-4:])
    return CustomizerError(
        "internal", f"a mistake in this program: {type(error).__name__} at {places}", "please report it"
    )


def _tell_init(folder: str, name: str, content: str) -> None:
    with open(f"{folder}/{name}", "w", encoding="ascii") as file:
        file.write(content)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
