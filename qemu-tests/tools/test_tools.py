"""Every stack's own tools understand what we write: they bring a network up from it, and the kernel says what was asked."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools.intents import INTENTS
from tools.proof import Proof, prove
from tools.sandbox import RefusedError
from tools.stacks import TOOLS

if TYPE_CHECKING:
    from collections.abc import Iterator

BUILD = Path(__file__).resolve().parents[2] / "build"
# They wait more than they work.
AT_ONCE = 4
CASES = [(tool, intent) for tool in TOOLS for intent in INTENTS]

Proofs = dict[tuple[str, str], Future[Proof]]


@pytest.fixture(scope="module")
def proofs(request: pytest.FixtureRequest) -> Iterator[Proofs]:
    """All that were chosen, started ahead of the tests that wait for them."""
    chosen = {item.callspec.id for item in request.session.items if getattr(item, "callspec", None)}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            (tool.name, intent.name): pool.submit(prove, tool, intent, BUILD)
            for tool, intent in CASES
            if f"{tool.name}-{intent.name}" in chosen
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize(("tool", "intent"), CASES, ids=[f"{tool.name}-{intent.name}" for tool, intent in CASES])
def test_the_tool_does_what_was_asked(tool, intent, proofs: Proofs) -> None:
    future = proofs[tool.name, intent.name]
    if intent.name in tool.refused:
        with pytest.raises(RefusedError, match=r"^network\.inexpressible: .*\n +\S"):
            future.result()
        return
    proof = future.result()
    assert proof.stack == tool.stack
    assert not proof.wrong, "\n".join([*proof.wrong, proof.evidence])
