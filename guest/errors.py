"""The one exception of this program: a stable code, what happened, what to do about it."""

from __future__ import annotations


class CustomizerError(Exception):
    """Ends a run. `code` is stable (docs/result-codes.md); no part may hold a secret or a configured value."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.hint = hint


class OutOfTimeError(CustomizerError):
    """The whole run's time is up. It can strike anywhere, so whoever goes on after an error lets this one through."""
