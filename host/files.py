"""The files that a command reads and writes: everything about them is checked before any work begins."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from guest.errors import CustomizerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# The first line of each log of ours, so that another one may take its place, and nothing else's.
_LOG_HEAD = b"# guest-customizer: what a virtual machine wrote to its serial port\n"
_PATH_HINT = "check the path, its permissions and the room on its disk"


def explain(error: OSError) -> CustomizerError:
    """An error of the system as one of ours; it names no file where writing to standard output failed."""
    where = (
        f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else "reading or writing failed: "
    )
    return CustomizerError("usage.file", f"{where}{error.strerror or type(error).__name__}", _PATH_HINT)


def require(path: Path, hint: str = "correct the path") -> None:
    """Raises CustomizerError usage.file where this is no file or disk that can be read."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise CustomizerError("usage.file", f"{path} cannot be read: {error.strerror}", hint) from error
    if not stat.S_ISREG(mode) and not stat.S_ISBLK(mode):
        raise CustomizerError("usage.file", f"{path} is {_kind(mode)}, not a file or a disk", hint)
    if not os.access(path, os.R_OK):
        raise CustomizerError("usage.file", f"{path} cannot be read: Permission denied", "check its permissions")


@contextlib.contextmanager
def replace_file(output: Path, *, mode: int, inputs: Iterable[Path] = ()) -> Iterator[Path]:
    """A path to write to, which takes the place of `output` when all went well, and is gone when not.

    Links are followed. Raises CustomizerError usage.file, before anything is written where that can be known.
    """
    target = _regular_target(output, inputs)
    try:
        descriptor, name = tempfile.mkstemp(prefix=".guest-customizer-", dir=os.path.dirname(target))
    except OSError as error:
        raise _unwritable(output, error) from error
    os.close(descriptor)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(mode)
        partial.replace(target)
    except OSError as error:
        raise _unwritable(output, error) from error
    finally:
        partial.unlink(missing_ok=True)


def open_log(path: Path, inputs: Iterable[Path]) -> FileIO:
    """A log to be written as things happen. Raises CustomizerError usage.file.

    What is there is replaced where it is empty or a log of ours: not a disk image, nor a document.
    Without a buffer: what a full disk did not take must not fail once more when the file is closed.
    """
    target = _regular_target(path, inputs)
    with contextlib.ExitStack() as unless_ours:
        try:
            log = FileIO(os.open(target, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+")
            unless_ours.callback(log.close)
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if log.read(len(_LOG_HEAD)) not in (b"", _LOG_HEAD):
                what = f"{path} is no console log of ours, and would be lost"
                raise CustomizerError("usage.file", what, "name another file, or remove it")
            log.seek(0)
            log.truncate()
            log.write(_LOG_HEAD)
        except BlockingIOError:
            what = f"{path} is being written by another run"
            raise CustomizerError("usage.file", what, "name another file") from None
        except OSError as error:
            raise _unwritable(path, error) from error
        unless_ours.pop_all()
    return log


def _regular_target(output: Path, inputs: Iterable[Path]) -> str:
    """Where the file really lies or would. A device, FIFO or folder there is never touched."""
    target = os.path.realpath(output)
    try:
        found = os.lstat(target)
    except FileNotFoundError:
        return target
    except OSError as error:
        raise _unwritable(output, error) from error
    if not stat.S_ISREG(found.st_mode):
        raise CustomizerError("usage.file", f"{output} is {_kind(found.st_mode)}, which is not replaced", "name a file")
    for path in inputs:
        if os.path.exists(path) and os.path.samefile(path, target):
            raise CustomizerError("usage.file", f"{output} is read by this command, and would be lost", "name another")
    return target


def _unwritable(output: Path, error: OSError) -> CustomizerError:
    return CustomizerError("usage.file", f"{output} cannot be written: {error.strerror}", _PATH_HINT)


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISLNK(mode):
        return "a link that leads to itself"
    if stat.S_ISBLK(mode) or stat.S_ISCHR(mode):
        return "a device"
    return "a FIFO or a socket"
