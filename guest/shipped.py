"""Text files that lie beside our modules. importlib.resources would do, at 0.1 s of the frozen program's start under TCG."""

from __future__ import annotations

import os


def read_beside(module_file: str, name: str) -> str:
    """The text of the file `name` in the folder of a module, which passes its __file__."""
    with open(os.path.join(os.path.dirname(module_file), name), encoding="utf-8") as file:
        return file.read()
