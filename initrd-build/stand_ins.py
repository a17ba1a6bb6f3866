"""Runs inside the frozen customizer before its own code, for a quick start.

It stands in for two modules that cost more than they are asked for: what they import in turn (shutil, tempfile, ast,
tokenize …) is a tenth of the start. And it hands out what compiled_ahead.py wrote down when this program was frozen.
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

import _sre  # noqa: E402
import dataclasses  # noqa: E402 (inspect, which it imports, has its stand-in now)
import re  # noqa: E402

from compiled_ahead_code import FUNCTIONS, PATTERNS  # noqa: E402 (it exists only there)

compiler = re._compiler  # noqa: SLF001 (where expressions become what the engine takes)
compile_pattern = compiler.compile


def run_or_find(text: str, variables: dict[str, object], names: dict[str, object]) -> None:
    if text in FUNCTIONS:
        names["__create_fn__"] = FUNCTIONS[text]
    else:
        builtins.exec(text, variables, names)  # noqa: S102 (as dataclasses would)


def compile_or_find(pattern: str | bytes, flags: int = 0) -> object:
    given = PATTERNS.get((pattern, flags))
    return _sre.compile(*given) if given else compile_pattern(pattern, flags)


dataclasses.exec = run_or_find
compiler.compile = compile_or_find
