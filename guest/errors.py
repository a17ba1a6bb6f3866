"""The one exception of this program: a stable code, what happened, what to do about it."""

from __future__ import annotations


class CustomizerError(Exception):
    """Ends a run. `code` is stable (docs/result-codes.md); no part may hold a secret or a configured value."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.hint = hint


def io_error(error: OSError, hint: str) -> CustomizerError:
    """An error of the system while a guest was read or written, as one of ours."""
    where = f" at {error.filename}" if isinstance(error.filename, str) else ""
    return CustomizerError("storage.io-error", f"reading or writing failed{where}: {error.strerror}", hint)


class OutOfTimeError(CustomizerError):
    """The whole run's time is up. It can strike anywhere, so whoever goes on after an error lets this one through."""
