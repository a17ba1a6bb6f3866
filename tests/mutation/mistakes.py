"""Which of cosmic-ray's mistakes are planted: all but those that nothing at run time can notice, each kind with its reason."""

from __future__ import annotations

import ast
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ANNOTATION = "in an annotation: never evaluated (from __future__ import annotations)"
TYPE_CHECKING_BLOCK = "in `if TYPE_CHECKING`: imports for mypy alone"
IDENTITY = "`==` for `is`: the same for what it stands beside here, members of an enum, None and types"
SAME_NUMBER = "the compiler makes the same number of it: flags are bits of their own, so + and ^ do what | does"
FROZEN = "`frozen=`: a promise that mypy keeps; nothing assigns to a field"


@dataclass(frozen=True)
class Span:
    """Part of a source: from its first to past its last (line, column), lines from 1, columns from 0."""

    begin: tuple[int, int]
    end: tuple[int, int]
    reason: str

    def holds(self, begin: tuple[int, int], end: tuple[int, int]) -> bool:
        return self.begin <= begin and end <= self.end


# By cosmic-ray's names.
BY_NAME = {
    "core/ReplaceComparisonOperator_Is_Eq": IDENTITY,
    "core/ReplaceComparisonOperator_IsNot_NotEq": IDENTITY,
}


class _Fold(ast.NodeTransformer):
    """Puts its value in the place of what is made of numbers and of os's flags alone."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        try:
            value = eval(compile(ast.Expression(node), "", "eval"), {"os": os})  # noqa: S307 (our own source)
        except Exception:  # noqa: BLE001 (it holds a name)
            self.generic_visit(node)
            return node
        return ast.copy_location(ast.Constant(value), node)


def is_same_program(source: str, mutated: str) -> bool:
    """Whether the two differ in how a number is spelt and in nothing else."""
    try:
        both = [ast.dump(_Fold().visit(ast.parse(text))) for text in (source, mutated)]
    except (SyntaxError, ValueError):  # a number of more digits than can be printed
        return False
    return both[0] == both[1]


def without_effect(source: str) -> tuple[Span, ...]:
    return tuple(span for node in ast.walk(ast.parse(source)) for span in _spans(node))


def _spans(node: ast.AST) -> Iterator[Span]:
    match node:
        case ast.arg(annotation=annotation) | ast.AnnAssign(annotation=annotation) if annotation:
            yield _span(annotation, ANNOTATION)
        case ast.FunctionDef(returns=returns) if returns:
            yield _span(returns, ANNOTATION)
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            yield _span(node, TYPE_CHECKING_BLOCK)
        case ast.keyword(arg="frozen"):
            yield _span(node, FROZEN)


def _span(node: ast.expr | ast.stmt | ast.keyword, reason: str) -> Span:
    return Span((node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0), reason)
