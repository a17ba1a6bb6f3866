"""Which name a card gets, and what holds it to that name in each release (FACTS-distros 4)."""

from dataclasses import replace

import pytest

from guest.edits import Overlay, SetAside
from guest.errors import CustomizerError
from guest.machine.model import Card
from guest.network import ifupdown, networkd
from guest.network.model import Bond, BondMode, Interface, Network, Resolver, Vlan
from guest.network.names import bind
from guest.network.pinning import plan_names
from guest.sysroot import Sysroot

ONE, TWO, GONE = "52:54:00:12:34:56", "52:54:00:12:34:57", "00:0c:29:aa:bb:cc"
CARDS = (Card("eth0", ONE, ("ens3",)), Card("eth1", TWO, ("ens4",)))
LAN, SAN = Interface("lan", mac=ONE), Interface("san", mac=TWO)
UDEV = {"usr/lib/udev/rules.d/80-net-setup-link.rules": ""}
GENERATOR = {"lib/udev/rules.d/75-persistent-net-generator.rules": ""}
RULES = "etc/udev/rules.d/70-persistent-net.rules"


def rule(mac, name):
    return (
        f'SUBSYSTEM=="net", ACTION=="add", DRIVERS=="?*", ATTR{{address}}=="{mac}", ATTR{{type}}=="1", NAME="{name}"\n'
    )


def link(mac, name):
    return f"[Match]\nMACAddress={mac}\n\n[Link]\nName={name}\n"


def planted(root, files):
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    return Sysroot(root)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (UDEV, ["ens3", "ens4"]),
        ({}, ["eth0", "eth1"]),
        (UDEV | {"etc/default/grub": 'GRUB_CMDLINE_LINUX="net.ifnames=0"\n'}, ["eth0", "eth1"]),
        # What the guest itself says of a card goes first.
        (UDEV | {RULES: rule(ONE, "lan7")}, ["lan7", "ens4"]),
        (UDEV | {"etc/systemd/network/10-mine.link": link(TWO, "san0")}, ["ens3", "san0"]),
        ({"etc/network/interfaces": f"iface eth5 inet dhcp\n  hwaddress ether {ONE}\n"}, ["eth5", "eth1"]),
        # No card can have such a name, and files of that name are none that we want to write.
        (UDEV | {RULES: rule(ONE, "../../x")}, ["ens3", "ens4"]),
        (UDEV | {RULES: rule(ONE, "."), "etc/systemd/network/10-mine.link": link(TWO, "$(x)")}, ["ens3", "ens4"]),
        ({"etc/network/interfaces": f"iface é5 inet dhcp\n  hwaddress ether {ONE}\n"}, ["eth0", "eth1"]),
        (UDEV | {RULES: rule(ONE, "a-name-of-sixteen")}, ["ens3", "ens4"]),
        # Our own pin of an earlier run is no say of the guest's.
        (UDEV | {"etc/systemd/network/10-guest-customizer-ens9.link": link(ONE, "ens9")}, ["ens3", "ens4"]),
    ],
)
def test_names(files, names, tmp_path):
    bound = bind(planted(tmp_path, files), ifupdown.STACK, (LAN, SAN), CARDS)
    assert [b.name for b in bound] == names


def test_names_of_what_the_guest_makes(tmp_path):
    bond = Interface("bundle", virtual=Bond(BondMode.LACP, ("lan", "san")))
    vlans = [Interface("a", virtual=Vlan("bundle", 42)), Interface("b", virtual=Vlan("bundle", 43), name="storage")]
    long = Interface("c", virtual=Vlan("averyverylongna", 4094))
    named = Interface("averyverylongna", virtual=Bond(BondMode.XOR, ()))
    bound = bind(Sysroot(tmp_path), ifupdown.STACK, (*vlans, long, named, bond, LAN, SAN), CARDS)
    names = ["bundle.42", "storage", "vlan4094", "averyverylongna", "bundle", "eth0", "eth1"]
    assert [b.name for b in bound] == names


def test_two_of_one_name_are_refused(tmp_path):
    long = Interface("averyverylongna", virtual=Bond(BondMode.XOR, ()))
    other = Interface("averyverylongnb", virtual=Bond(BondMode.XOR, ()))
    vlans = [Interface(f"on {b.label}", virtual=Vlan(b.label, 4094)) for b in (long, other)]
    with pytest.raises(CustomizerError, match="would both be vlan4094") as caught:
        bind(Sysroot(tmp_path), ifupdown.STACK, (long, other, *vlans), CARDS)
    assert caught.value.code == "network.name-used-twice"


