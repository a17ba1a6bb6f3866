"""Writes docs/configuration.md from the comments of guest/settings/schema.conf, and docs/result-codes.md from
guest/codes.py. `make docs` runs it, a test compares.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from configobj import ConfigObj

from guest.codes import HOST_CODES, RESULT_CODES, Code
from guest.settings.schema import schema_text

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
_HEAD = """\
# The configuration document

Generated from `guest/settings/schema.conf` by `make docs`.

`customization.conf` lies at the top of a medium labelled `GUESTCONF`; `guest-customizer pack` makes one. It is read as
UTF-8 with [ConfigObj](https://configobj.readthedocs.io): `key = value`, lists with commas, quotes around what holds a
comma, a `#` or a quotation mark. A blank and a `#` begin a comment; behind a secret that stands in no quotation marks they
are refused, as they may belong to it. A value stands on one line, a list too. Whatever the document does not mention is not
touched. An unknown key is an error. Errors name file, line, section and key, and the nearest known key, never a value.
`guest-customizer check customization.conf` says what is wrong, in up to three rounds:
lines that cannot be read; names and values; contradictions and missing files.

A complete example is [qemu-tests/demo/customization.conf](../qemu-tests/demo/customization.conf).
"""
_KINDS = {
    "gateway4": "an IPv4 address",
    "gateway6": "an IPv6 address",
    "addresses": "IP addresses",
    "addresses_with_prefix": "IP addresses with prefix length",
    "bond_mode": "a mode",
    "cloud_init": "`off`, `seed` or `keep`",
    "container_uuid": "a UUID",
    "device_reference": "`UUID=…`, `LABEL=…`, `PARTUUID=…`, `PARTLABEL=…` or `/dev/…`",
    "domain": "a domain name",
    "domains": "domain names",
    "family": "a family",
    "format_version": "1",
    "hostname": "one label",
    "interface_name": "a device name",
    "label": "a section's name",
    "labels": "sections' names",
    "mac": "a hardware address",
    "medium_path": "a path on the config medium",
    "medium_paths": "paths on the config medium",
    "network_stack": "a stack",
    "power_action": "`off`, `reboot` or `halt`",
    "request_action": "`customize` or `undo`",
    "request_id": "a name",
    "route": "a route",
    "secret": "a secret",
    "secret_texts": "texts, kept secret",
    "whole_number": "a whole number",
    "yes_no": "`yes` or `no`",
}

_CODES_HEAD = """\
# Result codes

Generated from `guest/codes.py` by `make docs`. Codes are stable: none is ever given a second meaning.
[result-protocol.md](result-protocol.md) says where they appear.

## Of a result

| code | status | cause | remedy |
|---|---|---|---|
"""
_HOST_HEAD = """
## Of the host program and of `python -m guest`

On standard error, with exit status 1.

| code | cause | remedy |
|---|---|---|
"""


def codes() -> str:
    def row(code: Code, *more: str) -> str:
        return "| " + " | ".join([f"`{code.name}`", *more, code.cause, code.remedy]) + " |\n"

    results = [row(code, "ok" if code.is_ok else "failed") for code in RESULT_CODES]
    return _CODES_HEAD + "".join(results) + _HOST_HEAD + "".join(row(code) for code in HOST_CODES)


def reference() -> str:
    spec = ConfigObj(schema_text().splitlines(), list_values=False, interpolation=False, _inspec=True)
    return "\n".join([_HEAD, *_section(spec, ())]) + "\n"


def _section(section: ConfigObj, path: tuple[str, ...]) -> Iterator[str]:
    if section.scalars:
        yield "| key | value | meaning |"
        yield "|---|---|---|"
        for key in section.scalars:
            yield f"| {_name(key)} | {_kind(section[key])} | {_comment(section, key)} |"
        yield ""
    for name in section.sections:
        inner = (*path, name)
        yield f"{'#' * (len(inner) + 1)} `{_heading(inner)}`\n"
        if comment := _comment(section, name):
            yield f"{comment}\n"
        yield from _section(section[name], inner)


def _name(key: str) -> str:
    return "any name" if key == "__many__" else f"`{key}`"


def _heading(path: tuple[str, ...]) -> str:
    depth = len(path)
    return "[" * depth + ("any name" if path[-1] == "__many__" else path[-1]) + "]" * depth


def _kind(check: str) -> str:
    name, _, arguments = check.partition("(")
    kind = _KINDS[name]
    limits = [part.strip() for part in arguments.rstrip(")").split(",") if part.strip().isdigit()]
    if len(limits) == 2:
        kind += f" from {limits[0]} to {limits[1]}"
    return kind if "default=None" in check or name == "route" else f"{kind}; needed"


def _comment(section: ConfigObj, key: str) -> str:
    # What stands above the first key of the file is its initial comment, which ends in that key's own line.
    comment = section.initial_comment[-1:] if key == "format" else section.comments[key]
    lines = [line.lstrip("# ").rstrip() for line in comment if line.strip()]
    return " ".join(lines).replace("|", "\\|")


if __name__ == "__main__":
    (HERE / "configuration.md").write_text(reference())
    (HERE / "result-codes.md").write_text(codes())
