"""No path leaves the guest's root, whatever links a guest lays; nothing but regular files is read."""

import ctypes
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from guest import openat2
from guest.edits import MakeLink, Overlay, SetAside, WriteFile
from guest.errors import CustomizerError, OutOfTimeError
from guest.sysroot import LIST_LIMIT, READ_LIMIT, Sysroot, exists


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("outside")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/file").write_text("inside")
    return root


@pytest.mark.parametrize(
    "target",
    ["../../secret", "/../../secret", "../../../../../../../secret", "/etc/../../secret", "/proc/self/root/etc/passwd"],
)
def test_links_do_not_lead_out(root: Path, target: str) -> None:
    (root / "etc/link").symlink_to(target)
    with Sysroot(root) as guest:
        assert guest.read("/etc/link") is None
        assert not exists(guest, "/etc/link")


def test_a_link_in_the_middle_of_a_links_target(root: Path, tmp_path: Path) -> None:
    (root / "etc/up").symlink_to("../..")
    (root / "etc/link").symlink_to("up/secret")
    (root / "etc/outside").symlink_to(tmp_path)
    with Sysroot(root) as guest:
        assert guest.read("/etc/link") is None
        assert guest.read("/etc/outside/secret") is None


@pytest.mark.parametrize("target", ["/etc/file", "file", "../etc/file", "/../etc/file", "/a/../etc/file"])
def test_links_inside_are_followed(root: Path, target: str) -> None:
    (root / "a").mkdir()
    (root / "etc/link").symlink_to(target)
    with Sysroot(root) as guest:
        assert guest.read("/etc/link") == b"inside"
        assert guest.resolve("/etc/link") == "/etc/file"


def test_dot_dot_after_a_link_is_above_what_it_leads_to(root: Path) -> None:
    (root / "other/deep").mkdir(parents=True)
    (root / "etc/deep").symlink_to("../other/deep")
    (root / "etc/link").symlink_to("deep/../file")
    (root / "other/file").write_text("the other")
    with Sysroot(root) as guest:
        assert guest.resolve("/etc/link") == "/other/file"
        assert guest.read("/etc/link") == b"the other"


def test_a_descriptor_of_zero_is_one_too(root: Path) -> None:
    """Whoever starts us may have closed our standard input."""
    kept = os.dup(0)
    with Sysroot(root) as guest:
        os.close(0)
        try:
            assert guest.read("/etc/file") == b"inside"
        finally:
            os.dup2(kept, 0)
            os.close(kept)


def test_dot_dot_in_a_path_stays_inside(root: Path) -> None:
    with Sysroot(root) as guest:
        assert guest.read("/../secret") is None
        assert guest.read("../../etc/file") == b"inside"
        assert guest.read("/none/../etc/file") == b"inside", "of a path that we are given, `..` is a matter of spelling"


def test_loops_end_in_an_error(root: Path) -> None:
    (root / "etc/a").symlink_to("b")
    (root / "etc/b").symlink_to("a")
    with Sysroot(root) as guest:
        assert guest.read("/etc/a") is None
        with pytest.raises(CustomizerError) as caught:
            guest.resolve("/etc/a")
    assert caught.value.code == "guest.link-loop"


def test_what_does_not_exist_yet_resolves_to_where_it_would_be(root: Path) -> None:
    (root / "conf").symlink_to("etc")
    with Sysroot(root) as guest:
        assert guest.resolve("/conf/new/deep/file") == "/etc/new/deep/file"
        assert guest.resolve("/no/such/file") == "/no/such/file"
        assert guest.resolve("/a/b/c/d/e") == "/a/b/c/d/e"


def test_a_folder_that_is_a_dangling_link_is_refused(root: Path) -> None:
    (root / "conf").symlink_to("/nowhere")
    with Sysroot(root) as guest, pytest.raises(CustomizerError) as caught:
        guest.resolve("/conf/file")
    assert caught.value.code == "guest.not-a-folder"


def test_a_fifo_and_a_folder_are_not_read(root: Path) -> None:
    os.mkfifo(root / "etc/os-release")
    with Sysroot(root) as guest:
        assert guest.read("/etc/os-release") is None
        assert guest.read("/etc") is None


def test_a_file_that_is_too_large_is_refused(root: Path) -> None:
    with (root / "etc/fstab").open("wb") as file:
        file.truncate(READ_LIMIT + 1)
    with Sysroot(root) as guest, pytest.raises(CustomizerError) as caught:
        guest.read("/etc/fstab")
    assert caught.value.code == "guest.file-too-large"


