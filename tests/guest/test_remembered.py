"""The guest's files while nothing changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest import remembered
from guest.remembered import Remembered
from guest.sysroot import Sysroot

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class Counting(Sysroot):
    asked = 0

    def read(self, path: str) -> bytes | None:
        self.asked += 1
        return super().read(path)


def test_the_kernel_is_asked_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    (tmp_path / "l").symlink_to("a")
    with Counting(tmp_path) as files:
        view = Remembered(files)
        assert [view.read("/a"), view.read("/a"), view.read("/none"), view.read("/none")] == [b"x", b"x", None, None]
        assert files.asked == 2
        assert (view.resolve("/l"), view.link_target("/l"), view.names("/")) == ("/a", "a", ("a", "l"))
        assert view.state("/a") == files.state("/a")


def test_contents_beyond_the_limit_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "CONTENTS_LIMIT", 4)
    (tmp_path / "large").write_text("12345")
    with Counting(tmp_path) as files:
        view = Remembered(files)
        assert [view.read("/large"), view.read("/large")] == [b"12345", b"12345"]
        assert files.asked == 2
