"""Codes that no other test comes across, each reached by what really causes it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from guest import __main__ as program
from guest import outcome, pipeline
from guest.command import CommandError
from guest.command import run as run_program
from guest.errors import CustomizerError, io_error
from guest.machine.model import BlockDevice, Card, Machine
from guest.network.model import Interface, Resolver
from guest.network.names import choose_cards
from guest.network.netplan_yaml import read_all
from guest.network.stack import inexpressible
from guest.protocol import Result
from guest.settings.decoding import SIZE_LIMIT
from guest.settings.document import load, parse
from guest.settings.model import FirstBoot, GuestOverrides, Identity, Power, Request, Settings
from guest.storage.mounting import MountedTree, looked_into
from guest.storage.mountplan import Mount
from guest.storage.root import Wanted, worth_probing
from guest.sysroot import Sysroot
from host import __main__ as host
from host import media, vm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices and mounts need root")
DOCUMENT = "format = 1\nid = a\n"


def code_of(action: Callable[[], object]) -> str:
    with pytest.raises(CustomizerError) as caught:
        action()
    return caught.value.code


# The document


def test_no_document(tmp_path: Path) -> None:
    with Sysroot(tmp_path) as medium:
        assert code_of(lambda: load(medium)) == "config.no-document"


def test_a_document_too_large() -> None:
    assert code_of(lambda: parse(b"#" * (SIZE_LIMIT + 1))) == "config.too-large"


# Disks: real ones, small


@contextmanager
def loop_device(image: Path, *options: str) -> Iterator[BlockDevice]:
    command = ["losetup", "--find", "--show", *options, str(image)]
    path = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    try:
        yield BlockDevice(
            path, path, "disk", None, image.stat().st_size, read_only=False, usage="filesystem", fs_type="ext4"
        )
    finally:
        subprocess.run(["losetup", "--detach", path], check=True)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image"
    with path.open("wb") as file:
        file.truncate(4 << 20)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", path], check=True)
    return path


@needs_root
def test_a_damaged_medium(tmp_path: Path, image: Path) -> None:
    with image.open("r+b") as file:
        file.write(bytes(1 << 20))
    with loop_device(image) as device:
        assert code_of(lambda: pipeline._read_document(device)) == "config.unreadable"
        assert code_of(lambda: mount(device, tmp_path, "ext4")) == "storage.mount-failed"
        assert code_of(lambda: mount(device, tmp_path, "no-such-fs")) == "storage.unknown-file-system"


def mount(device: BlockDevice, tmp_path: Path, fs_type: str) -> MountedTree:
    tree = MountedTree(str(tmp_path / "mounted"))
    tree.mount_root(Mount(device, "/", fs_type, "", may_fail=False))
    return tree


@needs_root
def test_a_disk_that_cannot_be_written_to(tmp_path: Path, image: Path) -> None:
    with loop_device(image, "--read-only") as device:
        tree = mount(device, tmp_path, "ext4")
        try:
            assert code_of(lambda: tree.make_writable({"/"})) == "apply.read-only"
        finally:
            tree.unmount()


@needs_root
def test_a_disk_with_errors(tmp_path: Path, image: Path) -> None:
    subprocess.run(["debugfs", "-w", "-R", "set_super_value state 2", image], check=True, capture_output=True)
    with loop_device(image) as device:
        tree = mount(device, tmp_path, "ext4")
        try:
            assert tree.damage() == {"/": "it is marked as having errors"}
            assert code_of(lambda: tree.make_writable({"/"})) == "storage.damaged"
        finally:
            tree.unmount()


@needs_root
def test_looking_leaves_every_byte_even_of_a_file_system_with_errors(tmp_path: Path, image: Path) -> None:
    with image.open("r+b") as file:
        file.seek(40 << 10)
        file.write(os.urandom(1 << 20))
    before = image.read_bytes()
    with loop_device(image) as device:
        with suppress(OSError), looked_into(device, str(tmp_path / "look")) as folder:
            os.listdir(folder)
        with open(device.path, "r+b") as again:
            again.write(before[:512])  # it can be written to afterwards
    assert image.read_bytes() == before


@needs_root
def test_a_busy_file_system(tmp_path: Path, image: Path) -> None:
    with loop_device(image) as device:
        tree = mount(device, tmp_path, "ext4")
        with Sysroot(tree.folder):
            assert code_of(tree.unmount) == "storage.unmount-failed"
        tree.unmount()
        with looked_into(device, str(tmp_path / "look")) as folder:
            assert os.listdir(folder) == ["lost+found"]


def test_a_root_that_is_not_here() -> None:
    assert code_of(lambda: worth_probing((), Wanted("UUID=none", None))) == "storage.root-not-found"


@needs_root
def test_what_cannot_be_read(tmp_path: Path) -> None:
    """EACCES stands for any error of a disk: nothing else makes a real one here."""
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/etc").chmod(0)
    (tmp_path / "customization.conf").write_text(DOCUMENT)
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == 0 and str(path).startswith("/tmp/"):  # noqa: S108 (pytest's own folders are private)
            path.chmod(0o755)
    line = [
        sys.executable,
        "-m",
        "guest",
        "plan",
        "--root",
        str(tmp_path / "root"),
        str(tmp_path / "customization.conf"),
    ]
    done = subprocess.run(line, capture_output=True, text=True, check=False, user=65534, cwd=Path(__file__).parents[2])
    assert done.returncode == 1
    assert done.stderr.startswith("storage.io-error: ")
    assert io_error(OSError(5, "Input/output error", "/x"), "").code == "storage.io-error"


# Programs and time


def test_a_program_that_fails() -> None:
    assert code_of(lambda: run_program(["/bin/false"], timeout=5)) == "internal.command"
    assert code_of(lambda: run_program(["/does/not/exist"], timeout=5)) == "internal.command"


def test_a_program_that_hangs_is_ended() -> None:
    started = time.monotonic()
    with pytest.raises(CommandError, match="took too long"):
        run_program(["/bin/sleep", "60"], timeout=0.2)
    assert time.monotonic() - started < 5


def test_a_run_that_takes_too_long() -> None:
    old = signal.getsignal(signal.SIGALRM)
    try:
        program._limit_time(1000)
        assert code_of(lambda: signal.raise_signal(signal.SIGALRM)) == "internal.timeout"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


# The request


def test_undo_of_what_is_not_in_force() -> None:
    settings = Settings(
        "a", Request(), Identity(None, None), Resolver((), ()), (), FirstBoot((), (), False), GuestOverrides(None, None, None), Power()
    )  # fmt: skip
    result = outcome.undone(outcome.Progress(settings=settings), None, 0.0)
    assert (result.status, result.code, result.disk) == ("ok", "guest.already-undone", "untouched")


def test_one_card_twice() -> None:
    card = Card("eth0", "52:54:00:12:34:56", ())
    text = DOCUMENT + "[network]\n[[a]]\nmac = 52:54:00:12:34:56\n[[b]]\nposition = 1\n"
    interfaces: tuple[Interface, ...] = _interfaces(text)
    assert code_of(lambda: choose_cards(interfaces, Machine(cards=(card,)).cards)) == "network.card-used-twice"


def _interfaces(text: str) -> tuple[Interface, ...]:
    class Medium:
        def read(self, _path: str) -> bytes:
            return text.encode()

    return load(Medium()).interfaces


def test_network_files_that_nobody_can_read(tmp_path: Path) -> None:
    (tmp_path / "etc/netplan").mkdir(parents=True)
    (tmp_path / "etc/netplan/x.yaml").write_text("network: [")
    with Sysroot(tmp_path) as guest:
        assert code_of(lambda: list(read_all(guest))) == "network.unreadable"


def test_what_a_stack_cannot_say() -> None:
    assert inexpressible("netplan", "lan", "no such thing", "").code == "network.inexpressible"


# The host program


def said_by_host(capsys: pytest.CaptureFixture[str], *line: str) -> str:
    assert host.main(line) == 1
    said = [text for text in capsys.readouterr().err.splitlines() if not text.startswith(("booting", " "))]
    return said[-1].partition(":")[0]


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "customization.conf"
    path.write_text(DOCUMENT)
    return path


def test_paths_that_are_wrong(tmp_path: Path, document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said_by_host(capsys, "check", str(tmp_path / "none/customization.conf")) == "usage.file"
    assert said_by_host(capsys, "result", str(tmp_path / "none")) == "usage.file"
    run = ["run", "--disk", str(tmp_path / "none"), "--iso", str(document), "--config", str(document)]
    assert said_by_host(capsys, *run) == "usage.file"


def test_tools_that_are_missing(
    tmp_path: Path, document: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"word\n")))
    assert said_by_host(capsys, "hash-password") == "usage.missing-tool"
    assert code_of(lambda: media.pack(document, tmp_path / "x", "floppy")) == "pack.missing-tool"
    machine = vm.Vm(disks=(document,), iso=document, config=None)
    assert code_of(lambda: vm.run(machine, timeout=1, say=print)) == "run.missing-tool"


def test_tools_that_fail(tmp_path: Path, document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mformat", vm.QEMU):
        (tmp_path / name).write_text("#!/bin/sh\necho 'it is broken' >&2\nexit 3\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert code_of(lambda: media.pack(document, tmp_path / "x", "floppy")) == "pack.failed"
    machine = vm.Vm(disks=(document,), iso=document, config=None)
    assert code_of(lambda: vm.run(machine, timeout=5, say=print)) == "run.qemu-failed"


def test_no_password(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n")))
    assert said_by_host(capsys, "hash-password") == "usage.password"


def test_too_much_for_a_floppy(tmp_path: Path, document: Path) -> None:
    document.write_text(DOCUMENT + "[first_boot]\nscripts = big.sh\n")
    (tmp_path / "big.sh").write_bytes(b"#!/bin/sh\n" + b"#" * (2 << 20))
    assert code_of(lambda: media.pack(document, tmp_path / "x", "floppy")) == "pack.too-large"


def test_a_bug_is_a_result_too_and_says_nothing_of_what_it_stumbled_over() -> None:
    try:
        {}["secret"]
    except KeyError as error:
        told = program._bug(error)
    assert told.code == "internal"
    assert "secret" not in str(told)
    assert isinstance(outcome.failure(told, outcome.Progress(), 0.0), Result)