def test_a_name_that_another_card_has_is_not_given_again(tmp_path):
    known = {"etc/network/interfaces": f"iface eth1 inet dhcp\n  hwaddress ether {ONE}\n"}
    bound = bind(planted(tmp_path, known), ifupdown.STACK, (LAN, SAN), CARDS)
    assert [b.name for b in bound] == ["eth1", "eth0"]


def pins(files, root, interfaces=(LAN,)):
    """{path: content} of what holds names; None for what goes."""
    view = planted(root, files)
    network = Network(bind(view, networkd.STACK, interfaces, CARDS), Resolver())
    edits = Overlay(view).with_edits(tuple(plan_names(view, network, CARDS))).edits
    return {edit.path.lstrip("/"): None if isinstance(edit, SetAside) else edit.content.decode() for edit in edits}


SLOTS = {"usr/lib/udev/rules.d/80-net-name-slot.rules": ""}
OURS = "etc/systemd/network/10-guest-customizer-ens3.link"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        # A .link file where udev looks at one; never for the kernel's own names.
        (UDEV, {OURS: f"# {ONE} keeps its name.\n" + link(ONE, "ens3")}),
        ({}, {}),
        (UDEV | {"etc/default/grub": "net.ifnames=0"}, {}),
        # EL7: another rule comes first, and the profile's HWADDR does it.
        (UDEV | SLOTS | {"etc/sysconfig/network-scripts/ifcfg-ens3": "DEVICE=ens3\n"}, {}),
        # eudev (Void): no .link files, and nobody renames by HWADDR.
        (UDEV | SLOTS, {RULES: rule(ONE, "ens3")}),
        # Where the generator is, the file that it writes: EL6, Debian 7 and 8, SLES up to 15.
        (GENERATOR, {RULES: rule(ONE, "eth0")}),
        # SLES 12 to 15 have both, and ethN unless the kernel is told otherwise.
        (GENERATOR | UDEV, {RULES: rule(ONE, "eth0")}),
        (GENERATOR | UDEV | {"etc/default/grub": "net.ifnames=1"}, {RULES: rule(ONE, "ens3")}),
        # Cards that are gone leave it; those that are here stay, unless they have a name that is asked for.
        (GENERATOR | {RULES: rule(GONE, "eth0") + rule(TWO, "eth1")}, {RULES: rule(TWO, "eth1") + rule(ONE, "eth0")}),
        ({RULES: rule(GONE, "eth0")}, {RULES: None}),
        ({RULES: "# mine\n" + rule(TWO, "eth1") + rule(GONE, "eth0")}, {RULES: "# mine\n" + rule(TWO, "eth1")}),
        (
            {"etc/udev/rules.d/85-persistent-net-cloud-init.rules": rule(GONE, "eth0")},
            {"etc/udev/rules.d/85-persistent-net-cloud-init.rules": None},
        ),
        # .link files: our own of another name, and others' that keep our name for a card that is gone.
        (
            {"etc/systemd/network/10-guest-customizer-ens9.link": link(ONE, "ens9")},
            {"etc/systemd/network/10-guest-customizer-ens9.link": None},
        ),
        ({"etc/systemd/network/20-old.link": link(GONE, "eth0")}, {"etc/systemd/network/20-old.link": None}),
        ({"etc/systemd/network/20-other.link": link(TWO, "eth7")}, {}),
        ({"etc/systemd/network/99-default.link": "[Match]\nOriginalName=*\n[Link]\nNamePolicy=kernel\n"}, {}),
    ],
)
def test_pins(files, expected, tmp_path):
    assert pins(files, tmp_path) == expected


def test_a_pin_holds_the_mtu_too(tmp_path):
    """netplan before 0.99 (Ubuntu 18.04 as released) writes it into its own .link file only, which udev does not come to."""
    bond = Interface("bundle", virtual=Bond(BondMode.XOR, ("san",)), mtu=9000)
    pinned = pins(UDEV, tmp_path, (replace(LAN, mtu=1400), SAN, bond))
    assert pinned == {
        OURS: f"# {ONE} keeps its name.\n" + link(ONE, "ens3") + "MTUBytes=1400\n",
        OURS.replace("ens3", "ens4"): f"# {TWO} keeps its name.\n" + link(TWO, "ens4") + "MTUBytes=9000\n",
    }
