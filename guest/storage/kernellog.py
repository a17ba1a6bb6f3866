"""What the kernel says about a failed mount: errno alone does not name the feature that it lacks (LESSONS L22)."""

from __future__ import annotations

import os

_LIMIT = 2000  # lines


class KernelLog:
    """The kernel's messages from now on."""

    def __init__(self) -> None:
        try:
            self._fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            os.lseek(self._fd, 0, os.SEEK_END)
        except OSError:
            self._fd = -1  # not in our initrd: plan and the tests

    def about(self, path: str) -> str:
        """The new messages that name this device, as one line; empty where there are none."""
        name = os.path.basename(path)
        return "; ".join(text for text in self._new() if name in text)[:500]

    def _new(self) -> list[str]:
        lines: list[str] = []
        while self._fd >= 0 and len(lines) < _LIMIT:
            try:
                record = os.read(self._fd, 8192)  # one record a read
            except BlockingIOError:
                break
            except OSError:
                continue  # overwritten before we came: the next one
            head, _, text = record.decode("utf-8", "replace").partition(";")
            if head.partition(",")[0].isdigit():
                lines.append(text.partition("\n")[0])
        return lines
