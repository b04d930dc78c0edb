"""Question files: WikiTableQuestions, WikiSQL, SQA, TabFact, Spider, BIRD as released or as JSONL, and a user's own.

    for question in read_questions("pristine-unseen-tables.tsv", "wtq"): ...
    read_questions("mine.csv", columns={"question": "q", "table": "sheet", "answer": "a"})

Any file that `dikast.rows` reads is taken, whatever its shape; TSV of the releases `wtq` and `sqa` is unquoted.

| shape | file | names in the release |
| --- | --- | --- |
| `own` | any | id, question, table, answer or target, or by `columns`; the rest is in `extra` |
| `wtq` | .tsv | id, utterance, context, targetValue, targetCanon (in tagged files) |
| `wikisql` | .jsonl | question, table_id, sql with sel, agg, conds as numbers |
| `sqa` | .tsv | id, annotator, position, question, table_file, answer_coordinates, answer_text |
| `tabfact` | .json | table -> [statements, labels, caption] |
| `spider` | .json | db_id, question, query |
| `bird` | .json | question_id, db_id, question, evidence, SQL, difficulty |

In each shape a file with this project's own names works too: question or statement, table, target, target_canon,
sql with select, agg, where, answer, answer_coordinates, answer_text, label. Tables are named, not opened; of
`spider` and `bird` the table is the database `DB/DB.sqlite`, and evidence is part of the question.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

from dikast.errors import DataError, UsageError
from dikast.files import suffix_of
from dikast.hub import is_hub
from dikast.json_text import read_json
from dikast.row import Row
from dikast.rows import FORMATS, read_rows
from dikast.tables.execution import Rule
from dikast.tables.sql_results import Coordinate

Shape = Literal["own", "wtq", "wikisql", "sqa", "tabfact", "spider", "bird"]

AGGREGATES = ("", "MAX", "MIN", "COUNT", "SUM", "AVG")
OPERATORS = ("=", ">", "<")
"""WikiSQL's numbering (lib/query.py of salesforce/WikiSQL)."""

NO_LABEL = "a label is 0 or 1"
COORDINATE = re.compile(r"\(\s*(-?\d+)\s*,\s*(-?\d+)\s*\)")

UNQUOTED = ("wtq", "sqa")
"""Shapes whose TSV files are released without quoting: a quote in them is a quote."""

GOLD = ("target", "answer")
"""Our two names for the column with the right answer; a file that has both means the first."""
OWN = ("id", "question", "table", *GOLD)


