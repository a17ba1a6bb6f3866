"""The host name, where the family keeps it, in /etc/hosts and wherever else it stands: the old goes, the new comes (LESSONS L12)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.changes.change import Change, Context, Note
from guest.changes.oldname import plan_elsewhere
from guest.distro.family import HOST_NAME_MAX, Names
from guest.edits import Edit, WriteFile
from guest.sysroot import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.sysroot import View

HOSTS = "/etc/hosts"
_NEW_HOSTS = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"


def plan(context: Context, view: View) -> Iterator[Edit | Note]:
    identity = context.settings.identity
    if identity.hostname is None:
        return
    family = context.guest.family
    old_name = family.read_hostname(view)
    names = Names(identity.hostname, identity.domain)
    if names.full_if_it_fits != names.fqdn:
        yield Note(
            f"the full name is longer than the {HOST_NAME_MAX} characters of a host name; the guest is called by the short one"
        )
    yield from family.plan_hostname(view, context.guest.release, names)
    old = text(view, HOSTS)
    addresses = _own_addresses(old or "", old_name, family.hosts_addresses)
    new = rename_in_hosts(_NEW_HOSTS if old is None else old, old_name, names, addresses)
    yield WriteFile(HOSTS, new.encode("utf-8", "surrogateescape"), "own name")
    if old_name is not None:
        yield from plan_elsewhere(view, old_name, names)


def _own_addresses(content: str, old_name: str | None, usual: tuple[str, ...]) -> tuple[str, ...]:
    """The family's, or the loopback address that this guest uses instead of it (SUSE's YaST: 127.0.0.2)."""
    if usual != ("127.0.1.1",) or old_name is None:
        return usual
    old_short = old_name.split(".")[0].lower()
    for line in content.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        own = any(name.lower().partition(".")[0] == old_short for name in names)
        if own and address != "127.0.0.1" and re.fullmatch(r"127\.\d{1,3}\.\d{1,3}\.\d{1,3}", address):
            return (address,)
    return usual


def rename_in_hosts(content: str, old_name: str | None, names: Names, own_addresses: tuple[str, ...]) -> str:
    """/etc/hosts with the new name beside each own address. Lines without the old name stay byte for byte."""
    lines = content.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    own = list(dict.fromkeys((names.fqdn, names.hostname)))
    stale = {names.hostname.lower(), names.fqdn.lower()}
    lines = [kept for line in lines if (kept := _without(line, old_name, stale, own_addresses)) is not None]
    for address in reversed(own_addresses):
        at = _place(lines, address)
        lines.insert(at, f"{address}\t{' '.join(own)}\n")
    return "".join(lines)


def _is_localhost(name: str) -> bool:
    return name.lower().startswith(("localhost", "ip6-", "ipv6-"))


def _without(line: str, old_name: str | None, new_names: set[str], own_addresses: tuple[str, ...]) -> str | None:
    """The line without the machine's own old and new names; None where nothing is left of it."""
    body, mark, comment = line.partition("#")
    address, *names = body.split() or [""]
    if not names or all(_is_localhost(name) for name in names):
        return line
    # Debian's 127.0.1.1 is for the own name alone, whatever the template called itself; so is SUSE's 127.0.0.2.
    own_line = address in own_addresses and address not in ("127.0.0.1", "::1")
    old_short = (old_name or "").split(".")[0].lower()

    def is_own(name: str) -> bool:
        folded = name.lower()
        of_old = bool(old_short) and (folded == old_short or folded.startswith(old_short + "."))
        return not _is_localhost(name) and (own_line or of_old or folded in new_names)

    kept = [name for name in names if not is_own(name)]
    if len(kept) == len(names):
        return line
    if not kept:
        return None
    for name in names:
        if name not in kept:
            body = re.sub(rf"\s+{re.escape(name)}(?=\s|$)", "", body, count=1)
    return body + mark + comment


def _place(lines: list[str], address: str) -> int:
    """Below the last localhost line of the same IP version, as the installers have it; at the end without one."""
    version6 = ":" in address
    places = [
        number
        for number, line in enumerate(lines)
        if (words := line.split("#")[0].split()) and (":" in words[0]) == version6 and any(map(_is_localhost, words[1:]))
        and words[0] in ("127.0.0.1", "::1")
    ]  # fmt: skip
    return places[-1] + 1 if places else len(lines)


CHANGE = Change("hostname", plan)
