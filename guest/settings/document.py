"""Reads customization.conf: ConfigObj parses it, the shipped configspec checks it, frozen values come out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from configobj import ConfigObj, ConfigObjError
from configobj.validate import Validator

from guest.distro import FAMILIES
from guest.errors import CustomizerError
from guest.network import STACKS
from guest.network.model import Bond, Bridge, Interface, Resolver, Virtual, Vlan
from guest.settings import checks
from guest.settings.bent import bent_values
from guest.settings.contradictions import contradictions
from guest.settings.model import (
    Action,
    CloudInit,
    FirstBoot,
    GuestOverrides,
    Identity,
    Power,
    PowerAction,
    Request,
    Script,
    Settings,
    Unlock,
)
from guest.settings.problems import (
    DOCUMENT,
    DocumentError,
    KeyPath,
    Problem,
    bad_values,
    index_lines,
    misplaced_sections,
    syntax_problems,
    unknown_keys,
)
from guest.shipped import read_beside
from guest.sysroot import READ_LIMIT

if TYPE_CHECKING:
    from guest.sysroot import View

SIZE_LIMIT = 1024 * 1024
_DEPTH_LIMIT = 8


def load(medium: View, name: str = DOCUMENT) -> Settings:
    """Reads and checks the document and the scripts it names. Raises DocumentError, CustomizerError."""
    try:
        return _load(medium, name)
    except DocumentError as error:
        raise DocumentError(tuple(replace(problem, document=name) for problem in error.problems)) from None


def _load(medium: View, name: str) -> Settings:
    content = _read(medium, name)
    if content is None:
        raise CustomizerError(
            "config.no-document",
            f"the config medium has no {name} at its top",
            "pack it with `guest-customizer pack`",
        )
    raw = parse(content)
    # An undo runs none of the scripts: the medium may have lost them since.
    undoes = raw.values.get("request", {}).get("action") is Action.UNDO
    scripts, problems = ((), ()) if undoes else _read_scripts(medium, raw)
    unlocks, more_problems = _read_unlocks(medium, raw)
    if problems or more_problems:
        raise DocumentError((*problems, *more_problems))
    return _to_settings(raw.values, scripts, unlocks)


def _read(medium: View, name: str) -> bytes | None:
    try:
        return medium.read(name)
    except CustomizerError as error:
        if error.code != "guest.file-too-large":
            raise
        # The limit is the same as for a guest's files; what to do about it is not.
        message = f"{name} on the config medium is larger than {READ_LIMIT} bytes, the most that is read"
        raise CustomizerError(
            "config.too-large",
            message,
            "a document is a few KB; what is larger belongs into a script, which may fetch it at first boot",
        ) from None


def secret_values(values: Any) -> tuple[str, ...]:  # noqa: ANN401 (ConfigObj's sections)
    """The values of a checked document that its schema marks as secret, longest first."""
    found: list[str] = []

    def visit(section: Any, key: str) -> None:  # noqa: ANN401 (as above)
        spec = section.configspec
        check = (spec.get(key) or spec.get("__many__")) if spec else None
        if isinstance(check, str) and check.startswith("secret") and section[key]:
            value = section[key]
            found.extend(value if isinstance(value, tuple) else [value.decode() if isinstance(value, bytes) else value])

    values.walk(visit)
    return tuple(sorted(found, key=len, reverse=True))


@dataclass(frozen=True)
class Checked:
    """A document that fits the schema: ConfigObj's sections, with each value already converted."""

    values: Any
    lines: dict[KeyPath, int]


def parse(content: bytes) -> Checked:
    """Raises DocumentError that holds every problem found."""
    text = _decode(content)
    lines = text.splitlines()
    places = index_lines(lines)
    if deep := [number for number, line in enumerate(lines, 1) if line.lstrip().startswith("[" * _DEPTH_LIMIT)]:
        # ConfigObj's own expression for a heading takes minutes over thousands of brackets.
        raise DocumentError((Problem("config.syntax", (), deep[0], "has more brackets than any section here"),))
    try:
        values = ConfigObj(lines, configspec=_schema(), interpolation=False, raise_errors=False, list_values=True)
    except ConfigObjError as error:
        raise DocumentError(tuple(syntax_problems(error))) from None
    if sections := tuple(misplaced_sections(values, values.configspec, places)):
        # ConfigObj's validation stumbles over them.
        raise DocumentError(sections)
    outcome = values.validate(_validator(), preserve_errors=True)
    problems = [*bent_values(lines, places), *unknown_keys(values, places)]
    if outcome is not True:
        problems += bad_values(values, outcome, places)
    if not problems:
        problems += contradictions(values, places)
    if problems:
        raise DocumentError(tuple(sorted(problems, key=lambda p: p.line or 0)))
    return Checked(values, places)


def schema_text() -> str:
    """The configspec as it ships."""
    return read_beside(__file__, "schema.conf")


def _schema() -> ConfigObj:
    return ConfigObj(schema_text().splitlines(), list_values=False, interpolation=False, _inspec=True)


