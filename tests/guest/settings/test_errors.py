"""Every kind of mistake in a document: code, file, sections and key, line, a hint that helps, and no value.

What is planted stands where values do; conftest.py looks for it in whatever is said.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from host.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Check = Callable[[str | bytes], list[dict[str, Any]]]
    Case = tuple[str | bytes, str, str, int | None, str, str]

V = "pl4nted"
START = "format = 1\nid = web01\n"
IDENTITY = START + "[identity]\n"
LAN = START + "[network]\n[[lan]]\nmac = 52:54:00:12:34:56\n"
UNLOCK = START + "[storage]\n[[unlock]]\n[[[disk]]]\nuuid = 6f2a1c1e-8d0b-4a53-9d3a-4f6c2f1b7e10\n"
EXAMPLES = "a section is written [name], one below it [[name]]"

# (document, code, path, line, of the message, of the hint); the path with dots.
# fmt: off
DUPLICATES: list[Case] = [
    (START + f"id = {V}\n", "config.duplicate", "id", 3, "first is in line 2", "remove one of the two"),
    (IDENTITY + f"hostname = {V}\n# a comment\nhostname = {V}\n", "config.duplicate", "identity.hostname", 6,
     "[identity] hostname: this key stands here for the second time; the first is in line 4", "remove one of the two"),
    (LAN + f"addresses = {V}\naddresses = {V}\n", "config.duplicate", "network.lan.addresses", 7, "the first is in line 6",
     "a list stands on one line, with commas"),
    (IDENTITY + f"hostname = {V}\n[dns]\n[identity]\nhostname = {V}\n", "config.duplicate", "identity", 6,
     "[identity]: this section stands here for the second time; the first is in line 3", "move what is below it to line 3"),
    (LAN + f"[[lan]]\nmac = {V}\n", "config.duplicate", "network.lan", 6,
     "[network] [[lan]]: this section stands here for the second time; the first is in line 4", "give it another name"),
    (LAN + f"[[[routes]]]\na = {V}\n[[[routes]]]\na = {V}\n", "config.duplicate", "network.lan.routes", 8, "the first is in line 6",
     "move what is below it to line 6"),
    (START + "[id]\n", "config.duplicate", "id", 3, "has the name of a key, which stands in line 2", "not a section"),
    (START + f'"id" = {V}\n', "config.duplicate", "id", 3, "the first is in line 2", "remove one of the two"),
]

BRACKETS: list[Case] = [
    (START + f"[identity\nhostname = {V}\n", "config.syntax", "identity", 3, "does not end in ]", "end it with ]"),
    (START + f"[{V}\n", "config.syntax", "", 3, "does not end in ]", "end it with ]"),
    (START + f"[[{V}\nmac = {V}\n", "config.syntax", "", 3, "does not end in ]]", "end it with ]]"),
    (LAN + f"[[{V}\nmac = {V}\n", "config.syntax", "network.lan", 6, "does not end in ]]", "end it with ]]"),
    (START + f"[identity]]\nhostname = {V}\n", "config.syntax", "identity", 3, "1 [ and 2 ]", "write [identity]"),
    (START + f"[[identity]\nhostname = {V}\n", "config.syntax", "identity", 3, "2 [ and 1 ]", "write [identity]"),
    (LAN + f"[[san]\nmac = {V}\n[[[routes]]]\n", "config.syntax", "network.san", 6, "2 [ and 1 ]", "write [[san]]"),
    (START + f"[network]\n[[lan]\nmac = {V}\n", "config.syntax", "network.lan", 4, "2 [ and 1 ]", "write [[lan]]"),
    (LAN + f"[[[routes]]\na = {V}\n", "config.syntax", "network.lan.routes", 6, "3 [ and 2 ]", "write [[[routes]]]"),
    (START + "[x]]\n", "config.syntax", "", 3, "1 [ and 2 ]", EXAMPLES),
    (START + f"[[lan]]\nmac = {V}\n", "config.syntax", "network.lan", 3, "no [network] above it", "write [network] above"),
    (IDENTITY + f"[[[routes]]]\na = {V}\n", "config.syntax", "identity", 4, "[[[routes]]] has no [network] and [[any name]] above it",
     "write [network] and [[any name]] above it"),
    (START + f"[network]\n[[[routes]]]\na = {V}\n", "config.syntax", "network", 4, "[[[routes]]] has no [[any name]] above it",
     "write [[any name]] above it"),
    (START + f"[[[disk]]]\nuuid = {V}\npassphrase = {V}\n", "config.syntax", "storage.unlock.disk", 3,
     "no [storage] and [[unlock]] above it", "write [storage] and [[unlock]] above it"),
    (START + f"[storage]\n[[[disk]]]\nuuid = {V}\n", "config.syntax", "storage.unlock.disk", 4, "no [[unlock]] above it",
     "write [[unlock]] above it"),
    (START + f"[[identity]]\nhostname = {V}\n", "config.syntax", "", 3, "[[identity]] has no [name] above it", "write [identity]"),
    (START + "[[identity]]\n", "config.syntax", "", 3, "[[identity]] has no [name] above it", "write [identity]"),
    (START + "[[lan]]\n", "config.syntax", "network.lan", 3, "has no [network] above it", "write [network] above it"),
    (START + f"[[lan]]\nmca = {V}\nmac = {V}\n", "config.syntax", "network.lan", 3, "no [network] above it", "write [network]"),
    (START + f"[[root]]\npassword = {V}\n", "config.syntax", "", 3, "[[root]] has no [name] above it", EXAMPLES),
    (START + "[]\n", "config.syntax", "", 3, "holds no name", EXAMPLES),
    (IDENTITY + "[[ ]]\n", "config.syntax", "identity", 4, "holds no name", EXAMPLES),
    (START + f"[identity] hostname = {V}\n", "config.syntax", "identity", 3, "something behind its ]", "on a line of its own"),
    (START + f"[identity] {V}\n", "config.syntax", "identity", 3, "something behind its ]", "on a line of its own"),
    (START + f"[identity = {V}\n", "config.syntax", "identity", 3, "does not end in ]", "end it with ]"),
    (IDENTITY + f"[hostname = {V}]\ndomain = {V}\n", "config.syntax", "identity", 4, "a key stands between brackets",
     "write `hostname = …`, without brackets"),
    (UNLOCK + f"[[[passphrase = {V}]]]\n", "config.syntax", "storage.unlock.disk", 7, "a key stands between brackets", "without"),
    (IDENTITY + f"[[{V} = {V}]]\n", "config.syntax", "identity", 4, "something behind its ]", "a line of its own"),
    (START + f"[{V}[identity]]\n", "config.syntax", "", 3, "something behind its ]", "on a line of its own"),
    (START + '["identity]\n', "config.syntax", "", 3, "quotation marks that do not match", "on a line of its own"),
    (START + "[" * 9 + "x" + "]" * 9 + "\n", "config.syntax", "", 3, "more brackets", EXAMPLES),
    (START + "[ " * 9 + "x" + "]" * 9 + "\n", "config.syntax", "", 3, "more brackets", EXAMPLES),
]

MIXED_UP: list[Case] = [
    (START + f"network = {V}\n", "config.bad-value", "network", 3, "is a section, not a key", "write [network] on a line"),
    (START + f"[storage]\nunlock = {V}\n", "config.bad-value", "storage.unlock", 4, "[storage] unlock: is a section, not a key",
     "write [[unlock]] on a line of its own"),
    (LAN + f"routes = {V}\n", "config.bad-value", "network.lan.routes", 6, "is a section", "write [[[routes]]] on a line"),
    (START + f"[dns]\n[[servers]]\na = {V}\n", "config.bad-value", "dns.servers", 4,
     "[dns] [[servers]]: is a key with a value, not a section", "write `servers = …`"),
    (LAN + "[[[mtu]]]\n", "config.bad-value", "network.lan.mtu", 6, "is a key with a value", "write `mtu = …`"),
    (LAN + "[[[routes]]]\n[[[[a]]]]\n", "config.bad-value", "network.lan.routes.a", 7, "is a key", "write `a = …`"),
    (START + "[hostname]\n", "config.unknown-key", "hostname", 3, "[hostname]: there is no such section",
     "is a key, `hostname = …`, which belongs into [identity]"),
    (START + f"identity:\n  hostname: {V}\n", "config.syntax", "identity", 3, "a section stands between brackets", "write [identity]"),
]

VALUES: list[Case] = [
    (IDENTITY + f"hostname = {V}, {V}\n", "config.bad-value", "identity.hostname", 4, "one value, not a list: put it in", ""),
    (IDENTITY + f"hostname = {V},\n", "config.bad-value", "identity.hostname", 4, "one value, not a list", ""),
    (IDENTITY + f"hostname = ,{V}\n", "config.syntax", "identity.hostname", 4, "a comma with nothing before it", "remove"),
    (START + f"[dns]\nsearch = a,, {V}\n", "config.syntax", "dns.search", 4, "a comma with nothing before", "remove it"),
    (START + f'id2 = "{V}\n', "config.syntax", "id2", 3, "quotation mark without its other half", "put the whole value"),
    (IDENTITY + f"hostname = '{V}\n", "config.syntax", "identity.hostname", 4, "without its other half", "the whole value"),
    (IDENTITY + f'hostname = {V}"\n', "config.bad-value", "identity.hostname", 4, "without its other half", "whole value"),
    (IDENTITY + f'hostname = "{V}" {V}\n', "config.syntax", "identity.hostname", 4, "before or behind", "whole value"),
    (IDENTITY + f"hostname = '{V}' '{V}'\n", "config.bad-value", "identity.hostname", 4, "before or behind", "whole value"),
    (START + f'[first_boot]\ncommands = "{V}" "{V}\n', "config.syntax", "first_boot.commands", 4, "quotation mark", "or use a script"),
    (IDENTITY + f"hostname = '''{V}\n{V}\ndomain = {V}\n", "config.syntax", "identity.hostname", 4, "opens ''', and nothing closes it",
     "close it with '''"),
    (IDENTITY + f"hostname = \"\"\"{V}\n{V}'''\n", "config.syntax", "identity.hostname", 4, 'opens """, and nothing closes it',
     'close it with """'),
    (IDENTITY + f"hostname = '''{V}\n\n{V}''' {V}\n", "config.syntax", "identity.hostname", 4, "something behind its closing ''' in line 6",
     "the whole value"),
    (IDENTITY + f"hostname = '''{V}''' {V}\n", "config.syntax", "identity.hostname", 4, "something behind its closing '''",
     "the whole value"),
    # What ConfigObj takes whole: the second key opens what it was meant to be the end of.
    (IDENTITY + f"hostname = '''{V}\ndomain = '''\n", "config.bad-value", "identity.hostname", 4, "must stand on one line; is the ''' or",
     ""),
    (IDENTITY + f"hostname = {V}#{V}\n", "config.bad-value", "identity.hostname", 4, "would begin a comment", "whole value"),
    (IDENTITY + "hostname =\n", "config.bad-value", "identity.hostname", 4, "must be one label", ""),
]