def test_overlay_shows_the_guest_as_it_will_be(root: Path) -> None:
    (root / "etc/link").symlink_to("file")
    (root / "etc/old").write_text("old")
    with Sysroot(root) as guest:
        plan = Overlay(guest).with_edits(
            (
                WriteFile("/etc/link", b"new", "through the link"),
                WriteFile("/etc/added", b"x", "new", mode=0o600),
                SetAside("/etc/old", "gone"),
                MakeLink("/etc/name", "added", "a link"),
            )
        )
        assert plan.read("/etc/file") == b"new"
        assert plan.read("/etc/name") == b"x"
        assert plan.state("/etc/old") is None
        assert plan.names("/etc") == ("added", "file", "link", "name")
        assert [edit.path for edit in plan.edits] == ["/etc/file", "/etc/added", "/etc/old", "/etc/name"]


def test_edits_that_change_nothing_vanish(root: Path) -> None:
    (root / "etc/link").symlink_to("file")
    with Sysroot(root) as guest:
        same = (WriteFile("/etc/file", b"inside", ""), MakeLink("/etc/link", "file", ""), SetAside("/etc/none", ""))
        assert Overlay(guest).with_edits(same).edits == ()


def test_a_link_into_run_is_not_written_through(root: Path) -> None:
    (root / "run").mkdir()
    (root / "etc/resolv.conf").symlink_to("/run/resolv.conf")
    with Sysroot(root) as guest, pytest.raises(CustomizerError) as caught:
        Overlay(guest).with_edits((WriteFile("/etc/resolv.conf", b"", ""),))
    assert caught.value.code == "guest.volatile-target"


def test_renames_elsewhere_do_not_disturb(tmp_path: Path) -> None:
    """openat2 answers EAGAIN when something is renamed anywhere while it resolves `..`; a link with `..` is usual."""
    (tmp_path / "root/a/b").mkdir(parents=True)
    (tmp_path / "root/a/link").symlink_to("../../a/../a/b")
    (tmp_path / "busy/one").mkdir(parents=True)
    rename = "os.rename(top + '/one', top + '/two'); os.rename(top + '/two', top + '/one')"
    program = f"import os, sys\ntop = sys.argv[1]\nwhile True: {rename}"
    with (
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "busy")]) as busy,
        Sysroot(tmp_path / "root") as view,
    ):
        try:
            for _ in range(4000):
                assert view.state(view.resolve("/a/link")) is not None
        finally:
            busy.kill()


def test_a_folder_of_too_many_names_is_refused(root: Path) -> None:
    for number in range(LIST_LIMIT):
        (root / "etc" / str(number)).touch()
    with Sysroot(root) as guest:
        (root / "etc/file").unlink()
        assert len(guest.names("/etc")) == LIST_LIMIT
        (root / "etc/one-more").touch()
        with pytest.raises(CustomizerError) as caught:
            guest.names("/etc")
    assert caught.value.code == "guest.folder-too-large"


def test_a_file_is_no_folder(root: Path) -> None:
    with Sysroot(root) as guest, pytest.raises(NotADirectoryError), guest.parent("/etc/file/name"):
        pass


def test_dots_behind_a_link_are_counted_from_where_it_leads(root: Path) -> None:
    """Also where the last name is still to be made, and the kernel has nothing to say."""
    (root / "var/deep").mkdir(parents=True)
    (root / "etc/sub").symlink_to("/var/deep")
    (root / "etc/link").symlink_to("sub/../new")
    with Sysroot(root) as guest:
        assert guest.resolve("/etc/link") == "/var/new"
        (root / "var/new").touch()
        assert guest.resolve("/etc/link") == "/var/new"


def test_a_path_with_a_zero_byte_is_not_cut_there(root: Path) -> None:
    with Sysroot(root) as guest, pytest.raises(OSError, match="zero byte"):
        guest.read("/etc/file\0.d")


class Disturbed:
    """An openat2 that has been disturbed so many times before it succeeds."""

    def __init__(self, times: int) -> None:
        self._real, self._left = openat2._syscall, times

    def __call__(self, *arguments: object) -> int:
        if self._left:
            self._left -= 1
            ctypes.set_errno(errno.EAGAIN)
            return -1
        return self._real(*arguments)


