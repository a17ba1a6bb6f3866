"""One intent carried out by our program and one tool, and what came of it. Independent of each other, so several at once."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from guests.debian import plant_template
from guests.flavours import ROUTER
from guests.package_trees import BOOKWORM, package_tree
from kernel_words import Found, differences
from tools.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guests.package_trees import Flavour, Suite
    from tools.intents import Intent
    from tools.sandbox import Card
    from tools.stacks import Tool

# DHCP, duplicate address detection and the first advertisement take 2 to 5 s on an idle machine; ours is not always idle.
PATIENCE_SECONDS = 60
# What is not asked for shows a little later than what is: the router advertises at once, a card asks it again after 1 s.
STEADY_SECONDS = 3


@dataclass(frozen=True)
class Proof:
    stack: str
    wrong: list[str]
    """In sentences; empty where the network came to what was asked."""
    evidence: str
    """For a person who has to find out why: our files and the tool's words."""


def prove(tool: Tool, intent: Intent, build: Path) -> Proof:
    """Raises RuntimeError where our program, or the tool's start, fails."""
    with alive(tool.suite, tool.flavour, intent.cards, build) as sandbox:
        summaries = []
        for document in intent.documents:
            summaries.append(sandbox.apply(document + tool.more))
            if tool.boot is not None:
                tool.boot(sandbox)
        sandbox.guest("hostname", "-F", "/etc/hostname")
        tool.start(sandbox)
        wrong = _wait(sandbox, tool, intent)
        evidence = _evidence(sandbox, summaries) if wrong else ""
    return Proof(summaries[-1]["stack"], wrong, evidence)


@contextmanager
def alive(suite: Suite, flavour: Flavour, cards: tuple[Card, ...], build: Path) -> Iterator[Sandbox]:
    """A template of that kind, with these cards and a router."""
    guest = package_tree(build, suite, flavour, print)
    router = package_tree(build, BOOKWORM, ROUTER, print)
    with tempfile.TemporaryDirectory(prefix="template-") as name:
        template = Path(name) / "files"
        (template / "etc").mkdir(parents=True)
        template.chmod(0o755)
        plant_template(template, flavour)
        with Sandbox((template, *guest), router, cards) as sandbox:
            _start_router(sandbox)
            yield sandbox


def _start_router(sandbox: Sandbox) -> None:
    for address in ("10.0.0.1/24", "2001:db8::1/64", "2001:db8:5::1/64"):
        sandbox.in_router("ip", "address", "add", address, "dev", "lan", *(["nodad"] if ":" in address else []))
    options = {
        "port": "0",  # DHCP and advertisements alone
        "interface": "lan",
        "user": "root",
        "pid-file": "/run/dnsmasq.pid",
        "dhcp-leasefile": "/run/leases",
        "domain": "dhcp.example",
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    words += ["--dhcp-range=10.0.0.100,10.0.0.199,1h", "--dhcp-option=option:dns-server,10.0.0.53"]
    words += ["--enable-ra", "--dhcp-range=2001:db8:5::100,2001:db8:5::1ff,slaac,64,1h"]
    words += ["--dhcp-option=option6:dns-server,[2001:db8:5::53]", "--dhcp-authoritative"]
    sandbox.in_router("dnsmasq", *words)


def _wait(sandbox: Sandbox, tool: Tool, intent: Intent) -> list[str]:
    """Until the network is what was asked and stays so, or patience ends; what is wrong then."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    right_since = None
    while True:
        wrong = differences(intent.asked, look(sandbox, tool))
        now = time.monotonic()
        right_since = None if wrong else right_since or now
        if right_since is not None and now - right_since >= STEADY_SECONDS:
            return []
        if now > deadline:
            return wrong or ["it never kept still"]
        time.sleep(0.25)


def look(sandbox: Sandbox, tool: Tool) -> Found:
    links = sandbox.ip("-details", "address")
    return Found(links, [*sandbox.ip("route"), *sandbox.ip("-6", "route")], sandbox.read(tool.resolv_conf))


def _evidence(sandbox: Sandbox, summaries: list[dict[str, object]]) -> str:
    parts = [
        f"{sandbox.read(path)}" for path in summaries[-1]["changed"] if "network" in path.lower() or "netplan" in path
    ]
    return "\n".join([*map(str, summaries), *parts, sandbox.logs()])