NO_PAIRS: list[Case] = [
    (START + f"{V}\n", "config.syntax", "", 3, "neither a [section] nor key = value", "write key = value"),
    (IDENTITY + f"- {V}\n", "config.syntax", "identity", 4, "[identity]: is neither", "write key = value"),
    (LAN + f"{V} {V}\n", "config.syntax", "network.lan", 6, "is neither", "write key = value"),
    (IDENTITY + f"hostname: {V}\n", "config.syntax", "identity.hostname", 4, "has no =", "write `hostname = …`"),
    (IDENTITY + f"hostname {V}\n", "config.syntax", "identity.hostname", 4, "has no =", "write `hostname = …`"),
    (IDENTITY + "hostname\n", "config.syntax", "identity.hostname", 4, "has no =", "write `hostname = …`"),
    (LAN + f"dns: {V}\n", "config.syntax", "network.lan.dns", 6, "has no =", "write `dns = …`"),
    (IDENTITY + f"= {V}\n", "config.syntax", "identity", 4, "has no key before its =", "write key = value"),
    (IDENTITY + f"  = {V}\n", "config.syntax", "identity", 4, "has no key before its =", "write key = value"),
    (IDENTITY + f"'hostname = {V}\n", "config.syntax", "identity", 4, "one quotation mark", "need no quotation marks"),
    (IDENTITY + f"; {V}\n", "config.syntax", "identity", 4, "neither", "a comment begins with #"),
    (IDENTITY + f"// {V}\n", "config.syntax", "identity", 4, "neither", "a comment begins with #"),
    (START + f"[dns]\nsearch = {V},\n  {V}\n", "config.syntax", "dns.search", 5, "looks like more of the value of line 4",
     "write all of it on one line"),
    (START + f"[first_boot]\ncommands = {V} \\\n  {V}\n", "config.syntax", "first_boot.commands", 5,
     "looks like more of the value of line 4", "write all of it on one line"),
    (IDENTITY + "x" * 1001 + f" = {V}\n", "config.syntax", "identity", 4, "too long a key", "write key = value"),
]

