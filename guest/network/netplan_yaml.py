"""netplan's files as such: which there are, what they hold, and one of them without some of its definitions.

PyYAML reads them, and is imported only where there is one: other guests do not wait for it. What we write needs no library.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from guest.errors import CustomizerError
from guest.sysroot import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.sysroot import View

# The first one hides files of the same name in the others; they merge by name (netplan(5)).
FOLDERS = ("/etc/netplan", "/usr/lib/netplan", "/lib/netplan")
DEVICE_TYPES = (
    "ethernets", "bonds", "bridges", "vlans", "wifis", "modems", "tunnels", "vrfs", "dummy-devices", "virtual-ethernets",
    "nm-devices",
)  # fmt: skip
# A real one has a hundred lines. PyYAML reads some 50 kB in a second under emulation.
_SIZE_LIMIT = 64 * 1024
_NODE_LIMIT, _DEPTH_LIMIT = 64 * 1024, 32
Key = tuple[str, str]  # (device type, id)


def paths(view: View) -> list[str]:
    """In the order in which netplan merges them."""
    found: dict[str, str] = {}
    for folder in FOLDERS:
        for name in view.names(folder):
            if name.endswith(".yaml") and not name.startswith("."):
                found.setdefault(name, f"{folder}/{name}")
    return [found[name] for name in sorted(found)]


@dataclass(frozen=True)
class File:
    """One file that could be read. `network` is the mapping below its only key."""

    path: str
    text: str
    network: dict[str, Any]

    @property
    def renderer(self) -> str | None:
        found = self.network.get("renderer")
        return str(found) if found else None

    def definitions(self) -> list[Key]:
        return [
            (kind, str(name))
            for kind in DEVICE_TYPES
            if isinstance(self.network.get(kind), dict)
            for name in self.network[kind]
            if name != "renderer"
        ]

    def body(self, kind: str, name: str) -> dict[str, Any]:
        """A definition's mapping; empty where there is none."""
        of_kind = self.network.get(kind)
        found = of_kind.get(name) if isinstance(of_kind, dict) else None
        return found if isinstance(found, dict) else {}

    def without(self, keys: set[Key]) -> bytes:
        """The file without these definitions: its other lines as they stand where that can be done, else written anew."""
        kept = _kept(self.network, keys)
        cut = _cut_lines(self.text, keys)
        try:
            if _load(cut) == {"network": kept}:
                return cut.encode("utf-8", "surrogateescape")
        except ValueError:
            pass  # written in a way that has no lines of its own for each definition
        return compose({"network": kept}, "rewritten by guest-customizer")


def read_all(view: View) -> Iterator[File]:
    """Raises CustomizerError for a file that netplan could not read either: it would ignore ours then."""
    for path in paths(view):
        content = text(view, path) or ""
        try:
            loaded = _load(content)
        except ValueError:
            loaded = ()
        network = loaded.get("network", {}) if isinstance(loaded, dict) else {} if loaded is None else None
        if not isinstance(network, dict) or not all(_is_sound(network.get(kind)) for kind in DEVICE_TYPES):
            raise CustomizerError(
                "network.unreadable",
                f"{path} in the guest is nothing that netplan can read, so that it would configure no interface at all",
                "repair or remove it in the template",
            )
        yield File(path, content, network)


def _is_sound(definitions: Any) -> bool:  # noqa: ANN401 (YAML)
    """Whether what netplan's own grammar demands holds for what is looked at here."""
    if definitions is None or not isinstance(definitions, dict):
        return definitions is None
    for name, body in definitions.items():
        if name == "renderer":
            continue
        if not isinstance(body, dict | None):
            return False
        values = body or {}
        if "<<" in values:
            return False
        match, ports = values.get("match", {}), values.get("interfaces", [])
        if not isinstance(match, dict) or not isinstance(ports, list):
            return False
        texts = [values.get("link"), values.get("set-name"), match.get("name"), match.get("macaddress"), *ports]
        if any(isinstance(value, dict | list) for value in texts):
            return False
    return True


def _load(content: str) -> Any:  # noqa: ANN401 (YAML)
    import yaml  # noqa: PLC0415 (20 ms that only netplan's guests need)

    if len(content) > _SIZE_LIMIT:
        raise ValueError(len(content))
    try:
        loaded = yaml.load(content, _loader(yaml))  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, RecursionError, LookupError, AttributeError) as error:
        # The last two are how PyYAML stumbles over `!!bool maybe` and `!!timestamp x`.
        raise ValueError(content) from error
    _refuse_what_grows(loaded)
    return loaded


