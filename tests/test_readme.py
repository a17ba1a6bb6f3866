"""README's table of what we are built on is the list that is installed, and its tour works as far as no machine is needed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

TOP = Path(__file__).parent.parent
NAME = re.compile(r"^([A-Za-z][A-Za-z0-9.+-]*)")


def installed() -> set[str]:
    lists = [TOP / "setup/apt-packages.txt", TOP / "setup/requirements.in", TOP / "setup/fuzz-requirements.txt"]
    names = {found[1] for path in lists for line in path.read_text().splitlines() if (found := NAME.match(line))}
    return names | set(re.findall(r"pip install -q ([a-z-]+)==", (TOP / "Makefile").read_text()))


def in_the_table() -> set[str]:
    table = (TOP / "README.md").read_text().partition("| dependency |")[2]
    return {
        re.sub(r" \(.*\)$", "", name)
        for row in table.splitlines()[2:]
        for name in row.split("|")[1].strip().split(", ")
    }


def test_every_package_that_is_installed_has_a_row_and_no_other() -> None:
    def lower(names: set[str]) -> set[str]:
        return {name.lower() for name in names}

    assert {"cosmic-ray", "atheris", "configobj", "udev"} <= installed(), "the lists are read as they are written"
    assert lower(in_the_table()) == lower(installed())


def test_the_tour_for_tooling(tmp_path: Path) -> None:
    text = (TOP / "README.md").read_text().partition("## Five minutes for hypervisor-side tooling\n")[2]
    typed = textwrap.dedent(re.split(r"\n(?=\S)", text)[0])
    before_a_machine, run, _ = typed.partition("guest-customizer run ")
    assert run
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", before_a_machine],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "config.iso").read_bytes()[32769:32774] == b"CD001"
