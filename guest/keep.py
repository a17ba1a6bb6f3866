"""Where a result is kept beside the console: in the guest, and on the config medium where that can be written to."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from guest import apply
from guest.errors import CustomizerError
from guest.outcome import with_warning
from guest.protocol import COUNT_LIMIT, Result
from guest.storage.mounting import MountedTree
from guest.storage.mountplan import Mount

if TYPE_CHECKING:
    from guest.machine.model import BlockDevice
    from guest.report import Report
    from guest.sysroot import Sysroot


def in_guest(files: Sysroot, result: Result, report: Report) -> Result:
    """The result and the log in the guest. What was carried out stays so where they cannot be written any more."""
    try:
        apply.write_state_file(files, "result.json", _as_file(result))
        apply.write_state_file(files, "customization.log", "\n".join([*report.log, ""]).encode("utf-8", "replace"))
    except (OSError, CustomizerError):
        return with_warning(result, "the result and the log could not be kept in the guest")
    return result


def in_guest_if_written(files: Sysroot, result: Result, report: Report) -> Result:
    """As in_guest, of a run that had nothing to do: no byte of the guest changes for it alone."""
    return result if result.disk == "untouched" else in_guest(files, result, report)


def on_medium(medium: BlockDevice | None, result: Result, folder: str) -> str | None:
    """result.json beside the document where the medium can be written to; the reason where it should and could not.

    `folder` is where it is mounted meanwhile.
    """
    if medium is None or medium.read_only or medium.fs_type not in ("vfat", "msdos", "ext2", "ext3", "ext4"):
        return None
    mount = Mount(medium, "/", medium.fs_type, "", may_fail=True)
    tree = MountedTree(folder)
    try:
        tree.mount_root(mount)
        try:
            tree.make_writable({"/"})
            path = os.path.join(folder, "result.json")
            # Not through a link, and not into a pipe: somebody else may have made the medium.
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with open(os.open(path, flags, 0o600), "wb") as file:
                file.write(_as_file(result))
                file.flush()
                os.fsync(file.fileno())
        finally:
            tree.unmount()
    except (OSError, CustomizerError) as error:
        return f"result.json could not be written to the config medium: {error}"
    return None


def _as_file(result: Result) -> bytes:
    """Lists end early, as on the console: a hostile fstab has 100,000 lines to be skipped."""
    fields = {k: v[:COUNT_LIMIT] if isinstance(v, tuple) else v for k, v in result.to_json().items()}
    return (json.dumps(fields, indent=1) + "\n").encode()
