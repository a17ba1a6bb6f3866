"""Every fault of a document is named by line, section and key, with a hint, and never with the value."""

import pytest

from guest.network.model import Route
from guest.settings.document import parse
from guest.settings.problems import DocumentError

START = "format = 1\nid = web01\n"
LAN = "[network]\n[[lan]]\nmac = 52:54:00:12:34:56\n"
SAN = "[[san]]\nmac = 52:54:00:12:34:57\n"


@pytest.mark.parametrize(
    ("text", "code", "line", "message", "hint"),
    [
        ("id = web01\n", "config.missing-key", None, "format: is needed", "add `format = 1`"),
        ("format = 1\n", "config.missing-key", None, "id: is needed", "add `id = web01-0001`"),
        ("format = 2\nid = web01\n", "config.bad-value", 1, "must be 1", ""),
        ("format = 1\nid = ../x\n", "config.bad-value", 2, "id: must be 1 to 64 letters", ""),
        (
            START + "[identity]\nhostnam = x\n",
            "config.unknown-key",
            4,
            "[identity] hostnam",
            "did you mean `hostname`?",
        ),
        (START + "hostname = x\n", "config.unknown-key", 3, "no such key", "belongs into [identity]"),
        (
            START + "[network]\nmac = 52:54:00:12:34:56\n",
            "config.unknown-key",
            4,
            "no such key",
            "belongs into [network] [[any name]]",
        ),
        (START + "[network]\nlan = x\n", "config.unknown-key", 4, "no such key", "only sections stand here"),
        (START + "[identiy]\nhostname = x\n", "config.unknown-key", 3, "no such section", "did you mean [identity]?"),
        (START + "[identity]\nhostname = web01.example.com\n", "config.bad-value", 4, "must be one label", ""),
        (START + "[identity]\nhostname = -web\n", "config.bad-value", 4, "must be one label", ""),
        (START + "[identity]\nhostname = a, b\n", "config.bad-value", 4, "not a list", ""),
        (START + "[identity]\ndomain = example.com\n", "config.contradiction", 4, "needs a hostname", ""),
        (START + "[identity]\nhostname = LocalHost\n", "config.bad-value", 4, "one of its own", ""),
        (START + f"[identity]\nhostname = a\ndomain = {'ab.' * 84}ab\n", "config.bad-value", 5, "253 characters", ""),
        (
            START + f"[identity]\nhostname = abc\ndomain = {'ab.' * 83}ab\n",
            "config.contradiction",
            5,
            "more than 253",
            "",
        ),
        (START + "[dns]\nservers = fe80::5%eth0\n", "config.bad-value", 4, "without a zone", ""),
        (START + LAN + "addresses = fe80::5%eth0/64\n", "config.bad-value", 6, "without a zone", ""),
        (START + LAN + "[[[routes]]]\nx = fd00::/8 via fe80::5%eth0\n", "config.bad-value", 7, "without a zone", ""),
        (START + LAN + "gateway4 = 224.0.0.1\n", "config.bad-value", 6, "no gateway can have", ""),
        (START + LAN + "gateway4 = 127.0.0.1\n", "config.bad-value", 6, "no gateway can have", ""),
        (START + LAN + "gateway4 = 255.255.255.255\n", "config.bad-value", 6, "no gateway can have", ""),
        (START + LAN + "gateway6 = ::\n", "config.bad-value", 6, "no gateway can have", ""),
        (START + LAN + "[[[routes]]]\nx = 10.9.0.0/16 via 0.0.0.0\n", "config.bad-value", 7, "no gateway can have", ""),
        (START + "[network]\n[[lan]]\nmac = 00-00-00-00-00-00\n", "config.bad-value", 5, "address of no card", ""),
        (START + "[dns]\n[[servers]]\n", "config.bad-value", 4, "is a key with a value, not a section", ""),
        (START + "[first_boot]\n[[commands]]\n", "config.bad-value", 4, "not a section", ""),
        (START + "[power]\n[[on_success]]\nx = 1\n", "config.bad-value", 4, "[power] [[on_success]]: is a key", ""),
        (START + LAN + "[[[addresses]]]\n", "config.bad-value", 6, "[network] [[lan]] [[[addresses]]]: is a key", ""),
        (START + LAN + "[[[routes]]]\n[[[[x]]]]\n", "config.bad-value", 7, "not a section", ""),
        (START + "[id]\n", "config.duplicate", 3, "has the name of a key", ""),
        (START + "[first_boot]\nscripts = ./x.sh\n", "config.bad-value", 4, "in its plain form", ""),
        (START + "[first_boot]\nscripts = a//x.sh\n", "config.bad-value", 4, "in its plain form", ""),
        (START + "[first_boot]\nscripts = a/\n", "config.bad-value", 4, "in its plain form", ""),
        (START + "[first_boot]\nscripts = .\n", "config.bad-value", 4, "in its plain form", ""),
        (START + "[first_boot]\nscripts = Customization.conf\n", "config.bad-value", 4, "is the document itself", ""),
        (START + "[dns]\nservers = 10.0.0.2/24\n", "config.bad-value", 4, "must be an IP address", ""),
        (START + "[network]\n[[lan]]\nmtu = 1500\n", "config.missing-key", 4, "needs `mac`, `name` or `position`", ""),
        (START + "[network]\n[[lan]]\nmac = 52:54:00:12:34\n", "config.bad-value", 5, "hardware address", ""),
        (START + "[network]\n[[lan]]\nmac = 01:00:5e:00:00:01\n", "config.bad-value", 5, "multicast", ""),
        (START + LAN + "addresses = 10.0.0.11\n", "config.bad-value", 6, "with its prefix length", ""),
        (START + LAN + "addresses = 10.0.0.0/24\n", "config.bad-value", 6, "no card can have it", ""),
        (START + LAN + "addresses = 10.0.0.1/33\n", "config.bad-value", 6, "with its prefix length", ""),
        (START + LAN + "gateway4 = 10.0.0.1\n", "config.contradiction", 6, "needs a static IPv4 address", ""),
        (START + LAN + "gateway4 = fe80::1\n", "config.bad-value", 6, "must be an IPv4 address", ""),
        (START + LAN + "dhcp4 = maybe\n", "config.bad-value", 6, "must be yes or no", ""),
        (START + LAN + "dhcp4 = yes\naddresses = 10.0.0.1/24\n", "config.contradiction", 6, "excludes static IPv4", ""),
        (START + LAN + "mtu = 20\n", "config.bad-value", 6, "from 68 to 65535", ""),
        (START + LAN + "mtu = 1000\naddresses = 2001:db8::1/64\n", "config.contradiction", 6, "at least 1280", ""),
        (START + LAN + "[[[routes]]]\nx = 10.0.0.1/8 via 10.0.0.1\n", "config.bad-value", 7, "beyond its prefix", ""),
        (START + LAN + "[[[routes]]]\nx = 10.0.0.0/8 vai 10.0.0.1\n", "config.bad-value", 7, "[via GATEWAY]", ""),
        (START + LAN + "[[[routes]]]\nx = 10.0.0.0/8 via fe80::1\n", "config.bad-value", 7, "other IP version", ""),
        (
            START + LAN + "[[san]]\nmac = 52:54:00:12:34:56\n",
            "config.contradiction",
            7,
            "is the same card as [[lan]]",
            "",
        ),
        (START + "[first_boot]\nscripts = ../x.sh\n", "config.bad-value", 4, "without `..`", ""),
        (
            START + "[guest]\nfamily = windows\n",
            "config.bad-value",
            4,
            "must be one of: debian, photon, suse",
            "",
        ),
        (START + "[guest]\nroot = sda1\n", "config.bad-value", 4, "must be UUID=", ""),
        (START + "[power]\non_success = sleep\n", "config.bad-value", 4, "must be off, reboot or halt", ""),
        (START + "network = yes\n", "config.bad-value", 3, "section", ""),
        (START + "nonsense\n", "config.syntax", 3, "neither a [section] nor key = value", "write key = value"),
        (START + "[identity\nhostname = x\n", "config.syntax", 3, "does not end in ]", "end it"),
        (START + 'id = "open\n', "config.duplicate", 3, "second time", ""),
        (START + "id = again\n", "config.duplicate", 3, "second time", ""),
    ],
)
def test_faults(text: str, code: str, line: int | None, message: str, hint: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(text.encode())
    first = caught.value.problems[0]
    assert (first.code, first.line) == (code, line)
    assert message in str(first)
    assert hint in first.hint


@pytest.mark.parametrize(
    "text",
    [
        START + "[identity]\nhostname = S3CRET!\n",
        START + "password = S3CRET!\n",
        START + "[accounts]\n[[root]]\npassword = S3CRET!\n",
        START + "S3CRET!\n",
        START + 'id = "S3CRET!\n',
        START + "[first_boot]\nscripts = /S3CRET!\n",
        START + LAN + "addresses = S3CRET!\n",
        START + LAN + "[[[routes]]]\nx = S3CRET!\n",
    ],
)
def test_no_error_holds_a_value(text: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(text.encode())
    error = caught.value
    assert "S3CRET" not in f"{error} {error.message} {error.hint} {error.problems}"


def test_all_faults_are_reported_at_once_in_order() -> None:
    with pytest.raises(DocumentError) as caught:
        parse(b"format = 1\nid = x y\n[identity]\nhostnam = a\n[dns]\nservers = b\n")
    assert [problem.line for problem in caught.value.problems] == [2, 4, 6]
    assert "(and 2 more)" in caught.value.message


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (1024 * 1024 + 1), b"\0" * 10])
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(DocumentError):
        parse(content)


