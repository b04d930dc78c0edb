"""Judged pairs and responses as training rows: the winner against the loser, by the run's own final verdict.

    for split, row in rows("preference", run, context): ...

In no row: what people said of a pair (the input's labels), references, and the judges' words. Ties and rows without a
verdict are left out; what a judge's contradiction between the two orders comes to is the run's own rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dikast.graphs.reviseval.context import Context
from dikast.jobs.card import About
from dikast.jobs.exports import LeftOut, Split
from dikast.jobs.reading import Run
from dikast.records import Outcome
from dikast.training.exports import Candidate, Origin, sift
from dikast.training.exports import about as about_rows
from dikast.training.rows import Kind
from dikast.training.splits import digest_of

NO_VERDICT = LeftOut("no verdict or score")
TIE = LeftOut("a tie")
SINGLE = LeftOut("a single response: it has a score, and is no part of a pair")
PAIR = LeftOut("a pair: it has a winner, and no score")
FAILED = LeftOut("the row failed")
LATER = LeftOut("a later turn of a conversation: what it replies to is more than a prompt")

Record = Mapping[str, Any]


WHAT = (
    "Responses by the verdicts of a judged run (RevisEval, Zhang et al. 2024). `preference`: the winner against the"
    " loser; `sft`: the winner; `unpaired`: both; `value`: single responses with their scores, on the run's own scale."
    " The verdicts are the judges', not people's; people's labels, references and the judges' words are not in it."
)
OWN = {"margin": "P(winner) less P(loser), of a single judge that gives probabilities"}


def about(kind: Kind) -> About:
    """What the card says."""
    return about_rows(kind, WHAT, OWN if kind == "preference" else None)


def rows(kind: Kind, run: Run, context: Context) -> Iterator[Split | LeftOut]:
    """Split and row of what a judged run gives; rows with one instruction are in one split."""
    del context
    return sift(candidates(kind, run.rows()), kind)


def candidates(kind: Kind, records: Iterable[Record]) -> Iterator[Candidate | LeftOut]:
    """The rows that there could be, and why there are no more."""
    for record in records:
        output = record["output"]
        if output is None or Outcome(record["outcome"]).failed:
            yield FAILED
        elif any(record["input"].get(name) for name in ("before", "before_1", "before_2")):
            yield LATER
        elif "response" in record["input"]:
            yield of_single(kind, record, output["score"])
        else:
            yield from of_pair(kind, record, output["winner"])


def of_single(kind: Kind, record: Record, score: float | None) -> Candidate | LeftOut:
    """A response with its score."""
    if kind != "value":
        return SINGLE
    if score is None:
        return NO_VERDICT
    return candidate(record, "", {"completion": record["input"]["response"], "value": score})


def of_pair(kind: Kind, record: Record, winner: str | None) -> Iterator[Candidate | LeftOut]:
    """The winner and the loser, as this kind of rows has them."""
    if kind == "value":
        yield PAIR
    elif winner is None:
        yield NO_VERDICT
    elif winner == "tie":
        yield TIE
    else:
        loser = "2" if winner == "1" else "1"
        better, worse = (record["input"][f"response_{number}"] for number in (winner, loser))
        if kind == "preference":
            yield candidate(record, winner, {"chosen": better, "rejected": worse} | margin(record, winner))
        else:
            good = {"label": True} if kind == "unpaired" else {}
            yield candidate(record, winner, {"completion": better, **good})
            if kind == "unpaired":
                yield candidate(record, loser, {"completion": worse, "label": False})


def margin(record: Record, winner: str) -> dict[str, float]:
    """P(winner) less P(loser) over both orders, of a single judge; nothing of a panel, or without probabilities."""
    votes = record["output"]["votes"]
    if len(votes) != 1 or votes[0]["preference"] is None:
        return {}
    first = votes[0]["preference"]
    return {"margin": 2 * (first if winner == "1" else 1 - first) - 1}


def candidate(record: Record, number: str, row: Record) -> Candidate:
    """A row; `number` is that of the response whose writer is told."""
    given = record["input"]
    writer = given.get(f"model_{number}") if number else given.get("model")
    origin = Origin(str(given.get("id", "")), record["key"], str(writer or ""))
    return Candidate({"prompt": given["instruction"], **row}, digest_of(given["instruction"]), origin)
