"""The shipped configspec, the checks that its words stand for, and which of its keys are secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from configobj import ConfigObj
from configobj.validate import Validator

from guest.distro import FAMILIES
from guest.network import STACKS
from guest.settings import checks, network_checks
from guest.shipped import read_beside

if TYPE_CHECKING:
    from guest.settings.problems import KeyPath

# The schema's word for any name, and what else ConfigObj takes for itself: its validation stumbles over them in a document.
MANY = "__many__"
RESERVED = (MANY, "___many___")


def schema_text() -> str:
    """The configspec as it ships."""
    return read_beside(__file__, "schema.conf")


def schema() -> ConfigObj:
    return ConfigObj(schema_text().splitlines(), list_values=False, interpolation=False, _inspec=True)


def validator() -> Validator:
    return Validator(
        {
            "container_uuid": checks.container_uuid,
            "addresses": checks.several(network_checks.address),
            "addresses_with_prefix": checks.several(network_checks.address_with_prefix),
            "bond_mode": network_checks.bond_mode,
            "cloud_init": checks.cloud_init,
            "device_reference": checks.device_reference,
            "domain": checks.domain,
            "domains": checks.several(checks.domain),
            "family": checks.choice(*(family.name for family in FAMILIES)),
            "format_version": checks.format_version,
            "gateway4": network_checks.gateway4,
            "gateway6": network_checks.gateway6,
            "hostname": checks.hostname,
            "interface_name": checks.interface_name,
            "label": checks.label,
            "labels": checks.several(checks.label),
            "mac": network_checks.mac,
            "medium_path": checks.medium_path,
            "medium_paths": checks.several(checks.medium_path),
            "network_stack": checks.choice(*(stack.name for stack in STACKS)),
            "power_action": checks.power_action,
            "request_action": checks.request_action,
            "request_id": checks.request_id,
            "route": network_checks.route,
            "secret": checks.secret,
            "secret_texts": checks.several(checks.one),
            "whole_number": checks.whole_number,
            "yes_no": checks.yes_no,
        }
    )


def check_of(path: KeyPath, spec: Any) -> str | None:  # noqa: ANN401 (ConfigObj's sections)
    """The check of a document's key; None where the schema has no such key."""
    for name in path:
        if isinstance(spec, str):
            return None
        spec = spec.get(name, spec.get(MANY))
        if spec is None:
            return None
    return spec if isinstance(spec, str) else None


def secret_values(values: Any) -> tuple[str, ...]:  # noqa: ANN401 (as above)
    """The values of a checked document that its schema marks as secret, longest first."""
    found: list[str] = []

    def visit(section: Any, key: str) -> None:  # noqa: ANN401 (as above)
        spec = section.configspec
        check = (spec.get(key) or spec.get(MANY)) if spec else None
        if isinstance(check, str) and check.startswith("secret") and section[key]:
            value = section[key]
            found.extend(value if isinstance(value, tuple) else [value.decode() if isinstance(value, bytes) else value])

    values.walk(visit)
    return tuple(sorted(found, key=len, reverse=True))
