"""How many cases a test file has, by mark, without importing it: a file of tests is code like any other.

    count_cases(task.test_path).functionality

Read from the syntax tree: functions `test_*`, their marks and those of their parameters, lists that are written out,
added, repeated, or made by a comprehension over such a list. Where a file does more than that, the answer is `None`:
pytest will know. Tests with `_unsafe` in their names check the oracle, no candidate, and are not counted.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from dikast.graphs.cweval.records import CaseKind

SELF_CHECK = "_unsafe"
Marks = frozenset[str]
NONE: Marks = frozenset()


@dataclass(frozen=True, slots=True)
class Counts:
    """Cases that a candidate is tested with; those without a mark decide nothing."""

    functionality: int
    security: int
    unmarked: int


class _UnknownError(Exception):
    """An expression that is not understood."""


def count_cases(path: Path) -> Counts | None:
    """Count the cases of a file; `None` where they cannot be told by reading, or it is no Python."""
    try:
        return _count(ast.parse(path.read_bytes()))
    except (_UnknownError, SyntaxError, ValueError, RecursionError):
        return None


def _count(module: ast.Module) -> Counts:
    lists: dict[str, list[Marks]] = {}
    cases: list[Marks] = []
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("test") and SELF_CHECK not in node.name:
                cases += _of_function(node, lists)
        elif isinstance(node, ast.ClassDef):
            if node.name.startswith("Test"):
                raise _UnknownError
        else:
            _remember(node, lists)
    functionality = sum(CaseKind.FUNCTIONALITY in marks for marks in cases)
    # As upstream: who has both marks is of the first kind.
    security = sum(CaseKind.SECURITY in marks and CaseKind.FUNCTIONALITY not in marks for marks in cases)
    return Counts(functionality, security, len(cases) - functionality - security)


def _remember(node: ast.stmt, lists: dict[str, list[Marks]]) -> None:
    """Keep what a name stands for; a name that is not understood is no list until it is asked for."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            pass
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            pass
        case ast.AugAssign(target=ast.Name(id=name), op=ast.Add(), value=value):
            value = ast.BinOp(ast.Name(name), ast.Add(), value)
        case _:
            return
    try:
        lists[name] = _cases(value, lists)
    except _UnknownError:
        lists.pop(name, None)


def _of_function(node: ast.FunctionDef | ast.AsyncFunctionDef, lists: Mapping[str, list[Marks]]) -> list[Marks]:
    own: set[str] = set()
    parameters: list[list[Marks]] = []
    for decorator in node.decorator_list:
        match decorator:
            case ast.Call(func=func, args=[_, values, *_]) if _mark(func) == "parametrize":
                parameters.append(_cases(values, lists))
            case ast.Call(func=func) if _mark(func) == "parametrize":
                raise _UnknownError
            case _:
                own |= _marks(decorator)
    return [frozenset(own).union(*chosen) for chosen in product(*parameters)]


def _cases(node: ast.expr, lists: Mapping[str, list[Marks]]) -> list[Marks]:
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [marks for item in items for marks in _item(item, lists)]
        case ast.Name(id=name) if name in lists:
            return lists[name]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _cases(left, lists) + _cases(right, lists)
        case ast.BinOp(left=left, op=ast.Mult(), right=ast.Constant(value=int(times))):
            return _cases(left, lists) * times
        case ast.ListComp(elt=item, generators=[ast.comprehension(iter=over, ifs=[])]):
            return _item(item, lists) * len(_cases(over, lists))
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(count))]):
            return [NONE] * count
        case ast.Call(func=ast.Name(id="list" | "tuple"), args=[inner]):
            return _cases(inner, lists)
        case _:
            raise _UnknownError


def _item(node: ast.expr, lists: Mapping[str, list[Marks]]) -> list[Marks]:
    match node:
        case ast.Starred(value=value):
            return _cases(value, lists)
        case ast.Call(func=ast.Attribute(attr="param"), keywords=keywords):
            return [frozenset[str]().union(*(_marks(word.value) for word in keywords if word.arg == "marks"))]
        case _:
            return [NONE]


def _marks(node: ast.expr) -> Marks:
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return frozenset[str]().union(*(_marks(item) for item in items))
        case ast.Call(func=func):
            return _marks(func)
        case _:
            name = _mark(node)
            return frozenset({name}) if name else NONE


def _mark(node: ast.expr) -> str | None:
    """`X` of `pytest.mark.X`."""
    match node:
        case ast.Attribute(value=ast.Attribute(attr="mark"), attr=name):
            return name
        case _:
            return None