CHARACTERS: list[Case] = [
    (IDENTITY + f"hostname = {V}\0\n", "config.syntax", "identity.hostname", 4, "control character (U+0000)", "remove it"),
    (IDENTITY + f"hostname = {V}\x1b[0m\n", "config.syntax", "identity.hostname", 4, "(U+001B)", "remove it"),
    (IDENTITY + f"hostname = {V}\x0c\n", "config.syntax", "identity.hostname", 4, "(U+000C)", "remove it"),
    (IDENTITY + f"hostname = {V}\x85\n", "config.syntax", "identity.hostname", 4, "(U+0085)", "remove it"),
    (IDENTITY + f"{V}\x07\n", "config.syntax", "identity", 4, "(U+0007)", "remove it"),
    (IDENTITY + f"hostname = a\n# {V}\x07\n", "config.syntax", "identity", 5, "(U+0007)", "remove it"),
    (IDENTITY + f"[[{V}\x07\n", "config.syntax", "identity", 4, "(U+0007)", "remove it"),
    (LAN + f"addresses = '''{V}\n{V}\x07'''\n", "config.syntax", "network.lan.addresses", 7, "(U+0007)", "remove it"),
    (IDENTITY + f"hostname = {V}\u2028\n", "config.syntax", "identity.hostname", 4, "no editor shows (U+2028)", "anew"),
    (IDENTITY + f"\ufeffhostname = {V}\n", "config.syntax", "identity", 4, "(U+FEFF)", "type the line anew"),
    (START + f"[identity]\rhostname = {V}\r", "config.syntax", "", 3, "carriage return", "Unix line ends"),
    (IDENTITY + f"hostname = {V}\r\r\n", "config.syntax", "identity.hostname", 4, "carriage return", "Unix line ends"),
    ((IDENTITY + f"hostname = m\xfc{V}\n").encode("latin-1"), "config.syntax", "identity.hostname", 4, "not UTF-8", "iconv"),
    ((IDENTITY + f"# m\xfc{V}\n").encode("latin-1"), "config.syntax", "identity", 4, "not UTF-8 text", "save the file as"),
    ((START + V).encode("utf-16"), "config.syntax", "", 1, "is UTF-16 text", "save the file as UTF-8"),
    ((START + V).encode("utf-16-be"), "config.syntax", "", 1, "is UTF-16 text", "save the file as UTF-8"),
    (b"#" * (1 << 20) + b"\n", "config.too-large", "", None, "larger than 1048576 bytes", "put what is large into a script"),
    (b"#" * (1 << 20) * 5, "config.too-large", "", None, "larger than 1048576 bytes", "at first boot"),
]

