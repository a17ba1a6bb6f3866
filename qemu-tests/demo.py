"""The main job on a real guest: a cloned Debian 12, before our ISO and after it, as the guest itself tells."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guests.boot import CARDS, GuestTells, boot_guest
from guests.debian import debian_disk
from guests.package_trees import alone
from host import media, vm
from host.console import summarize

if TYPE_CHECKING:
    from collections.abc import Callable

    from host.follow import Outcome

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "build"
DOCUMENT = HERE / "demo/customization.conf"


@dataclass(frozen=True)
class Story:
    before: GuestTells
    outcome: Outcome
    after: GuestTells


def tell_story(build: Path, folder: Path, say: Callable[[str], None]) -> Story:
    """Clones the template into `folder`, customizes the clone, boots it from its own disk."""
    template = debian_disk(build, say)
    before = before_customization(template, say)
    clone = folder / "clone.qcow2"
    clone.unlink(missing_ok=True)
    overlay = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(template), str(clone)]
    subprocess.run(overlay, check=True)
    config = folder / "config.iso"
    media.pack(DOCUMENT, config, "iso")
    say("the clone starts from our ISO, with the config medium beside it")
    machine = vm.Vm(disks=(clone,), iso=build / "guest-customizer.iso", config=config, macs=CARDS)
    outcome = vm.run(machine, timeout=300, say=say)
    say("the clone starts from its own disk, without any medium")
    after = boot_guest(clone) if outcome.transcript.result and outcome.transcript.result.is_ok else before
    return Story(before, outcome, after)


def before_customization(template: Path, say: Callable[[str], None]) -> GuestTells:
    """What the template says of itself; kept, since it does not change."""
    kept = template.with_suffix(".before.json")
    with alone(template.with_suffix(".lock")):
        if not kept.exists():
            say("the template starts once, to tell who it is")
            kept.write_text(json.dumps(boot_guest(template, snapshot=True)))
    tells: GuestTells = json.loads(kept.read_text())
    return tells


def describe(tells: GuestTells) -> dict[str, str]:
    return {
        "hostname": tells["hostname"],
        "fqdn": tells["fqdn"],
        "addresses": "\n".join(addresses(tells)),
        "routes": "\n".join(routes(tells)),
        "resolv.conf": (tells["resolv_conf"] or "").strip(),
        "first boot": (tells["first_boot"] or "nothing").strip(),
        "files in /root": " ".join(tells["files"]) or "none",
        "failed units": " ".join(tells["failed_units"]) or "none",
    }


def addresses(tells: GuestTells) -> list[str]:
    """`ens3 10.0.0.11/24`: the global ones, for people and for the tests."""
    return [
        f"{link['ifname']} {info['local']}/{info['prefixlen']}"
        for link in tells["addresses"]
        for info in link.get("addr_info", [])
        if info.get("scope", "global") == "global" and link["ifname"] != "lo"
    ]


def routes(tells: GuestTells) -> list[str]:
    def spell(route: dict[str, Any]) -> str:
        words = [route["dst"], *(["via", route["gateway"]] if "gateway" in route else []), "dev", route["dev"]]
        return " ".join([*words, *(["metric", str(route["metric"])] if "metric" in route else [])])

    found = [route for version in ("ipv4", "ipv6") for route in tells["routes"][version]]
    return [spell(route) for route in found if not str(route["dst"]).startswith("fe80::")]


def print_comparison(story: Story) -> None:
    before, after = describe(story.before), describe(story.after)
    for key, was in before.items():
        print(f"\n{key}")
        print("  before: " + was.replace("\n", "\n          "))
        print("  after:  " + after[key].replace("\n", "\n          "))


def main() -> int:
    folder = BUILD / "demo"
    folder.mkdir(parents=True, exist_ok=True)

    def say(sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)

    story = tell_story(BUILD, folder, say)
    result = story.outcome.transcript.result
    if result is None or not result.is_ok:
        print("\n".join(summarize(result)) if result else "no result; see the console:", file=sys.stderr)
        sys.stderr.write(story.outcome.console.decode("utf-8", "replace")[-2000:])
        return 1
    print("\n" + "\n".join(summarize(result)))
    print_comparison(story)
    return 0


if __name__ == "__main__":
    sys.exit(main())
