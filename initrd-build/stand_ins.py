"""Runs inside the frozen customizer before its own code: stands in for two modules that cost more than they are asked for.

What they import in turn (shutil, tempfile, ast, tokenize …) is a tenth of the program's start.
"""

import builtins
import sys
from types import ModuleType

# pyudev asks where its library is; the real find_library would start ldconfig and gcc, which the initrd does not have.
ctypes_util = ModuleType("ctypes.util")
ctypes_util.find_library = {"udev": "libudev.so.1", "c": "libc.so.6"}.get

# dataclasses asks for a signature to write into a docstring, which nobody reads here.
inspect = ModuleType("inspect")
inspect.signature = lambda _cls: ""

sys.modules |= {"ctypes.util": ctypes_util, "inspect": inspect}

# What dataclass_factories.py wrote down when this program was frozen.
import dataclasses  # noqa: E402 (inspect, which it imports, has its stand-in now)

from dataclass_factories import FACTORIES  # noqa: E402 (as dataclasses)


def run_or_find(text: str, variables: dict[str, object], names: dict[str, object]) -> None:
    if text in FACTORIES:
        names["__create_fn__"] = FACTORIES[text]
    else:
        builtins.exec(text, variables, names)  # noqa: S102 (as dataclasses would)


dataclasses.exec = run_or_find