NAMES: list[Case] = [
    (IDENTITY + f"hostnam = {V}\n", "config.unknown-key", "identity.hostnam", 4, "no such key", "did you mean `hostname`?"),
    (IDENTITY + f"Host-Name = {V}\n", "config.unknown-key", "identity.Host-Name", 4, "no such", "did you mean `hostname`?"),
    (LAN + f"mtv = {V}\n", "config.unknown-key", "network.lan.mtv", 6, "no such key", "did you mean `mtu`?"),
    (LAN + f"gateway = {V}\n", "config.unknown-key", "network.lan.gateway", 6, "no such", "mean `gateway4` or `gateway6`?"),
    (UNLOCK + f"pasphrase = {V}\n", "config.unknown-key", "storage.unlock.disk.pasphrase", 7, "no", "mean `passphrase`?"),
    (IDENTITY + f"format = {V}\n", "config.unknown-key", "identity.format", 4, "no such key",
     "belongs at the top, above the first section"),
    (IDENTITY + f"id = {V}\n", "config.unknown-key", "identity.id", 4, "no such key", "belongs at the top, above the first"),
    (IDENTITY + f"formt = {V}\n", "config.unknown-key", "identity.formt", 4, "no", "did you mean `format`? It belongs at the"),
    (START + f"hostname = {V}\n", "config.unknown-key", "hostname", 3, "no such key", "belongs into [identity]"),
    (START + f"hostnam = {V}\n", "config.unknown-key", "hostnam", 3, "no", "did you mean `hostname`? It belongs into [ident"),
    (START + f"search = {V}\n", "config.unknown-key", "search", 3, "no such key", "belongs into [dns] or into [network] [[any name]]"),
    (START + f"[network]\nmac = {V}\n", "config.unknown-key", "network.mac", 4, "no such key", "belongs into [network] [[any name]]"),
    (IDENTITY + f"dns = {V}\n", "config.unknown-key", "identity.dns", 4, "no such key", "[dns] is a section"),
    (IDENTITY + f"name = {V}\n", "config.unknown-key", "identity.name", 4, "no such key",
     "belongs into [network] [[any name]]; or did you mean `hostname`?"),
    # What the design names and this program does not do yet: nothing of ours is like it.
    (IDENTITY + f"machine_id = {V}\n", "config.unknown-key", "identity.machine_id", 4, "no such key",
     "the keys here are `hostname`, `domain`"),
    (IDENTITY + f"timezone = {V}\n", "config.unknown-key", "identity.timezone", 4, "no such key", "the keys here are `hostname`, `domain`"),
    (START + f"locale = {V}\n", "config.unknown-key", "locale", 3, "no", "keys here are `format`, `id`; the sections [reque"),
    (START + f"[network]\nlan = {V}\n", "config.unknown-key", "network.lan", 4, "no", "only sections stand here: [[any name]]"),
    (LAN + f"ipv4 = {V}\n", "config.unknown-key", "network.lan.ipv4", 6, "no such key", "the keys here are `mac`, `name`"),
    (IDENTITY + f"; hostname = {V}\n", "config.syntax", "identity", 4, "is neither", "a comment begins with #"),
    (LAN + f"[[[routes]]]\n__many__ = {V}\n", "config.unknown-key", "network.lan.routes.__many__", 7, "no", "another name"),
    (START + f"[network]\n[[__many__]]\nmac = {V}\n", "config.unknown-key", "network.__many__", 4, "no", "another name"),
    (START + f"[identiy]\nhostname = {V}\n", "config.unknown-key", "identiy", 3, "no such section", "mean [identity]?"),
    (START + f"[Network]\n[[lan]]\nmac = {V}\n", "config.unknown-key", "Network", 3, "no such section", "mean [network]?"),
    (LAN + f"[[[route]]]\na = {V}\n", "config.unknown-key", "network.lan.route", 6, "no such section", "mean [[[routes]]]?"),
    (START + f"[lan]\nmac = {V}\n", "config.unknown-key", "lan", 3, "no such section", "below [network]: write [[lan]]"),
    (IDENTITY + f"[[lan]]\nmac = {V}\n", "config.unknown-key", "identity.lan", 4, "no", "below [network]: write [[lan]]"),
    (START + f"[lan]\nmac = {V}\nadresses = {V}\n", "config.unknown-key", "lan", 3, "no", "below [network]: write [[lan]]"),
    (IDENTITY + "[[lan]]\n", "config.unknown-key", "identity.lan", 4, "no such section", "below [network]: write [[lan]]"),
    (START + "[lan]\n", "config.unknown-key", "lan", 3, "no such section", "the sections here are [request]"),
    (START + f"[unlock]\na = {V}\n", "config.unknown-key", "unlock", 3, "no", "belongs below [storage]: write [[unlock]]"),
    (IDENTITY + f"[[dns]]\nservers = {V}\n", "config.unknown-key", "identity.dns", 4, "no such section", "write [dns]"),
    (START + f"[accounts]\n[[root]]\npassword = {V}\n", "config.unknown-key", "accounts", 3, "no such section",
     "the sections here are [request], [identity], [dns]"),
    (START + f"[DEFAULT]\na = {V}\n", "config.unknown-key", "DEFAULT", 3, "no such section", "the sections here are"),
    (IDENTITY + f"[[a]]\nb = {V}\n", "config.unknown-key", "identity.a", 4, "no", "there are no sections below this one"),
    (f"id = {V}\n", "config.missing-key", "format", None, "web.conf: format: is needed", "add `format = 1`"),
    (START + f"[storage]\n[[unlock]]\n[[[disk]]]\npassphrase = {V}\n", "config.missing-key", "storage.unlock.disk.uuid", 5, "is needed",
     "add `uuid = …`"),
]

