"""Phony guests: disks with the files that a release leaves behind and no programs, made in a second or two.

`python -m guests.phony el8 /tmp/el8.img` makes one by hand.
"""

import argparse
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from guests.disk import Layout, write_disk
from guests.stock import LAYOUTS
from guests.trees import plant

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
        layout = layout or LAYOUTS[tree]
    elif layout is None:
        raise ValueError("a tree given by its files needs a layout")
    with tempfile.TemporaryDirectory(prefix="phony-", dir=destination.parent) as folder:
        root = Path(folder) / "root"
        root.mkdir(mode=0o755)
        if isinstance(tree, str):
            plant(TREES / tree, root)
        else:
            change(root, tree)
        change(root, changes or {})
        label(root)
        write_disk(layout, root, destination)
    return destination


def change(root: Path, changes: Mapping[str, str | None]) -> None:
    for path, text in changes.items():
        file = root / path.lstrip("/")
        file.unlink(missing_ok=True)  # never written through a link: it may lead to this machine's own files
        if text is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)


def label(root: Path) -> None:
    """Where the guest has an SELinux policy, the labels that its own installer would have set."""
    contexts = root / FILE_CONTEXTS
    if contexts.exists():
        # -m: also on a file system that says nothing of labels, the host having no SELinux.
        subprocess.run(["setfiles", "-m", "-F", "-r", root, contexts, root], check=True, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a phony guest's disk.")
    parser.add_argument("tree", choices=sorted(LAYOUTS))
    parser.add_argument("destination", type=Path)
    options = parser.parse_args()
    print(phony_disk(options.tree, options.destination))


if __name__ == "__main__":
    main()
