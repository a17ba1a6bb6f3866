"""Which kernel modules go into the initrd: names and modaliases, resolved against the kernel's own tables."""

from __future__ import annotations

import fnmatch
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class MissingModulesError(Exception):
    """The kernel has no driver for things that cannot be done without."""


class Alias(NamedTuple):
    pattern: str
    module: str
    literal: str  # the pattern up to its first wildcard: nearly every alias is ruled out by it


@dataclass(frozen=True)
class Tables:
    """One kernel's modules.* files. Names have underscores, as the kernel's own do."""

    folder: Path
    paths: dict[str, str]
    needs: dict[str, tuple[str, ...]]
    softdeps: dict[str, tuple[str, ...]]
    aliases: tuple[Alias, ...]
    builtin: frozenset[str]

    @property
    def release(self) -> str:
        return self.folder.name


@dataclass(frozen=True)
class Hardware:
    """A line of hardware.toml."""

    platform: str
    name: str
    modalias: str
    module: str
    optional: str = ""


@dataclass(frozen=True)
class Selection:
    """What was chosen: module names closed over their dependencies, and what one should hear about."""

    modules: tuple[str, ...]
    notes: tuple[str, ...]


def module_name(path: str) -> str:
    return path.rsplit("/", 1)[-1].split(".ko", 1)[0].replace("-", "_")


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


def _read_dependencies(folder: Path) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    paths, needs = {}, {}
    for line in _lines(folder / "modules.dep"):
        path, _, rest = line.partition(":")
        paths[module_name(path)] = path
        needs[module_name(path)] = tuple(module_name(word) for word in rest.split())
    return paths, needs


def _read_softdeps(folder: Path) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in _lines(folder / "modules.softdep"):
        _, name, *words = line.split()
        module = name.replace("-", "_")
        # "post:" ones count as well: modprobe loads them all the same.
        found[module] = found.get(module, ()) + tuple(word for word in words if not word.endswith(":"))
    return found


def _read_aliases(folder: Path) -> tuple[Alias, ...]:
    found = []
    for line in _lines(folder / "modules.alias"):
        _, pattern, module = line.split(maxsplit=2)
        literal = pattern.split("*", 1)[0].split("[", 1)[0].split("?", 1)[0]
        found.append(Alias(pattern, module.replace("-", "_"), literal))
    return tuple(found)


def read_tables(folder: Path) -> Tables:
    """The folder is lib/modules/RELEASE of any distribution, after depmod."""
    if not folder.is_dir() or len(folder.parts) < 4:
        raise MissingModulesError(f"{folder} is no folder lib/modules/RELEASE: `make iso` unpacks Debian's kernel")
    if not (folder / "modules.dep").is_file():
        # An unpacked package has none: its postinst would have made it.
        raise MissingModulesError(f"{folder} has no modules.dep: run depmod -b {folder.parents[2]} {folder.name}")
    paths, needs = _read_dependencies(folder)
    builtin = frozenset(module_name(line) for line in _lines(folder / "modules.builtin"))
    return Tables(folder, paths, needs, _read_softdeps(folder), _read_aliases(folder), builtin)


def resolve(tables: Tables, alias: str) -> tuple[str, ...]:
    """The modules that modprobe would take for a modalias or a name, by table order."""
    name = alias.replace("-", "_")
    if name in tables.paths:
        return (name,)
    found = (
        entry.module
        for entry in tables.aliases
        if alias.startswith(entry.literal) and fnmatch.fnmatchcase(alias, entry.pattern)
    )
    return tuple(dict.fromkeys(found))


def close(tables: Tables, names: set[str]) -> tuple[str, ...]:
    """The modules with everything they depend on, hard or soft."""
    chosen: set[str] = set()
    waiting = sorted(names)
    while waiting:
        name = waiting.pop()
        if name in chosen:
            continue
        chosen.add(name)
        waiting += tables.needs[name]
        for softdep in tables.softdeps.get(name, ()):
            waiting += resolve(tables, softdep)
    return tuple(sorted(chosen))


def read_hardware(path: Path) -> tuple[Hardware, ...]:
    document = tomllib.loads(path.read_text())
    return tuple(Hardware(platform, **entry) for platform, entries in document.items() for entry in entries)


def _select_hardware(tables: Tables, hardware: tuple[Hardware, ...]) -> tuple[set[str], list[str], list[str]]:
    chosen, notes, missing = set(), [], []
    for entry in hardware:
        if entry.module in tables.builtin:
            continue
        if entry.module in resolve(tables, entry.modalias):
            chosen.add(entry.module)
            continue
        line = f"{entry.platform}: {entry.name}: no {entry.module} for {entry.modalias}"
        if entry.optional:
            notes.append(f"{line} ({entry.optional})")
        else:
            missing.append(line)
    return chosen, notes, missing


def _select_named(tables: Tables, groups: dict[str, dict[str, list[str]]]) -> tuple[set[str], list[str], list[str]]:
    chosen, notes, missing = set(), [], []
    for group, lists in groups.items():
        for name in lists["required"] + lists["wanted"]:
            if name in tables.paths:
                chosen.add(name)
            elif name not in tables.builtin:
                (missing if name in lists["required"] else notes).append(f"{group}: no {name}")
    return chosen, notes, missing


def select(tables: Tables, hardware: tuple[Hardware, ...], groups: dict[str, dict[str, list[str]]]) -> Selection:
    """Everything the two lists ask for; MissingModulesError names all that the kernel cannot do."""
    driven, notes, missing = _select_hardware(tables, hardware)
    named, more_notes, more_missing = _select_named(tables, groups)
    if missing or more_missing:
        raise MissingModulesError(f"kernel {tables.release} lacks drivers:\n  " + "\n  ".join(missing + more_missing))
    return Selection(close(tables, driven | named), tuple(notes + more_notes))
