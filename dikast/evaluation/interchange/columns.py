"""A user's own file of pairs or scores, whatever its columns are called.

    pairs = read_pairs("mine.csv", {"instruction": "question", "gold": "better"})
    texts = read_scores("mine.jsonl", {"score": "rating"})
    verdicts = read_verdicts("judge.jsonl")

`columns` maps our names to the file's; what it leaves out is looked for under our own name. `pairs_as_rows` and
`verdicts_as_rows` give the rows that these readers read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from dikast.errors import UsageError
from dikast.evaluation.interchange.files import read_records
from dikast.evaluation.interchange.record import NO_LABELS, Record, check_labels
from dikast.evaluation.items import Pair, ScoredText
from dikast.verdicts import PairVerdict, Winner

PAIR_COLUMNS = ("id", "instruction", "response_1", "response_2", "gold", "reference", "group")
SCORE_COLUMNS = ("id", "text", "score", "group", "system", "reference")
VERDICT_COLUMNS = ("id", "ab", "ba")
UNPARSED = frozenset({"", "none", "null", "nan", "unparsed", "error"})
"""How files write a verdict that could not be read."""

Columns = Mapping[str, str]
Item = TypeVar("Item", Pair, ScoredText, PairVerdict)


def read_pairs(path: str | Path, columns: Columns | None = None, labels: Mapping[str, str] = NO_LABELS) -> list[Pair]:
    """Pairs, labelled or not: `instruction`, `response_1`, `response_2`; optional `id`, `gold`, `reference`, `group`.

    Without an `id` its place in the file is taken. `labels` maps the file's spellings of a verdict to 1, 2 and tie.

    Raises:
        UsageError: `columns` names a column of ours that does not exist.
        DataError: A field is missing, two pairs share an id, or a label is no verdict, or may be two; says file, line
            and field.
    """
    name = _names(columns, PAIR_COLUMNS)
    seen: dict[str, int] = {}
    records = list(read_records(path))
    check_labels(records, [name["gold"]], labels)
    return [_once(seen, record, _pair(record, name, labels)) for record in records]


def read_scores(path: str | Path, columns: Columns | None = None, *, dimension: str = "score") -> list[ScoredText]:
    """Texts with one score each: `score`; optional `id`, `text`, `group`, `system`, `reference`.

    Args:
        path: The file.
        columns: Our names to the file's.
        dimension: What the score is called in the result.

    Raises:
        UsageError: `columns` names a column of ours that does not exist.
        DataError: A field is missing, two texts share an id, or a score is no number; says file, line and field.
    """
    name = _names(columns, SCORE_COLUMNS)
    seen: dict[str, int] = {}
    return [_once(seen, record, _scored(record, name, dimension)) for record in read_records(path)]


def read_verdicts(
    path: str | Path, columns: Columns | None = None, labels: Mapping[str, str] = NO_LABELS
) -> list[PairVerdict]:
    """One judge's verdicts in both orders: `id`, `ab`, `ba`, each 1, 2, tie, or empty for unparsed.

    `ba` is the verdict with response 2 shown first, already mapped back to the response's own number.

    Raises:
        UsageError: `columns` names a column of ours that does not exist.
        DataError: A field is missing, two verdicts share an id, or one is no verdict; says file, line and field.
    """
    name = _names(columns, VERDICT_COLUMNS)
    seen: dict[str, int] = {}
    records = list(read_records(path))
    check_labels(records, [name["ab"], name["ba"]], labels)
    return [_once(seen, record, _both_orders(record, name, labels)) for record in records]


def pairs_as_rows(pairs: Iterable[Pair]) -> list[dict[str, object]]:
    """Rows that `read_pairs` reads."""
    return [
        {
            "id": pair.id,
            "instruction": pair.instruction,
            "response_1": pair.response_1,
            "response_2": pair.response_2,
            "gold": pair.gold,
            "reference": pair.reference,
            "group": pair.group,
        }
        for pair in pairs
    ]


def verdicts_as_rows(verdicts: Iterable[PairVerdict]) -> list[dict[str, object]]:
    """Rows that `read_verdicts` reads."""
    return [{"id": verdict.id, "ab": verdict.ab, "ba": verdict.ba} for verdict in verdicts]


def _names(columns: Columns | None, ours: tuple[str, ...]) -> dict[str, str]:
    unknown = sorted(set(columns or {}) - set(ours))
    if unknown:
        raise UsageError(f"no column of ours is called {unknown[0]!r}", hint=f"ours: {', '.join(ours)}")
    return {name: (columns or {}).get(name, name) for name in ours}


def _once(seen: dict[str, int], record: Record, item: Item) -> Item:
    if item.id in seen:
        raise record.error("id", f"{item.id!r} already stands on line {seen[item.id]}")
    seen[item.id] = record.line
    return item


def _both_orders(record: Record, name: Mapping[str, str], labels: Mapping[str, str]) -> PairVerdict:
    ab, ba = _verdict(record, name["ab"], labels), _verdict(record, name["ba"], labels)
    return PairVerdict(record.text(name["id"]), ab, ba)


def _pair(record: Record, name: Mapping[str, str], labels: Mapping[str, str]) -> Pair:
    return Pair(
        id=record.text(name["id"], default=str(record.place)),
        instruction=record.text(name["instruction"]),
        response_1=record.text(name["response_1"]),
        response_2=record.text(name["response_2"]),
        gold=_verdict(record, name["gold"], labels) if name["gold"] in record.values else None,
        reference=record.text(name["reference"], default=""),
        group=record.text(name["group"], default=""),
    )


def _scored(record: Record, name: Mapping[str, str], dimension: str) -> ScoredText:
    reference = record.text(name["reference"], default="")
    return ScoredText(
        id=record.text(name["id"], default=str(record.place)),
        text=record.text(name["text"], default=""),
        scores={dimension: record.number(name["score"])},
        group=record.text(name["group"], default=""),
        system=record.text(name["system"], default=""),
        references=(reference,) if reference else (),
    )


def _verdict(record: Record, field: str, labels: Mapping[str, str]) -> Winner | None:
    value = record.value(field)
    if value is None or (isinstance(value, str) and value.strip().lower() in UNPARSED):
        return None
    return record.winner(field, labels)
