"""The phony guests that are shipped: a folder below trees/ each, and here what a checkout cannot carry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from guests.disk import FileSystem, Layout, Partition, Table

SHADOW = 42  # Debian's group


@dataclass(frozen=True)
class Stock:
    """git keeps no empty folders, no owners and only one bit of a mode; other files are root's 0644 or 0755."""

    layout: Layout
    folders: tuple[str, ...] = ()
    modes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    groups: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


TOP_FOLDERS = ("dev", "home", "media", "mnt", "opt", "proc", "root", "run", "srv", "sys", "tmp", "var/log")

DEBIAN_12 = Stock(
    layout=Layout(
        table=Table.GPT,
        disk_id="d12d12d1-0000-4000-8000-000000000000",
        partitions=(
            Partition(
                mount_point="/boot",
                filesystem=FileSystem.EXT4,
                mib=64,
                uuid="d12d12d1-0000-4000-8000-000000000001",
                partuuid="d12d12d1-0000-4000-8000-0000000000f1",
            ),
            Partition(
                mount_point="/",
                filesystem=FileSystem.EXT4,
                mib=128,
                uuid="d12d12d1-0000-4000-8000-000000000002",
                partuuid="d12d12d1-0000-4000-8000-0000000000f2",
            ),
        ),
    ),
    folders=(
        *TOP_FOLDERS,
        "etc/network/interfaces.d",
        "etc/ssh/sshd_config.d",
        "etc/systemd/network",
        "etc/udev/rules.d",
        "home/admin",
        "media/cdrom0",
        "root/.ssh",
    ),
    modes={
        "etc/gshadow": 0o640,
        "etc/machine-id": 0o444,
        "etc/shadow": 0o640,
        "etc/ssh/ssh_host_ecdsa_key": 0o600,
        "etc/ssh/ssh_host_ed25519_key": 0o600,
        "etc/ssh/ssh_host_rsa_key": 0o600,
        "home/admin": 0o700,
        "root": 0o700,
        "root/.ssh": 0o700,
        "tmp": 0o1777,
        "var/lib/systemd/random-seed": 0o600,
    },
    groups={"etc/gshadow": SHADOW, "etc/shadow": SHADOW},
)

EL8_XFS = ("-m", "bigtime=0,inobtcount=0")  # as EL8's own xfsprogs makes them

EL_8 = Stock(
    layout=Layout(
        table=Table.MBR,
        disk_id="0xe18e18e1",
        partitions=(
            Partition(
                mount_point="/boot",
                filesystem=FileSystem.XFS,
                mib=320,
                uuid="e18e18e1-0000-4000-8000-000000000001",
                mkfs_options=EL8_XFS,
                bootable=True,
            ),
            Partition(
                mount_point="/",
                filesystem=FileSystem.XFS,
                mib=512,
                uuid="e18e18e1-0000-4000-8000-000000000002",
                mkfs_options=EL8_XFS,
            ),
        ),
    ),
    folders=(
        *TOP_FOLDERS,
        "etc/NetworkManager/conf.d",
        "etc/NetworkManager/dispatcher.d",
        "etc/NetworkManager/system-connections",
        "etc/rc.d/init.d",
        "etc/systemd/network",
        "etc/udev/rules.d",
        "home/admin",
        "root/.ssh",
        "var/lib/rpm",
    ),
    modes={
        "etc/gshadow": 0,
        "etc/machine-id": 0o444,
        "etc/shadow": 0,
        "etc/ssh/ssh_host_ecdsa_key": 0o640,
        "etc/ssh/ssh_host_ed25519_key": 0o640,
        "etc/ssh/ssh_host_rsa_key": 0o640,
        "etc/ssh/sshd_config": 0o600,
        "home/admin": 0o700,
        "proc": 0o555,
        "root": 0o550,
        "root/.ssh": 0o700,
        "sys": 0o555,
        "tmp": 0o1777,
        "var/lib/systemd/random-seed": 0o600,
    },
    groups=dict.fromkeys([f"etc/ssh/ssh_host_{kind}_key" for kind in ("ecdsa", "ed25519", "rsa")], 996),
)

EMPTY_DATA = Stock(
    layout=Layout(
        table=Table.GPT,
        disk_id="da7ada7a-0000-4000-8000-000000000000",
        partitions=(
            Partition(
                mount_point="/",
                filesystem=FileSystem.EXT4,
                mib=64,
                uuid="da7ada7a-0000-4000-8000-000000000001",
                label="data",
                partuuid="da7ada7a-0000-4000-8000-0000000000f1",
            ),
        ),
    ),
)

STOCK: Mapping[str, Stock] = {"debian12": DEBIAN_12, "el8": EL_8, "empty-data": EMPTY_DATA}
