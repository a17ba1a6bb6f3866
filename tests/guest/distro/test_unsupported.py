"""Guests that keep no files of their own are recognised and told what to use instead; ordinary ones are not."""

from pathlib import Path

import pytest

from guest.distro.unsupported import find_unsupported
from guest.sysroot import Sysroot


def plant(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


@pytest.mark.parametrize(
    ("files", "name", "instead"),
    [
        ({"etc/os-release": "ID=flatcar\nID_LIKE=coreos\n"}, "Flatcar", "Ignition"),
        ({"usr/lib/os-release": "ID=fedora\nVARIANT_ID=coreos\n", "sysroot/ostree/repo/config": ""}, "ostree", "image"),
        ({"ignition.firstboot": ""}, "Ignition", "Ignition"),
        ({"ostree/repo/config": ""}, "ostree", "kickstart"),
        ({"etc/os-release": 'ID="opensuse-microos"\n'}, "MicroOS", "Combustion"),
        ({"etc/os-release": 'ID="sle-micro"\n'}, "SLE Micro", "Combustion"),
        ({"etc/os-release": "ID=debian\n", "etc/fstab": "overlay / overlay lowerdir=/a 0 0\n"}, "overlay", "image"),
        ({"etc/fstab": "overlay /etc overlay defaults 0 0\n"}, "overlay", "image"),
        ({"etc/overlayroot.conf": '# comment\noverlayroot="tmpfs"\n'}, "overlay", "image"),
        ({"etc/os-release": "ID=nixos\n"}, "NixOS", "configuration.nix"),
        ({"etc/os-release": "ID=guix\n"}, "Guix", "config.scm"),
        ({"etc/os-release": "ID=clear-linux-os\n"}, "Clear Linux", "micro-config-drive"),
        ({".alpine-release": "3.20\n", "apks/x86_64/x": ""}, "from memory", "lbu"),
        ({"live/filesystem.squashfs": ""}, "live medium", "installed"),
    ],
)
def test_refused(tmp_path: Path, files: dict[str, str], name: str, instead: str) -> None:
    plant(tmp_path, files)
    with Sysroot(tmp_path) as view:
        error = find_unsupported(view)
    assert error is not None
    assert error.code == "guest.unsupported"
    assert name in error.message
    assert instead in error.hint


def test_a_data_disk_with_thousands_of_files_is_only_that(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    for number in range(10_001):
        (tmp_path / str(number)).touch()
    with Sysroot(tmp_path) as view:
        assert find_unsupported(view) is None


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"etc/os-release": "ID=debian\nVERSION_ID=12\n", "etc/fstab": "overlay /var/lib/docker/x overlay x 0 0\n"},
        {"etc/os-release": "ID=alpine\n", "etc/alpine-release": "3.20\n", "etc/apk/world": ""},
        {"etc/os-release": "ID=ubuntu\n", "etc/overlayroot.conf": 'overlayroot_cfgdisk="disabled"\noverlayroot=""\n'},
        {"etc/os-release": "ID=ubuntu\n", "etc/overlayroot.conf": "overlayroot=disabled\n"},
        {"etc/os-release": "ID=fedora\nVARIANT_ID=server\n"},
    ],
)
def test_ordinary_guests_are_not(tmp_path: Path, files: dict[str, str]) -> None:
    plant(tmp_path, files)
    with Sysroot(tmp_path) as view:
        assert find_unsupported(view) is None
