"""A user's own file of pairs or scores, whatever its columns are called.

    pairs = read_pairs("mine.csv", {"instruction": "question", "gold": "better"})
    texts = read_scores("mine.jsonl", {"score": "rating"})
    verdicts = read_verdicts("judge.jsonl")

`columns` maps our names to the file's; what it leaves out is looked for under our own name. Any file that
`dikast.rows` reads is taken. `pairs_as_rows` and `verdicts_as_rows` give the rows that these readers read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from dikast.errors import UsageError
from dikast.evaluation.interchange.winners import NO_LABELS, check_labels, is_labelled, read_winner
from dikast.evaluation.items import Pair, ScoredText
from dikast.row import Row
from dikast.rows import read_rows
from dikast.verdicts import PairVerdict, Winner

PAIR_COLUMNS = ("id", "instruction", "response_1", "response_2", "gold", "reference", "group")
SCORE_COLUMNS = ("id", "text", "score", "group", "system", "reference")
VERDICT_COLUMNS = ("id", "ab", "ba")
WRITERS = ("model_1", "model_2")
"""Columns that say who wrote the responses; no part of a pair, and kept with its row."""
PREFERRED = ("chosen", "rejected")
"""Columns that may stand in place of the two responses, the better one and the other."""
PREFERRED_WRITERS = ("chosen_model", "rejected_model")
"""Who wrote them, as RewardBench calls it."""

Columns = Mapping[str, str]
Item = TypeVar("Item", Pair, ScoredText, PairVerdict)


def read_pairs(path: str | Path, columns: Columns | None = None, labels: Mapping[str, str] = NO_LABELS) -> list[Pair]:
    """Pairs, labelled or not: `instruction`, `response_1`, `response_2`; optional `id`, `gold`, `reference`, `group`.

    Without an `id` its place in the file is taken. `labels` maps the file's spellings of a verdict to 1, 2, tie, none.
    A row with `chosen` and `rejected` in place of the responses is labelled by them; which of the two is response 1 is
    drawn from the texts, so that the labels are not all the same.

    Raises:
        UsageError: `columns` names a column of ours that does not exist.
        DataError: A field is missing, two pairs share an id, or a label is no verdict, or may be two; says file, line
            and field.
    """
    return [pair for pair, _ in read_pairs_with_rows(path, columns, labels)]


def read_pairs_with_rows(
    path: str | Path, columns: Columns | None = None, labels: Mapping[str, str] = NO_LABELS
) -> list[tuple[Pair, Row]]:
    """Each pair with the row that it came from, which has the file's other columns; all else as `read_pairs`."""
    _refuse_unknown(columns, (*PAIR_COLUMNS, *PREFERRED, *WRITERS))
    seen: dict[str, str] = {}
    rows = list(read_rows(path, columns))
    check_labels(rows, ["gold"], labels)
    return [(_once(seen, row, _pair(row, labels)), row) for row in rows]


def is_preference(row: Row) -> bool:
    """Whether a row has `chosen` and `rejected` in place of two responses."""
    return "chosen" in row.values and not ("response_1" in row.values and "response_2" in row.values)


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
    _refuse_unknown(columns, SCORE_COLUMNS)
    seen: dict[str, str] = {}
    return [_once(seen, row, _scored(row, dimension)) for row in read_rows(path, columns)]


def read_verdicts(
    path: str | Path, columns: Columns | None = None, labels: Mapping[str, str] = NO_LABELS
) -> list[PairVerdict]:
    """One judge's verdicts in both orders: `id`, `ab`, `ba`, each 1, 2, tie, or empty for unparsed.

    `ba` is the verdict with response 2 shown first, already mapped back to the response's own number.

    Raises:
        UsageError: `columns` names a column of ours that does not exist.
        DataError: A field is missing, two verdicts share an id, or one is no verdict; says file, line and field.
    """
    _refuse_unknown(columns, VERDICT_COLUMNS)
    seen: dict[str, str] = {}
    rows = list(read_rows(path, columns))
    check_labels(rows, ["ab", "ba"], labels)
    return [_once(seen, row, _both_orders(row, labels)) for row in rows]


def writers_of(row: Row, pair: Pair) -> dict[str, str]:
    """`model_1` and `model_2` of a row with `chosen` and `rejected` that says who wrote them; else nothing."""
    if not is_preference(row) or not all(row.values.get(name) for name in PREFERRED_WRITERS):
        return {}
    better, other = (row.text(name) for name in PREFERRED_WRITERS)
    return dict(zip(WRITERS, (better, other) if pair.gold == "1" else (other, better), strict=True))


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


def _refuse_unknown(columns: Columns | None, ours: tuple[str, ...]) -> None:
    unknown = sorted(set(columns or {}) - set(ours))
    if unknown:
        raise UsageError(f"no column of ours is called {unknown[0]!r}", hint=f"ours: {', '.join(ours)}")


def _once(seen: dict[str, str], row: Row, item: Item) -> Item:
    if item.id in seen:
        raise row.error("id", f"{item.id!r} already stands on {seen[item.id]}")
    seen[item.id] = row.where
    return item


def _both_orders(row: Row, labels: Mapping[str, str]) -> PairVerdict:
    return PairVerdict(row.text("id"), _verdict(row, "ab", labels), _verdict(row, "ba", labels))


def _pair(row: Row, labels: Mapping[str, str]) -> Pair:
    instruction = row.text("instruction")
    one, two, gold = _preference(row, instruction, labels) if is_preference(row) else _responses(row, labels)
    return Pair(
        id=row.text("id", default=str(row.place)),
        instruction=instruction,
        response_1=one,
        response_2=two,
        gold=gold,
        reference=row.text("reference", default=""),
        group=row.text("group", default=""),
    )


def _responses(row: Row, labels: Mapping[str, str]) -> tuple[str, str, Winner | None]:
    gold = _verdict(row, "gold", labels) if "gold" in row.values else None
    return row.text("response_1"), row.text("response_2"), gold


def _preference(row: Row, instruction: str, labels: Mapping[str, str]) -> tuple[str, str, Winner]:
    """The better response first or second, as the texts' hash has it, and which one that is."""
    if is_labelled(row, "gold", labels):
        raise row.error("gold", "a label beside chosen and rejected, which are one", "leave one of them out")
    chosen, rejected = row.text("chosen"), row.text("rejected")
    drawn = hashlib.sha256(json.dumps([instruction, chosen, rejected]).encode()).digest()[0]
    return (chosen, rejected, "1") if drawn % 2 else (rejected, chosen, "2")


def _scored(row: Row, dimension: str) -> ScoredText:
    reference = row.text("reference", default="")
    return ScoredText(
        id=row.text("id", default=str(row.place)),
        text=row.text("text", default=""),
        scores={dimension: row.number("score")},
        group=row.text("group", default=""),
        system=row.text("system", default=""),
        references=(reference,) if reference else (),
    )


def _verdict(row: Row, field: str, labels: Mapping[str, str]) -> Winner | None:
    row.value(field)
    return read_winner(row, field, labels) if is_labelled(row, field, labels) else None
