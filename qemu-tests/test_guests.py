"""Real Debian guests on every network stack there: customized by our ISO, booted from their own disks, asked who they are.

All become the same: two cards of their own, and a VLAN on a bond of two more. A row more proves another guest.
"""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from guests import flavours
from guests.boot import GuestTells, boot_guest
from guests.debian import debian_disk
from guests.package_trees import BOOKWORM, BULLSEYE, SID, TRIXIE, CannotInstallError, Flavour, Suite
from host import vm
from kernel_words import Asked, Found, differences
from machine import customize, pack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.protocol import Result

BUILD = Path(__file__).resolve().parent.parent / "build"
# A guest is half waiting and half one processor's work.
AT_ONCE = int(os.environ.get("GUESTS_AT_ONCE", "2"))
MACS = tuple(f"52:54:00:12:34:{number}" for number in (56, 57, 58, 59))


# Some of its modules find nothing to configure in a tree without recommended packages; its network stage is not among them.
CLOUD_INIT_FAILS = frozenset({"cloud-config.service"})
CLOUD_INIT_OFF = "cloud-init is in the guest: its network and host name duty is switched off"


@dataclass(frozen=True)
class Guest:
    suite: Suite
    flavour: Flavour
    stack: str
    boots: int = 1
    warnings: tuple[str, ...] = ()
    may_fail: frozenset[str] = frozenset()  # units

    @property
    def name(self) -> str:
        return f"{self.suite.name}-{self.flavour.name}"


GUESTS = (
    Guest(BULLSEYE, flavours.IFUPDOWN, "ifupdown"),
    Guest(BOOKWORM, flavours.IFUPDOWN, "ifupdown"),
    Guest(BOOKWORM, flavours.NETWORKD, "networkd"),
    Guest(BOOKWORM, flavours.NETPLAN, "netplan"),
    Guest(BOOKWORM, flavours.NETWORKMANAGER, "keyfile"),
    Guest(BOOKWORM, flavours.CLOUD_INIT, "netplan", boots=2, warnings=(CLOUD_INIT_OFF,), may_fail=CLOUD_INIT_FAILS),
    Guest(TRIXIE, flavours.IFUPDOWN_DHCPCD, "ifupdown"),
    Guest(SID, flavours.IFUPDOWN_DHCPCD, "ifupdown"),
)

DOCUMENT = """\
format = 1
id = guests-0001
[identity]
hostname = web01
domain = example.com
[dns]
servers = 10.0.0.2, 2001:db8::53
search = example.com, corp.example.com
[network]
  [[lan]]
  mac = 52:54:00:12:34:56
  addresses = 10.0.0.11/24, 10.0.0.12/24, 2001:db8::11/64
  gateway4 = 10.0.0.1
  gateway6 = 2001:db8::1
  mtu = 1400
    [[[routes]]]
    backup = 192.168.7.0/24 via 10.0.0.254 metric 50
  [[san]]
  mac = 52:54:00:12:34:57
  dhcp4 = yes
  [[left]]
  mac = 52:54:00:12:34:58
  [[right]]
  mac = 52:54:00:12:34:59
  [[both]]
  bond = active-backup
  ports = left, right
  name = bond0
  addresses = 10.0.5.11/24
  [[storage]]
  vlan = 42
  parent = both
  addresses = 10.0.42.11/24
[first_boot]
commands = "touch /root/was-here"
wait_for_network = yes
"""
# QEMU's own network gives 10.0.2.15 by DHCP and advertises fec0::/64.
ASKED = Asked(
    addresses=(
        "ens3 10.0.0.11/24",
        "ens3 10.0.0.12/24",
        "ens3 2001:db8::11/64",
        "ens4 10.0.2.15/24",
        "bond0 10.0.5.11/24",
        "bond0.42 10.0.42.11/24",
    ),
    routes=(
        "default via 10.0.0.1 dev ens3*",
        "default via 2001:db8::1 dev ens3*",
        "192.168.7.0/24 via 10.0.0.254 dev ens3 metric 50",
    ),
    # What the document leaves to the guest on the cards without IPv6 addresses, and the gateway of ens4's lease.
    also=("ens4 fec0::*", "bond0 fec0::*", "default via 10.0.2.2 dev ens4*", "default via fe80::2 dev *"),
    mtu={"ens3": 1400},
    kinds={"bond0": "bond active-backup of ens5 ens6", "bond0.42": "vlan 42 on bond0"},
    servers=("10.0.0.2", "2001:db8::53"),
    search=("example.com", "corp.example.com"),
)


@dataclass(frozen=True)
class Story:
    result: Result
    told: list[GuestTells]
    """By each boot."""


def tell_story(guest: Guest, iso: Path, folder: Path) -> Story:
    template = debian_disk(BUILD, lambda _: None, guest.suite, guest.flavour)
    clone = folder / "clone.qcow2"
    overlay = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(template), str(clone)]
    subprocess.run(overlay, check=True)
    document = folder / "customization.conf"
    document.write_text(DOCUMENT)
    result = customize(vm.Vm(disks=(clone,), iso=iso, config=pack(document), macs=MACS))
    assert result.is_ok, result
    return Story(result, [boot_guest(clone, MACS) for _ in range(guest.boots)])


@pytest.fixture(scope="module")
def stories(request: pytest.FixtureRequest, iso: Path, tmp_path_factory) -> Iterator[dict[str, Future[Story]]]:
    """Of all guests that were chosen, begun ahead of the tests that wait for them."""
    chosen = {item.callspec.id for item in request.session.items if getattr(item, "callspec", None)}
    wanted = [guest for guest in GUESTS if guest.name in chosen]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {guest.name: pool.submit(tell_story, guest, iso, tmp_path_factory.mktemp(guest.name)) for guest in wanted}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("guest", GUESTS, ids=lambda guest: guest.name)
def test_it_boots_as_its_new_self(guest: Guest, stories: dict[str, Future[Story]]) -> None:
    story = _story_of(guest, stories)
    assert (story.result.stack, story.result.warnings) == (guest.stack, guest.warnings), story.result
    for tells in story.told:
        assert (tells["hostname"], tells["fqdn"]) == ("web01", "web01.example.com")
        assert "template" not in (tells["hosts"] or "")
        routes = [*tells["routes"]["ipv4"], *tells["routes"]["ipv6"]]
        found = Found(tells["addresses"], routes, tells["resolved"] or tells["resolv_conf"])
        assert not differences(ASKED, found)
        assert set(tells["failed_units"]) <= guest.may_fail, tells
        assert tells["sshd_config_ok"] == 0, tells
        assert "was-here" in tells["files"]
        if guest.flavour is flavours.CLOUD_INIT:
            # It was at work, with a seed that names another host, and with DHCP for want of a network of its own.
            assert "enabled-by-generator" in tells["cloud_init"], tells["cloud_init"]


def _story_of(guest: Guest, stories: dict[str, Future[Story]]) -> Story:
    try:
        return stories[guest.name].result()
    except CannotInstallError as error:
        if guest.suite is not SID:
            raise
        # Before anything of ours has run: Debian's unstable suite does not let itself be installed today. The
        # summary at the end of the run says so.
        pytest.xfail(f"sid cannot be installed today, and so proves nothing: {error}")
