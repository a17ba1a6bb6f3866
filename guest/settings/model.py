"""The configuration document as values. What it does not mention is None or empty here, and is not touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guest.network.model import Interface, Resolver


class PowerAction(Enum):
    """What the machine does at the end."""

    OFF = "off"
    REBOOT = "reboot"
    HALT = "halt"


class Action(Enum):
    """What a request is for."""

    CUSTOMIZE = "customize"
    UNDO = "undo"


@dataclass(frozen=True)
class Request:
    """`force` makes an undo overwrite files that were changed since."""

    action: Action = Action.CUSTOMIZE
    force: bool = False


@dataclass(frozen=True)
class Identity:
    hostname: str | None
    domain: str | None

    @property
    def fqdn(self) -> str | None:
        if self.hostname is None or self.domain is None:
            return self.hostname
        return f"{self.hostname}.{self.domain}"


@dataclass(frozen=True)
class Script:
    """A file of the config medium that runs at first boot."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class FirstBoot:
    commands: tuple[str, ...] = field(repr=False)
    scripts: tuple[Script, ...]
    wait_for_network: bool


class CloudInit(Enum):
    """What becomes of a cloud-init in the guest."""

    OFF = "off"  # its network and host name are switched off
    SEED = "seed"  # it is handed the same settings
    KEEP = "keep"


@dataclass(frozen=True)
class GuestOverrides:
    """What the document says about the guest where detection must be overruled."""

    root: str | None
    family: str | None
    network_stack: str | None
    cloud_init: CloudInit = CloudInit.OFF


@dataclass(frozen=True)
class Unlock:
    """What opens an encrypted container: the passphrase's bytes, or a key file's."""

    uuid: str
    secret: bytes = field(repr=False)
    key_file: str | None = None  # its name on the config medium


@dataclass(frozen=True)
class Power:
    on_success: PowerAction = PowerAction.OFF
    on_failure: PowerAction = PowerAction.OFF


@dataclass(frozen=True)
class Settings:
    request_id: str
    request: Request
    identity: Identity
    resolver: Resolver
    interfaces: tuple[Interface, ...]
    first_boot: FirstBoot
    guest: GuestOverrides
    power: Power
    unlocks: tuple[Unlock, ...] = ()
    # What is printed nowhere: the values that the schema marks.
    secrets: tuple[str, ...] = field(default=(), repr=False)
