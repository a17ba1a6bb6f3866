"""Our words on the kernel's command line: `customizer.wait=` and what else docs/hypervisors.md lists."""

from __future__ import annotations

from dataclasses import dataclass

_PREFIX = "customizer."
# init reads `debug` and, by the same rules as here, `timeout`.
_KNOWN = ("config", "debug", "timeout", "wait")
_TIMEOUT_SECONDS, _WAIT_SECONDS = 1800, 20
_LEAST_TIMEOUT_SECONDS, _MARGIN_SECONDS = 10, 30


@dataclass(frozen=True)
class BootWords:
    """What whoever starts the machine may say. A word that makes no sense counts as not said, and is warned of."""

    config: str | None = None  # the config medium's label, UUID or device, where it is not the one labelled GUESTCONF
    wait_seconds: int = _WAIT_SECONDS  # how long a config medium and a disk are waited for
    timeout_seconds: int = _TIMEOUT_SECONDS  # of the whole run: init ends it then
    warnings: tuple[str, ...] = ()

    @property
    def limit_seconds(self) -> int:
        """When the run ends itself: sooner than init does it, so that it is we who say so and put things back."""
        return self.timeout_seconds - min(_MARGIN_SECONDS, self.timeout_seconds // 2)


def parse_boot_words(command_line: str) -> BootWords:
    """Of a word that is there twice the last counts, as with the kernel's own."""
    ours = [word.removeprefix(_PREFIX) for word in command_line.split() if word.startswith(_PREFIX)]
    words = dict(word.partition("=")[::2] for word in ours)
    warnings = [f"{_PREFIX}{name} on the kernel command line is unknown" for name in words if name not in _KNOWN]

    def seconds(name: str, default: int, least: int) -> int:
        value = words.get(name)
        if value is None:
            return default
        if value.isascii() and value.isdigit() and len(value) < 7 and str(int(value)) == value and int(value) >= least:
            return int(value)
        warnings.append(
            f"{_PREFIX}{name} on the kernel command line is no number of seconds from {least} to 999999: {default} it is"
        )
        return default

    if words.get("debug", "") not in ("", "1"):
        warnings.append(f"{_PREFIX}debug on the kernel command line takes no value")
    wait = seconds("wait", _WAIT_SECONDS, 0)
    timeout = seconds("timeout", _TIMEOUT_SECONDS, _LEAST_TIMEOUT_SECONDS)
    return BootWords(_medium(words, warnings), wait, timeout, tuple(warnings))


def _medium(words: dict[str, str], warnings: list[str]) -> str | None:
    if "config" not in words:
        return None
    medium = words["config"]
    for spelling in ("LABEL=", "UUID="):  # as fstab and the kernel's own root= have it
        medium = medium.removeprefix(spelling)
    if not medium:
        warnings.append(f"{_PREFIX}config on the kernel command line names nothing")
    if '"' in medium or medium.startswith(("PARTLABEL=", "PARTUUID=", "ID=")):
        warnings.append(
            f"{_PREFIX}config on the kernel command line takes a label without blanks, a UUID or a device path"
        )
    return medium or None
