"""What guests really say of themselves (FACTS-distros 1.2 and 1.3), and what is made of it."""

import stat
from dataclasses import dataclass

import pytest

from guest.distro import find_family
from guest.distro.release import Release, find_release, parse_version
from guest.errors import CustomizerError
from guest.sysroot import FileState


@dataclass(frozen=True)
class Files:
    """A guest that is nothing but these files."""

    contents: dict[str, str]

    def read(self, path: str) -> bytes | None:
        content = self.contents.get(path)
        return None if content is None else content.encode()

    def state(self, path: str) -> FileState | None:
        return FileState(stat.S_IFREG | 0o644, 0, 0, 0) if path in self.contents else None

    def link_target(self, _path: str) -> str | None:
        return None

    def names(self, _path: str) -> tuple[str, ...]:
        return ()

    def resolve(self, path: str) -> str:
        return path


@pytest.mark.parametrize(
    ("content", "identity", "version", "family"),
    [
        ('ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="7.5"\n', "rhel", (7, 5), "redhat"),
        ('ID="ol"\nVERSION_ID="9.5"\nID_LIKE="fedora"\n', "ol", (9, 5), "redhat"),
        ('ID="centos"\nVERSION_ID="9"\nNAME="CentOS Stream"\n', "centos", (9,), "redhat"),
        ("ID=fedora\nVERSION_ID=42\n", "fedora", (42,), "redhat"),
        ('ID="amzn"\nVERSION_ID="2018.03"\n', "amzn", (2018, 3), "redhat"),
        ('ID="openEuler"\nVERSION_ID="24.03"\n', "openeuler", (24, 3), "redhat"),
        ('ID="openEuler"\nVERSION_ID="22.03"\n', "openeuler", (8,), "redhat"),
        ('ID="kylin"\nVERSION_ID="V10"\nVERSION="V10 (Tercel)"\n', "kylin", (8,), "redhat"),
        ("ID='anolis'\nVERSION_ID='23'\n", "anolis", (23,), "redhat"),
        ("ID=photon\nVERSION_ID=5.0\n", "photon", (5, 0), "photon"),
        ('ID="sles"\nVERSION="12-SP5"\nVERSION_ID="12.5"\n', "sles", (12, 5), "suse"),
        (
            'ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\nVERSION_ID="20251120"\n',
            "opensuse-tumbleweed",
            (20251120,),
            "suse",
        ),
        ('ID=debian\nPRETTY_NAME="Debian GNU/Linux forky/sid"\n', "debian", (), "debian"),
        ('ID=ubuntu\nID_LIKE=debian\nVERSION_ID="26.04"\nUBUNTU_CODENAME=resolute\n', "ubuntu", (26, 4), "debian"),
        (
            'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"\nUBUNTU_CODENAME=noble\n',
            "linuxmint",
            (24, 4),
            "debian",
        ),
        ('ID=linuxmint\nID_LIKE=debian\nVERSION_ID="6"\nDEBIAN_CODENAME=bookworm\n', "linuxmint", (12,), "debian"),
        ('ID=devuan\nID_LIKE=debian\nVERSION_ID="5"\n', "devuan", (12,), "debian"),
        ('ID=kali\nID_LIKE=debian\nVERSION_ID="2024.1"\n', "kali", (), "debian"),
        ("ID=alpine\nVERSION_ID=3.23.2\n", "alpine", (3, 23, 2), "alpine"),
        ("NAME=Gentoo\nID=gentoo\n", "gentoo", (), "gentoo"),
        ('ID="void"\n', "void", (), "void"),
        ("ID=arch\nBUILD_ID=rolling\n", "arch", (), "arch"),
    ],
)
def test_os_release(content: str, identity: str, version: tuple[int, ...], family: str) -> None:
    view = Files({"/etc/os-release": content})
    release = find_release(view)
    assert release is not None
    assert (release.id, release.version) == (identity, version)
    found, warning = find_family(view, release, None)
    assert (found.name, warning) == (family, None)


