"""The tools that read what we write, and how each is started where no init runs. A line more proves another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guests import flavours
from guests.package_trees import BOOKWORM, TRIXIE, Flavour, Suite

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools.sandbox import Sandbox

RESOLV_CONF = "/etc/resolv.conf"
# All servers that resolved has: /etc/resolv.conf names only resolved itself.
RESOLVED = "/run/systemd/resolve/resolv.conf"


@dataclass(frozen=True)
class Tool:
    suite: Suite
    flavour: Flavour
    stack: str
    """What our program has to find in charge."""
    start: Callable[[Sandbox], None]
    """Brings the network up as that guest's boot does; what goes on by itself goes on."""
    resolv_conf: str = RESOLV_CONF
    more: str = ""
    """What is added to each document."""
    boot: Callable[[Sandbox], None] | None = None
    """What each boot does before `start`; between two documents there is one."""
    refused: tuple[str, ...] = ()
    """Names of intents for which this tree has no program: our program must say so before it writes."""

    @property
    def name(self) -> str:
        return f"{self.flavour.name}-{self.suite.name}"


def ifup(sandbox: Sandbox) -> None:
    """As networking.service: every `auto` interface. A failing one is the test's to see."""
    sandbox.guest("sh", "-c", "mkdir -p /run/network; ifup -a >/run/ifup.log 2>&1", check=False)


def ifup_resolvconf(sandbox: Sandbox) -> None:
    """resolvconf.service comes first: it makes the folders that its link and its hooks mean."""
    sandbox.guest("mkdir", "-p", "/run/resolvconf/interface")
    sandbox.guest("resolvconf", "--enable-updates")
    ifup(sandbox)


def dhcpcd(sandbox: Sandbox) -> None:
    """Without its udev plugin, which would wait for a udev."""
    sandbox.guest("sh", "-c", "dhcpcd --nodev >/run/dhcpcd.log 2>&1", check=False)


def networkd(sandbox: Sandbox) -> None:
    sandbox.guest("mkdir", "-p", "/run/systemd")
    sandbox.start("/lib/systemd/systemd-resolved")
    sandbox.start("/lib/systemd/systemd-networkd")


def netplan(sandbox: Sandbox) -> None:
    sandbox.guest("netplan", "generate")
    # Netplan means the address that a card was made with; the ends of a veth have none (a machine's cards have:
    # test_guests.py boots this with what netplan itself writes).
    sandbox.guest("sh", "-c", "sed -i s/PermanentMACAddress=/MACAddress=/ /run/systemd/network/*")


def netplan_to_networkd(sandbox: Sandbox) -> None:
    netplan(sandbox)
    networkd(sandbox)


def network_manager(sandbox: Sandbox) -> None:
    sandbox.guest("mkdir", "-p", "/run/dbus")
    sandbox.guest("dbus-daemon", "--system", "--fork")
    sandbox.start("/usr/sbin/NetworkManager", "--no-daemon")


def netplan_to_network_manager(sandbox: Sandbox) -> None:
    sandbox.guest("netplan", "generate")
    network_manager(sandbox)


def cloud_init(sandbox: Sandbox) -> None:
    """As its generator and its first service do, before there is a network."""
    sandbox.guest("rm", "-rf", "/run/cloud-init")
    sandbox.guest("mkdir", "-p", "/run/systemd", *GENERATED)
    sandbox.guest("/usr/lib/systemd/system-generators/cloud-init-generator", *GENERATED)
    sandbox.guest("cloud-init", "init", "--local")


def cloud_init_after_udev(sandbox: Sandbox) -> None:
    """The cards' .link files are what udev carries out."""
    for path in sandbox.guest("sh", "-c", "echo /sys/class/net/ens*").split():
        sandbox.guest("udevadm", "test-builtin", "net_setup_link", path)
    cloud_init(sandbox)


GENERATED = tuple(f"/run/generated/{folder}" for folder in ("normal", "early", "late"))
SEED = "[guest]\ncloud_init = seed\n"

TOOLS = (
    Tool(BOOKWORM, flavours.IFUPDOWN, "ifupdown", ifup),
    # dhcpcd as ifup calls it does no DHCPv6.
    Tool(TRIXIE, flavours.IFUPDOWN_DHCPCD, "ifupdown", ifup, refused=("dhcp6",)),
    # Without bridge-utils.
    Tool(BOOKWORM, flavours.IFUPDOWN_RESOLVCONF, "ifupdown", ifup_resolvconf, refused=("bridge",)),
    # Its DHCP client is asked for IPv4 alone.
    Tool(BOOKWORM, flavours.IFUPDOWN_NG, "ifupdown-ng", ifup, refused=("dhcp6",)),
    Tool(BOOKWORM, flavours.DHCPCD, "dhcpcd", dhcpcd, refused=("bridge",)),
    Tool(TRIXIE, flavours.DHCPCD, "dhcpcd", dhcpcd, refused=("bridge",)),
    Tool(BOOKWORM, flavours.NETWORKD, "networkd", networkd, RESOLVED),
    Tool(TRIXIE, flavours.NETWORKD, "networkd", networkd, RESOLVED),
    Tool(BOOKWORM, flavours.NETPLAN, "netplan", netplan_to_networkd, RESOLVED),
    Tool(TRIXIE, flavours.NETPLAN, "netplan", netplan_to_networkd, RESOLVED),
    Tool(BOOKWORM, flavours.NETPLAN_NETWORKMANAGER, "netplan", netplan_to_network_manager),
    Tool(BOOKWORM, flavours.NETWORKMANAGER, "keyfile", network_manager),
    Tool(TRIXIE, flavours.NETWORKMANAGER, "keyfile", network_manager),
    Tool(BOOKWORM, flavours.CLOUD_INIT, "netplan", netplan_to_networkd, RESOLVED, SEED, cloud_init),
    Tool(TRIXIE, flavours.CLOUD_INIT, "netplan", netplan_to_networkd, RESOLVED, SEED, cloud_init),
    # Version 1 of network-config has no gateway outside the subnets, its ifupdown renderer no end of router advertisements.
    Tool(
        BOOKWORM,
        flavours.CLOUD_INIT_IFUPDOWN,
        "ifupdown",
        ifup,
        RESOLV_CONF,
        SEED,
        cloud_init_after_udev,
        ("off-subnet-gateway", "slaac"),
    ),
    # Its networkd renderer makes no bridges.
    Tool(
        TRIXIE,
        flavours.CLOUD_INIT_NETWORKD,
        "networkd",
        networkd,
        RESOLVED,
        SEED,
        cloud_init,
        ("off-subnet-gateway", "bridge"),
    ),
)
