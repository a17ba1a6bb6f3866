"""Which stack is in charge: by release, then by what is enabled, then by what is configured (LESSONS L4)."""

from pathlib import Path

import pytest

from guest.errors import CustomizerError
from guest.network import find_stack
from guest.sysroot import Sysroot

WANTS = "etc/systemd/system/multi-user.target.wants/"
NM = {"usr/sbin/NetworkManager": "", f"{WANTS}NetworkManager.service": ""}
NETWORKD = {"usr/lib/systemd/systemd-networkd": "", f"{WANTS}systemd-networkd.service": ""}
IFUPDOWN = {"sbin/ifup": "", f"{WANTS}networking.service": ""}
LO = {"etc/network/interfaces": "auto lo\niface lo inet loopback\n"}
ETH0 = {"etc/network/interfaces": "auto lo\niface lo inet loopback\nauto eth0\niface eth0 inet dhcp\n"}
IFCFG = {"etc/sysconfig/network-scripts/ifcfg-eth0": "DEVICE=eth0\n"}
SYSV = {"etc/rc.d/rc3.d/S10network": ""}
NETPLAN = {"usr/sbin/netplan": ""}
YAML = {"etc/netplan/50-cloud-init.yaml": "network: {version: 2}\n"}


def os_release(identity, version):
    return {"etc/os-release": f'ID="{identity}"\nVERSION_ID="{version}"\n'}


@pytest.mark.parametrize(
    ("family", "version", "files", "stack", "why"),
    [
        # Red Hat's family: the release decides, whatever plugins or leftovers are there.
        ("redhat", (5, 11), SYSV | IFCFG, "ifcfg", "release 5"),
        ("redhat", (8, 10), os_release("rocky", "8.10") | NM | IFCFG, "ifcfg", "release 8"),
        (
            "redhat",
            (9, 5),
            os_release("rocky", "9.5") | NM | IFCFG,
            "keyfile",
            "NetworkManager is installed and enabled",
        ),
        ("redhat", (9, 5), os_release("rocky", "9.5") | SYSV | IFCFG, "ifcfg", "started by SysV"),
        ("redhat", (10,), os_release("rhel", "10.0") | NM | IFCFG, "keyfile", "NetworkManager"),
        ("redhat", (8,), os_release("rhel", "8.4") | NETWORKD | IFCFG, "networkd", "systemd-networkd"),
        ("redhat", (32,), os_release("fedora", "32") | NM | IFCFG, "ifcfg", "release 32"),
        ("redhat", (33,), os_release("fedora", "33") | NM | IFCFG, "keyfile", "NetworkManager"),
        ("redhat", (2,), os_release("amzn", "2") | IFCFG | SYSV, "ifcfg", "release 2"),
        ("redhat", (2023,), os_release("amzn", "2023") | NETWORKD, "networkd", "systemd-networkd"),
        ("redhat", (22, 3), os_release("openEuler", "22.03") | NM | IFCFG, "ifcfg", "release 22"),
        ("redhat", (10,), os_release("kylin", "V10") | NM | IFCFG, "ifcfg", "release 10"),
        # Debian's family: a card that is named in interfaces is none of NetworkManager's.
        ("debian", (12,), NM | IFUPDOWN | ETH0, "ifupdown", "networking.service is enabled"),
        ("debian", (12,), NM | IFUPDOWN | LO, "keyfile", "NetworkManager"),
        ("debian", (12,), NETWORKD | IFUPDOWN | LO, "networkd", "systemd-networkd"),
        ("debian", (12,), IFUPDOWN | LO, "ifupdown", "ifup is installed"),
        ("debian", (12,), NETPLAN | YAML | NETWORKD | IFUPDOWN | LO, "netplan", "has files to read"),
        ("debian", (12,), NETPLAN | IFUPDOWN | ETH0, "ifupdown", "networking.service"),
        ("debian", (22, 4), os_release("ubuntu", "22.04") | NETPLAN | NETWORKD, "netplan", "Ubuntu 22"),
        # Masked is not enabled.
        (
            "debian",
            (12,),
            NM | {"etc/systemd/system/NetworkManager.service": "link:/dev/null"} | IFUPDOWN | LO,
            "ifupdown",
            "",
        ),
        # Nothing is enabled: what is configured.
        ("redhat", (9,), os_release("rhel", "9.1") | IFCFG, "ifcfg", "nothing is enabled, but there is"),
        (
            "photon",
            (5,),
            {"etc/systemd/network/99-dhcp-en.network": ""},
            "networkd",
            "nothing is enabled, but there is",
        ),
    ],
)
def test_which_stack(*, family, version, files, stack, why, tmp_path):
    found, because = find_stack(planted(tmp_path, files), family, version, None)
    assert found.name == stack
    assert why in because


def planted(root, files):
    for path, content in files.items():
        file = Path(root, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("link:"):
            file.symlink_to(content.removeprefix("link:"))
        else:
            file.write_text(content)
    return Sysroot(root)


def test_the_document_overrules(tmp_path):
    view = planted(tmp_path, NM | IFUPDOWN | ETH0)
    found, because = find_stack(view, "debian", (12,), "networkd")
    assert (found.name, because) == ("networkd", "the document says so")


def test_an_unknown_stack_is_refused(tmp_path):
    with pytest.raises(CustomizerError, match="nothing that is known here") as caught:
        find_stack(planted(tmp_path, {}), "redhat", (9,), None)
    assert caught.value.code == "network.unknown-stack"
    assert "network_stack" in caught.value.hint
