"""A guest's tree come alive without a machine: its own mounts, processes and network, and a router at the end of its cables.

Nothing of the host changes: the tree is the lower part of an overlay whose upper part is a tmpfs, and every process ends with
the sandbox. No udev runs in it, so /sys is read-only, by which networkd and NetworkManager know not to wait for udev.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS = 180

# $1 the sandbox's folder, $2 and $3 the lower folders of guest and router; then NAME MAC lan|alone for each card.
SET_UP = """
folder=$1 guest=$2 router=$3; shift 3
mount -t tmpfs tmpfs "$folder"
for tree in guest router; do
    mkdir "$folder/$tree" "$folder/$tree.upper" "$folder/$tree.work"
    eval lower=\\$$tree
    options="lowerdir=$lower,upperdir=$folder/$tree.upper,workdir=$folder/$tree.work"
    mount -t overlay -o "$options" overlay "$folder/$tree"
    mount -t tmpfs tmpfs "$folder/$tree/run"
    mount -t tmpfs tmpfs "$folder/$tree/dev"
    (cd "$folder/$tree/dev" && mkdir pts shm && ln -s /proc/self/fd fd && for device in null zero full random urandom tty; do
        cp -a "/dev/$device" .
    done)
done
mount -t proc proc "$folder/guest/proc"
mount -t sysfs -o ro sysfs "$folder/guest/sys"
ip link set lo up
unshare --net sleep infinity &
router=$!
while [ "$(readlink /proc/$router/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
in_router() { nsenter --net --target "$router" "$@"; }
in_router ip link set lo up
in_router ip link add name lan type bridge
while [ $# -gt 0 ]; do
    ip link add "$1" address "$2" type veth peer name "to-$1" netns "$router"
    in_router ip link set "to-$1" up
    if [ "$3" = lan ]; then in_router ip link set "to-$1" master lan; fi
    shift 3
done
in_router ip link set lan up
echo "$router"
# A shell for PID 1: it takes its orphans' exit statuses, which daemons that fork wait for.
sleep infinity &
wait
"""


class RefusedError(Exception):
    """Our program would not do it; the message is its own, and begins with the code."""


@dataclass(frozen=True)
class Card:
    name: str
    mac: str
    in_lan: bool = True
    """Whether its cable ends in the router's network; or in nothing, with the carrier on."""


class Sandbox:
    """Use it as a context: leaving it ends every process and unmounts everything."""

    def __init__(self, guest: Sequence[Path], router: Sequence[Path], cards: Sequence[Card]) -> None:
        self._lower = (":".join(map(str, guest)), ":".join(map(str, router)))
        self._cards = cards

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="sandbox-"))
        self.root = self._folder / "guest"
        cards = [word for card in self._cards for word in (card.name, card.mac, "lan" if card.in_lan else "alone")]
        command = ["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        command += ["bash", "-ec", SET_UP, "sandbox", str(self._folder), *self._lower, *cards]
        self._holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout is not None
        router = self._holder.stdout.readline().strip()
        assert router.isdigit(), "the sandbox could not be set up; its words are above"
        self._first = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text().split()[0]
        self._router = router
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.kill()
        self._holder.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)

    def guest(self, *program: str, check: bool = True) -> str:
        """Runs a program of the guest in the guest; returns what it says on both outputs."""
        return self._run([*self._in_guest(), *program], check=check)

    def start(self, *program: str, **environment: str) -> None:
        """Starts a daemon in the guest; what it says goes to /run/NAME.log there."""
        log = f"/run/{Path(program[0]).name}.log"
        variables = [f"{name}={value}" for name, value in environment.items()]
        script = 'exec setsid "$@" >>"$0" 2>&1 </dev/null &'
        self._run([*self._in_guest(), "env", *variables, "sh", "-c", script, log, *program])

    def in_router(self, *program: str) -> str:
        """Runs a program of the router's tree at the other end of the cables."""
        enter = ["nsenter", "--net", "--target", self._router, "chroot", str(self._folder / "router")]
        return self._run([*self._enter(), *enter, *program])

    def apply(self, document: str) -> dict[str, Any]:
        """What our program does to the tree, as in the initrd; returns its summary. Raises RefusedError."""
        cards = [{"mac": card.mac, "name": f"eth{n}", "predicted": [card.name]} for n, card in enumerate(self._cards)]
        with tempfile.TemporaryDirectory(prefix="document-") as name:
            folder = Path(name)
            (folder / "customization.conf").write_text(document)
            (folder / "machine.json").write_text(json.dumps({"cards": cards}))
            files = ["--machine", str(folder / "machine.json"), str(folder / "customization.conf")]
            program = [sys.executable, "-m", "guest", "apply", "--json", "--root", str(self.root), *files]
            enter = ["nsenter", "--mount", "--pid", "--target", self._first]
            environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
            done = subprocess.run([*enter, *program], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RefusedError(done.stderr)
        return json.loads(done.stdout)

    def ip(self, *words: str) -> list[dict[str, Any]]:
        """iproute2's JSON, by the host's `ip`: the guest's own may be older."""
        return json.loads(self._run([*self._enter(), "ip", "-json", *words]) or "[]")

    def read(self, path: str) -> str | None:
        """A file of the guest, links followed inside the guest."""
        done = subprocess.run([*self._in_guest(), "cat", path], capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else None

    def logs(self) -> str:
        """What the daemons said: for a failure's message."""
        return self.guest("sh", "-c", "tail -n 25 /run/*.log 2>/dev/null", check=False)

    def _enter(self) -> list[str]:
        return ["nsenter", "--all", "--target", self._first]

    def _in_guest(self) -> list[str]:
        return [*self._enter(), "chroot", str(self.root)]

    def _run(self, command: list[str], *, check: bool = True) -> str:
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command[-6:])}: status {done.returncode}:\n{done.stdout}")
        return done.stdout