STATIC = "addresses = 10.0.0.11/24\ngateway4 = 10.0.0.1\n"
BOND = "[[bond0]]\nbond = active-backup\nports = lan, san\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        # What makes an interface that is no card.
        (LAN + "[[v]]\nvlan = 42\n", 7, "`vlan` and `parent` need each other"),
        (LAN + "parent = san\n" + SAN, 6, "`vlan` and `parent` need each other"),
        (LAN + "[[v]]\nvlan = 42\nparent = wan\n", 8, "is not the name of another section"),
        (LAN + "[[v]]\nvlan = 42\nparent = v\n", 8, "is not the name of another section"),
        (LAN + "[[v]]\nvlan = 42\nparent = lan\n[[w]]\nvlan = 43\nparent = v\n", 11, "is a VLAN itself"),
        (LAN + SAN + BOND + "[[v]]\nvlan = 42\nparent = lan\n", 13, "the VLAN lies on that one"),
        (LAN + SAN + "[[v]]\nvlan = 42\nbridge = yes\nparent = lan\nports = san\n", 10, "excludes `vlan`"),
        (LAN + "[[v]]\nmac = 52:54:00:00:00:01\nvlan = 42\nparent = lan\n", 7, "chooses a card, and a vlan is none"),
        (LAN + "[[b]]\nbond = 802.3ad\n", 7, "`ports` and `bond` or `bridge` need each other"),
        (LAN + "ports = san\n" + SAN, 6, "`ports` and `bond` or `bridge` need each other"),
        (LAN + "[[b]]\nbridge = yes\nports = wan\n", 8, "names what is not another section"),
        (LAN + "[[b]]\nbridge = yes\nports = lan, lan\n", 8, "names a section twice"),
        (LAN + "[[my bridge]]\nbridge = yes\nports = lan\n", 7, "needs a `name`"),
        # Ports.
        (LAN + "dhcp4 = yes\n" + SAN + BOND, 6, "belongs into [[bond0]]"),
        (LAN + "[[[routes]]]\nx = fd00::/8\n" + SAN + BOND, 6, "belong into [[bond0]]"),
        (LAN + SAN + BOND + "[[br]]\nbridge = yes\nports = lan\n", 5, "is a port of [[bond0]] and of [[br]]"),
        (LAN + "[[v]]\nvlan = 4\nparent = lan\n[[b]]\nbond = 802.3ad\nports = v\n", 7, "cannot be a port of a bond"),
        (
            LAN + "[[a]]\nbridge = yes\nports = lan\n[[b]]\nbridge = yes\nports = a\n",
            7,
            "cannot be a port of another bridge",
        ),
        (
            LAN + "[[b]]\nbridge = yes\nports = v\n[[v]]\nvlan = 42\nparent = b\n",
            8,
            "names what is made of this section itself",
        ),
        # Addresses.
        (
            LAN + STATIC + SAN + "addresses = 10.0.0.12/24\ngateway4 = 10.0.0.2\n",
            11,
            "second default gateway beside [[lan]]'s",
        ),
        (LAN + "addresses = 10.0.0.1/24\ngateway4 = 10.0.0.1\n", 7, "is the card's own address"),
        (LAN + "addresses = 10.0.0.1/24\ngateway4 = 10.0.0.255\n", 7, "its broadcast address"),
        (LAN + "addresses = 10.0.0.1/24\ngateway4 = 10.0.0.0\n", 7, "its broadcast address"),
        (LAN + "addresses = 10.0.0.1/24, 10.0.0.1/16\n", 6, "hold an address twice"),
        (LAN + STATIC + SAN + "addresses = 10.0.0.11/8\n", 10, "hold an address that [[lan]] has too"),
        (LAN + "mtu = 1500\n[[v]]\nvlan = 4\nparent = lan\nmtu = 9000\n", 10, "is larger than that of [[lan]]"),
        (LAN + "[[v]]\nvlan = 4\nparent = lan\n[[w]]\nvlan = 4\nparent = lan\n", 10, "is the same VLAN as [[v]]"),
        # Routes.
        (LAN + "dhcp4 = yes\n[[[routes]]]\nx = 0.0.0.0/0 via 10.0.0.1\n", 7, "write it as `gateway4`"),
        (LAN + "dhcp6 = yes\n[[[routes]]]\nx = 10.9.0.0/16 via 10.0.0.1\n", 7, "need an IPv4 address"),
        (LAN + "dhcp4 = yes\nslaac = no\n[[[routes]]]\nx = fd00::/8 via fe80::1\n", 8, "need an IPv6 address"),
    ],
)
def test_contradictions(text: str, line: int, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse((START + text).encode())
    first = caught.value.problems[0]
    assert (first.code, first.line) == ("config.contradiction", line)
    assert message in str(first)


def test_vlans_bonds_and_bridges() -> None:
    text = (
        START + LAN + SAN + BOND + "dhcp4 = yes\n"
        "[[storage]]\nvlan = 42\nparent = bond0\naddresses = 10.42.0.1/24\ndns = 10.42.0.2\n"
        "[[guests]]\nvlan = 43\nparent = bond0\n"
        "[[br0]]\nbridge = yes\nports = guests\n[[[routes]]]\nx = 0.0.0.0/0 via 10.0.0.9 metric 900\n"
    )
    with pytest.raises(DocumentError, match="need an IPv4 address"):
        parse(text.encode())
    network = parse(text.replace("[[[routes]]]\nx =", "dhcp4 = yes\n[[[routes]]]\nx =").encode()).values["network"]
    assert list(network) == ["lan", "san", "bond0", "storage", "guests", "br0"]


@pytest.mark.parametrize(
    "text",
    [
        # The ends of a subnet of two, or of one address, are addresses like others.
        LAN + "addresses = 10.0.0.1/31\ngateway4 = 10.0.0.0\n",
        LAN + "addresses = 10.0.0.1/32\ngateway4 = 10.0.0.0\n",
        # Each link has its own link-local addresses, and each IP version its own gateway.
        LAN + "addresses = fe80::1/64\n" + SAN + "addresses = fe80::1/64\n",
        LAN + STATIC + SAN + "addresses = 2001:db8::1/64\ngateway6 = fe80::1\n",
        LAN + STATIC + SAN + "addresses = 10.1.0.1/24\n[[[routes]]]\nx = 0.0.0.0/0 via 10.1.0.2 metric 900\n",
        LAN + SAN + "[[v]]\nvlan = 4\nparent = lan\n[[w]]\nvlan = 4\nparent = san\n",
        LAN + "[[v]]\nvlan = 4\nparent = lan\nmtu = 9000\n",
        f"[identity]\nhostname = abcd\ndomain = {'ab.' * 82}ab\n",
    ],
)
def test_what_only_looks_like_a_contradiction(text: str) -> None:
    parse((START + text).encode())


def test_values() -> None:
    text = (
        START + LAN + 'addresses = 10.0.0.1/24, "2001:db8::1/64"\n[[[routes]]]\nx = 10.9.0.0/16 via 10.0.0.9 metric 5\n'
    )
    card = parse(text.encode()).values["network"]["lan"]
    assert [str(address) for address in card["addresses"]] == ["10.0.0.1/24", "2001:db8::1/64"]
    route = card["routes"]["x"]
    assert isinstance(route, Route)
    assert (str(route.destination), str(route.via), route.metric) == ("10.9.0.0/16", "10.0.0.9", 5)


def test_interpolation_is_off() -> None:
    # A crypt(3) hash or a shell variable must come out as it went in.
    text = START + '[first_boot]\ncommands = "echo $HOME %(x)s $6$a$b"\n'
    assert parse(text.encode()).values["first_boot"]["commands"] == ("echo $HOME %(x)s $6$a$b",)
