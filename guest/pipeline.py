"""The whole run in the order it happens: the file to read first. look -> decide -> do, twice (root, then the guest)."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from guest import apply, disks, journal, keep, outcome
from guest.decide import decide
from guest.errors import CustomizerError
from guest.machine import media
from guest.network.names import choose_cards
from guest.prepare import Transaction, prepare
from guest.report import find_consoles
from guest.settings.document import load
from guest.settings.model import Action
from guest.storage.assemble import Assembled
from guest.storage.mounting import MountedTree, looked_into
from guest.storage.mountplan import Mount
from guest.sysroot import Sysroot
from guest.undo import plan_undo, undo

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyudev

    from guest.boot_words import BootWords
    from guest.decide import Decision
    from guest.machine.model import BlockDevice, Machine
    from guest.network.model import Interface
    from guest.outcome import Progress
    from guest.protocol import Result
    from guest.report import Report
    from guest.settings.model import Settings

SIMULATED_ROOT = "/tmp/simulated_root"  # noqa: S108 (the initrd's own /tmp; the path is part of the design)
RUN = "/run/guest-customizer"
MEDIUM = f"{RUN}/medium"
PROBE = f"{RUN}/probe"
_NO_ROOT = ("storage.no-root", "storage.root-not-found")
# Made before the first write, for init: it must not say "untouched" for us when we are gone.
WRITING = f"{RUN}/writing"


def run(context: pyudev.Context, words: BootWords, report: Report, progress: Progress) -> Result:
    """Customizes the guest on this machine's disks. Raises CustomizerError; the tree is unmounted either way."""
    with report.step("devices"):
        machine = media.wait_for_machine(context, words.config, words.wait_seconds)
        report.add_consoles(find_consoles())  # those whose drivers came since
        progress.medium = media.the_medium(machine, words.config)
    with report.step("config"):
        settings = progress.settings = _read_document(progress.medium)
        report.keep_secret(settings.secrets)
        report.request(settings.request_id)
        if settings.request.action is Action.CUSTOMIZE:
            machine = _with_cards(context, machine, settings.interfaces)
    assembled, tree = Assembled(), MountedTree(SIMULATED_ROOT)
    try:
        with report.step("assemble"):
            guest = disks.assemble(context, machine, progress.medium, settings, assembled)
        with report.step("root"):
            found = _find_root(context, guest, settings, assembled, medium=progress.medium)
        result = _customize(tree, found, settings, report, progress)
    except BaseException:
        try:
            _close(tree, assembled, report)
        except CustomizerError as second:
            progress.warnings.append(second.message)  # what went wrong first is what the result is about
        raise
    _close(tree, assembled, report)
    return result


def _close(tree: MountedTree, assembled: Assembled, report: Report) -> None:
    with report.step("unmount"):
        try:
            tree.unmount()
        finally:
            assembled.take_apart()


def _read_document(medium: BlockDevice) -> Settings:
    try:
        with looked_into(medium, MEDIUM) as folder, Sysroot(folder) as files:
            return load(files)
    except OSError as error:
        raise CustomizerError(
            "config.unreadable",
            f"the config medium {medium.describe()} cannot be read: {error.strerror}",
            "pack it again with `guest-customizer pack`",
        ) from error


def _with_cards(context: pyudev.Context, machine: Machine, interfaces: tuple[Interface, ...]) -> Machine:
    """Raises CustomizerError where a card is not here: that is known before the guest is looked at."""
    try:
        choose_cards(interfaces, machine.cards)
    except CustomizerError:
        cards = len(machine.cards)
        machine = media.wait_for(context, lambda now: len(now.cards) > cards, media.LATE_SECONDS)
        choose_cards(interfaces, machine.cards)
    return machine


def _find_root(
    context: pyudev.Context, guest: Machine, settings: Settings, assembled: Assembled, *, medium: BlockDevice
) -> disks.Found:
    """Where no root is here yet, what appears within a few seconds is looked into as well."""
    try:
        return disks.Found(disks.find_root(guest, settings, assembled, PROBE), guest, assembled)
    except CustomizerError as error:
        if error.code not in _NO_ROOT:
            raise
        seen = len(guest.devices)
        machine = media.wait_for(context, lambda now: len(disks.own(now, medium).devices) > seen, media.LATE_SECONDS)
        guest = disks.assemble(context, machine, medium, settings, assembled)
        if len(guest.devices) <= seen:
            raise
        return disks.Found(disks.find_root(guest, settings, assembled, PROBE), guest, assembled)


