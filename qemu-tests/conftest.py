"""What every test here shares: the ISO as `make iso` built it, small guests, one run of a machine."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
BUILD = HERE.parent / "build"
# What takes longest comes first, so that it does not run alone in the end.
LONGEST = ("test_guests", "test_layouts", "test_tools")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))  # the others as they were


@pytest.fixture(scope="session")
def iso() -> Path:
    path = BUILD / "guest-customizer.iso"
    assert path.exists(), "build it with `make iso`"
    return path


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """A small document for the phony guests."""
    path = tmp_path / "customization.conf"
    path.write_text(
        "format = 1\nid = test-1\n[identity]\nhostname = web01\ndomain = example.com\n"
        "[dns]\nservers = 10.0.0.2\n"
        "[network]\n[[lan]]\nmac = 52:54:00:12:34:56\naddresses = 10.0.0.11/24\ngateway4 = 10.0.0.1\n"
        '[first_boot]\ncommands = "true"\n'
    )
    return path


def fingerprint(*disks: Path) -> str:
    """Of every byte of some disks."""
    digest = hashlib.sha256()
    for disk in disks:
        digest.update(disk.read_bytes())
    return digest.hexdigest()
