"""Which version of a network program a guest has, from its files: nothing of the guest is run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.sysroot import READ_LIMIT, text

if TYPE_CHECKING:
    from guest.sysroot import View

Version = tuple[int, ...]

_DPKG_STATUS = "/var/lib/dpkg/status"
_LIBRARY_FOLDERS = (
    "/usr/lib/systemd", "/lib/systemd", "/usr/lib64/systemd",
    "/usr/lib/x86_64-linux-gnu/systemd", "/usr/lib/aarch64-linux-gnu/systemd",
)  # fmt: skip
# Every systemd from 231 on has its version in this library's name: libsystemd-shared-252-64.el9.so.
_SHARED_LIBRARY = re.compile(r"libsystemd-shared-(\d{3})[.-]")
# What a release brought, where its package database tells nothing (FACTS-distros 3.6, 3.8).
_SYSTEMD_OF = {
    ("photon", 1): 228, ("photon", 2): 233, ("photon", 3): 239, ("photon", 4): 247, ("photon", 5): 253,
    ("debian", 8): 215, ("debian", 9): 232, ("debian", 10): 241, ("debian", 11): 247, ("debian", 12): 252, ("debian", 13): 257,
    ("amzn", 2): 219, ("amzn", 2023): 252,
}  # fmt: skip


def dpkg_version(view: View, package: str) -> Version | None:
    """The upstream version of an installed package; None where there is no dpkg, or no such package."""
    state = view.state(view.resolve(_DPKG_STATUS))
    if state is None or state.size > READ_LIMIT:
        return None  # a desktop with everything installed can have more; nothing here depends on it alone
    content = text(view, _DPKG_STATUS) or ""
    start = 0 if content.startswith(f"Package: {package}\n") else content.find(f"\n\nPackage: {package}\n")
    if start < 0:
        return None
    end = content.find("\n\n", start + 2)
    paragraph = content[start : end if end >= 0 else len(content)]
    if not re.search(r"^Status: .* installed$", paragraph, re.MULTILINE):
        return None
    found = re.search(r"^Version: (?:\d+:)?(\d[^-\s]*)", paragraph, re.MULTILINE)
    return numbers(found[1]) if found else None


def numbers(version: str) -> Version:
    """`0.7.53+nmu1` -> (0, 7, 53): what stands before the first thing that is no number."""
    found = re.match(r"\d{1,6}(?:\.\d{1,6}){0,5}", version)
    return tuple(int(number) for number in found[0].split(".")) if found else ()


def systemd_version(view: View) -> int | None:
    """None where it cannot be told; every release younger than 2016 tells it."""
    for folder in _LIBRARY_FOLDERS:
        for name in view.names(folder):
            if found := _SHARED_LIBRARY.match(name):
                return int(found[1])
    if version := dpkg_version(view, "systemd"):
        return version[0]
    return _SYSTEMD_OF.get(release(view))


def network_manager_version(view: View) -> Version | None:
    """By its folder of plugins, which is named after it; None where there is none."""
    for folder in ("/usr/lib64", "/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"):
        found = [numbers(name) for name in view.names(f"{folder}/NetworkManager") if re.match(r"\d+\.\d", name)]
        if found:
            return max(found)
    return dpkg_version(view, "network-manager")


# Oracle's redhat-release says Red Hat, Amazon 1 has a system-release alone (FACTS-distros 1.1).
_RELEASE_FILES = ("/etc/oracle-release", "/etc/centos-release", "/etc/redhat-release", "/etc/system-release")


def release(view: View) -> tuple[str, int]:
    """(ID of os-release in lower case, major version); ("", 0) for what is not said.

    What a stack's files may hold depends on the release, not on the family: this is less than guest/distro knows of it.
    """
    content = text(view, "/etc/os-release") or text(view, "/usr/lib/os-release")
    if content is not None:
        identity = re.search(r"^ID=[\"']?([A-Za-z_-]+)", content, re.MULTILINE)
        number = re.search(r"^VERSION_ID=[\"']?[A-Za-z]?(\d{1,6})", content, re.MULTILINE)
        return (identity[1].lower() if identity else ""), (int(number[1]) if number else 0)
    for path in _RELEASE_FILES:
        if found := re.search(r"release (\d{1,6})", text(view, path) or ""):
            return ("amzn" if "Amazon" in (text(view, path) or "") else "rhel"), int(found[1])
    debian = re.match(r"(\d{1,3})", text(view, "/etc/debian_version") or "")
    return ("debian", int(debian[1])) if debian else ("", 0)
