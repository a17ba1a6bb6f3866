"""Of every failure that these tests provoke: its error, with all that caused it, the report's log and whatever was printed
hold nothing that a document marks as secret, and nothing that a test has planted.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from guest.errors import CustomizerError
from guest.report import Report
from guest.secrets import SHORTEST
from guest.settings import schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLANTED = "pl4nted"  # in a guest's private files, in documents that cannot be read


@dataclass
class Heard:
    """What one test has brought about."""

    errors: list[CustomizerError] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)
    secrets: set[str] = field(default_factory=lambda: {PLANTED})

    def leaks(self) -> list[str]:
        """The texts that hold a secret."""
        texts = [*self.printed, *("\n".join(report.log) for report in self.reports)]
        for error in self.errors:
            texts += ["".join(traceback.format_exception(error)), error.hint]
            texts += [str(problem) + problem.hint for problem in getattr(error, "problems", ())]
        return [text for text in texts if any(secret in text for secret in self.secrets if len(secret) >= SHORTEST)]


_HEARD = pytest.StashKey[Heard]()


@pytest.fixture(autouse=True)
def heard(request: pytest.FixtureRequest) -> Iterator[Heard]:
    heard = request.node.stash[_HEARD] = Heard()

    def after(owner: Any, name: str, note: Callable[[Any, Any], object]) -> None:
        real = getattr(owner, name)

        def noting(*arguments: Any, **named: Any) -> Any:
            result = real(*arguments, **named)
            note(arguments[0], result)
            return result

        patch.setattr(owner, name, noting)

    # Not the fixture `monkeypatch`: tests undo what it holds.
    with pytest.MonkeyPatch.context() as patch:
        after(CustomizerError, "__init__", lambda error, _: heard.errors.append(error))
        after(Report, "__init__", lambda report, _: heard.reports.append(report))
        after(schema, "secret_values", lambda _, secrets: heard.secrets.update(secrets))
        after(pytest.CaptureFixture, "readouterr", lambda _, said: heard.printed.extend(map(str, said)))
        yield heard


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if call.when == "teardown" and report.passed:
        heard = item.stash[_HEARD]
        heard.printed += [text for _, text in report.sections]
        if leaks := heard.leaks():
            report.outcome = "failed"
            report.longrepr = "a secret is said:\n" + "\n".join(leaks)
    return report
