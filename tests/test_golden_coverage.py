"""The golden cases prove what they promise to: every release has one, and every stack has one of each kind.

A case counts by what its document asks and its report says, not by its name. A refusal is an answer too.
"""

import json
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from guest.errors import CustomizerError
from guest.network import STACKS
from guest.network.model import Bond, Interface, Vlan
from guest.settings.document import load
from guest.settings.model import Settings
from guest.sysroot import Sysroot

CASES = Path(__file__).parent / "golden"
RELEASES = {
    "rhel": ("5", "6", "7", "8", "9", "10"),
    "centos": ("5", "6", "7", "8", "stream-8", "stream-9", "stream-10"),
    "oracle": ("5", "6", "7", "8", "9", "10"),
    "scientific": ("5", "6", "7"),
    "rocky": ("8", "9", "10"),
    "almalinux": ("8", "9", "10"),
    "fedora": tuple(map(str, range(30, 44))),
    "amazon": ("1", "2", "2023"),
    "openeuler": ("20.03", "22.03", "24.03"),
    "anolis": ("8", "23"),
    "kylin": ("v10",),
    "photon": ("1", "2", "3", "4", "5"),
    "sles": ("10", "11", "12", "15", "16"),
    "opensuse": ("10.3", "11.4", "leap-42.3", "leap-15.6", "leap-16", "tumbleweed"),
    "debian": tuple(map(str, range(7, 14))),
    "ubuntu": ("12.04", "14.04", "16.04", "18.04", "20.04", "22.04", "24.04", "26.04"),
    "mint": ("17", "18", "20", "21", "22"),
    "devuan": ("2", "3", "4", "5"),
    "alpine": ("3.12", "3.18", "3.22"),
}
# What installers, cloud-init and daemons leave for a card (LESSONS L2, L13); each goes in some case.
STALE = (
    "etc/NetworkManager/system-connections/Wired connection 1.nmconnection",
    "etc/NetworkManager/system-connections/cloud-init-*.nmconnection",
    "etc/netplan/50-cloud-init.yaml",
    "etc/netplan/00-installer-config.yaml",
    "etc/netplan/90-NM-*.yaml",
    "etc/network/interfaces.d/50-cloud-init",
    "etc/nmstate/*.yml",
    "etc/runlevels/default/net.*",
    "etc/sysconfig/network-scripts/ifcfg-*",
    "etc/sysconfig/network-scripts/route-*",
    "etc/sysconfig/network/ifcfg-*",
    "etc/sysconfig/network/ifroute-*",
    "etc/sysconfig/network/routes",
    "etc/systemd/network/*.network",
    "etc/systemd/network/10-cloud-init-*.network",
    "etc/systemd/network/*.network.d/*",
    "etc/systemd/network/*.link",
    "etc/udev/rules.d/30-net_persistent_names.rules",
    "etc/udev/rules.d/70-persistent-net.rules",
)
ROLLING = ("arch", "gentoo", "void", "lmde-6")


@dataclass(frozen=True)
class Case:
    name: str
    settings: Settings
    stack: str
    """For a refusal: that of the folder's other cases."""
    cloud_init: bool
    set_aside: tuple[str, ...]

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        return self.settings.interfaces


@cache
def cases() -> tuple[Case, ...]:
    found = []
    for document in sorted(CASES.glob("*/*/customization.conf")):
        folder = document.parent
        try:
            with Sysroot(folder) as medium:
                settings = load(medium)
        except CustomizerError:
            continue  # of a document that says nothing
        trees = (folder / "before", folder.parent / "tree")
        gone = [
            line.removeprefix("gone ").strip("'") for line in _lines(folder / "after.list") if line.startswith("gone ")
        ]
        cloud_init = any((tree / "etc/cloud/cloud.cfg").exists() for tree in trees)
        found.append(Case(str(folder.relative_to(CASES)), settings, _stack(folder), cloud_init, tuple(gone)))
    return tuple(found)


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _stack(folder: Path) -> str:
    reports = [json.loads(path.read_text()) for path in (folder / "report.json", *folder.parent.glob("*/report.json"))]
    return next((report["stack"] for report in reports if report.get("stack")), "")


def _any(case: Case, wanted) -> bool:
    return any(wanted(interface) for interface in case.interfaces)


def _two_addresses(interface: Interface) -> bool:
    counts = [len(interface.of(version).addresses) for version in (4, 6)]
    return min(counts) >= 1 and max(counts) >= 2


def _off_subnet(interface: Interface) -> bool:
    return any(not interface.of(version).gateway_is_on_link for version in (4, 6))


KINDS = {
    "static v4+v6 with two addresses": lambda case: _any(case, _two_addresses),
    "dhcp": lambda case: _any(case, lambda interface: interface.dhcp4),
    "two cards": lambda case: sum(interface.virtual is None for interface in case.interfaces) >= 2,
    "off-subnet gateway": lambda case: _any(case, _off_subnet),
    "routes with metrics": lambda case: _any(case, lambda interface: any(r.metric for r in interface.routes)),
    "vlan": lambda case: _any(case, lambda interface: isinstance(interface.virtual, Vlan)),
    "bond": lambda case: _any(case, lambda interface: isinstance(interface.virtual, Bond)),
    "cloud-init present": lambda case: case.cloud_init and bool(case.interfaces),
    "stale configuration": lambda case: any("persistent-net" not in path for path in case.set_aside),
}


@pytest.mark.parametrize("distribution", RELEASES)
def test_every_release_has_a_case(distribution: str) -> None:
    folders = {case.name.split("/")[0] for case in cases()}
    missing = [
        release
        for release in RELEASES[distribution]
        if not any(
            folder == f"{distribution}-{release}" or folder.startswith(f"{distribution}-{release}-")
            for folder in folders
        )
    ]
    assert not missing


def test_every_rolling_distribution_has_a_case() -> None:
    assert set(ROLLING) <= {case.name.split("/")[0] for case in cases()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stack", [stack.name for stack in STACKS])
def test_every_stack_has_a_case_of_each_kind(stack: str, kind: str) -> None:
    assert any(case.stack == stack and KINDS[kind](case) for case in cases())


@pytest.mark.parametrize("pattern", STALE)
def test_stale_configuration_of_every_kind_goes(pattern: str) -> None:
    assert any(fnmatch(path, pattern) for case in cases() for path in case.set_aside)
