"""The machine's old name goes wherever it stands as a word of its own; localhost and parts of other words stay (LESSONS L12)."""

from pathlib import Path

import pytest

from guest.changes.hostname import rename_in_hosts
from guest.changes.oldname import plan_elsewhere, replace_words
from guest.distro import redhat
from guest.distro.family import Names, replace_assignment
from guest.distro.release import Release
from guest.edits import Overlay, WriteFile
from guest.sysroot import Sysroot

NAMES = Names("web01", "example.com")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("template.old.example", "web01.example.com"),
        ("template", "web01"),
        ("TEMPLATE", "web01"),
        ("template-relay.old.example", "template-relay.old.example"),
        ("my-template", "my-template"),
        ("mytemplate.old.example", "mytemplate.old.example"),
        ("$template", "$template"),
        ("mail.template.example", "mail.template.example"),
        ("a, template.old.example, template , localhost", "a, web01.example.com, web01 , localhost"),
        ('"template";', '"web01";'),
    ],
)
def test_whole_words(old: str, new: str) -> None:
    assert replace_words(old, "template", NAMES) == new


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("/etc/mailname", "template.old.example\n", "web01.example.com\n"),
        (
            "/etc/postfix/main.cf",
            (
                "# template\nmyhostname = template\nmydestination = $myhostname, template.old.example,\n\ttemplate, localhost\n"
                "relayhost = template\n"
            ),
            (
                "# template\nmyhostname = web01\nmydestination = $myhostname, web01.example.com,\n\tweb01, localhost\n"
                "relayhost = template\n"
            ),
        ),
        (
            "/etc/exim4/update-exim4.conf.conf",
            "dc_other_hostnames='template.old.example'\n",
            "dc_other_hostnames='web01.example.com'\n",
        ),
        ("/etc/sysconfig/network-scripts/ifcfg-eth7", "DHCP_HOSTNAME=template\n", "DHCP_HOSTNAME=web01\n"),
        ("/etc/dhcp/dhclient.conf", 'send host-name "template";\n', 'send host-name "web01";\n'),
        (
            "/etc/network/interfaces",
            "iface eth7 inet dhcp\n\thostname template\n",
            "iface eth7 inet dhcp\n\thostname web01\n",
        ),
    ],
)
def test_files_that_name_the_machine(tmp_path: Path, path: str, old: str, new: str) -> None:
    (tmp_path / path.lstrip("/")).parent.mkdir(parents=True)
    (tmp_path / path.lstrip("/")).write_text(old)
    with Sysroot(tmp_path) as root:
        edits = [*plan_elsewhere(Overlay(root), "template.old.example", NAMES)]
    assert [(edit.path, edit.content.decode()) for edit in edits if isinstance(edit, WriteFile)] == [(path, new)]


def test_a_template_called_localhost_names_nothing(tmp_path: Path) -> None:
    (tmp_path / "etc/postfix").mkdir(parents=True)
    (tmp_path / "etc/mailname").write_text("localhost\n")
    (tmp_path / "etc/postfix/main.cf").write_text("mydestination = localhost\n")
    with Sysroot(tmp_path) as root:
        assert [*plan_elsewhere(Overlay(root), "localhost.localdomain", NAMES)] == []


@pytest.mark.parametrize(
    ("hosts", "addresses", "after"),
    [
        (
            "127.0.0.1\ttemplate.old.example template localhost.localdomain localhost\n",
            ("127.0.1.1",),
            "127.0.0.1 localhost.localdomain localhost\n127.0.1.1\tweb01.example.com web01\n",
        ),
        (
            "127.0.0.1 localhost\n127.0.0.2 template.old.example template\n10.9.9.9 template2 # not me\n",
            ("127.0.0.2",),
            "127.0.0.1 localhost\n127.0.0.2\tweb01.example.com web01\n10.9.9.9 template2 # not me\n",
        ),
    ],
)
def test_hosts(hosts: str, addresses: tuple[str, ...], after: str) -> None:
    assert rename_in_hosts(hosts, "template", NAMES, addresses) == after


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", "KEY=1\n"),
        ("A=2", "A=2\nKEY=1\n"),
        ("KEY=0\nB=3\nKEY=9\n", "KEY=1\nB=3\n"),
        ("#KEY=0\n  KEY=5 # why\n", "#KEY=0\nKEY=1\n"),
    ],
)
def test_assignments(old: str, new: str) -> None:
    assert replace_assignment(old, "KEY", "1") == new


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        (f"{'a' * 54}.test", f"web1.{'a' * 54}.test"),  # 64 characters
        (f"{'a' * 55}.test", "web1"),  # sethostname(2) refuses 65, and the guest would have no name at all
        (None, "web1"),
    ],
)
@pytest.mark.parametrize("path", ["/etc/hostname", redhat.SYSCONFIG_NETWORK])
def test_red_hat_writes_no_name_that_linux_refuses(tmp_path: Path, path: str, domain: str | None, name: str) -> None:
    if path == "/etc/hostname":
        (tmp_path / "usr/lib/systemd").mkdir(parents=True)
        (tmp_path / "usr/lib/systemd/systemd").touch()
    with Sysroot(tmp_path) as view:
        (edit,) = redhat.plan_hostname(view, Release("rhel"), Names("web1", domain))
    assert isinstance(edit, WriteFile)
    assert edit.path == path
    assert edit.content.decode().split("=")[-1].split("\n")[-2] == name