def _refuse_what_grows(loaded: Any) -> None:  # noqa: ANN401 (YAML)
    """Raises ValueError for what aliases make endless or huge, and for values that netplan has no use for (`!!set`)."""
    waiting, seen = [(loaded, 0)], 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if seen > _NODE_LIMIT or depth > _DEPTH_LIMIT or not isinstance(value, dict | list | str | int | None):
            raise ValueError(seen)
        if isinstance(value, dict):
            waiting += [(inner, depth + 1) for item in value.items() for inner in item]
        elif isinstance(value, list):
            waiting += [(inner, depth + 1) for inner in value]
        elif isinstance(value, str):
            value.encode("utf-8", "surrogateescape")  # "\ud800" is half a character


def _loader(yaml: Any) -> Any:  # noqa: ANN401 (untyped library)
    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # untyped library
        """Numbers and truth values only as netplan takes them: 00:11:22:33:44:55 and 1:30 are texts."""

        yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

        def flatten_mapping(self, node: Any) -> None:  # noqa: ANN401 (untyped library)
            """Nothing: merge keys (`<<`), which can grow without end, are unknown keys to netplan."""

    for tag, pattern, first in (
        ("bool", r"(?:[Tt]rue|[Yy]es|[Oo]n|y|[Ff]alse|[Nn]o|[Oo]ff|n)", "TtYyOoFfNn"),
        ("int", r"(?:0|[1-9][0-9]*)", "0123456789"),
        ("null", r"(?:~|null|)", ["~", "n", ""]),
    ):
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^{pattern}$"), list(first))
    Loader.bool_values |= {"y": True, "n": False}
    return Loader


def _kept(network: dict[str, Any], keys: set[Key]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for kind, value in network.items():
        if kind in DEVICE_TYPES and isinstance(value, dict):
            rest = {name: body for name, body in value.items() if (kind, str(name)) not in keys}
            if rest or not value:
                kept[kind] = rest
        else:
            kept[kind] = value
    return kept


def _cut_lines(content: str, keys: set[Key]) -> str:
    """Without the lines of these definitions; of a device type without any left, its own line too."""
    import yaml  # noqa: PLC0415 (as above)

    lines = content.splitlines(keepends=True)
    gone: set[int] = set()
    for top in _pairs(yaml.compose(content, yaml.SafeLoader)):
        for kind, definitions in _pairs(top[1]):
            members = _pairs(definitions)
            stale = [pair for pair in members if (kind.value, pair[0].value) in keys]
            for key, value in [(kind, definitions)] if stale and len(stale) == len(members) else stale:
                gone |= set(range(key.start_mark.line, _last_line(value) + 1))
    return "".join(line for number, line in enumerate(lines) if number not in gone)


def _pairs(node: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401 (untyped library)
    return list(node.value) if getattr(node, "id", "") == "mapping" else []


def _last_line(node: Any) -> int:  # noqa: ANN401 (untyped library)
    """Where a node's content ends: the end that PyYAML gives a block is where the next thing begins."""
    if node.id == "scalar" or node.flow_style:
        end = node.end_mark
        line: int = end.line - 1 if end.column == 0 and end.line > node.start_mark.line else end.line
        return line
    children = [child for item in node.value for child in (item if isinstance(item, tuple) else (item,))]
    return max(map(_last_line, children), default=node.start_mark.line)


def merge(files: list[File]) -> dict[str, Any]:
    """What netplan makes of all files together."""
    merged: dict[str, Any] = {}
    for file in files:
        _merge_into(merged, file.network)
    return merged


def _merge_into(target: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        old = target.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            _merge_into(old, value)
        elif isinstance(old, list) and isinstance(value, list):
            target[key] = [*old, *value]
        else:
            target[key] = copy.deepcopy(value)


# ---- writing: block mappings, flow lists, every text in quotes


def compose(document: dict[str, Any], comment: str) -> bytes:
    return "\n".join([f"# {comment}", *_lines(document, ""), ""]).encode("utf-8", "surrogateescape")


def _lines(mapping: dict[str, Any], indent: str) -> Iterator[str]:
    for key, value in mapping.items():
        if isinstance(value, dict) and value:
            yield f"{indent}{_key(key)}:"
            yield from _lines(value, indent + "  ")
        elif isinstance(value, list) and value and any(isinstance(item, dict) for item in value):
            yield f"{indent}{_key(key)}:"
            yield from (f"{indent}  - {_flow(item)}" for item in value)
        else:
            yield f"{indent}{_key(key)}: {_flow(value)}"


def _key(key: object) -> str:
    # Names of cards and netplan's own words; what could be a number or a truth value is quoted.
    plain = re.fullmatch(r"(?!yes$|off$|true$|false$|null$)[a-z]{2}[a-z0-9-]+(?:\.[0-9]+)?", str(key))
    return str(key) if plain or key in ("to", "id") else _flow(str(key))


def _flow(value: object) -> str:
    """JSON is YAML's flow style, but for the spaces that make it easier to read."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
