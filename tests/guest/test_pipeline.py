"""What a run says of a guest that it had to take an interrupted request back in first."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from guest import apply, disks, journal, outcome, pipeline
from guest.edits import Overlay, WriteFile
from guest.machine.model import BlockDevice, Machine
from guest.network.model import Resolver
from guest.report import Report
from guest.settings.model import Action, FirstBoot, GuestOverrides, Identity, Power, Request, Settings
from guest.storage.assemble import Assembled
from guest.storage.mounting import MountedTree
from guest.storage.root import Candidate
from guest.sysroot import Sysroot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from guest.protocol import Result

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices and mounts need root")


def make_guest(root: Path, *, interrupted: bool) -> None:
    """One that has carried out request `a`, undone `u`, and may have been left in the middle of `b`."""
    (root / "etc").mkdir(parents=True)
    (root / "etc/os-release").write_text("ID=debian\n")
    with Sysroot(root) as guest:
        for name in ("a", "u", "b") if interrupted else ("a", "u"):
            apply.apply(guest, name, Overlay(guest).with_edits((WriteFile(f"/etc/{name}", b"", ""),)).edits)
        for name, phase in (("u", journal.Phase.UNDONE), ("b", journal.Phase.APPLYING)):
            if found := journal.read_journal(guest, name):
                apply.write_journal(guest, replace(found, phase=phase))


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[BlockDevice]:
    make_guest(tmp_path / "guest", interrupted=request.param)
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", tmp_path / "guest", image], check=True)
    loop = subprocess.run(["losetup", "--find", "--show", image], check=True, capture_output=True, text=True)
    path = loop.stdout.strip()
    yield BlockDevice(path, path, "disk", None, 16 << 20, False, "filesystem", "ext4", None, None)
    subprocess.run(["losetup", "--detach", path], check=True)


def customize(disk: BlockDevice, folder: Path, request_id: str, action: Action) -> tuple[Result, str | None]:
    """The result, and what the guest keeps of it."""
    identity, resolver, first_boot = Identity(None, None), Resolver((), ()), FirstBoot((), (), False)
    overrides = GuestOverrides(None, None, None)
    settings = Settings(request_id, Request(action=action), identity, resolver, (), first_boot, overrides, Power())
    tree = MountedTree(str(folder))
    found = disks.Found(Candidate(disk, ""), Machine(devices=(disk,)), Assembled())
    try:
        result = pipeline._customize(tree, found, settings, Report(), outcome.Progress(settings=settings))
        kept = folder / "var/lib/guest-customizer/result.json"
        return result, json.loads(kept.read_text())["code"] if kept.exists() else None
    finally:
        tree.unmount()


@pytest.mark.parametrize(
    ("asked", "code"),
    [(("a", Action.CUSTOMIZE), "guest.already-customized"), (("u", Action.UNDO), "guest.already-undone")],
)
@pytest.mark.parametrize("disk", [True, False], indirect=True, ids=["interrupted", "at rest"])
def test_nothing_to_do(
    disk: BlockDevice, asked: tuple[str, Action], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "WRITING", str(tmp_path / "writing"))
    result, kept = customize(disk, tmp_path / "mounted", *asked)
    assert (result.status, result.code) == ("ok", code)
    wrote = (tmp_path / "writing").exists()
    assert result.disk == ("restored" if wrote else "untouched")
    assert ("nothing was changed" in result.message) is not wrote
    assert any("b had been interrupted" in warning for warning in result.warnings) is wrote
    assert kept == (code if wrote else None)
