"""Stops a process before each system call that changes something: ptrace(2), with seccomp(2) choosing the calls.

What a tree holds at such a stop is what a process killed there leaves behind: system calls are never half done for whoever
looks from outside. (What a power cut leaves of them is another matter: qemu-tests/test_block_crash.py.)
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

IS_SUPPORTED = sys.platform == "linux" and platform.machine() == "x86_64"

# x86-64's numbers of everything that changes files, whether this program uses it or not.
_CHANGING = {
    "write": 1, "pwrite64": 18, "writev": 20, "sendfile": 40, "truncate": 76, "ftruncate": 77, "rename": 82, "mkdir": 83,
    "rmdir": 84, "creat": 85, "link": 86, "unlink": 87, "symlink": 88, "chmod": 90, "fchmod": 91, "chown": 92, "fchown": 93,
    "lchown": 94, "utime": 132, "mknod": 133, "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190, "removexattr": 197,
    "lremovexattr": 198, "fremovexattr": 199, "utimes": 235, "mkdirat": 258, "mknodat": 259, "fchownat": 260, "unlinkat": 263,
    "renameat": 264, "linkat": 265, "symlinkat": 266, "fchmodat": 268, "utimensat": 280, "fallocate": 285, "pwritev": 296,
    "renameat2": 316, "copy_file_range": 326, "pwritev2": 328, "fchmodat2": 452, "setxattrat": 463,
}  # fmt: skip
_OPEN, _OPENAT, _IOCTL = 2, 257, 16
_O_CREAT_OR_TRUNC = os.O_CREAT | os.O_TRUNC
_FS_IOC_SETFLAGS = 0x40086602

_PTRACE_TRACEME, _PTRACE_CONT, _PTRACE_SETOPTIONS = 0, 7, 0x4200
_TRACESECCOMP, _EXITKILL = 0x80, 0x100000
_EVENT_SECCOMP = signal.SIGTRAP | (7 << 8)
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2
_ALLOW, _TRACE = 0x7FFF0000, 0x7FF00000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _filter() -> bytes:
    """Classic BPF over struct seccomp_data: nr at 0, the arguments from 16, eight bytes each."""
    load, equal, has_bits, give = 0x20, 0x15, 0x45, 0x06

    def op(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
        return struct.pack("HBBI", code, yes, no, value)

    rules = op(load, 0)
    for number in _CHANGING.values():
        rules += op(equal, number, 0, 1) + op(give, _TRACE)
    for number, offset, code, value in (
        (_OPEN, 24, has_bits, _O_CREAT_OR_TRUNC),
        (_OPENAT, 32, has_bits, _O_CREAT_OR_TRUNC),
        (_IOCTL, 24, equal, _FS_IOC_SETFLAGS),
    ):
        rules += (
            op(equal, number, 0, 4) + op(load, offset) + op(code, value, 0, 1) + op(give, _TRACE) + op(give, _ALLOW)
        )
    return rules + op(give, _ALLOW)


def run_stopping(action: Callable[[], int], at_stop: Callable[[int], bool]) -> int | None:
    """Runs `action` in a child; `at_stop` is called before each change, counted from 0, and says whether to go on.

    Returns the child's status, None where it was killed at a stop.
    """
    child = os.fork()
    if child == 0:
        _be_traced(action)
    _wait(child)
    _ptrace(_PTRACE_SETOPTIONS, child, _TRACESECCOMP | _EXITKILL)
    number = 0
    deliver = 0
    while True:
        _ptrace(_PTRACE_CONT, child, deliver)
        status = _wait(child)
        deliver = 0
        if os.WIFEXITED(status):
            return os.WEXITSTATUS(status)
        if os.WIFSIGNALED(status):
            return -os.WTERMSIG(status)
        if status >> 8 == _EVENT_SECCOMP:
            if not at_stop(number):
                os.kill(child, signal.SIGKILL)
                _wait(child)
                return None
            number += 1
        else:
            deliver = os.WSTOPSIG(status)


def _be_traced(action: Callable[[], int]) -> None:
    status = 99
    try:
        _ptrace(_PTRACE_TRACEME, 0, 0)
        rules = _filter()
        program = _Program(len(rules) // 8, rules)
        _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        if _libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(program)) == 0:
            status = action()
    finally:
        os._exit(status)


def _ptrace(request: int, pid: int, data: int) -> None:
    if _libc.ptrace(request, pid, None, data) < 0:
        number = ctypes.get_errno()
        raise OSError(number, errno.errorcode.get(number, ""), f"ptrace {request:#x}")


def _wait(child: int) -> int:
    return os.waitpid(child, 0)[1]