# What no line of its own shows: the line is that of the key, or of the section that misses it.
TOGETHER: list[Case] = [
    (START + f"[network]\n[[{V[:2]}]]\nmtu = 1500\n", "config.missing-key", "network.pl", 4, "[network] [[pl]]: needs `mac`", ""),
    (LAN + "[[[routes]]]\na = 10.0.0.0/8 via 10.0.0.1\n", "config.contradiction", "network.lan.routes", 6,
     "[network] [[lan]] [[[routes]]]: need an IPv4 address", ""),
    (UNLOCK, "config.contradiction", "storage.unlock.disk.passphrase", 5, "[[[disk]]] passphrase: needs either", ""),
    (IDENTITY + "domain = example.com\n", "config.contradiction", "identity.domain", 4, "a domain needs a hostname", ""),
]

SECRETS: list[Case] = [
    # No key: what stands before a later = is a value.
    (UNLOCK + f"passphrase: {V}=\n", "config.syntax", "storage.unlock.disk.passphrase", 7, "has no =", "write `passphrase = …`"),
    (UNLOCK + f'passphrase : "{V}=x"\n', "config.syntax", "storage.unlock.disk.passphrase", 7, "has no =", "write `passphrase"),
    (UNLOCK + f"passphrase {V}#1=abc\n", "config.syntax", "storage.unlock.disk.passphrase", 7, "has no =", "write `passphrase"),
    (UNLOCK + f"my {V} = '''\n{V} = 1\n'''\n", "config.syntax", "storage.unlock.disk", 7, "is neither", "write key = value"),
    (START + f'[first_boot]\ncommands = "touch /x",\n  curl -u admin:{V} http://x/?y=1\n', "config.syntax", "first_boot.commands", 5,
     "more of the value of line 4", "on one line"),
    (START + f"[first_boot]\ncommands = echo a\\\n--{V}=b\n", "config.syntax", "first_boot.commands", 5, "more of the value", "one line"),
    (UNLOCK + f'passphrase = "a",\n{V}\u200b=y\n', "config.syntax", "storage.unlock.disk", 8, "(U+200B)", "type the line anew"),
    (UNLOCK + f"passphrase = {V}#{V}\n", "config.bad-value", "storage.unlock.disk.passphrase", 7, "comment", "quotation marks"),
    (UNLOCK + f"passphrase = {V} # {V}\n", "config.bad-value", "storage.unlock.disk.passphrase", 7, "a blank and a #", "may follow"),
    (UNLOCK + f"passphrase = {V}\t#{V}\n", "config.bad-value", "storage.unlock.disk.passphrase", 7, "a blank and a #", "may follow"),
    (UNLOCK + f"passphrase = # {V}\n", "config.bad-value", "storage.unlock.disk.passphrase", 7, "nothing before its #", "may follow"),
    (UNLOCK + f'passphrase = "{V}"#{V}\n', "config.bad-value", "storage.unlock.disk.passphrase", 7, "right behind a", "after a blank"),
    (UNLOCK + f"passphrase = '''{V}'''#{V}\n", "config.bad-value", "storage.unlock.disk.passphrase", 7, "right behind", "after a"),
    (UNLOCK + f"passphrase = '''{V}'''#'''\n", "config.bad-value", "storage.unlock.disk.passphrase", 7, "right behind", "after a"),
    (UNLOCK + f"passphrase = {V}\u00a0\n", "config.bad-value", "storage.unlock.disk.passphrase", 7, "not the usual one", "quotation"),
    (UNLOCK + f"passphrase = {V}, {V}\n", "config.bad-value", "storage.unlock.disk.passphrase", 7, "not a list: put it in", ""),
    (UNLOCK + f"passphrase = '{V}\n{V}'\n", "config.syntax", "storage.unlock.disk.passphrase", 7, "other half", "whole value"),
    (START + f'[first_boot]\ncommands = "{V}"#{V}\n', "config.bad-value", "first_boot.commands", 4, "right behind a quotation mark",
     "after a blank"),
]
# fmt: on


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    """What `check --json` answers to a document, which has faults; what it says without --json is the same."""

    def problems(document: str | bytes) -> list[dict[str, Any]]:
        path = tmp_path / "web.conf"
        path.write_bytes(document.encode() if isinstance(document, str) else document)
        assert main(["check", str(path)]) == 1
        said = capsys.readouterr().err
        assert main(["check", str(path), "--json"]) == 1
        found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["problems"]
        for problem in found:
            assert problem["file"] == "web.conf"
            line = f", line {problem['line']}" if problem["line"] else ""
            assert f"{problem['code']}: web.conf{line}: " in said
            assert f"{problem['message']}\n" + (f"  {problem['hint']}\n" if problem["hint"] else "") in said
        assert V not in said + json.dumps(found)
        return [{**problem, "said": said} for problem in found]

    return problems


