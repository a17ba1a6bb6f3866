"""A guest's own cloud-init, run as its boots run it: it leaves alone what it lost, and takes what it is handed."""

from __future__ import annotations

from pathlib import Path

import pytest

from guests import flavours
from guests.package_trees import BOOKWORM, TRIXIE
from tools.intents import INTENTS, STATIC
from tools.proof import alive
from tools.sandbox import RefusedError, Sandbox
from tools.stacks import SEED, cloud_init, netplan_to_networkd

BUILD = Path(__file__).resolve().parents[2] / "build"
OURS = ("hostname", "hosts", "netplan", "network", "resolv.conf", "systemd/network", "udev/rules.d")
# What a template's maker may have written before us; the flavour's user-data names another host besides.
TEMPLATE = "manage_etc_hosts: true\\npreserve_hostname: false\\n"
SUITES = pytest.mark.parametrize("suite", [BOOKWORM, TRIXIE], ids=lambda suite: suite.name)


def files(sandbox: Sandbox) -> dict[str, str]:
    """Sums of the files that are ours to decide."""
    find = f"cd /etc && find {' '.join(OURS)} -type f -exec sha256sum {{}} +"
    lines = sandbox.guest("sh", "-c", find, check=False).splitlines()
    return {name: digest for digest, name in (line.split(None, 1) for line in lines if not line.startswith("find:"))}


def boot(sandbox: Sandbox) -> None:
    """Both of its stages, the second with the network up as the first one left it."""
    sandbox.guest("hostname", "-F", "/etc/hostname")
    cloud_init(sandbox)
    netplan_to_networkd(sandbox)
    sandbox.guest("cloud-init", "init", check=False)  # modules for disks and users fail here; ours are asked below


def customized(sandbox: Sandbox, more: str) -> dict[str, str]:
    sandbox.guest("sh", "-c", f"printf '{TEMPLATE}' >>/etc/cloud/cloud.cfg.d/91_template.cfg")
    sandbox.apply(STATIC.documents[0] + more)
    return files(sandbox)


@SUITES
def test_it_leaves_network_and_names_alone(suite) -> None:
    with alive(suite, flavours.CLOUD_INIT, STATIC.cards, BUILD) as sandbox:
        before = customized(sandbox, "")
        boot(sandbox)
        assert files(sandbox) == before
        assert sandbox.guest("hostname").strip() == "web01"


@SUITES
def test_it_would_not_by_itself(suite) -> None:
    """So that the test above can fail: the drop-in is what keeps it off."""
    with alive(suite, flavours.CLOUD_INIT, STATIC.cards, BUILD) as sandbox:
        before = customized(sandbox, "[guest]\ncloud_init = keep\n")
        boot(sandbox)
        after = files(sandbox)
        assert {name for name in after if after[name] != before.get(name)} >= {
            "hostname",
            "hosts",
            "netplan/50-cloud-init.yaml",
        }
        assert sandbox.guest("hostname").strip() == "cloud-template"


@SUITES
def test_it_takes_the_name_of_the_seed(suite) -> None:
    """The template's user-data named another, and user-data goes before meta-data."""
    with alive(suite, flavours.CLOUD_INIT, STATIC.cards, BUILD) as sandbox:
        customized(sandbox, SEED)
        boot(sandbox)
        assert sandbox.guest("hostname").strip() == "web01"
        assert "web01" in (sandbox.read("/etc/hosts") or "")
        assert "cloud-template" not in (sandbox.read("/etc/hosts") or "")


@pytest.mark.parametrize(
    ("flavour", "version"),
    [(flavours.CLOUD_INIT, 2), (flavours.CLOUD_INIT_NETWORKD, 1)],
    ids=("version-2", "version-1"),
)
def test_its_own_schema_takes_the_seed(flavour, version: int) -> None:
    """25.1's; 22.4 has none for networks."""
    checked = 0
    for intent in INTENTS:
        with alive(TRIXIE, flavour, intent.cards, BUILD) as sandbox:
            try:
                sandbox.apply(next(text for text in reversed(intent.documents) if "[network]" in text) + SEED)
            except RefusedError:
                continue
            seed = "/var/lib/cloud/seed/nocloud"
            assert f'"version": {version}' in (sandbox.read(f"{seed}/network-config") or "")
            for kind, name in (("network-config", "network-config"), ("cloud-config", "user-data")):
                said = sandbox.guest("cloud-init", "schema", "--schema-type", kind, "--config-file", f"{seed}/{name}")
                assert "Valid schema" in said
            checked += 1
    assert checked >= 6
