"""The checked values of a document as Settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guest.network.model import Bond, Bridge, Interface, Resolver, Virtual, Vlan
from guest.settings import schema
from guest.settings.model import (
    Action,
    CloudInit,
    FirstBoot,
    GuestOverrides,
    Identity,
    Power,
    PowerAction,
    Request,
    Settings,
)

if TYPE_CHECKING:
    from guest.settings.model import Script, Unlock
    from guest.settings.problems import KeyPath


@dataclass(frozen=True)
class Checked:
    """A document that fits the schema: ConfigObj's sections, with each value already converted."""

    values: Any
    lines: dict[KeyPath, int]


def to_settings(values: Any, scripts: tuple[Script, ...], unlocks: tuple[Unlock, ...]) -> Settings:  # noqa: ANN401 (ConfigObj's sections)
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
        secrets=schema.secret_values(values),
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
