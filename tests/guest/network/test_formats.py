"""shellvars as bash has it, ini as systemd.syntax(7) and GKeyFile have it, versions as dpkg and systemd leave them."""

import string
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guest.network import ini, shellvars, versions
from guest.sysroot import Sysroot


def by_bash(content, key):
    script = f'source /dev/stdin <<"EOF-OF-FILE"\n{content}\nEOF-OF-FILE\nprintf %s "${key}"'
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize(
    "raw",
    [
        "plain", "'single quotes'", '"double quotes"', '"with # sign"', "word # comment", "a#b", "", "''", '"a\\"b"', "'a\"b'",
        "a'b c'd", '"a b"c', "esc\\ aped", '"dollar \\$HOME"', "one two", "x;y", '"back\\\\slash"', "'it'\\''s'",
    ],
)  # fmt: skip
def test_values_are_read_as_bash_reads_them(raw):
    # `A=one two` runs the program `two` with A set for it: what a shell reads is nothing, and ours is the word.
    if raw != "one two":
        assert shellvars.parse(f"A={raw}\n")["A"] == by_bash(f"A={raw}", "A")


@settings(max_examples=30, deadline=None)
@given(st.text(string.ascii_letters + string.digits + " .:/=%-_,", max_size=12))
def test_what_is_written_is_read_by_bash(value):
    for mark in ('"', "'", ""):
        content = shellvars.assign("# kept\nA=old # tail\n\nB=1\n", {"A": value, "B": None, "C": value}, mark=mark)
        assert by_bash(content, "A") == by_bash(content, "C") == value
        assert "B" not in shellvars.parse(content)
        assert content.startswith("# kept\n")


def test_assign_keeps_what_it_does_not_set():
    old = "export A=1\n  B='x'\nA=2\nnot an assignment"
    assert shellvars.assign(old, {"C": "3"}) == old + '\nC="3"\n'
    assert shellvars.assign(old, {"A": "9"}, mark="") == "A=9\n  B='x'\nnot an assignment\n"


def test_ini():
    content = (
        "; note\n[Match]\nName=a\n\n[Network]\nDNS=1\nDNS=2\nDNS=\nDNS=3 \\\n  4\nnonsense\n[Network]\nDHCP = yes\n"
    )
    file = ini.parse(content)
    assert [section.name for section in file.sections] == ["Match", "Network", "Network"]
    assert file.merged("Network").every("DNS") == ("3    4",)
    assert file.merged("Network").last("DHCP") == "yes"
    assert file.named("Network")[0].last("DHCP") is None
    assert file.merged("Nothing").entries == ()
    assert ini.compose(file.sections[:1], "hello") == b"# hello\n[Match]\nName=a\n"


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ("Package: ifupdown\nStatus: install ok installed\nVersion: 0.8.41\n", (0, 8, 41)),
        (
            "Package: a\nVersion: 1\n\nPackage: ifupdown\nStatus: install ok installed\nVersion: 2:0.7~beta2ubuntu10\n",
            (0, 7),
        ),
        ("Package: ifupdown\nStatus: deinstall ok config-files\nVersion: 0.8.41\n", None),
        ("Package: ifupdown-extra\nStatus: install ok installed\nVersion: 1\n", None),
        ("Package: other\nDepends: ifupdown\nDescription: x\n Package: ifupdown\n", None),
        ("", None),
    ],
)
def test_dpkg_version(status, found, tmp_path):
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(status)
    assert versions.dpkg_version(Sysroot(tmp_path), "ifupdown") == found


@pytest.mark.parametrize(
    ("path", "content", "found"),
    [
        ("usr/lib/systemd/libsystemd-shared-252-46.el9_5.so", "", 252),
        ("usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-257.so", "", 257),
        ("usr/lib/os-release", "ID=photon\nVERSION_ID=1.0\n", 228),
        ("usr/lib/os-release", 'ID="debian"\nVERSION_ID="9"\n', 232),
        ("usr/lib/os-release", "ID=arch\n", None),
    ],
)
def test_systemd_version(path, content, found, tmp_path):
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(content)
    assert versions.systemd_version(Sysroot(tmp_path)) == found


@pytest.mark.parametrize(
    ("path", "content", "found"),
    [
        ("etc/os-release", 'ID="openEuler"\nVERSION_ID="22.03"\n', ("openeuler", 22)),
        ("etc/os-release", "ID=kylin\nVERSION_ID=V10\n", ("kylin", 10)),
        ("etc/redhat-release", "Red Hat Enterprise Linux Server release 5.11 (Tikanga)\n", ("rhel", 5)),
        ("etc/system-release", "Amazon Linux AMI release 2014.03\n", ("amzn", 2014)),
        ("etc/debian_version", "7.11\n", ("debian", 7)),
        ("etc/debian_version", "bookworm/sid\n", ("", 0)),
    ],
)
def test_release(path, content, found, tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / path).write_text(content)
    assert versions.release(Sysroot(tmp_path)) == found
