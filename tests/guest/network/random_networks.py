"""Guests made of a few files, any_network's networks within what a stack can say, and bash to read files with."""

import posixpath
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace

from hypothesis import strategies as st

import any_network
from guest.edits import Overlay
from guest.network.model import BoundInterface, Interface, Network, Vlan
from guest.network.stack import Stack
from guest.sysroot import FileState


@dataclass(frozen=True)
class Files:
    """A guest that is nothing but these regular files."""

    contents: dict[str, bytes]

    def read(self, path: str) -> bytes | None:
        return self.contents.get(path)

    def state(self, path: str) -> FileState | None:
        if path in self.contents:
            return FileState(stat.S_IFREG | 0o644, 0, 0, len(self.contents[path]))
        return FileState(stat.S_IFDIR | 0o755, 0, 0, 0) if self.names(path) else None

    def link_target(self, _path: str) -> str | None:
        return None

    def names(self, path: str) -> tuple[str, ...]:
        inside = (name.removeprefix(path + "/") for name in self.contents if name.startswith(path + "/"))
        return tuple(sorted({name.split("/")[0] for name in inside}))

    def resolve(self, path: str) -> str:
        return posixpath.normpath(path)


def rendered(stack: Stack, files: dict[str, str], network: Network) -> Overlay:
    view = Files({path: content.encode() for path, content in files.items()})
    return Overlay(view).with_edits(tuple(stack.render(Overlay(view), network)))


def bash_variables(content: str) -> dict[str, str]:
    """What bash has in its variables after it sourced the text."""
    program = (
        "before=$(compgen -v | sort); . /dev/stdin; after=$(compgen -v | sort);"
        ' for v in $(comm -13 <(echo "$before") <(echo "$after")); do'
        ' case $v in before|after|BASH_*|PIPESTATUS) ;; *) printf "%s\\0%s\\0" "$v" "${!v}";; esac; done'
    )
    run = subprocess.run(["bash", "--norc", "-c", program], input=content.encode(), capture_output=True, check=True)
    assert not run.stderr, run.stderr
    words = run.stdout.decode().split("\0")[:-1]
    return dict(zip(words[::2], words[1::2], strict=True))


def networks(
    allowed: Callable[[Interface], Interface] = lambda interface: interface,
    vlan_name: Callable[[str], str] = lambda name: name,
) -> st.SearchStrategy[Network]:
    """`allowed` takes away what a stack refuses; `vlan_name` changes the names of VLANs."""

    def within(network: Network) -> Network:
        bound = [
            replace(each, interface=allowed(each.interface), name=vlan_name(each.name) if is_vlan(each) else each.name)
            for each in network.interfaces
        ]
        return replace(network, interfaces=tuple(bound))

    return any_network.networks().map(within)


def is_vlan(bound: BoundInterface) -> bool:
    return isinstance(bound.interface.virtual, Vlan)


def cards_alone(network: Network) -> bool:
    return all(bound.interface.virtual is None for bound in network.interfaces)
