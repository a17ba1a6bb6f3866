"""Other people's netplan files: cut byte for byte, rewritten where that cannot be, refused where netplan could not read them."""

import json
from contextlib import nullcontext
from ipaddress import ip_address, ip_interface

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from guest.edits import Overlay, SetAside
from guest.errors import CustomizerError
from guest.network import netplan, netplan_yaml
from guest.network.meaning import verify
from guest.network.model import Bond, BondMode, BoundInterface, Interface, Network, Resolver
from guest.network.netplan_dialect import Dialect
from guest.sysroot import Sysroot

MAC = "52:54:00:12:34:56"
NETWORK = Network((BoundInterface(Interface("lan", mac=MAC, dhcp4=True), "ens3", MAC),), Resolver())


@pytest.fixture
def guest(tmp_path):
    (tmp_path / "etc/netplan").mkdir(parents=True)
    (tmp_path / "usr/sbin").mkdir(parents=True)
    (tmp_path / "usr/sbin/netplan").touch()
    return tmp_path


def after(guest, content, name="50-x.yaml"):
    """What becomes of one file: its new content, None where it is set aside, the old one where it is left."""
    (guest / "etc/netplan" / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    view = Sysroot(guest)
    result = Overlay(view).with_edits(tuple(netplan.render(view, NETWORK))).read(f"/etc/netplan/{name}")
    return None if result is None else result.decode()


HEAD = "# mine\nnetwork:\n  version: 2\n"
OTHER = "    ens9:  # the other one\n      dhcp4: true\n"


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        # Ours by name, by MAC, by set-name; the rest stays byte for byte.
        (HEAD + "  ethernets:\n    ens3:\n      dhcp4: yes\n" + OTHER, HEAD + "  ethernets:\n" + OTHER),
        (HEAD + "  ethernets:\n" + OTHER + "    ens3: {}\n", HEAD + "  ethernets:\n" + OTHER),
        (
            HEAD
            + f"  ethernets:\n{OTHER}    id0:\n      match: {{macaddress: '{MAC.upper()}'}}\n      addresses:\n      - 10.0.0.1/8\n",
            HEAD + "  ethernets:\n" + OTHER,
        ),
        (
            HEAD
            + "  ethernets:\n    id0:\n      match:\n        macaddress: 00:0c:29:00:00:01\n      set-name: ens3\n"
            + OTHER,
            HEAD + "  ethernets:\n" + OTHER,
        ),
        # Nothing of ours: left.
        (HEAD + "  ethernets:\n" + OTHER, HEAD + "  ethernets:\n" + OTHER),
        (HEAD + "  renderer: NetworkManager\n", HEAD + "  renderer: NetworkManager\n"),
        # A catch-all may be for other cards.
        (
            HEAD + "  ethernets:\n    all:\n      match: {name: 'en*'}\n",
            HEAD + "  ethernets:\n    all:\n      match: {name: 'en*'}\n",
        ),
        # Nothing else is in it: gone.
        (HEAD + "  ethernets:\n    ens3:\n      dhcp4: true\n", None),
        # A bond of ours goes, and the VLAN on it; a VLAN on the card stays.
        (
            HEAD + "  ethernets:\n    ens3: {}\n    ens4: {}\n  bonds:\n    b:\n      interfaces: [ens3, ens4]\n"
            "  vlans:\n    b.5: {id: 5, link: b}\n    ens3.6: {id: 6, link: ens3}\n",
            HEAD + "  ethernets:\n    ens4: {}\n  vlans:\n    ens3.6: {id: 6, link: ens3}\n",
        ),
    ],
)
def test_what_is_cut(before, expected, guest):
    assert after(guest, before) == expected


