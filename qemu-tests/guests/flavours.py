"""What configures the network of the Debian guests here. Each has its files in flavours/NAME: what a template of that kind holds."""

from guests.package_trees import Flavour

_RESOLVED = ("systemd-resolved", "dbus")

IFUPDOWN = Flavour("ifupdown", ("ifupdown", "isc-dhcp-client", "ifenslave", "bridge-utils"))
# For debian_raid.py: what its installer adds where the root lies on an array and a volume.
RAID = Flavour("raid", ("ifupdown", "isc-dhcp-client", "mdadm", "lvm2"))
# As Debian 13 installs it: ifupdown asks dhcpcd where there is no dhclient.
IFUPDOWN_DHCPCD = Flavour("ifupdown-dhcpcd", ("ifupdown", "dhcpcd-base", "ifenslave", "bridge-utils"))
IFUPDOWN_RESOLVCONF = Flavour("ifupdown-resolvconf", ("ifupdown", "isc-dhcp-client", "resolvconf"))
# Alpine's program, as Debian packages it; the files make an Alpine of it.
IFUPDOWN_NG = Flavour("ifupdown-ng", ("ifupdown-ng", "isc-dhcp-client"))
NETWORKD = Flavour("networkd", _RESOLVED, enabled=("systemd-networkd",))
NETPLAN = Flavour("netplan", ("netplan.io", *_RESOLVED), enabled=("systemd-networkd",))
NETPLAN_NETWORKMANAGER = Flavour("netplan-networkmanager", ("netplan.io", "network-manager"))
NETWORKMANAGER = Flavour("networkmanager", ("network-manager",))
CLOUD_INIT = Flavour("cloud-init", ("cloud-init", "netplan.io", *_RESOLVED), enabled=("systemd-networkd",))
CLOUD_INIT_IFUPDOWN = Flavour("cloud-init-ifupdown", ("cloud-init", "net-tools", *IFUPDOWN.packages))
CLOUD_INIT_NETWORKD = Flavour("cloud-init-networkd", ("cloud-init", *_RESOLVED), enabled=("systemd-networkd",))
DHCPCD = Flavour("dhcpcd", ("dhcpcd",))
# Not a guest: what answers DHCP and sends router advertisements at the other end of a sandbox's cables.
ROUTER = Flavour("router", ("dnsmasq-base",))

FLAVOURS = (
    IFUPDOWN, RAID, IFUPDOWN_DHCPCD, IFUPDOWN_RESOLVCONF, IFUPDOWN_NG, NETWORKD, NETPLAN, NETPLAN_NETWORKMANAGER,
    NETWORKMANAGER, CLOUD_INIT, CLOUD_INIT_IFUPDOWN, CLOUD_INIT_NETWORKD, DHCPCD, ROUTER,
)  # fmt: skip
