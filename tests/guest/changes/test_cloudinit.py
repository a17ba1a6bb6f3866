"""cloud-init loses what the document decides and nothing else; a later request takes nothing back (LESSONS L1)."""

from pathlib import Path

import pytest

from guest import apply
from guest.decide import decide
from guest.errors import CustomizerError
from guest.machine.model import Card, Machine
from guest.settings.document import load
from guest.sysroot import Sysroot
from guests import trees

TREE = Path(__file__).parents[2] / "golden/debian-11/tree"
MACHINE = Machine(cards=(Card("eth0", "52:54:00:12:34:56", ("ens3",)),))
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


def test_a_seed_needs_a_cloud_init(root: Path) -> None:
    (root / "etc/cloud/cloud.cfg").unlink()
    with pytest.raises(CustomizerError) as caught:
        carry_out(root, "[guest]\ncloud_init = seed\n" + NAME)
    assert caught.value.code == "guest.no-cloud-init"
