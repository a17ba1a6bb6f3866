"""cloud-init loses what the document decides and nothing else; a later request takes nothing back (LESSONS L1)."""

import json
from pathlib import Path

import pytest

from guest import apply
from guest.changes import cloudinit_read
from guest.decide import decide
from guest.errors import CustomizerError
from guest.machine.model import Card, Machine
from guest.settings.document import load
from guest.sysroot import Sysroot
from guests import trees

TREE = Path(__file__).parents[2] / "golden/debian-11/tree"
MACHINE = Machine(
    cards=(Card("eth0", "52:54:00:12:34:56", ("ens3",)), Card("eth1", "52:54:00:12:34:57", ("eth1",))),
)
DROP_IN = "etc/cloud/cloud.cfg.d/zz-guest-customizer.cfg"
NAME = "[identity]\nhostname = web01\n"
CARD = "[network]\n[[lan]]\nmac = 52:54:00:12:34:56\ndhcp4 = yes\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    trees.plant(TREE, tmp_path / "root")
    (tmp_path / "root/etc/cloud/cloud.cfg.d").mkdir(parents=True)
    (tmp_path / "root/etc/cloud/cloud.cfg").write_text("preserve_hostname: false\n")
    return tmp_path / "root"


def carry_out(root: Path, document: str) -> tuple[str, ...]:
    """Carries a request out; returns the warnings."""
    (root.parent / "customization.conf").write_text("format = 1\nid = one\n" + document)
    with Sysroot(root.parent) as medium, Sysroot(root) as guest:
        settings = load(medium)
        decision = decide(settings, MACHINE, guest)
        apply.apply(guest, settings.request_id, decision.plan.edits)
        return decision.warnings


def test_each_duty_is_switched_off_when_it_is_decided(root: Path) -> None:
    carry_out(root, NAME)
    assert "network" not in (root / DROP_IN).read_text().split("\n", 1)[1]
    carry_out(root, CARD)
    lines = (root / DROP_IN).read_text().splitlines()
    assert lines[1:] == ["network: {config: disabled}", "preserve_hostname: true", "manage_etc_hosts: false"]
    assert max(path.name for path in (root / DROP_IN).parent.iterdir()) == "zz-guest-customizer.cfg"


def test_what_the_document_does_not_decide_stays_cloud_inits(root: Path) -> None:
    assert carry_out(root, "[first_boot]\ncommands = true\n") == ()
    assert not (root / DROP_IN).exists()


@pytest.mark.parametrize(
    ("argument", "warned"), [("ip=dhcp", True), ("network-config=abc", True), ("quiet zip=1", False)]
)
def test_kernel_arguments_that_win(root: Path, argument: str, warned: bool) -> None:
    (root / "etc/default").mkdir(exist_ok=True)
    (root / "etc/default/grub").write_text(f'GRUB_CMDLINE_LINUX="console=ttyS0 {argument}"\n')
    assert any("kernel command line" in warning for warning in carry_out(root, CARD)) is warned


def test_the_template_s_own_user_data_stays(root: Path) -> None:
    seed = root / "var/lib/cloud/seed/nocloud"
    seed.mkdir(parents=True)
    (seed / "user-data").write_text("#cloud-config\npackages: [vim]\n")
    warnings = carry_out(root, "[guest]\ncloud_init = seed\n" + NAME + CARD)
    assert "packages: [vim]" in (seed / "user-data").read_text()
    assert '"local-hostname": "web01"' in (seed / "meta-data").read_text()
    assert '"version": 1' in (seed / "network-config").read_text()
    assert any("as a new instance" in warning for warning in warnings)
    assert "ens3" not in (root / "etc/network/interfaces").read_text()


def test_the_template_s_own_name_goes_from_its_user_data(root: Path) -> None:
    """User-data goes before meta-data: the name stood there in vain."""
    seed = root / "var/lib/cloud/seed/nocloud"
    seed.mkdir(parents=True)
    (seed / "user-data").write_text("#cloud-config\nfqdn: old.example.net\nhostname: old\n")
    carry_out(root, "[guest]\ncloud_init = seed\n" + CARD)
    assert "hostname: old" in (seed / "user-data").read_text()
    carry_out(root, "[guest]\ncloud_init = seed\n" + NAME)
    assert (seed / "user-data").read_text() == "#cloud-config\n{}\n"


