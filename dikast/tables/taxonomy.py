"""Labels for questions, computed without a model: what the results of a run are split by.

    labels(question, table)["aggregate"]      # "count"

The paper (Watson et al. 2023) labels its PyQTax questions by a taxonomy that is not published in full; these are ours:

| from | labels |
| --- | --- |
| the words | `lead` (what, how many, ...), `cues` (superlative, comparative, difference, ordinal, negation, yes-no) |
| the gold answer | `answers` (none, one, several), `answer_type` (number, date, text, mixed) |
| gold SQL | `aggregate`, `conditions`, `operators`, `columns_used` |
| a gold query over a database | `database`, `ordered`; BIRD's `difficulty` |
| the sequence | `position` (0 to 4+), `refers_back` |
| the table | `rows`, `columns` (buckets), `kinds`, `answer_is` (cell, column name, computed, unknown) |

A label whose source a question lacks is absent. Words are English. Labels of answers and tables depend on data that a
Solver does not see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dikast.tables.answers import Value, items, read
from dikast.tables.execution import has_order
from dikast.tables.profile import missing_cells
from dikast.tables.questions import Question, Sql
from dikast.tables.table import Table
from dikast.tables.values import as_text

Label = str | int | bool | list[str]

LEADS = ("what", "which", "who", "whose", "when", "where", "why", "in", "name", "list", "of", "at", "on", "for")
YES_NO = re.compile(r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would)\b")

CUES = {
    "superlative": re.compile(
        r"\b(?:most|least|fewest|top|best|worst|max(?:imum)?|min(?:imum)?|(?:high|low|larg|small|long|short|old|young|"
        r"earli|lat|bigg|great|tall|fast|slow|new|deep|wid|heavi|light|strong|weak|rich|poor|clos|farth|furth)est)\b"
    ),
    "comparative": re.compile(
        r"\b(?:more|less|fewer|(?:high|low|larg|small|long|short|old|young|earli|lat|bigg|great|tall|fast|slow|bett)er|"
        r"worse|above|below|over|under|at least|at most|exceed\w*|before|after)\b"
    ),
    "difference": re.compile(r"\b(?:differences?|how (?:many|much) (?:more|less|fewer|longer)|apart|margin|gap)\b"),
    "ordinal": re.compile(
        r"\b(?:\d+(?:st|nd|rd|th)|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last|next|previous)\b"
    ),
    "negation": re.compile(r"\b(?:not|never|no|none|neither|nor|without|except|besides|other than)\b|n't\b"),
    "yes-no": YES_NO,
}

REFERS_BACK = re.compile(r"\b(?:those|these|that|them|they|their|it|its|he|she|his|her|same|ones?|of all)\b")

SIZES = (10, 30, 100, 1000)
"""Upper ends of the buckets for rows; half of the WikiTableQuestions tables have at most 15 rows."""

WIDTHS = (4, 7, 10, 20)
"""Upper ends of the buckets for columns; WikiTableQuestions tables have 3 to 21."""

LAST_POSITION = 4
MAX_CELLS_SEARCHED = 1_000_000


def labels(question: Question, table: Table | None = None) -> dict[str, Label]:
    """All labels that this question has, for JSON."""
    found: dict[str, Label] = {"lead": lead(question.text), "cues": cues(question.text)}
    gold = [read(text, form) for text, form in zip(question.target, question.canonical or question.target, strict=True)]
    if question.target or question.canonical is not None:
        found |= {"answers": _how_many(len(gold)), "answer_type": _answer_type(gold)}
    if question.sql is not None:
        found |= _of_sql(question.sql)
    if question.query is not None:
        found |= {"database": question.table.partition("/")[0], "ordered": has_order(question.query.text)}
        found |= {"difficulty": str(question.extra["difficulty"])} if "difficulty" in question.extra else {}
    if question.sequence:
        found["position"] = f"{LAST_POSITION}+" if question.position >= LAST_POSITION else str(question.position)
        found["refers_back"] = bool(REFERS_BACK.search(question.text.lower()))
    if table is not None:
        found |= _of_table(table)
        if gold:
            found["answer_is"] = answer_is(gold, table)
    return found


def lead(text: str) -> str:
    """The question's first word where it is a known one, two words after `how`, `yes-no` for an auxiliary verb."""
    words = re.findall(r"[a-z']+", text.lower())
    if not words:
        return "other"
    if words[0] == "how":
        return " ".join(words[:2])
    if YES_NO.match(words[0]):
        return "yes-no"
    return words[0] if words[0] in LEADS else "other"


def cues(text: str) -> list[str]:
    """Which of `CUES` the question has, in their order; `yes-no` only at its start."""
    lower = text.lower().strip()
    return [name for name, cue in CUES.items() if (cue.match if cue is YES_NO else cue.search)(lower)]


def answer_is(gold: Sequence[Value], table: Table) -> str:
    """Whether every item of the answer is a cell, else a column's name; `computed` if neither."""
    if table.rows * len(table.columns) > MAX_CELLS_SEARCHED:
        return "unknown"
    missing = list(gold)
    for cell in _cells(table):
        missing = [value for value in missing if not value.matches(cell)]
        if not missing:
            return "cell"
    names = [read(column.name) for column in table.columns]
    return "column name" if all(any(value.matches(name) for name in names) for value in missing) else "computed"


def bucket(number: int, ends: Sequence[int]) -> str:
    """The bucket a number falls into: `1-10`, `11-30`, ..., `1001+`; `0` for none."""
    low = 1
    for end in ends:
        if number <= end:
            return f"{low}-{end}" if number else "0"
        low = end + 1
    return f"{low}+"


def _of_sql(sql: Sql) -> dict[str, Label]:
    return {
        "aggregate": sql.aggregate.lower() or "none",
        "conditions": len(sql.where),
        "operators": sorted({operator for _, operator, _ in sql.where}),
        "columns_used": len({sql.select, *(column for column, _, _ in sql.where)}),
    }


def _of_table(table: Table) -> dict[str, Label]:
    return {
        "rows": bucket(table.rows, SIZES),
        "columns": bucket(len(table.columns), WIDTHS),
        "kinds": sorted({column.kind for column in table.columns}),
    }


def _how_many(number: int) -> str:
    return ("none", "one")[number] if number < 2 else "several"


def _answer_type(gold: Sequence[Value]) -> str:
    types = {"number" if value.number is not None else "date" if value.date else "text" for value in gold}
    return types.pop() if len(types) == 1 else "mixed" if types else "none"


def _cells(table: Table) -> Iterator[Value]:
    for column in range(len(table.columns)):
        for (values,) in table.chunks([column]):
            present = values[~missing_cells(values)].tolist()
            yield from (read(item) for cell in present for item in items(_plain(cell)))


def _plain(cell: object) -> object:
    return cell if isinstance(cell, (bool, int, float)) else as_text(cell)
