"""DNS goes to whoever owns resolv.conf in that guest, and never through a link into /run (LESSONS L8)."""

import subprocess

import pytest

from guest.changes import Context, Guest, Note, dns
from guest.distro import FAMILIES
from guest.distro.release import Release
from guest.edits import Overlay
from guest.errors import CustomizerError
from guest.machine.model import Machine
from guest.network import STACKS
from guest.settings.document import load
from guest.sysroot import Sysroot

ASKED = "[dns]\nservers = 10.0.0.2, 2001:db8::53\nsearch = example.com\n"
NM = {"usr/sbin/NetworkManager": "", "etc/systemd/system/multi-user.target.wants/NetworkManager.service": ""}
LINES = "search example.com\nnameserver 10.0.0.2\nnameserver 2001:db8::53\n"
RED_HAT_HOOK = "etc/dhcp/dhclient-enter-hooks"
HOOK = "etc/dhcp/dhclient-enter-hooks.d/"


def plan(root, files, stack=None, interfaces="", asked=ASKED):
    """({path: content}, notes)"""
    for path, content in {"customization.conf": f"format = 1\nid = x\n{asked}{interfaces}", **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("link:"):
            (root / path).symlink_to(content.removeprefix("link:"))
        else:
            (root / path).write_text(content)
    view = Sysroot(root)
    settings = load(view)
    found = next((s for s in STACKS if s.name == stack), None)
    items = [*dns.CHANGE.plan(Context(settings, Guest(Release("debian"), FAMILIES[0], found), Machine()), view)]
    edits = Overlay(view).with_edits(tuple(item for item in items if not isinstance(item, Note))).edits
    return (
        {edit.path.lstrip("/"): edit.content.decode() for edit in edits},
        [item.message for item in items if isinstance(item, Note)],
    )


STATIC = "[network]\n[[lan]]\nmac = 52:54:00:12:34:56\n"
DHCP = STATIC + "dhcp4 = yes\n"
RESOLVED = {"etc/resolv.conf": "link:../run/systemd/resolve/stub-resolv.conf"}
RESOLVCONF = {"etc/resolv.conf": "link:/run/resolvconf/resolv.conf"}
BY_NM = {"etc/resolv.conf": "link:/run/NetworkManager/resolv.conf"}
FILE = {"etc/resolv.conf": "# mine\ndomain old\nnameserver 192.0.2.1\noptions edns0\n"}
DHCLIENT = {"etc/dhcp/dhclient.conf": "request subnet-mask;\n"}
DROP_IN = "etc/systemd/resolved.conf.d/90-guest-customizer.conf"
NM_DROP_IN = "etc/NetworkManager/conf.d/90-guest-customizer-dns.conf"


@pytest.mark.parametrize(
    ("files", "stack", "interfaces", "paths"),
    [
        # systemd-resolved: a drop-in, unless the interfaces' files have it.
        (RESOLVED, "ifupdown", STATIC, {DROP_IN}),
        (RESOLVED, None, "", {DROP_IN}),
        (RESOLVED, "netplan", STATIC, set()),
        # Debian's resolvconf.
        (RESOLVCONF, "ifupdown", STATIC, set()),
        (RESOLVCONF, "networkd", "", {"etc/resolvconf/resolv.conf.d/head", "etc/resolvconf/resolv.conf.d/tail"}),
        (RESOLVCONF | DHCLIENT, "ifupdown", DHCP, {HOOK + "zz-guest-customizer"}),
        # NetworkManager.
        (BY_NM | NM, "keyfile", STATIC, set()),
        (BY_NM | NM, "keyfile", "", {NM_DROP_IN}),
        (FILE | NM, "keyfile", "", {NM_DROP_IN, "etc/resolv.conf"}),
        (FILE | NM, "keyfile", DHCP, {"etc/resolv.conf"}),
        # A file that nobody owns, and the DHCP clients that would replace it.
        (FILE, "ifupdown", STATIC, {"etc/resolv.conf"}),
        ({}, "ifupdown", STATIC, {"etc/resolv.conf"}),
        (FILE | DHCLIENT, "ifupdown", STATIC, {"etc/resolv.conf"}),
        (FILE | DHCLIENT, "ifupdown", DHCP, {"etc/resolv.conf", HOOK + "guest-customizer"}),
        (FILE | DHCLIENT, "ifupdown", "", {"etc/resolv.conf", HOOK + "guest-customizer"}),
        (FILE | {"etc/dhcpcd.conf": "duid\n"}, "ifupdown", DHCP, {"etc/resolv.conf", "etc/dhcpcd.conf"}),
        (
            FILE | {"etc/resolvconf.conf": "resolv_conf=/etc/resolv.conf\n"},
            None,
            "",
            {"etc/resolv.conf", "etc/resolvconf.conf"},
        ),
    ],
)
def test_who_gets_it(files, stack, interfaces, paths, tmp_path):
    edits, _ = plan(tmp_path, files, stack, interfaces)
    assert set(edits) == paths


def test_a_file_keeps_what_is_not_asked_for(tmp_path):
    edits, _ = plan(tmp_path, FILE, "ifupdown", STATIC)
    assert edits["etc/resolv.conf"] == "# mine\noptions edns0\n" + LINES


def test_what_each_owner_is_told(tmp_path):
    assert plan(tmp_path / "1", RESOLVED)[0][DROP_IN] == "[Resolve]\nDNS=10.0.0.2 2001:db8::53\nDomains=example.com\n"
    assert "[global-dns-domain-*]\nservers=10.0.0.2,2001:db8::53\n" in plan(tmp_path / "2", BY_NM | NM)[0][NM_DROP_IN]
    old = {"etc/resolvconf.conf": "# mine\nname_servers=127.0.0.1\n"}
    told = plan(tmp_path / "3", FILE | old)[0]["etc/resolvconf.conf"]
    assert told == '# mine\nname_servers="10.0.0.2 2001:db8::53"\nsearch_domains="example.com"\n'
    told = plan(tmp_path / "4", FILE | {"etc/dhcpcd.conf": "interface eth0\nstatic routers=\n"}, "ifupdown", DHCP)[0]
    assert told["etc/dhcpcd.conf"].index("nohook resolv.conf") < told["etc/dhcpcd.conf"].index("interface eth0")


def test_a_search_list_alone_leaves_dhcp_its_servers(tmp_path):
    """A hook that is kept off resolv.conf would leave the template's servers there."""
    asked = "[dns]\nsearch = a.b, c.d\n"
    files = FILE | {"etc/dhcpcd.conf": "interface eth0\nstatic routers=\n"}
    told = plan(tmp_path / "1", files, "dhcpcd", "", asked)[0]["etc/dhcpcd.conf"]
    assert told.splitlines()[1:4:2] == ["static domain_search=a.b c.d", "interface eth0"]
    assert "etc/dhcpcd.conf" not in plan(tmp_path / "2", files | {"etc/dhcpcd.conf": told}, "dhcpcd", "", asked)[0]
    edits, _ = plan(tmp_path / "3", RESOLVCONF, "ifupdown", "", asked)
    assert edits == {"etc/resolvconf/resolv.conf.d/tail": "search a.b c.d\n"}


def test_the_interfaces_own_servers_count_where_no_interface_has_a_place_for_them(tmp_path):
    edits, notes = plan(tmp_path, FILE, "ifupdown", STATIC + "dns = 10.9.0.1\nsearch = lan.test\n")
    assert edits["etc/resolv.conf"].endswith(
        "search example.com lan.test\nnameserver 10.0.0.2\nnameserver 2001:db8::53\nnameserver 10.9.0.1\n"
    )
    assert notes == []


def test_nobody_asked(tmp_path):
    assert plan(tmp_path, FILE | NM, "keyfile", DHCP, "") == ({}, [])


def test_an_unknown_owner_is_refused(tmp_path):
    with pytest.raises(CustomizerError) as caught:
        plan(tmp_path, {"etc/resolv.conf": "link:/run/connman/resolv.conf"}, None)
    assert caught.value.code == "network.unknown-resolver"


def test_what_cannot_be_promised_is_said(tmp_path):
    many = "[dns]\nservers = 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4\n"
    assert "resolvers read 3" in plan(tmp_path / "1", FILE, None, STATIC, many)[1][0]
    busybox = FILE | {"usr/share/udhcpc/default.script": ""}
    assert "its own search list" in plan(tmp_path / "4", busybox, "ifupdown-ng", "", "[dns]\nsearch = a.b\n")[1][0]
    assert "search domains without servers" in plan(tmp_path / "2", BY_NM | NM, None, "", "[dns]\nsearch = a.b\n")[1][0]
    off = {"etc/redhat-release": "CentOS release 6.10 (Final)\n", RED_HAT_HOOK: "#!/bin/sh\nexit 1\n"}
    edits, notes = plan(tmp_path / "3", FILE | off, "ifcfg")
    assert "not executable" in notes[0]
    assert edits[RED_HAT_HOOK].startswith("#!/bin/sh\nexit 1\n# >>>")


@pytest.mark.parametrize(
    ("release", "asked", "path", "line"),
    [
        ("CentOS release 5.11 (Final)", ASKED, "etc/dhclient-enter-hooks", "make_resolv_conf() { :; }"),
        ("CentOS release 6.10 (Final)", ASKED, "etc/dhcp/dhclient-enter-hooks", "make_resolv_conf() { :; }"),
        (
            "CentOS release 5.11 (Final)",
            "[dns]\nsearch = a.b, c.d\n",
            "etc/dhclient.conf",
            'supersede domain-name "a.b c.d";',
        ),
        (
            "CentOS release 6.10 (Final)",
            "[dns]\nsearch = a.b, c.d\n",
            "etc/dhcp/dhclient.conf",
            'supersede domain-search "a.b", "c.d";',
        ),
    ],
)
def test_initscripts_dhcp_client_is_told(release, asked, path, line, tmp_path):
    edits, notes = plan(tmp_path, FILE | {"etc/redhat-release": release + "\n"}, "ifcfg", "", asked)
    assert set(edits) == {"etc/resolv.conf", path}
    assert line in edits[path].splitlines()
    assert notes == []
    if path.endswith("hooks"):
        # Sourced after its own function of that name: ours is the one that is called then.
        program = f"make_resolv_conf() {{ echo replaced; }}\n{edits[path]}make_resolv_conf\n"
        assert subprocess.run(["bash", "-c", program], capture_output=True, check=True).stdout == b""


@pytest.mark.parametrize(("version", "said"), [("1.40.16-15.el8_9", False), ("1.42.4", True), ("1.54.0-2.el10", True)])
def test_search_domains_alone_by_network_manager_s_version(version, said, tmp_path):
    files = BY_NM | NM | {f"usr/lib64/NetworkManager/{version}/libnm-device-plugin-team.so": ""}
    edits, notes = plan(tmp_path, files, "keyfile", "", "[dns]\nsearch = a.b, c.d\n")
    assert bool(edits) is said
    assert bool(notes) is not said
    if said:
        assert edits[NM_DROP_IN].splitlines()[1:] == ["[global-dns]", "searches=a.b,c.d"]