@pytest.mark.parametrize(("times", "is_read"), [(1, True), (999, True), (1000, False)])
def test_what_disturbs_is_borne_for_a_while(
    root: Path, times: int, is_read: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sysroot(root) as guest:
        monkeypatch.setattr(openat2, "_syscall", Disturbed(times))
        if is_read:
            assert guest.read("/etc/file") == b"inside"
        else:
            with pytest.raises(BlockingIOError):
                guest.read("/etc/file")


def test_limits_are_what_they_are_said_to_be(root: Path) -> None:
    """4 MiB of a file; 10,000 names; 32 folders that are still to be made; 40 links."""
    assert LIST_LIMIT == 10_000
    with (root / "etc/large").open("wb") as file:
        file.truncate(4 << 20)
    for number in range(41):
        (root / f"etc/{number}").symlink_to(str(number + 1) if number < 40 else "file")
    with Sysroot(root) as guest:
        assert guest.read("/etc/large") == bytes(4 << 20)
        with (root / "etc/large").open("ab") as file:
            file.write(b"x")
        with pytest.raises(CustomizerError, match=r"guest\.file-too-large"):
            guest.read("/etc/large")
        assert guest.resolve("/a" * 33) == "/a" * 33
        with pytest.raises(CustomizerError, match=r"guest\.not-a-folder"):
            guest.resolve("/a" * 34)
        for _ in "links to a file", "links to what is still to be made":
            assert guest.resolve("/etc/1") == "/etc/file"
            with pytest.raises(CustomizerError, match=r"guest\.link-loop"):
                guest.resolve("/etc/0")
            (root / "etc/file").unlink(missing_ok=True)


def test_the_start_of_a_file(root: Path) -> None:
    os.mkfifo(root / "etc/fifo")
    with Sysroot(root) as guest:
        assert guest.read_start("/etc/file", 3) == b"ins"
        assert guest.read_start("/etc/file", 100) == b"inside"
        assert [guest.read_start(path, 1) for path in ("/etc", "/etc/none", "/etc/fifo", "/etc/none/x")] == [None] * 4


def test_what_is_no_folder(root: Path) -> None:
    os.mkfifo(root / "etc/fifo")
    with Sysroot(root) as guest:
        assert [guest.names(path) for path in ("/etc/file", "/etc/fifo", "/none", "/" + "n" * 300)] == [()] * 4
        assert [guest.state(path) for path in ("/etc/file/x", "/none/x", "/etc/fifo/x", "/etc/" + "n" * 300)] == [
            None
        ] * 4
        assert [guest.link_target(path) for path in ("/etc/file/x", "/etc/file", "/none", "/etc/" + "n" * 300)] == [
            None
        ] * 4
        assert [guest.read(path) for path in ("/etc/file/x", "/none", "/etc/" + "n" * 300)] == [None] * 3
        with pytest.raises(CustomizerError, match=r"guest\.not-a-folder"):
            guest.resolve("/etc/file/x")
        with pytest.raises(IsADirectoryError), guest.parent("/"):
            pass
    with pytest.raises(NotADirectoryError):
        Sysroot(root / "etc/file")


def test_what_cannot_be_looked_at_is_an_error(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the same as what is not there: a disk that fails must not look like a guest without files."""

    def broken(*_: object) -> int:
        ctypes.set_errno(errno.EIO)
        return -1

    with Sysroot(root) as guest:
        monkeypatch.setattr(openat2, "_syscall", broken)
        for look in (guest.read, guest.state, guest.link_target, guest.names):
            with pytest.raises(OSError, match="Input/output"):
                look("/etc/file")
        assert guest.read_start("/etc/file", 1) is None


def test_descriptors_are_not_handed_to_children_nor_left_open(root: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    with Sysroot(root) as guest:
        assert not os.get_inheritable(guest._root_fd)
        with guest.parent("/etc/file") as (fd, name):
            assert (os.get_inheritable(fd), name) == (False, "file")
        held = set(os.listdir("/proc/self/fd"))
        for look in (guest.read, guest.state, guest.link_target, guest.names, guest.resolve):
            for path in ("/etc/file", "/etc", "/none", "/none/x"):
                look(path)
        guest.read_start("/etc/file", 1)
        assert set(os.listdir("/proc/self/fd")) == held
    assert set(os.listdir("/proc/self/fd")) == before


def test_the_root_itself(root: Path) -> None:
    (root / "top").symlink_to("/")
    (root / "dots").symlink_to("..")
    with Sysroot(root) as guest:
        assert [guest.resolve(path) for path in ("/", "/top", "/dots", "/top/etc", "/..", "")] == [
            "/",
            "/",
            "/",
            "/etc",
            "/",
            "/",
        ]
        state = guest.state("/")
        assert state is not None
        assert (state.is_directory, state.is_regular, state.is_link) == (True, False, False)
        assert guest.names("/") == ("dots", "etc", "top")


class Untimely:
    """A guest whose every look ends the run."""

    def __init__(self, error: CustomizerError) -> None:
        self._error = error

    def resolve(self, _path: str) -> str:
        raise self._error

    state = resolve


def test_the_end_of_the_time_is_not_taken_for_what_is_missing(root: Path) -> None:
    (root / "loop").symlink_to("loop")
    with Sysroot(root) as guest:
        assert exists(guest, "/etc/file")
        assert not exists(guest, "/loop")
    assert not exists(Untimely(CustomizerError("guest.link-loop", "")), "/")
    with pytest.raises(OutOfTimeError):
        exists(Untimely(OutOfTimeError("internal.timeout", "")), "/")
