"""A Solver without a model: WikiSQL's gold SQL written as a pandas program, from the schema alone.

    program = compile_program(question.sql, describe(table).columns)

The program reads `df` and sets `answer` (a list for a selection, a number for an aggregate). Like any Solver it knows
the columns' names and kinds and no cell. WikiSQL's semantics: conditions hold together, text is compared without case,
and a number is compared as a number where the whole column consists of numbers, as text where it does not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from dikast.tables.cells import tidy
from dikast.tables.questions import Sql
from dikast.tables.schema import ColumnSchema

NUMERIC = ("integer", "number")
METHODS = {"MAX": "max", "MIN": "min", "SUM": "sum", "AVG": "mean"}
NOTHING = "rows = rows.iloc[:0]"
NUMBER = r"[+-]?(\d[\d,]*(\.\d+)?|\.\d+)"


def compile_program(sql: Sql, columns: Sequence[ColumnSchema]) -> str:
    """The program's text; `columns` as `describe` gives them at level `types` or above."""
    lines = ["rows = df"]
    for column, operator, value in sql.where:
        lines += _condition(columns[column], operator, value)
    lines.append(f"answer = {_answer(columns[sql.select], sql.aggregate)}")
    imports = ["import pandas as pd"] if any("pd." in line for line in lines) else []
    return "\n".join([*imports, *lines, ""])


def _condition(column: ColumnSchema, operator: str, value: str | int | float) -> list[str]:
    operator = "==" if operator == "=" else operator
    number = _number(value)
    if column.kind in NUMERIC:
        return [NOTHING if number is None else f"rows = rows[{_cells(column)} {operator} {number!r}]"]
    as_text = f"{_as_text(column)}.str.lower() {operator} {tidy(str(value)).lower()!r}"
    if isinstance(value, str) or column.kind != "text":
        return [f"rows = rows[{as_text}]"]
    as_number = f"{_as_number(column)} {operator} {value!r}"
    return [
        f"numeric = df[{column.name!r}].dropna().str.fullmatch({NUMBER!r}).all()",
        f"rows = rows[{as_number} if numeric else {as_text}]",
    ]


def _answer(column: ColumnSchema, aggregate: str) -> str:
    if aggregate == "COUNT":
        return "len(rows)"
    if aggregate:
        return f"{_as_number(column)}.{METHODS[aggregate]}()"
    cells = _cells(column) if column.kind in (*NUMERIC, "text", "boolean") else _as_text(column)
    return f"{cells}.tolist()"


def _cells(column: ColumnSchema) -> str:
    return f"rows[{column.name!r}]"


def _as_number(column: ColumnSchema) -> str:
    if column.kind in NUMERIC:
        return _cells(column)
    return f'pd.to_numeric({_as_text(column)}.str.replace(",", ""), errors="coerce")'


def _as_text(column: ColumnSchema) -> str:
    if column.kind == "text":
        return _cells(column)
    if column.kind == "date":
        return f'{_cells(column)}.dt.strftime("%Y-%m-%d")'
    return f"{_cells(column)}.astype(str)"


def _number(value: str | int | float) -> int | float | None:
    if not isinstance(value, str):
        return value
    text = value.replace(",", "").strip()
    if not re.fullmatch(NUMBER, text, re.ASCII):
        return None
    return float(text) if "." in text else int(text)