@pytest.mark.parametrize(
    "case", [*DUPLICATES, *BRACKETS, *MIXED_UP, *VALUES, *NO_PAIRS, *CHARACTERS, *NAMES, *TOGETHER, *SECRETS]
)
def test_each_mistake_is_named(case: Case, check: Check) -> None:
    document, code, path, line, message, hint = case
    first = check(document)[0]
    assert (first["code"], ".".join(first["path"]), first["line"]) == (code, path, line)
    assert message in first["said"].splitlines()[0]
    assert hint in first["hint"]


# One mistake makes ConfigObj stumble over what follows: that is not said too.
@pytest.mark.parametrize(
    "document",
    [
        START + f"[[lan]]\nmac = {V}\n[[san]]\nmac = {V}\n[[[routes]]]\na = {V}\n",
        LAN + f"[[san]\nmac = {V}\naddresses = {V}\n[[[routes]]]\na = {V}\n[dns]\n",
        LAN + f"[[lan]]\nmac = {V}\n[[[routes]]]\na = {V}\n[dns]\nservers = {V}\n",
        START + f"[identity\nhostname = {V}\n[dns]\nservers = {V}\n",
        IDENTITY + f"hostname = '''{V}\n{V}\nhostname = {V}\n[identity]\n[{V}\n",
        IDENTITY + f"domain = a\nhostname = '''{V}\ndomain = b\n''' {V}\n",
        START + f"network = {V}\n",
        UNLOCK + f"passphrase = # {V}\n",
        START.replace("id", "[id]\n# ") + "\n",
    ],
)
def test_one_mistake_is_said_once(document: str, check: Check) -> None:
    assert len(check(document)) == 1


