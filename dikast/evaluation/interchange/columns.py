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
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dikast.conversation import Message, is_plain, last_asked, read_messages, reply_of
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
KEPT = (*WRITERS, "turn", "rubric")
"""Further columns that a method looks for in the rows."""
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
    drawn from the texts, so that the labels are not all the same. A response may be a conversation; see `read_said`.

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
    _refuse_unknown(columns, (*PAIR_COLUMNS, *PREFERRED, *KEPT))
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
            "response_1": _whole(pair.before_1, pair.response_1),
            "response_2": _whole(pair.before_2, pair.response_2),
            "gold": pair.gold,
            "reference": pair.reference,
            "group": pair.group,
        }
        for pair in pairs
    ]


def _whole(before: tuple[Message, ...], reply: str) -> str | list[Message]:
    return [*before, Message(role="assistant", content=reply)] if before else reply


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
    if is_preference(row):
        names, gold = _placed(row, labels)
    else:
        names, gold = ("response_1", "response_2"), _verdict(row, "gold", labels) if "gold" in row.values else None
    one, two = (read_said(row, name) for name in names)
    if one.instruction != two.instruction:
        hint = "give the instruction that both are judged by in a column of its own"
        raise row.error(names[1], "the user's last message is another one than the other response's", hint)
    return Pair(
        id=row.text("id", default=str(row.place)),
        instruction=one.instruction,
        response_1=one.reply,
        response_2=two.reply,
        gold=gold,
        reference=row.text("reference", default=""),
        group=row.text("group", default=""),
        before_1=one.before,
        before_2=two.before,
    )


@dataclass(frozen=True, slots=True)
class Said:
    """A response, what it replies to, and the conversation before it, where there is one."""

    instruction: str
    before: tuple[Message, ...]
    reply: str


def read_said(row: Row, field: str) -> Said:
    """A response as text, or as the end of a list of messages; `instruction` may be a list of messages, too.

    The reply that is judged is that of the turn in the column `turn`, else the last one. A list that begins with a
    reply goes on from the instruction.

    Raises:
        DataError: A field is missing, or is no text and no such list; says file, line and field.
    """
    asked, given = row.values.get("instruction"), row.value(field)
    if not isinstance(asked, list) and not isinstance(given, list):
        return Said(row.text("instruction"), (), row.text(field))
    opening: list[Message] = []
    if isinstance(asked, list):
        opening = read_messages(row, "instruction")
        if opening[-1]["role"] != "user":
            raise row.error("instruction", "the conversation does not end with the user's message")
    elif asked not in (None, ""):
        opening = [Message(role="user", content=row.text("instruction"))]
    before, reply = opening, ""
    if isinstance(given, list):
        messages = read_messages(row, field)
        whole = [*opening, *messages] if messages[0]["role"] == "assistant" else messages
        before, reply = reply_of(row, field, whole, _turn(row))
    else:
        reply = row.text(field)
    own = row.text("instruction") if isinstance(asked, str) and asked else last_asked(before)
    return Said(own, () if is_plain(before) else tuple(before), reply)


def _turn(row: Row) -> int | None:
    if row.values.get("turn") in (None, ""):
        return None
    turn = row.number("turn")
    if turn != int(turn):
        raise row.error("turn", f"not a whole number: {turn}")
    return int(turn)


def _placed(row: Row, labels: Mapping[str, str]) -> tuple[tuple[str, str], Winner]:
    """The columns of the better response and the other, in the order that the texts' hash has, and which is better."""
    if is_labelled(row, "gold", labels):
        raise row.error("gold", "a label beside chosen and rejected, which are one", "leave one of them out")
    texts = [row.values.get("instruction"), row.value("chosen"), row.value("rejected")]
    drawn = hashlib.sha256(json.dumps(texts).encode()).digest()[0]
    return (("chosen", "rejected"), "1") if drawn % 2 else (("rejected", "chosen"), "2")


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
