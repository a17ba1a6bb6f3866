"""Which distribution and version a guest is, by os-release or the older release files inside it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guest.sysroot import text

if TYPE_CHECKING:
    from guest.sysroot import View


@dataclass(frozen=True)
class Release:
    """`id` and `id_like` in lower case; `version` is as many numbers as the guest tells, () where it tells none."""

    id: str
    id_like: tuple[str, ...] = ()
    version: tuple[int, ...] = ()
    name: str = ""

    @property
    def major(self) -> int | None:
        return self.version[0] if self.version else None

    def is_before(self, major: int) -> bool:
        """False where the version is unknown: rolling releases have none."""
        return self.major is not None and self.major < major


def find_release(view: View) -> Release | None:
    """None where nothing says that this is a Linux distribution."""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        content = text(view, path)
        if content is not None and (release := parse_os_release(content)):
            return release
    return _find_legacy(view)


def parse_os_release(content: str) -> Release | None:
    """os-release(5): shell-like assignments; quoting and the case of ID vary between distributions."""
    values: dict[str, str] = {}
    for line in content.splitlines():
        key, separator, raw = line.strip().partition("=")
        if separator and re.fullmatch(r"[A-Z0-9_]+", key):
            values[key] = _unquote(raw)
    if not values.get("ID"):
        return None
    return Release(
        id=values["ID"].lower(),
        id_like=tuple(values.get("ID_LIKE", "").lower().split()),
        version=parse_version(values.get("VERSION_ID", "")),
        name=values.get("PRETTY_NAME") or values.get("NAME", ""),
    )


def _unquote(raw: str) -> str:
    raw = raw[:_VALUE_LIMIT]  # shlex takes minutes for a hostile one of megabytes
    try:
        words = shlex.split(raw)
    except ValueError:
        return raw.strip("\"'")
    return words[0] if words else ""


def parse_version(words: str) -> tuple[int, ...]:
    """`12`, `8.10`, `V10`, `2018.03` -> numbers; () where there is none."""
    found = re.match(r"[^0-9]{0,20}(\d{1,9}(?:\.\d{1,9}){0,3})", words)
    return tuple(int(number) for number in found[1].split(".")) if found else ()


_VALUE_LIMIT = 1000

# In this order: Oracle ships a redhat-release that says Red Hat, CentOS one that says CentOS (FACTS-distros 1.1).
_LEGACY = (
    ("/etc/oracle-release", "ol"),
    ("/etc/centos-release", "centos"),
    ("/etc/redhat-release", "rhel"),
    ("/etc/system-release", "amzn"),
    ("/etc/debian_version", "debian"),
)
_PRODUCTS = (
    ("centos", "centos"),
    ("scientific", "scientific"),
    ("oracle", "ol"),
    ("fedora", "fedora"),
    ("amazon", "amzn"),
)


def _find_legacy(view: View) -> Release | None:
    for path, default in _LEGACY:
        content = text(view, path)
        if content is None:
            continue
        line = content.strip().split("\n")[0][:200]
        if default == "debian":
            return Release("debian", version=parse_version(line), name=f"Debian {line}")
        number = re.search(r"release (\d{1,4}(?:\.\d{1,4})?)", line)
        product = next((name for word, name in _PRODUCTS if word in line.lower()), default)
        return Release(product, version=parse_version(number[1]) if number else (), name=line)
    return None