@pytest.mark.parametrize(
    "before",
    [
        '{"network": {"version": 2, "ethernets": {"ens3": {"dhcp4": true}, "ens9": {"mtu": 1400, "dhcp4": true}}}}',
        HEAD + "  ethernets: {ens3: {dhcp4: true}, ens9: {mtu: 1400, dhcp4: true}}\n",
        HEAD + "  ethernets:\n    ens3:\n      mtu: &same 1400\n    ens9:\n      mtu: *same\n      dhcp4: true\n",
    ],
)
def test_what_has_no_lines_of_its_own_is_written_anew(before, guest):
    written = yaml.safe_load(after(guest, before))
    assert written["network"]["ethernets"] == {"ens9": {"mtu": 1400, "dhcp4": True}}


HOSTILE = (
    "!!bool maybe", "!!int ''", "!!timestamp x", "!!timestamp 2001-01-01", "!!set {b}", "!!binary aGVsbG8=", '"\\ud800"',
)  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        "network: [",
        "network: 3\n",
        "- a\n- b\n",
        "just words",
        "\t",
        b"network:\n  version: 2\n\x00",
        b"\xff\xfe\x00",
        "[" * 5000,
        "a: &a [x]\nb: &b [*a, *a]\n" + "network: *nothing\n",
        "x" * 70_000,
        "network: !!python/object/apply:os.system ['true']\n",
        # netplan 0.106: unknown key '<<'.
        HEAD + "  ethernets:\n    ens3: &same\n      mtu: 1400\n    ens9:\n      <<: *same\n",
        # What PyYAML stumbles over, or makes something of that no netplan file holds.
        *(f"{HEAD}  ethernets: {{ens3: {{}}, ens9: {{a: {value}}}}}\n" for value in HOSTILE),
        HEAD + "  ethernets: {ens3: {}, ens9: &a {x: *a}}\n",
        "a0: &a0 [x, x, x, x]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 10}]\n" for n in range(1, 12)),
        "a0: &a0 {a: 1}\n" + "".join(f"a{n}: &a{n} {{!!merge x: [{f'*a{n - 1}, ' * 10}]}}\n" for n in range(1, 12)),
        HEAD + "  ethernets: {ens3: {}, ens9: {a: " + "[" * 100 + "]" * 100 + "}}\n",
    ],
)
def test_what_netplan_could_not_read_is_refused(content, guest):
    with pytest.raises(CustomizerError) as caught:
        after(guest, content)
    assert caught.value.code == "network.unreadable"
    assert "50-x.yaml" in caught.value.message


def test_hidden_and_other_files_are_not_read(guest):
    assert after(guest, "network: [", name="50-x.yaml.save") == "network: ["
    assert after(guest, "network: [", name=".x.yaml") == "network: ["


def test_a_renderer_among_the_cards_is_no_card(guest):
    """netplan(5): `renderer` stands beside the ids of each device type too."""
    before = HEAD + "  ethernets:\n    renderer: networkd\n" + OTHER
    assert after(guest, before) == before
    overlay = Overlay(Sysroot(guest)).with_edits(tuple(netplan.render(Sysroot(guest), NETWORK)))
    assert verify(overlay, netplan.STACK, NETWORK) is None


@pytest.mark.parametrize(
    "body",
    [
        "addresses: 5", "addresses: [x]", "routes: 3", "routes: [3]", "routes: {a: 1}", "nameservers: 3", "nameservers: [1]",
        "nameservers: {addresses: 3}", "routes: [{to: 0.0.0.0/0, via: 10.0.0.1, metric: [1]}]", "mtu: [1]",
    ],
)  # fmt: skip
def test_a_catch_all_of_another_shape_that_comes_first_cannot_be_read_back(body, guest):
    (guest / "etc/netplan/50-x.yaml").write_text(f"{HEAD}  ethernets: {{'0': {{match: {{name: '*'}}, {body}}}}}\n")
    overlay = Overlay(Sysroot(guest)).with_edits(tuple(netplan.render(Sysroot(guest), NETWORK)))
    assert "ens3" in (verify(overlay, netplan.STACK, NETWORK) or "")


