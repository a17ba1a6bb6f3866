"""First-boot commands and scripts: run once by the guest, through rc.local where its init still runs that, else a unit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.changes.change import Change, Context, Note
from guest.distro.family import has_systemd
from guest.edits import Edit, MakeLink, SetAside, WriteFile
from guest.journal import STATE
from guest.shipped import read_beside
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.distro.family import BootScript
    from guest.settings.model import FirstBoot
    from guest.sysroot import View

FOLDER = f"{STATE}/first-boot"
RUNNER = f"{FOLDER}/run"
UNIT_NAME = "guest-customizer-first-boot.service"
UNIT = f"/etc/systemd/system/{UNIT_NAME}"
UNIT_LINK = f"/etc/systemd/system/multi-user.target.wants/{UNIT_NAME}"
WAIT_DROP_IN = "/etc/systemd/system/rc-local.service.d/guest-customizer.conf"
BEGIN = "# >>> guest-customizer first boot >>>"
END = "# <<< guest-customizer first boot <<<"
_SYSTEMD = ("/usr/lib/systemd", "/lib/systemd")
# `|| :` because Debian's rc.local runs under sh -e.
_RUNNING = f"/bin/sh {RUNNER} || :\n"
# Where the script runs before the network: in the background, for at most two minutes.
_WAITING = f"""\
(n=0
while [ $n -lt 120 ] && ! ip route 2>/dev/null | grep -q ^default; do n=$((n + 1)); sleep 1; done
/bin/sh {RUNNER}) </dev/null >/dev/null 2>&1 &
"""
# What distributions ship in an rc.local that does nothing.
_STOCK_COMMANDS = frozenset({"touch /var/lock/subsys/local", "exit 0", ":"})


def plan(context: Context, view: View) -> Iterator[Edit | Note]:
    first_boot = context.settings.first_boot
    steps = {**_command_steps(first_boot), **_script_steps(first_boot)}
    if not steps:
        return
    script = context.guest.family.boot_script
    by_unit = has_systemd(view) and not (script.by_systemd and _rc_local_runs(view, script.path))
    unhook = f"rm -f {UNIT_LINK} {UNIT}" if by_unit else _unhook(view, script)
    if first_boot.wait_for_network and not by_unit:
        unhook += f"\nrm -f {WAIT_DROP_IN}"
    for name in set(view.names(f"{FOLDER}/steps")) - set(steps):
        yield SetAside(f"{FOLDER}/steps/{name}", "an earlier request's step that never ran")
    for name, content in steps.items():
        yield WriteFile(f"{FOLDER}/steps/{name}", content, "first-boot step", mode=0o700, secret=True)
    runner = read_beside(__file__, "first-boot.sh")
    runner = runner.replace("@ID@", context.settings.request_id).replace("@UNHOOK@", unhook)
    yield WriteFile(RUNNER, runner.encode(), "runs the first-boot steps", mode=0o700)
    yield WriteFile(f"{FOLDER}/pending", b"", "first boot is to come", mode=0o600)
    if by_unit:
        yield from _unit(first_boot)
    else:
        yield from _hook(first_boot, view, script)
        if first_boot.wait_for_network and has_systemd(view):
            yield from _wait_for_network()
        elif first_boot.wait_for_network and script.after_network:
            yield Note(f"wait_for_network: {script.path} runs last in this guest's init, after its network service")


def _command_steps(first_boot: FirstBoot) -> dict[str, bytes]:
    return {
        f"{number:03}-command": b"#!/bin/sh\n" + command.encode("utf-8", "surrogateescape") + b"\n"
        for number, command in enumerate(first_boot.commands, 1)
    }


def _script_steps(first_boot: FirstBoot) -> dict[str, bytes]:
    start = len(first_boot.commands) + 1
    return {
        f"{number:03}-{re.sub(r'[^A-Za-z0-9.-]', '-', script.name.rsplit('/', 1)[-1])}": script.content
        for number, script in enumerate(first_boot.scripts, start)
    }


def _rc_local_runs(view: View, rc_local: str) -> bool:
    """Whether systemd still starts rc.local (gone in systemd 260), and nobody has switched that off."""
    if view.link_target("/etc/systemd/system/rc-local.service") == "/dev/null":
        return False
    folders = [f"{folder}/system-generators/systemd-rc-local-generator" for folder in _SYSTEMD]
    folders += [f"{folder}/system/rc-local.service" for folder in _SYSTEMD]
    if not any(exists(view, path) for path in folders):
        return False
    state = view.state(view.resolve(rc_local))
    # An administrator's commands in a file without its x bit are off: we must not switch them on.
    return state is None or bool(state.permissions & 0o100) or not _own_commands(text(view, rc_local) or "")


def _own_commands(content: str) -> list[str]:
    lines = (line.strip() for line in _without_hook(content).splitlines())
    return [line for line in lines if line and not line.startswith("#") and line not in _STOCK_COMMANDS]


def _without_hook(content: str) -> str:
    return re.sub(rf"^{re.escape(BEGIN)}\n(?:.*\n)*?{re.escape(END)}\n", "", content, flags=re.MULTILINE)


def _hook(first_boot: FirstBoot, view: View, script: BootScript) -> Iterator[Edit]:
    old = text(view, script.path)
    content = _without_hook(script.start if old is None else old)
    state = view.state(view.resolve(script.path))
    mode = (state.permissions if state and old is not None else 0o644) | 0o111
    waits = first_boot.wait_for_network and not script.after_network
    hooked = insert_hook(content, _WAITING if waits else _RUNNING)
    yield WriteFile(script.path, hooked.encode("utf-8", "surrogateescape"), "starts first boot", mode=mode)
    service = f"/etc/init.d/{script.service}"
    if script.service and exists(view, service):
        yield MakeLink(f"/etc/runlevels/default/{script.service}", service, "runs what starts first boot")


def insert_hook(content: str, command: str = _RUNNING) -> str:
    """A boot script with our lines before its first unconditional exit, at the end without one."""
    lines = content.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    ends = [number for number, line in enumerate(lines) if re.match(r"exit\b", line)]
    at = ends[0] if ends else len(lines)
    return "".join([*lines[:at], f"{BEGIN}\n", command, f"{END}\n", *lines[at:]])


def _unhook(view: View, script: BootScript) -> str:
    """Shell lines that put the script back as it was: the running sh keeps reading its old, renamed-over file."""
    old = text(view, script.path)
    real = view.resolve(script.path)
    if old is None or _without_hook(old) == script.start:
        return f"rm -f {real}"
    state = view.state(real)
    was_executable = state is not None and bool(state.permissions & 0o100)
    lines = [
        # cp -p for owner and mode; a new file, because sh still reads the old one.
        f"cp -p {real} {real}.guest-customizer &&",
        f"  sed -e '/^{BEGIN}$/,/^{END}$/d' {real} >{real}.guest-customizer &&",
        f"  mv -f {real}.guest-customizer {real}",
        f"rm -f {real}.guest-customizer",
        f"command -v restorecon >/dev/null 2>&1 && restorecon {real}",
    ]
    # Planned again over our own hook, the file is executable by our doing: the runner remembers how it was.
    switched_on = "chmod a-x" in (text(view, RUNNER) or "") if BEGIN in old else not was_executable
    if switched_on:
        lines.append(f"chmod a-x {real}")
    return "\n".join(lines)


def _wait_for_network() -> Iterator[Edit]:
    lines = [
        "# guest-customizer: first boot waits for the network",
        "[Unit]",
        "Wants=network-online.target",
        "After=network-online.target",
    ]
    content = "".join(f"{line}\n" for line in lines)
    yield WriteFile(
        WAIT_DROP_IN,
        content.encode(),
        "waits for the network",
        mode=0o644,
    )


def _unit(first_boot: FirstBoot) -> Iterator[Edit]:
    network = "Wants=network-online.target\nAfter=network-online.target\n" if first_boot.wait_for_network else ""
    # Not after cloud-final.service: that one is itself after multi-user.target, a cycle (FACTS-distros 6.2).
    content = (
        "[Unit]\nDescription=First-boot steps of guest-customizer\n"
        f"ConditionPathExists={RUNNER}\nAfter=network.target\n{network}\n"
        f"[Service]\nType=oneshot\nExecStart=/bin/sh {RUNNER}\nTimeoutStartSec=0\n\n"
        "[Install]\nWantedBy=multi-user.target\n"
    )
    yield WriteFile(UNIT, content.encode(), "starts first boot", mode=0o644)
    yield MakeLink(UNIT_LINK, f"../{UNIT_NAME}", "starts first boot")


CHANGE = Change("first boot", plan)
