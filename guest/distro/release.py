"""Which distribution and version a guest is, by os-release or the older release files inside it (FACTS-distros 1)."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guest.distro.bases import base_version
from guest.sysroot import text

if TYPE_CHECKING:
    from guest.sysroot import View


@dataclass(frozen=True)
class Release:
    """`id` and `id_like` in lower case.

    `version` is what decides how the guest reads its files: for a derivative that counts its own releases, the version
    of the distribution it is built from. As many numbers as the guest tells; () where it tells none.
    """

    id: str
    id_like: tuple[str, ...] = ()
    version: tuple[int, ...] = ()
    name: str = ""

    @property
    def major(self) -> int | None:
        return self.version[0] if self.version else None


def find_release(view: View) -> Release | None:
    """None where nothing says that this is a Linux distribution."""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        content = text(view, path)
        if content is not None and (release := parse_os_release(content, _upstream(view))):
            return release
    return _find_by_lsb(view) or _find_legacy(view)


def parse_os_release(content: str, upstream: str = "") -> Release | None:
    """os-release(5): shell-like assignments; quoting and the case of ID vary between distributions.

    `upstream` is what the guest's /etc/upstream-release says, for derivatives.
    """
    values = _assignments(content)
    if not values.get("ID"):
        return None
    identity, like = values["ID"].lower(), tuple(values.get("ID_LIKE", "").lower().split())
    version = parse_version(values.get("VERSION_ID", ""))
    codenames = {
        name: values[f"{name.upper()}_CODENAME"]
        for name in ("ubuntu", "debian")
        if f"{name.upper()}_CODENAME" in values
    }
    return Release(
        id=identity,
        id_like=like,
        version=base_version(identity, like, version, codenames, parse_version(upstream)),
        name=values.get("PRETTY_NAME") or values.get("NAME", ""),
    )


def _assignments(content: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for line in content.splitlines():
        key, separator, raw = line.strip().partition("=")
        if separator and re.fullmatch(r"[A-Z0-9_]+", key):
            values[key] = _unquote(raw)
    return values


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


def _upstream(view: View) -> str:
    """Mint names the Ubuntu it is built from in a file of its own."""
    return _assignments(text(view, "/etc/upstream-release/lsb-release") or "").get("DISTRIB_RELEASE", "")


def _find_by_lsb(view: View) -> Release | None:
    """Ubuntu's and Mint's, before os-release. Red Hat's own lsb-release names no distribution."""
    values = _assignments(text(view, "/etc/lsb-release") or "")
    identity = values.get("DISTRIB_ID", "").lower().replace(" ", "")
    if not identity:
        return None
    version = parse_version(values.get("DISTRIB_RELEASE", ""))
    name = values.get("DISTRIB_DESCRIPTION", values["DISTRIB_ID"])
    return Release(identity, (), base_version(identity, (), version, {}, parse_version(_upstream(view))), name)


# In this order: Oracle ships a redhat-release that says Red Hat, CentOS one that says CentOS.
_LEGACY = (
    ("/etc/oracle-release", "ol"),
    ("/etc/centos-release", "centos"),
    ("/etc/rocky-release", "rocky"),
    ("/etc/almalinux-release", "almalinux"),
    ("/etc/redhat-release", "rhel"),
    ("/etc/system-release", "amzn"),
    ("/etc/debian_version", "debian"),
    ("/etc/arch-release", "arch"),
    ("/etc/gentoo-release", "gentoo"),
    ("/etc/SuSE-release", "sles"),
    ("/etc/alpine-release", "alpine"),
)
# What the line itself says, where several products share a file.
_PRODUCTS = (
    ("centos", "centos"), ("scientific", "scientific"), ("oracle", "ol"), ("fedora", "fedora"), ("amazon", "amzn"),
    ("cloudlinux", "cloudlinux"), ("rocky", "rocky"), ("almalinux", "almalinux"), ("opensuse", "opensuse"),
)  # fmt: skip
_NUMBER = r"(\d{1,4}(?:\.\d{1,4}){0,2})"


def _find_legacy(view: View) -> Release | None:
    for path, default in _LEGACY:
        content = text(view, path)
        if content is not None:
            return _from_legacy(content, default)
    return None


def _from_legacy(content: str, default: str) -> Release:
    line = content.strip().split("\n")[0][:200]
    if default in ("debian", "alpine"):
        return Release(default, version=parse_version(line), name=f"{default.title()} {line}")
    if default == "arch":
        return Release("arch", name="Arch Linux")
    product = next((name for word, name in _PRODUCTS if word in line.lower()), default)
    # SUSE has its version below its name, and the service pack apart; the others in words.
    number = re.search(rf"(?:release|\bVERSION =) {_NUMBER}", content[:400])
    pack = re.search(r"\bPATCHLEVEL = (\d{1,2})", content[:400])
    version = parse_version(number[1]) if number else ()
    if pack and len(version) == 1:
        version = (*version, int(pack[1]))
    return Release(product, version=version, name=line)
