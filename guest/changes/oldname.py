"""The template's name in files other than /etc/hosts: mail, DHCP. Whole words, and only where a machine's own name stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guest.edits import Edit, WriteFile
from guest.sysroot import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.distro.family import Names
    from guest.sysroot import View

# Every template is called so: replacing them would hit what is meant for all machines.
_NO_NAMES = frozenset({"localhost", "localdomain", "localhost4", "localhost6", "none", "unassigned-hostname"})
_POSTFIX = re.compile(r"(?m)^(?:myhostname|mydestination|myorigin)\s*=(?:.*\n(?:[ \t].*\n)*)")


@dataclass(frozen=True)
class _Place:
    """A file, and the parts of it in which a word is the machine's name."""

    path: str
    part: re.Pattern[str]


_PLACES = (
    _Place("/etc/mailname", re.compile(r"(?s).+")),
    _Place("/etc/postfix/main.cf", _POSTFIX),
    _Place("/etc/sysconfig/postfix", re.compile(r"(?m)^POSTFIX_(?:MYHOSTNAME|LOCALDOMAINS|MASQUERADE_DOMAIN)=.*$")),
    _Place("/etc/exim4/update-exim4.conf.conf", re.compile(r"(?m)^dc_(?:other_hostnames|readhost)=.*$")),
    _Place("/etc/ssmtp/ssmtp.conf", re.compile(r"(?mi)^hostname=.*$")),
    _Place("/etc/sysconfig/network", re.compile(r"(?m)^DHCP_(?:HOSTNAME|FQDN)=.*$")),
    _Place("/etc/sysconfig/network/dhcp", re.compile(r"(?m)^DHCLIENT_HOSTNAME_OPTION=.*$")),
    _Place("/etc/dhcp/dhclient.conf", re.compile(r"(?m)^\s*send\s+(?:host-name|fqdn\.fqdn)\b.*$")),
    _Place("/etc/dhcpcd.conf", re.compile(r"(?m)^\s*hostname\s.*$")),
    _Place("/etc/network/interfaces", re.compile(r"(?m)^\s*hostname\s.*$")),
    _Place("/etc/machine-info", re.compile(r"(?m)^PRETTY_HOSTNAME=.*$")),
)


def plan_elsewhere(view: View, old_name: str, names: Names) -> Iterator[Edit]:
    old_short = old_name.partition(".")[0]
    if old_short.lower() in _NO_NAMES:
        return
    for place in (*_PLACES, *_profiles(view)):
        old = text(view, place.path)
        if old is None:
            continue
        new = place.part.sub(lambda found: replace_words(found[0], old_short, names), old)
        if new != old:
            yield WriteFile(place.path, new.encode("utf-8", "surrogateescape"), "the old name stood there")


def _profiles(view: View) -> Iterator[_Place]:
    """Red Hat's profiles, those of cards that the document does not name too: the name is the machine's."""
    folder = "/etc/sysconfig/network-scripts"
    part = re.compile(r"(?m)^DHCP_(?:HOSTNAME|FQDN)=.*$")
    return (_Place(f"{folder}/{name}", part) for name in view.names(folder) if name.startswith("ifcfg-"))


def replace_words(content: str, old_short: str, names: Names) -> str:
    """The old short name becomes the new one, the old name with any domain the new full one; parts of words stay."""
    # Not behind a dot or dollar sign: a domain's label or a variable; dashes belong to names.
    word = re.compile(
        rf"(?<![\w.$-]){re.escape(old_short)}(\.[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)?(?![\w-])", re.IGNORECASE
    )
    return word.sub(lambda found: names.fqdn if found[1] else names.hostname, content)
