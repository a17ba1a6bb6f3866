"""Puts arrays, volume groups and containers together, and takes them apart again in the opposite order.

The programs are started only where a member was seen: a plain guest pays nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from guest.command import CommandError, run
from guest.errors import CustomizerError
from guest.storage.arrays import array_number, array_state, missing_members
from guest.storage.assembly import (
    PHYSICAL_VOLUME,
    AskForGroups,
    Key,
    OpenContainer,
    StartArray,
    StaysShut,
    Step,
    VolumeGroup,
    choose_groups,
    next_steps,
)
from guest.storage.names import opened_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from guest.machine.model import BlockDevice

_MDADM = "/usr/sbin/mdadm"
_LVM = "/usr/sbin/lvm"
_CRYPTSETUP = "/usr/sbin/cryptsetup"
_MODPROBE = "/usr/sbin/modprobe"
_SECONDS = 120
# Arrays start "auto-read-only": not a byte of a member changes, no resync begins, until somebody writes.
_START_READ_ONLY = "/sys/module/md_mod/parameters/start_ro"
_UNLOCK_SECONDS = 600  # a key slot may be made to take long, and an emulated CPU takes longer
# cryptsetup's exit statuses.
_REFUSALS = {
    2: "the document's key does not open it",
    3: "opening it takes more memory than this machine has: give it what the guest itself has",
}
_PASS_LIMIT = 16


@dataclass
class Assembled:
    """What was put together, for the report, for those who look for what is not there, and for taking it apart."""

    shut: list[StaysShut] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _undo: list[list[str]] = field(default_factory=list)
    _groups: set[str] = field(default_factory=set)
    _arrays: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._waiting: dict[str, StartArray] = {}
        self._groups_shut: dict[str, StaysShut] = {}
        self._handled: frozenset[str] = frozenset()  # device paths

    def assemble(
        self,
        look: Callable[[], tuple[BlockDevice, ...]],
        look_longer: Callable[[], tuple[BlockDevice, ...]],
        keys: tuple[Key, ...],
    ) -> tuple[BlockDevice, ...]:
        """Until a pass finds nothing new. `look` waits for udev and returns the guest's devices; `look_longer` waits for
        more of them to appear, and is asked once where a part of something is missing.

        Called again, it goes on with what has appeared since.
        """
        devices = look()
        waited = False
        for _ in range(_PASS_LIMIT):
            steps = next_steps(devices, keys, self._handled)
            self._handled |= {device.path for device in devices}
            for step in steps:
                self._carry_out(step, degraded=False)
            if not self._made_something(steps):
                if self._lacks_something() and not waited:
                    waited, devices = True, look_longer()
                    continue
                if not self._settle_for_less(devices):
                    break
            devices = look()
        self.shut += [shut for shut in self._groups_shut.values() if shut not in self.shut]
        self._note_unused(keys, devices)
        return devices

    def _made_something(self, steps: tuple[Step, ...]) -> bool:
        return any(not isinstance(step, StaysShut) for step in steps)

    def _lacks_something(self) -> bool:
        return bool(self._waiting) or any("lacks" in shut.reason for shut in self._groups_shut.values())

    def _settle_for_less(self, devices: tuple[BlockDevice, ...]) -> bool:
        """Once nothing else comes: arrays and groups of which a part is missing, if they can do without it."""
        waiting, self._waiting = list(self._waiting.values()), {}
        for step in waiting:
            self._carry_out(step, degraded=True)
        if waiting:
            return True
        lacking = [shut for shut in self._groups_shut.values() if "lacks" in shut.reason]
        if not lacking:
            return False
        volumes = tuple(device for device in devices if device.fs_type == PHYSICAL_VOLUME)
        self._activate_groups(AskForGroups(volumes), degraded=True)
        return True

    def _carry_out(self, step: Step, *, degraded: bool) -> None:
        match step:
            case StartArray():
                self._start_array(step, degraded=degraded)
            case OpenContainer():
                self._open(step)
            case AskForGroups():
                self._activate_groups(step, degraded=degraded)
            case StaysShut():
                self.shut.append(step)

    def _start_array(self, step: StartArray, *, degraded: bool) -> None:
        if step.uuid in self._arrays:
            return  # a member that turned up late; the array runs without it
        _load("md_mod")
        with open(_START_READ_ONLY, "w", encoding="ascii") as file:
            file.write("1")
        path = f"/dev/md{array_number(step.members[0])}"
        members = [member.path for member in step.members]
        insist = ["--run"] if degraded else []
        # Never --force: mdadm itself refuses what would lose data.
        run([_MDADM, "--assemble", path, *insist, *members], timeout=_SECONDS, ok=frozenset({0, 1, 2}))
        if array_state(path) not in ("", "clear", "inactive"):
            self._arrays.add(step.uuid)
            self._undo.append([_MDADM, "--stop", path])
            self._waiting.pop(step.uuid, None)
            if missing := missing_members(path):
                self.warnings.append(f"array {path} runs without {missing} of its members: {_paths(step.members)}")
            return
        run([_MDADM, "--stop", path], timeout=_SECONDS, ok=frozenset({0, 1, 2}))
        if degraded:
            self.shut.append(StaysShut(step.members, "too few members of the array are here, or they are not in step"))
        else:
            self._waiting[step.uuid] = step

    def _open(self, step: OpenContainer) -> None:
        name = opened_name(step.key.uuid)
        _load("dm_mod")
        argv = [_CRYPTSETUP, "open", "--type", "luks", "--batch-mode", "--key-file", "-", step.device.path, name]
        try:
            run(argv, timeout=_UNLOCK_SECONDS, feed=step.key.secret)
        except CommandError as error:
            words = f"cryptsetup ended with status {error.status}: {error.output.strip()[-200:]}"
            reason = _REFUSALS.get(error.status or 0, words)
            self.shut.append(StaysShut((step.device,), reason))
            return
        self._undo.append([_CRYPTSETUP, "close", name])

    def _activate_groups(self, step: AskForGroups, *, degraded: bool) -> None:
        _load("dm_mod")
        columns = "vg_uuid,vg_name,vg_missing_pv_count,vg_exported,pv_name"
        report = run([_LVM, "pvs", "--reportformat", "json", "-o", columns], timeout=_SECONDS, ok=frozenset({0, 5}))
        groups = parse_groups(report)
        chosen, reasons = choose_groups(groups, frozenset(self._groups), degraded=degraded)
        for group in chosen:
            self._activate(group)
        by_path = {device.path: device for device in step.volumes}
        self._groups_shut = {
            group.uuid: StaysShut(
                tuple(by_path[path] for path in group.volumes if path in by_path), reasons[group.uuid]
            )
            for group in groups
            if group.uuid in reasons
        }

    def _activate(self, group: VolumeGroup) -> None:
        select = ["--select", f"vg_uuid={group.uuid}"]
        self._groups.add(group.uuid)
        self._undo.append([_LVM, "vgchange", "--quiet", "--activate", "n", *select])
        try:
            run([_LVM, "vgchange", "--quiet", "--activate", "y", *select], timeout=_SECONDS)
        except CommandError as error:
            # Some of its volumes may be active for all that; what needs the others will say so.
            self.warnings.append(f"{group.describe()} is not wholly active: {error.output.strip()[-300:]}")
        if group.missing:
            self.warnings.append(f"{group.describe()} runs without {group.missing} of its physical volumes")

    def _note_unused(self, keys: tuple[Key, ...], devices: tuple[BlockDevice, ...]) -> None:
        here = {(device.uuid or "").lower() for device in devices}
        for key in keys:
            if key.uuid.lower() not in here:
                self.warnings.append(f"[storage] [[unlock]] names a container that is not here: {key.uuid}")

    def take_apart(self) -> None:
        """Newest first. Raises CustomizerError where something stays in use."""
        failures = []
        while self._undo:
            argv = self._undo.pop()
            try:
                run(argv, timeout=_SECONDS)
            except CommandError as error:
                failures.append(error.message)
        if failures:
            raise CustomizerError(
                "storage.still-in-use",
                f"what was assembled could not be taken apart: {'; '.join(failures)}",
                "the changes were written and synced; check the disks before the guest boots",
            )


def parse_groups(report: str) -> tuple[VolumeGroup, ...]:
    """`lvm pvs --reportformat json`, by group. A physical volume that is missing has no path."""
    groups: dict[str, VolumeGroup] = {}
    for row in json.loads(report)["report"][0]["pv"]:
        uuid, path = row["vg_uuid"], row["pv_name"]
        if not uuid:
            continue  # a physical volume that no group uses
        known = groups[uuid].volumes if uuid in groups else ()
        groups[uuid] = VolumeGroup(
            uuid,
            row["vg_name"],
            int(row["vg_missing_pv_count"] or 0),
            (*known, path) if path.startswith("/") else known,
            exported=bool(row["vg_exported"]),
        )
    return tuple(groups.values())


def _load(module: str) -> None:
    run([_MODPROBE, module], timeout=_SECONDS)


def _paths(devices: tuple[BlockDevice, ...]) -> str:
    return ", ".join(device.path for device in devices)
