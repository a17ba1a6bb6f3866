"""hash-password: a crypt(3) hash of a password that is asked for, or read from standard input."""

from __future__ import annotations

import getpass
import subprocess
import sys

from guest.errors import CustomizerError

_LIMIT = 256  # of `openssl passwd`


def read_password() -> bytes:
    """Asks twice at a terminal; elsewhere the first line of standard input. Raises CustomizerError usage.password."""
    password = _ask() if sys.stdin.isatty() else sys.stdin.buffer.readline().rstrip(b"\r\n")
    if not password:
        raise CustomizerError("usage.password", "the password is empty", "type one")
    # openssl cuts what is longer, and C's strings end at a NUL: the hash would be of another password.
    if len(password) > _LIMIT or b"\0" in password:
        raise CustomizerError(
            "usage.password", f"the password has more than {_LIMIT} bytes, or a zero byte", "choose another"
        )
    return password


def _ask() -> bytes:
    try:
        typed = getpass.getpass("Password: ")
        again = getpass.getpass("Again: ")
    except EOFError:
        return b""
    if typed != again:
        raise CustomizerError("usage.password", "the two passwords differ", "try again")
    return typed.encode("utf-8", "surrogateescape")


def hash_password(password: bytes) -> str:
    """SHA-512 ($6$), which every guest since 2009 understands. The password goes in by a pipe, not by the command line."""
    argv = ["openssl", "passwd", "-6", "-stdin"]
    try:
        done = subprocess.run(argv, input=password + b"\n", capture_output=True, check=False)
    except FileNotFoundError as error:
        raise CustomizerError("usage.missing-tool", "openssl is not installed", "apt-get install openssl") from error
    if done.returncode:
        raise CustomizerError("usage.password", "openssl could not hash the password", "see `openssl passwd -help`")
    return done.stdout.decode("ascii").strip()