def test_a_later_seed_keeps_the_cards_that_it_does_not_mention(root: Path) -> None:
    carry_out(root, "[guest]\ncloud_init = seed\n" + CARD.replace(":56", ":57"))
    carry_out(root, "[guest]\ncloud_init = seed\n" + CARD)
    content = json.loads((root / "var/lib/cloud/seed/nocloud/network-config").read_text())
    assert [device["name"] for device in content["config"]] == ["eth1", "ens3"]
    carry_out(root, "[guest]\ncloud_init = seed\n" + CARD)
    assert content == json.loads((root / "var/lib/cloud/seed/nocloud/network-config").read_text())


@pytest.mark.parametrize(
    "old", ["[", "[]", '{"version": 1}', '{"version": 1, "config": [1]}', "version: 1", "[" * 9000]
)
def test_a_network_config_of_another_shape_keeps_nothing(root: Path, old: str) -> None:
    seed = root / "var/lib/cloud/seed/nocloud"
    seed.mkdir(parents=True)
    (seed / "network-config").write_text(old)
    carry_out(root, "[guest]\ncloud_init = seed\n" + CARD)
    assert len(json.loads((seed / "network-config").read_text())["config"]) == 1


@pytest.mark.parametrize(
    ("programs", "configuration", "renderer"),
    [
        ("netplan", "", "netplan"),
        ("netplan ifup ifdown ifquery", "", "eni"),
        ("netplan ifup ifdown ifquery", "system_info:\n  network:\n    renderers: ['netplan', 'eni']\n", "netplan"),
        ("ifup", "", None),
        ("NetworkManager", "", "network-manager"),
    ],
)
def test_which_renderer_it_takes(root: Path, programs: str, configuration: str, renderer: str | None) -> None:
    (root / "usr/sbin/ifup").unlink()
    for program in programs.split():
        (root / "usr/sbin" / program).touch()
    (root / "etc/cloud/cloud.cfg").write_text(configuration)
    with Sysroot(root) as guest:
        assert cloudinit_read.renderer(guest) == renderer


OLD_NETPLAN = "Package: nplan\nStatus: install ok installed\nVersion: 0.32~17.10.4\n\n"


@pytest.mark.parametrize(
    ("status", "said"),
    [(OLD_NETPLAN, False), (OLD_NETPLAN.replace("0.32", "0.99"), True), ("", True)],
)
def test_the_seed_is_in_the_guest_s_own_netplan_dialect(root: Path, status: str, said: bool) -> None:
    """A word that an old netplan does not know is an error of the whole file: the drop-in says it there."""
    (root / "usr/sbin/netplan").touch()
    (root / "var/lib/dpkg").mkdir(parents=True, exist_ok=True)
    (root / "var/lib/dpkg/status").write_text(status)
    carry_out(root, "[guest]\ncloud_init = seed\n[dns]\nservers = 192.0.2.53\n" + CARD)
    content = (root / "var/lib/cloud/seed/nocloud/network-config").read_text()
    assert '"version": 2' in content
    assert ("dhcp4-overrides" in content) is said
    drop_in = (root / "etc/systemd/network/10-netplan-ens3.network.d/90-guest-customizer.conf").read_text()
    assert "[DHCP]\nUseDNS=no" in drop_in


def test_a_gateway_that_an_old_netplan_cannot_say_is_refused(root: Path) -> None:
    (root / "usr/sbin/netplan").touch()
    (root / "var/lib/dpkg").mkdir(parents=True, exist_ok=True)
    (root / "var/lib/dpkg/status").write_text(OLD_NETPLAN)
    card = CARD.replace("dhcp4 = yes", "addresses = 192.0.2.7/32\ngateway4 = 10.0.0.1")
    with pytest.raises(CustomizerError, match="on-link") as caught:
        carry_out(root, "[guest]\ncloud_init = seed\n" + card)
    assert caught.value.code == "network.inexpressible"


def test_a_seed_needs_a_cloud_init(root: Path) -> None:
    (root / "etc/cloud/cloud.cfg").unlink()
    with pytest.raises(CustomizerError) as caught:
        carry_out(root, "[guest]\ncloud_init = seed\n" + NAME)
    assert caught.value.code == "guest.no-cloud-init"
