"""The phony guests that are shipped: a tree below trees/ each (see trees.py), and here the disks they lie on."""

from collections.abc import Mapping

from guests.disk import FileSystem, Layout, Partition, Table

DEBIAN_12 = Layout(
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
)

EL8_XFS = ("-m", "bigtime=0,inobtcount=0")  # as EL8's own xfsprogs makes them

EL_8 = Layout(
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
)

EMPTY_DATA = Layout(
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
)

LAYOUTS: Mapping[str, Layout] = {"debian12": DEBIAN_12, "el8": EL_8, "empty-data": EMPTY_DATA}