def _validator() -> Validator:
    return Validator(
        {
            "container_uuid": checks.container_uuid,
            "addresses": checks.several(checks.address),
            "addresses_with_prefix": checks.several(checks.address_with_prefix),
            "bond_mode": checks.bond_mode,
            "cloud_init": checks.cloud_init,
            "device_reference": checks.device_reference,
            "domain": checks.domain,
            "domains": checks.several(checks.domain),
            "family": checks.choice(*(family.name for family in FAMILIES)),
            "format_version": checks.format_version,
            "gateway4": checks.gateway4,
            "gateway6": checks.gateway6,
            "hostname": checks.hostname,
            "interface_name": checks.interface_name,
            "label": checks.label,
            "labels": checks.several(checks.label),
            "mac": checks.mac,
            "medium_path": checks.medium_path,
            "medium_paths": checks.several(checks.medium_path),
            "network_stack": checks.choice(*(stack.name for stack in STACKS)),
            "power_action": checks.power_action,
            "request_action": checks.request_action,
            "request_id": checks.request_id,
            "route": checks.route,
            "secret": checks.secret,
            "secret_texts": checks.several(checks.one),
            "whole_number": checks.whole_number,
            "yes_no": checks.yes_no,
        }
    )


def _decode(content: bytes) -> str:
    if len(content) > SIZE_LIMIT:
        raise DocumentError(
            (Problem("config.too-large", (), 1, f"has {len(content)} bytes; at most {SIZE_LIMIT} are read"),)
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DocumentError(
            (Problem("config.syntax", (), line, "is not UTF-8 text", "save the file as UTF-8"),)
        ) from None


def _read_scripts(medium: View, checked: Checked) -> tuple[tuple[Script, ...], tuple[Problem, ...]]:
    path = ("first_boot", "scripts")
    scripts: list[Script] = []
    problems: list[Problem] = []
    for name in checked.values.get("first_boot", {}).get("scripts") or ():
        content = _read(medium, name)
        if content is None:
            problems.append(
                Problem(
                    "config.missing-file",
                    path,
                    checked.lines.get(path),
                    f"there is no file {name} on the config medium",
                )
            )
        elif fault := _first_line_fault(content):
            message, hint = fault
            problems.append(Problem("config.bad-value", path, checked.lines.get(path), f"{name} {message}", hint))
        else:
            scripts.append(Script(name, content))
    return tuple(scripts), tuple(problems)


def _first_line_fault(script: bytes) -> tuple[str, str] | None:
    """(message, hint) where the kernel could not start the script by its first line."""
    line = script.split(b"\n")[0]
    if not line.startswith(b"#!"):
        return "does not start with #!", "begin it with #!/bin/sh"
    if line.endswith(b"\r"):
        return (
            "has Windows line ends: the guest would look for an interpreter whose name ends in one",
            "convert it with dos2unix",
        )
    if not line[2:].strip():
        return "names no interpreter behind #!", "begin it with #!/bin/sh"
    return None


def _read_unlocks(medium: View, checked: Checked) -> tuple[tuple[Unlock, ...], tuple[Problem, ...]]:
    unlocks: list[Unlock] = []
    problems: list[Problem] = []
    for label, unlock in checked.values.get("storage", {}).get("unlock", {}).items():
        name = unlock["key_file"]
        content = _read(medium, name) if name else unlock["passphrase"]
        if content is None:
            path = ("storage", "unlock", label, "key_file")
            message = f"there is no file {name} on the config medium"
            problems.append(Problem("config.missing-file", path, checked.lines.get(path), message))
        else:
            unlocks.append(Unlock(unlock["uuid"].lower(), content, name))
    return tuple(unlocks), tuple(problems)


def _to_settings(values: Any, scripts: tuple[Script, ...], unlocks: tuple[Unlock, ...]) -> Settings:  # noqa: ANN401 (as above)
    dns, first_boot, guest, power = (values.get(name, {}) for name in ("dns", "first_boot", "guest", "power"))
    identity, request = values.get("identity", {}), values.get("request", {})
    return Settings(
        request_id=values["id"],
        request=Request(request.get("action") or Action.CUSTOMIZE, bool(request.get("force"))),
        identity=Identity(identity.get("hostname"), identity.get("domain")),
        resolver=Resolver(dns.get("servers") or (), dns.get("search") or ()),
        interfaces=tuple(_to_interface(label, card) for label, card in values.get("network", {}).items()),
        first_boot=FirstBoot(first_boot.get("commands") or (), scripts, bool(first_boot.get("wait_for_network"))),
        guest=GuestOverrides(
            guest.get("root"),
            guest.get("family"),
            guest.get("network_stack"),
            guest.get("cloud_init") or CloudInit.OFF,
        ),
        secrets=secret_values(values),
        power=Power(power.get("on_success") or PowerAction.OFF, power.get("on_failure") or PowerAction.OFF),
        unlocks=unlocks,
    )


def _to_interface(label: str, card: Any) -> Interface:  # noqa: ANN401 (as above)
    return Interface(
        label=label,
        virtual=_to_virtual(card),
        mac=card["mac"],
        name=card["name"],
        position=card["position"],
        addresses=card["addresses"] or (),
        gateways=tuple(gateway for gateway in (card["gateway4"], card["gateway6"]) if gateway),
        dhcp4=bool(card["dhcp4"]),
        dhcp6=bool(card["dhcp6"]),
        slaac=card["slaac"],
        mtu=card["mtu"],
        routes=tuple(card.get("routes", {}).values()),
        resolver=Resolver(card["dns"] or (), card["search"] or ()),
    )


def _to_virtual(card: Any) -> Virtual | None:  # noqa: ANN401 (as above)
    if card["vlan"] is not None:
        return Vlan(card["parent"], card["vlan"])
    if card["bond"] is not None:
        return Bond(card["bond"], card["ports"])
    return Bridge(card["ports"]) if card["bridge"] else None
