"""The whole run in the order it happens: the file to read first. look -> decide -> do, twice (root, then the guest)."""

from __future__ import annotations

import json
import os
import posixpath
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from guest import apply, disks, journal
from guest.decide import Decision, decide
from guest.errors import CustomizerError
from guest.machine import media
from guest.network.names import choose_cards
from guest.prepare import Transaction, prepare
from guest.protocol import COUNT_LIMIT, Result
from guest.report import find_consoles
from guest.settings.document import load
from guest.settings.model import Action, Power
from guest.storage.assemble import Assembled
from guest.storage.mounting import MountedTree, looked_into
from guest.storage.mountplan import Mount
from guest.sysroot import Sysroot
from guest.undo import Undo, plan_undo, undo

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyudev

    from guest.machine.model import BlockDevice, Machine
    from guest.network.model import Interface
    from guest.report import Report
    from guest.settings.model import Settings

SIMULATED_ROOT = "/tmp/simulated_root"  # noqa: S108 (the initrd's own /tmp; the path is part of the design)
RUN = "/run/guest-customizer"
MEDIUM = f"{RUN}/medium"
PROBE = f"{RUN}/probe"
_NO_ROOT = ("storage.no-root", "storage.root-not-found")
# Made before the first write, for init: it must not say "untouched" for us when we are gone.
WRITING = f"{RUN}/writing"


@dataclass(frozen=True)
class Options:
    """From the kernel command line."""

    config: str | None  # customizer.config=: the config medium, where it has another label
    wait_seconds: float  # customizer.wait=: how long to wait for the config medium


@dataclass
class Progress:
    """How far a run has come: what its last event needs to say whatever happens."""

    settings: Settings | None = None
    medium: BlockDevice | None = None
    decision: Decision | None = None
    skipped: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)
    disk: str = "untouched"

    @property
    def power(self) -> Power:
        return self.settings.power if self.settings else Power()


def run(context: pyudev.Context, options: Options, report: Report, progress: Progress) -> Result:
    """Customizes the guest on this machine's disks. Raises CustomizerError; the tree is unmounted either way."""
    with report.step("devices"):
        machine = media.wait_for_machine(context, options.config, options.wait_seconds)
        report.add_consoles(find_consoles())  # those whose drivers came since
        progress.medium = media.the_medium(machine, options.config)
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
        result = _customize(tree, found, report, progress)
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


def _customize(tree: MountedTree, found: disks.Found, report: Report, progress: Progress) -> Result:
    assert progress.settings is not None  # noqa: S101 (set two lines before the call)
    settings = progress.settings
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
            return _kept_if_written(files, _already_done(settings, progress, report.seconds), report)
        with report.step("plan"):
            decision = progress.decision = decide(settings, found.machine, files)
            progress.warnings += decision.warnings
            _refuse_unmounted(decision, files, mounts.unmounted)
            transaction = prepare(files, settings.request_id, decision.plan.edits)
        for warning in progress.warnings:
            report.warning(warning)
        with report.step("write"):
            changed = _write(tree, files, transaction, decision, progress)
        return _kept(files, _success(settings, decision, progress, changed, report.seconds), report)


def _kept(files: Sysroot, result: Result, report: Report) -> Result:
    """The result and the log in the guest. What was carried out stays so where they cannot be written any more."""
    try:
        apply.write_state_file(files, "result.json", _as_file(result))
        apply.write_state_file(files, "customization.log", "\n".join([*report.log, ""]).encode("utf-8", "replace"))
    except (OSError, CustomizerError):
        return with_warning(result, "the result and the log could not be kept in the guest")
    return result


def _kept_if_written(files: Sysroot, result: Result, report: Report) -> Result:
    """As _kept, of a run that had nothing to do: no byte of the guest changes for it alone."""
    return result if result.disk == "untouched" else _kept(files, result, report)


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
        return _kept_if_written(files, _undone(settings, progress, None, report.seconds), report)
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
    return _kept(files, _undone(settings, progress, plan, report.seconds), report)


def _undone(settings: Settings, progress: Progress, plan: Undo | None, seconds: float) -> Result:
    count = len(plan.paths) if plan else 0
    return Result(
        status="ok",
        code="undone" if plan else "guest.already-undone",
        message=f"request {settings.request_id} is taken back: {count} paths changed"
        if plan
        else f"request {settings.request_id} is not in force in this guest; {_what_else(progress)}",
        hint="",
        disk=progress.disk,
        id=settings.request_id,
        changed=plan.paths if plan else (),
        skipped=progress.skipped,
        warnings=tuple(progress.warnings),
        seconds=seconds,
        power=settings.power.on_success.value,
    )


def _mark_writing() -> None:
    with open(WRITING, "w", encoding="ascii"):
        pass


def _already_done(settings: Settings, progress: Progress, seconds: float) -> Result:
    return Result(
        status="ok",
        code="guest.already-customized",
        message=f"this guest has carried out request {settings.request_id} before; {_what_else(progress)}",
        hint="give the request another id if it is to be carried out again",
        disk=progress.disk,
        id=settings.request_id,
        skipped=progress.skipped,
        warnings=tuple(progress.warnings),
        seconds=seconds,
        power=settings.power.on_success.value,
    )


def _what_else(progress: Progress) -> str:
    """Of a run that had nothing to do; it may have taken back another one first."""
    return "nothing was changed" if progress.disk == "untouched" else "an interrupted request was taken back"


def _success(
    settings: Settings, decision: Decision, progress: Progress, changed: tuple[str, ...], seconds: float
) -> Result:
    release = decision.guest.release
    return Result(
        status="ok",
        code="done",
        message=f"request {settings.request_id} is carried out: {len(changed)} paths changed",
        hint="detach our media and boot the guest from its disk",
        disk="changed",
        id=settings.request_id,
        family=decision.guest.family.name,
        release=release.name or release.id,
        stack=decision.guest.stack.name if decision.guest.stack else None,
        stack_because=decision.stack_because,
        changed=changed,
        skipped=progress.skipped,
        warnings=tuple(progress.warnings),
        seconds=seconds,
        power=settings.power.on_success.value,
    )


def failure(error: CustomizerError, progress: Progress, seconds: float) -> Result:
    """The result of a run that ended in an error."""
    decision = progress.decision
    return Result(
        status="failed",
        code=error.code,
        message=error.message,
        hint=error.hint,
        disk=progress.disk,
        id=progress.settings.request_id if progress.settings else None,
        family=decision.guest.family.name if decision else None,
        release=decision.guest.release.name if decision else None,
        stack=decision.guest.stack.name if decision and decision.guest.stack else None,
        skipped=progress.skipped,
        warnings=tuple(progress.warnings),
        seconds=seconds,
        power=progress.power.on_failure.value,
    )


def leave_result_on_medium(medium: BlockDevice | None, result: Result) -> str | None:
    """result.json beside the document where the medium can be written to; the reason where it should and could not."""
    if medium is None or medium.read_only or medium.fs_type not in ("vfat", "msdos", "ext2", "ext3", "ext4"):
        return None
    mount = Mount(medium, "/", medium.fs_type, "", may_fail=True)
    tree = MountedTree(MEDIUM)
    try:
        tree.mount_root(mount)
        try:
            tree.make_writable({"/"})
            path = os.path.join(MEDIUM, "result.json")
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


def with_warning(result: Result, warning: str) -> Result:
    return replace(result, warnings=(*result.warnings, warning))
