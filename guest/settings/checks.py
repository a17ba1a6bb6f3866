"""What each kind of value of the configuration document must look like. Messages never hold the value (LESSONS S3)."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, TypeVar

from configobj.validate import ValidateError

from guest.settings.model import Action, CloudInit, PowerAction
from guest.settings.problems import DOCUMENT

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
Raw = str | list[str]

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = re.compile(_LABEL)
_DOMAIN = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# 15 bytes is the kernel's limit; the rest is what every stack's files can hold without quoting.
INTERFACE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,14}")
_DEVICE = re.compile(r"(?:(?:UUID|LABEL|PARTUUID|PARTLABEL)=.+|/dev/.+)")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def one(value: Raw) -> str:
    """A single text: ConfigObj hands over a list where it saw a comma."""
    if isinstance(value, list):
        raise ValidateError("must be one value, not a list: put it in quotation marks if the comma belongs to it")
    if "\n" in value:
        raise ValidateError("must stand on one line; is the ''' or \"\"\" missing that ends it?")
    if _CONTROL.search(value):
        raise ValidateError("must not hold control characters")
    return value


def several(check: Callable[[str], T]) -> Callable[[Raw], tuple[T, ...]]:
    """The same check for each value of a list; a single value is a list of one."""

    def check_each(value: Raw) -> tuple[T, ...]:
        values = value if isinstance(value, list) else [value]
        return tuple(check(one(item)) for item in values if item != "")

    return check_each


def _matching(pattern: re.Pattern[str], message: str) -> Callable[[Raw], str]:
    def check(value: Raw) -> str:
        text = one(value)
        if not pattern.fullmatch(text):
            raise ValidateError(message)
        return text

    return check


_one_label = _matching(
    _HOSTNAME,
    "must be one label of letters, digits and dashes, at most 63, not starting or ending with a dash (the domain goes into `domain`)",
)
domain = _matching(_DOMAIN, "must be labels of letters, digits and dashes joined by dots, 253 characters at most")
request_id = _matching(
    _REQUEST_ID,
    "must be 1 to 64 letters, digits, dots, dashes or underscores, starting with a letter or digit",
)
interface_name = _matching(
    INTERFACE_NAME, "must be a network device name: at most 15 letters, digits, dashes or underscores"
)
label = _matching(re.compile(r".+"), "must be the name of a section below [network]")
device_reference = _matching(_DEVICE, "must be UUID=…, LABEL=…, PARTUUID=…, PARTLABEL=… or a path below /dev")
container_uuid = _matching(_UUID, "must be the UUID of a LUKS container, as `cryptsetup luksUUID` prints it")


def hostname(value: Raw) -> str:
    text = _one_label(value)
    if text.lower() == "localhost":
        raise ValidateError("is what a machine without a name is called: give the clone one of its own")
    return text


def secret(value: Raw) -> bytes:
    """Marks a key of the schema whose value must never be shown."""
    text = one(value)
    if not text:
        raise ValidateError("must not be empty")
    return text.encode()


def format_version(value: Raw) -> int:
    if one(value) != "1":
        raise ValidateError("must be 1: this program knows no other format of the document")
    return 1


def yes_no(value: Raw) -> bool:
    choices = {
        "yes": True,
        "true": True,
        "on": True,
        "1": True,
        "no": False,
        "false": False,
        "off": False,
        "0": False,
    }
    text = one(value).lower()
    if text not in choices:
        raise ValidateError("must be yes or no")
    return choices[text]


def whole_number(value: Raw, smallest: str, largest: str) -> int:
    text = one(value)
    if not re.fullmatch(r"[0-9]{1,9}", text) or not int(smallest) <= int(text) <= int(largest):
        raise ValidateError(f"must be a whole number from {smallest} to {largest}")
    return int(text)


def medium_path(value: Raw) -> str:
    text = one(value)
    if text.startswith("/") or ".." in text.split("/") or not text.isascii():
        raise ValidateError("must be a path on the config medium, relative to its top, without `..`")
    # Any other spelling would be a second name of a file, and a folder of its own on the medium.
    if not text or text != posixpath.normpath(text) or text == ".":
        raise ValidateError("must be a path on the config medium in its plain form: `a.sh` or `folder/a.sh`")
    if text.lower() == DOCUMENT:
        raise ValidateError("is the document itself")
    return text


def cloud_init(value: Raw) -> CloudInit:
    try:
        return CloudInit(one(value))
    except ValueError:
        raise ValidateError("must be off, seed or keep") from None


def power_action(value: Raw) -> PowerAction:
    try:
        return PowerAction(one(value))
    except ValueError:
        raise ValidateError("must be off, reboot or halt") from None


def request_action(value: Raw) -> Action:
    try:
        return Action(one(value))
    except ValueError:
        raise ValidateError("must be customize or undo") from None


def choice(*names: str) -> Callable[[Raw], str]:
    """One of the names of a registry (families, stacks)."""

    def check(value: Raw) -> str:
        text = one(value)
        if text not in names:
            raise ValidateError(f"must be one of: {', '.join(names)}")
        return text

    return check