def test_all_are_said_in_order(check: Check) -> None:
    lines = f"{V}\n[identity]\nhostname = {V}\nhostname = {V}\n[dns\n[first_boot]\ncommands = '{V}\n"
    assert [problem["line"] for problem in check(START + lines)] == [3, 6, 7, 9]
    lines = f'a = {V}\n[identity]\nhostnam = {V}\n[first_boot]\ncommands = {V}"\n[power]\non_success = {V}\n[x]\n'
    assert [problem["line"] for problem in check(START + lines)] == [3, 5, 7, 9, 10]


GOOD = [
    START + "[identity]\n\thostname\t=\tweb01\t# a comment\n",
    "\ufeff" + START + "[identity]\nhostname = web01\n",
    (START + "[identity]\nhostname = web01 # m\xfcller\n").replace("\n", "\r\n"),
    START + "  [ identity ]  # a comment\n  'hostname' = \"web01\"#c\n",
    START + "[network]\n[ [ 'lan' ] ]\nmac = 52:54:00:12:34:56\n[[[routes]]]\n",
    START + "[identity]\nhostname = '''web01'''\n\n\n",
    START.strip(),
    UNLOCK + "passphrase = a'b\"\tc'd\"\n",
    UNLOCK + "passphrase = 'a # b' # c\n",
    UNLOCK + "passphrase = '''a # b'''   #c\n",
    UNLOCK + "passphrase = correct horse $6$%(x)s\\n\n",
    START + "[first_boot]\ncommands = true # a comment, for a shell too\n",
]


@pytest.mark.parametrize("document", GOOD)
def test_what_is_no_mistake(document: str, tmp_path: Path) -> None:
    path = tmp_path / "web.conf"
    path.write_bytes(document.encode())
    assert main(["check", str(path)]) == 0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("hostnam = a\n", "did you mean `hostname`?; `guest-customizer check` says what else"),
        ("hostname = a b\n", "correct the document; `guest-customizer check` says what else"),
    ],
)
def test_where_there_is_more_the_way_to_all_of_it_is_said(
    more: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "web.conf"
    path.write_text(IDENTITY + more)
    assert main(["pack", str(path), "-o", str(tmp_path / "x.iso")]) == 1
    assert "`guest-customizer check`" not in capsys.readouterr().err
    path.write_text(IDENTITY + more + "[power]\non_success = sleep\n")
    assert main(["pack", str(path), "-o", str(tmp_path / "x.iso")]) == 1
    answer = capsys.readouterr().err
    assert "(and 1 more)" in answer
    assert said in answer
