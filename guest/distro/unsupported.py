"""Guests whose files are not theirs to keep: recognised, and refused with what to use instead (FACTS-distros 11)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.distro.release import find_release
from guest.errors import CustomizerError, OutOfTimeError
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from guest.distro.release import Release
    from guest.sysroot import View

_IGNITION = "give it an Ignition configuration for its first boot instead"
_IMAGES = "it is made anew from its image; put the settings into the image, or use its own provisioning"


def _is_ostree(view: View, _release: Release | None) -> bool:
    return exists(view, "/ostree/repo") or exists(view, "/sysroot/ostree/repo")


def _is_coreos(view: View, release: Release | None) -> bool:
    # A disk's own root before its first boot is nearly empty: /usr is another partition, and the flag lies on a third.
    named = release is not None and (release.id in ("flatcar", "coreos") or "coreos" in release.id_like)
    flags = ("/usr/share/flatcar", "/ignition.firstboot", "/flatcar/first_boot")
    return named or any(exists(view, flag) for flag in flags)


def _has_overlay_root(view: View, _release: Release | None) -> bool:
    """/ or /etc is an overlay: what is written below it is hidden, or gone at the next boot."""
    for line in (text(view, "/etc/fstab") or "").splitlines():
        fields = line.split()
        if len(fields) > 2 and fields[1] in ("/", "/etc") and fields[2] in ("overlay", "overlayfs", "aufs"):
            return True
    overlayroot = text(view, "/etc/overlayroot.conf") or ""
    return bool(re.search(r"^\s*overlayroot=[\"']?(?!disabled|[\"']|\s|$)", overlayroot, re.MULTILINE))


def _is_diskless_alpine(view: View, _release: Release | None) -> bool:
    """The boot medium of an Alpine that runs from memory and keeps its changes in an apkovl archive."""
    return exists(view, "/.alpine-release") and exists(view, "/apks")


def _is_live_medium(view: View, _release: Release | None) -> bool:
    images = ("/live/filesystem.squashfs", "/casper/filesystem.squashfs", "/LiveOS/squashfs.img", "/LiveOS/rootfs.img")
    return any(exists(view, image) for image in images)


def _has_id(*ids: str) -> Callable[[View, Release | None], bool]:
    return lambda _view, release: release is not None and release.id in ids


# A file system with none of these at its top is a data disk, and costs no more than that look.
_TELLING = frozenset(
    {"etc", "usr", "ostree", "sysroot", "ignition.firstboot", "flatcar", ".alpine-release", "live", "casper", "LiveOS"}
)
# What it is called, how it is recognised, what to use instead. In this order: a Fedora CoreOS is an ostree too.
_KINDS: tuple[tuple[str, Callable[[View, Release | None], bool], str], ...] = (
    ("Fedora CoreOS, RHEL CoreOS or Flatcar, which Ignition configures", _is_coreos, _IGNITION),
    (
        "an ostree or bootc system, whose root is one of several deployments",
        _is_ostree,
        "use a kickstart or Ignition file when it is deployed, or build the settings into its image",
    ),
    (
        "SLE Micro or MicroOS, whose root is a read-only snapshot",
        _has_id("sle-micro", "sl-micro", "suse-microos", "opensuse-microos", "opensuse-leap-micro", "opensuse-aeon"),
        "use Ignition or Combustion on its first boot",
    ),
    ("a system with an overlay for its root or /etc", _has_overlay_root, _IMAGES),
    ("NixOS, whose /etc is made from /etc/nixos", _has_id("nixos"), "change its configuration.nix and rebuild it"),
    (
        "Guix System, whose /etc is made from its configuration",
        _has_id("guix"),
        "change its config.scm and reconfigure",
    ),
    (
        "Clear Linux, which keeps no settings of a release in /etc",
        _has_id("clear-linux-os"),
        "use its micro-config-drive",
    ),
    ("Ubuntu Core, whose root is a snap", _has_id("ubuntu-core"), "give it a cloud-init or gadget configuration"),
    (
        "an Alpine that runs from memory",
        _is_diskless_alpine,
        "change its apkovl archive with `lbu`, or install it to the disk (setup-alpine, mode sys)",
    ),
    ("a live medium", _is_live_medium, "attach the disk of an installed guest"),
)


def find_unsupported(view: View) -> CustomizerError | None:
    """The error to end with, where this file system belongs to a guest of one of these kinds."""
    try:
        if not _TELLING & set(view.names("/")):
            return None
    except OutOfTimeError:
        raise
    except CustomizerError:
        return None  # thousands of names at the top: somebody's data
    release = find_release(view)
    for name, is_one, instead in _KINDS:
        if is_one(view, release):
            return CustomizerError(
                "guest.unsupported", f"this guest is {name}; it cannot be customized offline", instead
            )
    return None