@pytest.mark.parametrize(
    ("files", "identity", "version"),
    [
        ({"redhat-release": "Red Hat Enterprise Linux Server release 5.11 (Tikanga)"}, "rhel", (5, 11)),
        ({"redhat-release": "CentOS release 5.11 (Final)"}, "centos", (5, 11)),
        ({"redhat-release": "Scientific Linux release 6.4 (Carbon)"}, "scientific", (6, 4)),
        ({"redhat-release": "CloudLinux Server release 6.8 (Oleg Makarov)"}, "cloudlinux", (6, 8)),
        ({"redhat-release": "CentOS Linux release 7.1.1503 (Core)"}, "centos", (7, 1, 1503)),
        ({"redhat-release": "Red Hat Enterprise Linux AS release 4 (Nahant Update 8)"}, "rhel", (4,)),
        (
            {
                "oracle-release": "Oracle Linux Server release 5.11",
                "redhat-release": "Red Hat Enterprise Linux Server release 5.11",
            },
            "ol",
            (5, 11),
        ),
        ({"system-release": "Amazon Linux AMI release 2014.03"}, "amzn", (2014, 3)),
        ({"SuSE-release": "SUSE Linux Enterprise Server 10 (x86_64)\nVERSION = 10\nPATCHLEVEL = 4"}, "sles", (10, 4)),
        ({"SuSE-release": "openSUSE 11.4 (x86_64)\nVERSION = 11.4\nCODENAME = Celadon"}, "opensuse", (11, 4)),
        ({"debian_version": "7.11"}, "debian", (7, 11)),
        ({"debian_version": "bookworm/sid"}, "debian", ()),
        ({"gentoo-release": "Gentoo Base System release 2.2"}, "gentoo", (2, 2)),
        ({"alpine-release": "3.4.6"}, "alpine", (3, 4, 6)),
        ({"arch-release": ""}, "arch", ()),
        (
            {"lsb-release": "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=12.04\n", "debian_version": "wheezy/sid"},
            "ubuntu",
            (12, 4),
        ),
        (
            {"lsb-release": "LSB_VERSION=base-4.0-amd64\n", "redhat-release": "CentOS release 6.10 (Final)"},
            "centos",
            (6, 10),
        ),
        (
            {
                "lsb-release": "DISTRIB_ID=LinuxMint\nDISTRIB_RELEASE=17\n",
                "upstream-release/lsb-release": "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=14.04\n",
            },
            "linuxmint",
            (14, 4),
        ),
    ],
)
def test_before_os_release(files: dict[str, str], identity: str, version: tuple[int, ...]) -> None:
    release = find_release(Files({f"/etc/{name}": content + "\n" for name, content in files.items()}))
    assert release is not None
    assert (release.id, release.version) == (identity, version)


def test_nothing_says_what_it_is() -> None:
    assert find_release(Files({"/etc/passwd": ""})) is None


@pytest.mark.parametrize(
    ("words", "numbers"),
    [("", ()), ("V10", (10,)), ("V7Update6", (7,)), ("trixie/sid", ()), ("12-SP5", (12,)), ("9" * 40, ())],
)
def test_versions(words: str, numbers: tuple[int, ...]) -> None:
    assert parse_version(words) in (numbers, (999999999,))


@pytest.mark.parametrize(
    ("release", "path", "family", "because"),
    [
        (Release("eurolinux", ("rhel", "fedora")), "/etc/passwd", "redhat", "like rhel"),
        (Release("appliance"), "/var/lib/dpkg/status", "debian", "/var/lib/dpkg/status"),
        (Release("appliance"), "/etc/tdnf/tdnf.conf", "photon", "tdnf"),
        (Release("appliance"), "/etc/apk/world", "alpine", "apk"),
        (Release("appliance", ("something",)), "/etc/zypp", "suse", "zypp"),
    ],
)
def test_a_guess_is_said_to_be_one(release: Release, path: str, family: str, because: str) -> None:
    found, warning = find_family(Files({path: ""}), release, None)
    assert found.name == family
    assert because in (warning or "")
    assert find_family(Files({}), release, "gentoo")[0].name == "gentoo", "the document overrules"


def test_no_family_fits() -> None:
    with pytest.raises(CustomizerError) as caught:
        find_family(Files({}), Release("appliance"), None)
    assert caught.value.code == "guest.unknown-family"
