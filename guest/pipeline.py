"""The whole run in the order it happens: the file to read first. look -> decide -> do, twice (root, then the guest)."""

from __future__ import annotations

import json
import os
import posixpath
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from guest import apply, journal
from guest.decide import Decision, decide
from guest.errors import CustomizerError
from guest.machine import media
from guest.network.names import choose_cards
from guest.prepare import Transaction, prepare
from guest.protocol import Result
from guest.report import find_consoles
from guest.settings.document import load
from guest.settings.model import Action, Power
from guest.storage.fstab import parse_fstab
from guest.storage.mounting import MountedTree, looked_into, mount_error
from guest.storage.mountplan import Mount, Skipped, plan_mounts
from guest.storage.root import Candidate, choose_root, looks_like_root, worth_probing
from guest.sysroot import Sysroot, text
from guest.undo import Undo, plan_undo, undo

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyudev

    from guest.machine.model import BlockDevice, Machine
    from guest.report import Report
    from guest.settings.model import Settings

SIMULATED_ROOT = "/tmp/simulated_root"  # noqa: S108 (the initrd's own /tmp; the path is part of the design)
RUN = "/run/guest-customizer"
MEDIUM = f"{RUN}/medium"
PROBE = f"{RUN}/probe"
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
        report.request(settings.request_id)
        if settings.request.action is Action.CUSTOMIZE:
            choose_cards(settings.interfaces, machine.cards)  # a missing card is known before the guest is looked at
    with report.step("root"):
        root = _find_root(machine, settings)
    tree = MountedTree(SIMULATED_ROOT)
    try:
        result = _customize(tree, root, machine, report, progress)
    finally:
        with report.step("unmount"):
            tree.unmount()
    return result


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


def _find_root(machine: Machine, settings: Settings) -> BlockDevice:
    candidates = []
    for device in worth_probing(machine.devices, settings.guest.root):
        try:
            with looked_into(device, PROBE) as folder, Sysroot(folder) as files:
                if looks_like_root(files):
                    candidates.append(Candidate(device, _describe_release(files)))
        except OSError:
            continue  # damaged or unknown: no candidate; said again where fstab needs it
    return choose_root(tuple(candidates), machine.devices)


def _describe_release(files: Sysroot) -> str:
    lines = (text(files, "/etc/os-release") or text(files, "/etc/redhat-release") or "").splitlines()
    pretty = next((line.partition("=")[2].strip("\"'") for line in lines if line.startswith("PRETTY_NAME=")), None)
    return pretty or (lines[0] if lines else "unknown distribution")


def _customize(tree: MountedTree, root: BlockDevice, machine: Machine, report: Report, progress: Progress) -> Result:
    assert progress.settings is not None  # noqa: S101 (set two lines before the call)
    settings = progress.settings
    with report.step("mount"):
        tree.mount_root(Mount(root, "/", root.fs_type or "", "", may_fail=False))
        with Sysroot(tree.folder) as files:
            unmounted = _mount_all(tree, files, machine, progress)
    with Sysroot(tree.folder) as files:
        _recover(tree, files, report, progress)
        if settings.request.action is Action.UNDO:
            return _take_back(tree, files, settings, report, progress)
        if journal.is_done(files, settings.request_id):
            return _already_done(settings, report)
        with report.step("plan"):
            decision = progress.decision = decide(settings, machine, files)
            progress.warnings += decision.warnings
            _refuse_unmounted(decision, files, unmounted)
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


def _mount_all(tree: MountedTree, files: Sysroot, machine: Machine, progress: Progress) -> dict[str, str]:
    """Mounts fstab's file systems; returns those that are not mounted, with the reason."""
    lines = parse_fstab(files.read("/etc/fstab") or b"")
    unmounted: dict[str, str] = {}
    for item in plan_mounts(lines, machine.devices):
        if isinstance(item, Skipped):
            if item.mount_point:
                unmounted.setdefault(item.mount_point, item.reason)
            progress.skipped += (f"fstab line {item.line}, {item.mount_point or item.spec}: {item.reason}",)
        else:
            try:
                tree.mount(files, item)
            except OSError as error:
                why = mount_error(item, error).message
                unmounted[item.mount_point] = why
                progress.skipped += (f"{item.mount_point}: {why}",)
                if not item.may_fail:
                    progress.warnings.append(f"{why}; the guest may not boot without it")
    return unmounted


def _recover(tree: MountedTree, files: Sysroot, report: Report, progress: Progress) -> None:
    """A run that was cut off left its journal: everything goes back to what it was before anything else is done."""
    for interrupted in journal.unfinished(files):
        with report.step("recover"):
            _make_writable(tree, files, [record.path for record in interrupted.records])
            _mark_writing()
            progress.disk = "changed"  # by that run, until all is taken back
            apply.recover(files, interrupted)
            progress.disk = "restored"
            progress.warnings.append(
                f"request {interrupted.id} had been interrupted; its changes were taken back first"
            )


def _refuse_unmounted(decision: Decision, files: Sysroot, unmounted: dict[str, str]) -> None:
    """An edit below something that is not mounted would be hidden when the guest mounts it (LESSONS L25)."""
    for path in (*(edit.path for edit in decision.plan.edits), files.resolve(journal.STATE)):
        for mount_point, reason in unmounted.items():
            if path == mount_point or path.startswith(mount_point + "/"):
                raise CustomizerError(
                    "storage.needed-mount",
                    f"{path} is to be changed, but {mount_point} is not mounted: {reason}",
                    "attach the disk that holds it, or correct the guest's /etc/fstab",
                )


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
        return _undone(settings, progress, None, report.seconds)
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
        else f"request {settings.request_id} is not in force in this guest; nothing was changed",
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


def _already_done(settings: Settings, report: Report) -> Result:
    return Result(
        status="ok",
        code="guest.already-customized",
        message=f"this guest has carried out request {settings.request_id} before; nothing was changed",
        hint="give the request another id if it is to be carried out again",
        disk="untouched",
        id=settings.request_id,
        seconds=report.seconds,
        power=settings.power.on_success.value,
    )


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
            with open(path, "wb") as file:
                file.write(_as_file(result))
                file.flush()
                os.fsync(file.fileno())
        finally:
            tree.unmount()
    except (OSError, CustomizerError) as error:
        return f"result.json could not be written to the config medium: {error}"
    return None


def _as_file(result: Result) -> bytes:
    return (json.dumps(result.to_json(), indent=1) + "\n").encode()


def with_warning(result: Result, warning: str) -> Result:
    return replace(result, warnings=(*result.warnings, warning))
