"""openat2(2) with RESOLVE_IN_ROOT, which Python does not have: a path that no link leads out of its root."""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache

_SYS_OPENAT2 = 437  # the same number on every architecture
_RESOLVE_IN_ROOT = 0x10
# A rename or mount anywhere on the machine while `..` is resolved makes openat2 give up with EAGAIN (openat2(2)).
_TRIES = 1000


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(_OpenHow), ctypes.c_size_t)


@cache
def _how(flags: int) -> _OpenHow:
    return _OpenHow(flags | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT)


def open_in_root(root_fd: int, path: str, flags: int) -> int:
    """A descriptor of what `path` leads to, with the folder of `root_fd` as its /. Raises OSError."""
    name = os.fsencode(path)
    if b"\0" in name:
        raise OSError(errno.EINVAL, "a path with a zero byte", path.replace("\0", "?"))
    number = errno.EAGAIN
    for _ in range(_TRIES):
        fd: int = _syscall(_SYS_OPENAT2, root_fd, name, _how(flags), 24)
        if fd >= 0:
            return fd
        number = ctypes.get_errno()
        if number != errno.EAGAIN:
            break
    raise OSError(number, os.strerror(number), path)
