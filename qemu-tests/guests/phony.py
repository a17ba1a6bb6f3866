"""Phony guests: disks with the files that a release leaves behind and no programs, made in a second or two.

`python -m guests.phony el8 /tmp/el8.img` makes one by hand.
"""

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from guests.disk import Layout, write_disk
from guests.stock import STOCK, Stock

TREES = Path(__file__).parent / "trees"
FILE_CONTEXTS = "etc/selinux/targeted/contexts/files/file_contexts"


def phony_disk(
    tree: str | Mapping[str, str],
    destination: Path,
    layout: Layout | None = None,
    *,
    changes: Mapping[str, str | None] | None = None,
) -> Path:
    """A raw, sparse disk from a stock tree's name, or from `{"/etc/fstab": text, ...}` and a layout.

    `changes` are made to the tree first: a path's new text, or None to have it removed.
    """
    if isinstance(tree, str):
        stock = STOCK[tree]
    elif layout is not None:
        stock = Stock(layout)
    else:
        raise ValueError("a tree given by its files needs a layout")
    with tempfile.TemporaryDirectory(prefix="phony-", dir=destination.parent) as folder:
        root = Path(folder) / "root"
        if isinstance(tree, str):
            copy_stock(tree, stock, root)
        else:
            root.mkdir()
            change(root, tree)
        change(root, changes or {})
        settle_modes(stock, root)
        label(root)
        write_disk(layout or stock.layout, root, destination)
    return destination


def copy_stock(name: str, stock: Stock, root: Path) -> None:
    shutil.copytree(TREES / name, root, symlinks=True)
    for folder in stock.folders:
        (root / folder).mkdir(parents=True, exist_ok=True)


def change(root: Path, changes: Mapping[str, str | None]) -> None:
    for path, text in changes.items():
        file = root / path.lstrip("/")
        file.unlink(missing_ok=True)  # never written through a link: it may lead to this machine's own files
        if text is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)


def settle_modes(stock: Stock, root: Path) -> None:
    """The same from every checkout, whatever its umask."""
    root.chmod(0o755)
    for path in root.rglob("*"):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
    for name, group in stock.groups.items():
        if (root / name).exists():
            shutil.chown(root / name, group=group)
    for name, mode in stock.modes.items():
        if (root / name).exists():
            (root / name).chmod(mode)


def label(root: Path) -> None:
    """Where the guest has an SELinux policy, the labels that its own installer would have set."""
    contexts = root / FILE_CONTEXTS
    if contexts.exists():
        # -m: also on a file system that says nothing of labels, the host having no SELinux.
        subprocess.run(["setfiles", "-m", "-F", "-r", root, contexts, root], check=True, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a phony guest's disk.")
    parser.add_argument("tree", choices=sorted(STOCK))
    parser.add_argument("destination", type=Path)
    options = parser.parse_args()
    print(phony_disk(options.tree, options.destination))


if __name__ == "__main__":
    main()
