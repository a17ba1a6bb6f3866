"""The functions of dataclasses that are written down when the program is frozen: they do what the generated ones do."""

from __future__ import annotations

import builtins
import dataclasses
import importlib
import runpy
import sys
from typing import TYPE_CHECKING

import dataclass_factories

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SAMPLE = """
from __future__ import annotations
from dataclasses import dataclass, field
@dataclass(frozen=True, order=True)
class Sample:
    name: str
    size: int = 3
    rest: tuple[str, ...] = field(default_factory=tuple)
"""


def test_a_class_made_of_them_behaves_as_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sample_of_a_dataclass.py").write_text(SAMPLE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(dataclasses, "exec", builtins.exec, raising=False)
    dataclass_factories.write(tmp_path, ["sample_of_a_dataclass"])
    generated = importlib.import_module("sample_of_a_dataclass").Sample
    found: list[str] = []
    factories = runpy.run_path(str(tmp_path / "dataclass_factories.py"))["FACTORIES"]

    def find(text: str, _variables: dict[str, object], names: dict[str, object]) -> None:
        found.append(text)
        names["__create_fn__"] = factories[text]

    monkeypatch.setattr(dataclasses, "exec", find)
    monkeypatch.delitem(sys.modules, "sample_of_a_dataclass")
    written = importlib.import_module("sample_of_a_dataclass").Sample
    assert found
    for cls in (generated, written):
        one = cls("a", 4)
        assert (repr(one), hash(one), one == cls("a", 4), one < cls("b")) == (
            "Sample(name='a', size=4, rest=())", hash(("a", 4, ())), True, True,
        )  # fmt: skip
        try:
            one.size = 5
        except dataclasses.FrozenInstanceError:
            continue
        raise AssertionError
