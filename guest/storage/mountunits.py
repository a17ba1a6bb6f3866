"""Mounts that a guest has without an fstab line: systemd's mount units, and partitions found by their GPT type."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from guest.storage.fstab import Entry
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.machine.model import BlockDevice
    from guest.sysroot import View

_UNITS = "/etc/systemd/system"
_WANTED_BY = ("local-fs.target", "multi-user.target", "default.target")
_GENERATORS = ("/usr/lib/systemd/system-generators", "/lib/systemd/system-generators")
_NO_AUTO = 1 << 63  # https://uapi-group.org/specifications/specs/discoverable_partitions_specification
_USR = "8484680c-9521-48c6-9c11-b0720656f69e"  # x86-64
_HOME = "933ac7e1-2eb4-4f13-b844-0e14e2aef915"
_SRV = "3b8f8425-20e0-4f3b-907f-1a25a76f98e8"
_VAR = "4d21b016-b534-45c2-a9fb-5c16e091fd2d"


def read_mount_units(view: View) -> tuple[Entry, ...]:
    """The enabled mount units, as if they were lines of an fstab."""
    found: dict[str, Entry] = {}
    for target in _WANTED_BY:
        for folder in (f"{_UNITS}/{target}.wants", f"{_UNITS}/{target}.requires"):
            for name in view.names(folder):
                content = text(view, f"{folder}/{name}") if name.endswith(".mount") else None
                if content is not None and (entry := parse_mount_unit(name, content)):
                    found.setdefault(name, entry)
    return tuple(found.values())


def parse_mount_unit(name: str, content: str) -> Entry | None:
    """systemd.mount(5). None where What= or Where= is missing, or holds what only a running systemd can expand."""
    values = dict(_settings(content))
    what, where = values.get("What", ""), values.get("Where", "")
    if not what or not where.startswith("/") or "%" in what + where or "\0" in what + where:
        return None
    options = tuple(option for option in values.get("Options", "").split(",") if option)
    place = "/" + posixpath.normpath(where).lstrip("/")
    return Entry(f"unit {name}", what, place, values.get("Type") or "auto", options)


def _settings(content: str) -> Iterator[tuple[str, str]]:
    section = ""
    for line in content.splitlines()[:1000]:
        stripped = line.strip()
        if stripped.startswith("["):
            section = stripped
        elif section == "[Mount]" and "=" in stripped and stripped[0] not in "#;":
            key, _, value = stripped.partition("=")
            yield key.strip(), value.strip()


def discover_partitions(
    view: View, root: BlockDevice, devices: tuple[BlockDevice, ...], mounted: frozenset[str]
) -> tuple[Entry, ...]:
    """What systemd-gpt-auto-generator mounts: partitions of the root's disk, for places that no fstab line has."""
    generator = any(exists(view, f"{folder}/systemd-gpt-auto-generator") for folder in _GENERATORS)
    # A root whose /usr is another partition shows no generator; a bare /usr is what gives that away.
    if not generator and ("/usr" in mounted or view.names("/usr")):
        return ()
    found = []
    for device in devices:
        place = _place(view, device)
        if device.disk == root.disk and place and place not in mounted and not device.part_flags & _NO_AUTO:
            found.append(Entry("GPT partition type", f"PARTUUID={device.part_uuid}", place, "auto", ()))
    return tuple(found)


def _place(view: View, device: BlockDevice) -> str | None:
    places = {_USR: "/usr", _HOME: "/home", _SRV: "/srv", _VAR: "/var"}
    place = places.get((device.part_type or "").lower())
    if place == "/var" and (device.part_uuid or "").lower() != _var_of_this_guest(view):
        return None  # /var is one installation's alone: its partition carries an id made from the machine's
    return place


def _var_of_this_guest(view: View) -> str | None:
    """sd_id128_get_machine_app_specific(3) of the partition type: HMAC-SHA256, as a UUID of version 4."""
    import hashlib  # noqa: PLC0415 (uuid takes 40 ms under TCG, for guests with a /var of their own found by its type)
    import hmac  # noqa: PLC0415 (as uuid)
    import uuid  # noqa: PLC0415

    try:
        machine = uuid.UUID((text(view, "/etc/machine-id") or "").strip())
    except ValueError:
        return None
    digest = bytearray(hmac.new(machine.bytes, uuid.UUID(_VAR).bytes, hashlib.sha256).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x40
    digest[8] = digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))