@dataclass(frozen=True, slots=True)
class Sql:
    """A WikiSQL query.

    Args:
        select: Position of the selected column, from 0.
        aggregate: One of `AGGREGATES`.
        where: Conditions that hold together: column, operator, value.
    """

    select: int
    aggregate: str
    where: tuple[tuple[int, str, str | int | float], ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A gold query over a database, whose result is the answer.

    Args:
        text: SQL, as SQLite runs it.
        rule: By whose rule results are compared; see `dikast.tables.execution`.
    """

    text: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Gold:
    """A user's own answer, JSON as it was written; `None` and `[]` mean that an empty answer is right."""

    value: object


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a table, with what its data set knows of the answer.

    Args:
        id: Unique in its file; SQA's is `id/annotator/position`.
        text: The question or statement.
        table: The table's name or path, as the file says it.
        target: The gold answer's items; empty if unknown, or if `gold` says that there are none.
        canonical: WikiTableQuestions' canonical form of each item.
        sql: WikiSQL's gold query.
        query: Spider's or BIRD's.
        sequence: SQA's sequence, `id/annotator`.
        position: Place in the sequence, from 0.
        coordinates: SQA's gold cells.
        label: TabFact's: whether the table entails the statement.
        gold: Of a user's own question: the answer as written; `None` if unknown.
        extra: Other fields of a user's own file; BIRD's difficulty.
    """

    id: str
    text: str
    table: str
    target: tuple[str, ...] = ()
    canonical: tuple[str, ...] | None = None
    sql: Sql | None = None
    query: Query | None = None
    sequence: str = ""
    position: int = 0
    coordinates: frozenset[Coordinate] | None = None
    label: bool | None = None
    gold: Gold | None = None
    extra: Mapping[str, object] = field(default_factory=dict[str, object])


def read_questions(
    path: str | Path, shape: Shape = "own", *, columns: Mapping[str, str] | None = None
) -> Iterator[Question]:
    """Read a question file, one question at a time.

    Args:
        path: The file.
        shape: How it is laid out.
        columns: For `own`: our name (id, question, table, answer or target) -> the file's.

    Raises:
        DataError: A row lacks a field or has a wrong one, or there is no column that `columns` names; says which.
        UsageError: The shape, the suffix or one of our names is unknown.
    """
    if shape not in get_args(Shape):
        raise UsageError(f"no question file has the shape {shape!r}", hint=f"one of {', '.join(get_args(Shape))}")
    file = Path(path)
    if shape == "tabfact" and suffix_of(file) == ".json":
        yield from _tabfact_release(file)
        return
    mapped = (columns or {}) if shape == "own" else {}
    read = _own(mapped) if shape == "own" else READERS[shape]
    for row in read_rows(file, mapped, quoted=shape not in UNQUOTED):
        yield read(_Row(row))


class _Row:
    """Fields of one row, whose errors know file, line and field, and quote none: a value may be an answer."""

    def __init__(self, row: Row) -> None:
        self.fields: Mapping[str, Any] = row.values
        self.place = row.place
        self.wrong = row.error
        self.has_columns = is_hub(row.path) or FORMATS[suffix_of(row.path)].names is not None

    def text(self, *names: str) -> str:
        """The first of these fields that is there, as text."""
        name, value = self.first(*names)
        if isinstance(value, (list, dict)) or value is None or not str(value).strip():
            raise self.wrong(name, "text is needed")
        return str(value)

    def first(self, *names: str) -> tuple[str, Any]:
        """Name and value of the first of these fields that is there."""
        for name in names:
            if name in self.fields:
                return name, self.fields[name]
        raise self.wrong(names[0], "missing", f"the row has {', '.join(self.fields)}")

    def number(self, name: str) -> int:
        """A field that is a whole number."""
        try:
            return int(self.text(name))
        except ValueError as error:
            raise self.wrong(name, "a whole number is needed") from error


def _own(columns: Mapping[str, str]) -> Callable[[_Row], Question]:
    unknown = sorted(set(columns) - set(OWN))
    if unknown:
        raise UsageError(f"cannot map {', '.join(unknown)}", hint=f"ours are {', '.join(OWN)}")
    golds = [name for name in GOLD if name in columns] or GOLD

    def read(row: _Row) -> Question:
        gold = next((name for name in golds if name in row.fields), None)
        answer = _gold(row, gold) if gold is not None else None
        target = _strings(row, gold) if gold is not None and answer is not None else ()
        used = {"id", "question", "table", gold}
        extra = {name: value for name, value in row.fields.items() if name not in used}
        return Question(_id(row), row.text("question"), row.text("table"), target, gold=answer, extra=extra)

    return read


def _id(row: _Row) -> str:
    """The row's id, or its place in the file where it has none."""
    return row.text("id") if "id" in row.fields else str(row.place)


def _gold(row: _Row, name: str) -> Gold | None:
    """A user's own answer; `None` where none is known: an empty cell, or null where a field cannot be left out.

    In JSON a field can be left out, so that null there is the answer: nothing.
    """
    _, value = row.first(name)
    unknown = value is None and row.has_columns
    return None if unknown or (isinstance(value, str) and not value.strip()) else Gold(value)


def _wtq(row: _Row) -> Question:
    if "targetValue" in row.fields:
        target = _unescaped(row.text("targetValue"))
        canonical = _unescaped(row.text("targetCanon")) if row.fields.get("targetCanon") else None
    else:
        target = _strings(row, "target")
        canonical = _strings(row, "target_canon") if row.fields.get("target_canon") is not None else None
    if canonical is not None and len(canonical) != len(target):
        raise row.wrong("target_canon", f"{len(canonical)} canonical forms for {len(target)} items")
    return Question(row.text("id"), row.text("utterance", "question"), row.text("context", "table"), target, canonical)


def _unescaped(text: str) -> tuple[str, ...]:
    r"""The items of a TSV list: joined by `|`; inside, `\n` is a line end, `\p` a bar, `\\` a backslash."""
    return tuple(part.replace(r"\n", "\n").replace(r"\p", "|").replace("\\\\", "\\") for part in text.split("|"))


def _wikisql(row: _Row) -> Question:
    target = _strings(row, "answer") if "answer" in row.fields else ()
    return Question(_id(row), row.text("question"), row.text("table_id", "table"), target, sql=_sql(row))


def _sql(row: _Row) -> Sql:
    _, value = row.first("sql")
    query = cast(dict[str, Any], value if isinstance(value, dict) else {})
    try:
        released = "conds" in query
        aggregate = AGGREGATES[_index(query["agg"])] if released else str(query["agg"])
        conditions = cast(list[tuple[Any, Any, Any]], query["conds" if released else "where"])
        where = tuple(
            (_index(column), OPERATORS[_index(operator)] if released else str(operator), _literal(item))
            for column, operator, item in conditions
        )
        sql = Sql(_index(query["sel" if released else "select"]), aggregate, where)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise row.wrong("sql", f"not a WikiSQL query: {error!r}") from error
    if aggregate not in AGGREGATES or any(operator not in OPERATORS for _, operator, _ in where):
        raise row.wrong("sql", f"aggregates are {AGGREGATES}, operators {OPERATORS}")
    return sql


# What is wrong is named by its type alone: a condition's value is a cell.
def _index(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError(f"not a position but a {type(value).__name__}")
    return value


def _literal(value: Any) -> str | int | float:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise TypeError(f"not text or a number but a {type(value).__name__}")
    return value


def _sqa(row: _Row) -> Question:
    sequence = f"{row.text('id')}/{row.text('annotator')}"
    position = row.number("position")
    name, cells = row.first("answer_coordinates")
    text = cells if isinstance(cells, str) else str([tuple(cell) for cell in cells])
    coordinates = frozenset((int(at), int(column)) for at, column in COORDINATE.findall(text))
    if text.count("(") != len(COORDINATE.findall(text)):
        raise row.wrong(name, "not a list of (row, column)")
    return Question(
        f"{sequence}/{position}",
        row.text("question"),
        row.text("table_file", "table"),
        _sqa_items(row),
        sequence=sequence,
        position=position,
        coordinates=coordinates,
    )


def _sqa_items(row: _Row) -> tuple[str, ...]:
    """SQA's answer texts; the release has a Python list in text."""
    name, value = row.first("answer_text")
    if not isinstance(value, str):
        return _strings(row, name)
    try:
        return tuple(map(str, cast(list[object], ast.literal_eval(value))))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise row.wrong(name, "not a list of texts") from error


def _tabfact(row: _Row) -> Question:
    label = row.number("label")
    if label not in (0, 1):
        raise row.wrong("label", NO_LABEL)
    return Question(row.text("id"), row.text("statement"), row.text("table"), label=bool(label))


def _tabfact_release(path: Path) -> Iterator[Question]:
    tables = read_json(path)
    if not isinstance(tables, dict):
        raise DataError("not TabFact's layout", path=path, hint="an object: table -> [statements, labels, caption]")
    for table, entry in cast(dict[str, Any], tables).items():
        try:
            statements, labels = list(entry[0]), list(entry[1])
            pairs = list(zip(statements, labels, strict=True))
        except (TypeError, IndexError, KeyError, ValueError) as error:
            raise DataError("not [statements, labels, caption]", path=path, field=table) from error
        for number, (statement, label) in enumerate(pairs):
            if label not in (0, 1):
                raise DataError(NO_LABEL, path=path, field=table)
            yield Question(f"{table}-{number}", str(statement), table, label=bool(label))


def _of_database(rule: Rule) -> Callable[[_Row], Question]:
    """Spider's rows and BIRD's: the question, its database, and the query whose result is the answer, if it is told."""
    names = ("query", "SQL")

    def read(row: _Row) -> Question:
        name = row.text("db_id")
        key = next((key for key in ("question_id", "id") if key in row.fields), None)
        told = next((key for key in names if row.fields.get(key)), None)
        evidence = str(row.fields.get("evidence") or "").strip()
        asked = row.text("question")
        return Question(
            str(row.place) if key is None else row.text(key),
            f"{asked}\nEvidence: {evidence}" if evidence else asked,
            f"{name}/{name}.sqlite",
            query=None if told is None else Query(row.text(told), rule),
            extra={"difficulty": row.fields["difficulty"]} if row.fields.get("difficulty") else {},
        )

    return read


def _strings(row: _Row, name: str) -> tuple[str, ...]:
    """A list of items, or one item."""
    _, value = row.first(name)
    if value is None:
        return ()
    cells = cast(list[object], value) if isinstance(value, list) else [value]
    return tuple(str(cell) for cell in cells)


READERS: Mapping[Shape, Callable[[_Row], Question]] = {
    "wtq": _wtq,
    "wikisql": _wikisql,
    "sqa": _sqa,
    "tabfact": _tabfact,
    "spider": _of_database("spider"),
    "bird": _of_database("bird"),
}
