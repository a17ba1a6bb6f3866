"""Devices as the looking code would report them, for the tests of what is decided about them."""

from __future__ import annotations

import re

from guest.machine.model import BlockDevice


def device(path: str, **details: object) -> BlockDevice:
    """A partition where the path says so, else a whole disk; holds a file system unless told otherwise."""
    found = re.fullmatch(r"(/dev/(?:sd|hd|vd|xvd)[a-z]+|/dev/(?:nvme\d+n1|mmcblk\d+)(?=p))p?(\d+)", path)
    fields: dict[str, object] = {
        "disk": found[1] if found else path,
        "kind": "partition" if found else "disk",
        "number": int(found[2]) if found else None,
        "size_bytes": 1 << 30,
        "read_only": False,
        "usage": "filesystem",
        **details,
    }
    return BlockDevice(path, **fields)  # type: ignore[arg-type]