def test_a_file_in_usr_lib_is_hidden_by_one_in_etc(guest):
    (guest / "usr/lib/netplan").mkdir(parents=True)
    (guest / "usr/lib/netplan/00-vendor.yaml").write_text(HEAD + "  ethernets:\n    ens3: {}\n" + OTHER)
    edits = {edit.path: edit for edit in netplan.render(Sysroot(guest), NETWORK)}
    assert edits["/etc/netplan/00-vendor.yaml"].content.decode() == HEAD + "  ethernets:\n" + OTHER
    assert edits["/etc/netplan/00-vendor.yaml"].mode == 0o600
    assert not any(isinstance(edit, SetAside) for edit in edits.values())


values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["ens3", MAC, "en*", "yes", "", "b"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["match", "macaddress", "name", "interfaces", "link", "set-name", "id"]), inner
        )
    ),
    max_leaves=6,
)
documents = st.dictionaries(
    st.sampled_from(["version", "renderer", *netplan_yaml.DEVICE_TYPES[:4]]),
    values | st.dictionaries(st.sampled_from(["ens3", "ens9", "b", "renderer"]), values, max_size=3),
    max_size=4,
)


@settings(max_examples=80, deadline=None)
@given(documents)
def test_whatever_stands_there_is_handled(tmp_path_factory, document):
    guest = tmp_path_factory.mktemp("guest")
    (guest / "etc/netplan").mkdir(parents=True)
    (guest / "usr/sbin").mkdir(parents=True)
    (guest / "usr/sbin/netplan").touch()
    try:
        left = after(guest, json.dumps({"network": document}))
    except CustomizerError as error:
        if error.code != "network.unreadable":
            raise
        return
    ethernets = (yaml.safe_load(left) if left else {}).get("network", {}).get("ethernets")
    assert "ens3" not in (ethernets if isinstance(ethernets, dict) else ())


def test_what_we_write_is_what_pyyaml_reads():
    document = {
        "network": {"version": 2, "a b": {}, "list": [], "on": "yes", "0x1": [{"to": "::/0", "n": None}], "é": 'q"\\'}
    }
    assert yaml.safe_load(netplan_yaml.compose(document, "hello")) == document


@pytest.mark.parametrize(
    ("version", "by_network_manager", "interval"),
    [
        ((0, 32), False, 1),
        ((0, 36, 1), False, "100ms"),
        (None, False, "100ms"),
        ((0, 32), True, 100),
        ((1, 1), True, 100),
    ],
)
def test_a_bond_looks_at_its_carriers_every_100_ms(version, by_network_manager, interval):
    """Where its renderer can be told so: with networkd, a bare 100 is 100 seconds to 18.04's netplan (0.36.1)."""
    bond = BoundInterface(Interface("b", virtual=Bond(BondMode.XOR, ())), "b", None)
    definition = Dialect(version, by_network_manager, {"b": "b"}).definition(Network((bond,), Resolver()), bond)
    assert definition["parameters"]["mii-monitor-interval"] == interval


@pytest.mark.parametrize(("package", "refused"), [("nplan", True), ("netplan.io", True), ("other", False)])
def test_an_old_netplan_is_told_by_either_name_of_its_package(package, refused, guest):
    """It would refuse the whole file for the word on-link."""
    (guest / "var/lib/dpkg").mkdir(parents=True)
    paragraph = f"Package: {package}\nStatus: install ok installed\nVersion: 0.32~17.10.4\n\n"
    (guest / "var/lib/dpkg/status").write_text(paragraph)
    outside = Interface("lan", mac=MAC, addresses=(ip_interface("10.0.0.5/32"),), gateways=(ip_address("10.9.9.9"),))
    network = Network((BoundInterface(outside, "ens3", MAC),), Resolver())
    with pytest.raises(CustomizerError, match="no on-link gateway") if refused else nullcontext():
        assert tuple(netplan.render(Sysroot(guest), network))
