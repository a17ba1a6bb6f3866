"""`--update-golden` rewrites the after/ folders of the golden cases, so that a change of behaviour is read as a diff."""

import os
import sys
from pathlib import Path

from hypothesis import settings

# Golden cases keep their trees as the phony guests do: guests/trees.py.
sys.path.insert(0, str(Path(__file__).parent.parent / "qemu-tests"))
sys.path.insert(0, str(Path(__file__).parent / "support"))
sys.path.insert(0, str(Path(__file__).parent / "fuzz"))

# A machine that is busy with something else is slow by turns, which says nothing about an example. The same examples each
# time: whether a change is good must not hang on luck. FUZZ_EXAMPLES=1000 looks at others, and at more of them.
settings.register_profile("suite", deadline=None, derandomize="FUZZ_EXAMPLES" not in os.environ)
settings.load_profile("suite")


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="rewrite after/ and report.json of every golden case")