def _customize(tree: MountedTree, found: disks.Found, settings: Settings, report: Report, progress: Progress) -> Result:
    with report.step("mount"):
        root = found.root
        tree.mount_root(Mount(root.device, "/", root.device.fs_type or "", root.data, may_fail=False))
        with Sysroot(tree.folder) as files:
            mounts = disks.mount_guest(tree, files, found)
        progress.skipped += tuple(mounts.skipped)
        progress.warnings += mounts.warnings
    with Sysroot(tree.folder) as files:
        _recover(tree, files, report, progress)
        if settings.request.action is Action.UNDO:
            return _take_back(tree, files, settings, report, progress)
        if journal.is_done(files, settings.request_id):
            return keep.in_guest_if_written(files, outcome.already_done(progress, report.seconds), report)
        with report.step("plan"):
            decision = decide(settings, found.machine, files, progress.recognized)
            progress.warnings += decision.warnings
            _refuse_unmounted(decision, files, mounts.unmounted)
            transaction = prepare(files, settings.request_id, decision.plan.edits)
        for warning in progress.warnings:
            report.warning(warning)
        with report.step("write"):
            changed = _write(tree, files, transaction, decision, progress)
        return keep.in_guest(files, outcome.carried_out(progress, changed, report.seconds), report)


def _recover(tree: MountedTree, files: Sysroot, report: Report, progress: Progress) -> None:
    """A run that was cut off left its journal: everything goes back to what it was before anything else is done."""
    for interrupted in journal.unfinished(files):
        with report.step("recover"):
            _make_writable(tree, files, [record.path for record in interrupted.records])
            _mark_writing()
            progress.disk = "changed"  # by that run, until all is taken back
            changed = apply.recover(files, interrupted)
            progress.disk = "restored"
            progress.warnings += apply.say_recovered(interrupted, changed)


def _refuse_unmounted(decision: Decision, files: Sysroot, unmounted: dict[str, str]) -> None:
    """An edit below something that is not mounted would be hidden when the guest mounts it (LESSONS L25)."""
    for path in (*(edit.path for edit in decision.plan.edits), files.resolve(journal.STATE)):
        for mount_point, reason in unmounted.items():
            if _is_below(path, mount_point) or _is_below(path, _resolved(files, mount_point)):
                raise disks.needed_mount(f"{path} is to be changed", mount_point, reason)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _resolved(files: Sysroot, mount_point: str) -> str:
    """fstab may spell a mount point through a link; one that leads nowhere is nobody's parent."""
    try:
        return files.resolve(mount_point)
    except CustomizerError:
        return mount_point


def _write(
    tree: MountedTree, files: Sysroot, transaction: Transaction, decision: Decision, progress: Progress
) -> tuple[str, ...]:
    _make_writable(tree, files, transaction.paths)
    _mark_writing()
    progress.disk = "changed"  # said of everything but what is known to be put back
    try:
        return apply.carry_out(files, transaction, decision.checks)
    except apply.RestoredError:
        progress.disk = "restored"
        raise


def _make_writable(tree: MountedTree, files: Sysroot, paths: Iterable[str]) -> None:
    """The file systems of these paths, which have no links in them, and of our own folder, which may."""
    folders = {posixpath.dirname(path) for path in paths} | {files.resolve(journal.STATE)}
    tree.make_writable({tree.mount_point_of(folder) for folder in folders})


def _take_back(tree: MountedTree, files: Sysroot, settings: Settings, report: Report, progress: Progress) -> Result:
    """[request] action = undo."""
    with report.step("plan"):
        plan = plan_undo(files, settings.request_id, force=settings.request.force)
    if plan is None:
        return keep.in_guest_if_written(files, outcome.undone(progress, None, report.seconds), report)
    with report.step("write"):
        _make_writable(tree, files, [record.path for record in plan.journal.records])
        _mark_writing()
        before, progress.disk = progress.disk, "changed"
        try:
            undo(files, plan)
        except apply.RestoredError:
            progress.disk = before
            raise
        progress.disk = "restored"
    return keep.in_guest(files, outcome.undone(progress, plan, report.seconds), report)


def _mark_writing() -> None:
    with open(WRITING, "w", encoding="ascii"):
        pass
