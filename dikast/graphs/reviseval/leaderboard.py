"""Many systems ranked by the verdicts of judged runs: what `dikast judge leaderboard` shows.

    found = collect(runs)                    # who met whom, and what was left out
    page_of(found, rank(found.matches))

Who wrote the responses stands in the rows' `model_1` and `model_2`. A match is a row's own final verdict; a row without
one is no match, and counted. Matches of one instruction are resampled together.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from dikast.errors import DataError
from dikast.evaluation.bradley_terry import Board, Match, Standing
from dikast.graphs.reviseval.results import JudgedRun, id_of, once, winners_of
from dikast.pages import Cell, Page, Table, Text
from dikast.verdicts import Winner

TieRule = Literal["half", "leave-out"]
"""A tie is half a win for either, as in Chatbot Arena, or no match."""
POINTS: Mapping[Winner, float] = {"1": 1.0, "tie": 0.5, "2": 0.0}
UNREAD = "without a verdict"
TIED = "a tie, which was to be left out"
ITSELF = "a system against itself"
WHY = {
    "won all": "never lost or tied, against those that are rated: no finite rating is the likeliest",
    "lost all": "never won or tied, against those that are rated: no finite rating is the likeliest",
    "in between": "no two systems won against each other, over whatever chain of matches: nobody can be rated",
    "not connected": "no chain of matches compares it with those that are rated",
}


@dataclass(frozen=True)
class Met:
    """The matches of one or several runs.

    Args:
        matches: Those that count.
        asked: Rows of the runs.
        left_out: Reason -> rows that are no match.
    """

    matches: tuple[Match, ...]
    asked: int
    left_out: Mapping[str, int]


def collect(runs: Sequence[JudgedRun], ties: TieRule = "half") -> Met:
    """The matches in the runs' rows.

    Raises:
        DataError: A run scored single responses, or a row does not say who wrote its responses; says run and row.
    """
    found: list[Match] = []
    left_out: Counter[str] = Counter()
    for run in runs:
        if run.single:
            raise DataError("single responses were scored, and nobody won", path=run.name, hint="give runs of pairs")
        winners = winners_of(run)
        for row in once(run):
            first, second = writers_of(run, row)
            winner = winners[id_of(row)]
            if winner is None or first == second or (winner == "tie" and ties == "leave-out"):
                left_out[UNREAD if winner is None else ITSELF if first == second else TIED] += 1
            else:
                found.append(Match(first, second, POINTS[winner], prompt_of(row)))
    return Met(tuple(found), len(found) + left_out.total(), dict(left_out))


def writers_of(run: JudgedRun, row: Mapping[str, Any]) -> tuple[str, str]:
    """Who wrote the responses.

    Raises:
        DataError: The row does not say so.
    """
    first, second = (str(row["input"].get(name) or "").strip() for name in ("model_1", "model_2"))
    if not first or not second:
        hint = "judge rows with the columns model_1 and model_2 (--columns model_1=...,model_2=...)"
        raise DataError(
            "who wrote the responses is not said", path=run.name, row=row["row"], field="model_1", hint=hint
        )
    return first, second


def prompt_of(row: Mapping[str, Any]) -> str:
    """What both responses answer: what resamples draw by; the row itself where it is not in the file."""
    asked = row["input"].get("instruction")
    return json.dumps(asked if asked not in (None, "") else ["row", id_of(row)], ensure_ascii=False)


def page_of(
    met: Met,
    board: Board,
    *,
    regularise: float = 0.0,
    ties: TieRule = "half",
    anchor: str | None = None,
    more: Iterable[Table | Text] = (),
) -> Page:
    """The ranking, what it rests on, how often each system beat each other one, and what is to stand below."""
    parts = (Text(_told(met, board, ties)), *_tables(board), *_notes(board, regularise, anchor), *more)
    return Page("Leaderboard", parts)


def _told(met: Met, board: Board, ties: TieRule) -> str:
    left_out = "; ".join(f"{why}: {count}" for why, count in met.left_out.items())
    valued = "half a win for either" if ties == "half" else "left out"
    told = f"{board.matches} matches of {len(board.standings)} systems on {board.prompts} prompts; a tie is {valued}."
    return told + (f" Of {met.asked} rows left out: {left_out}." if left_out else "")


def _tables(board: Board) -> Iterator[Table]:
    lines = tuple(_line(place, one) for place, one in enumerate(board.standings, start=1))
    yield Table(
        ("place", "system", "rating", "low", "high", "matches", "points", "no rating because it"), lines, "Ratings"
    )
    names = [one.system for one in board.standings]
    rates = tuple((one, *(board.rates[one].get(other) for other in names)) for one in names)
    yield Table(("wins against", *names), rates, "How often the row's system beat the column's")


def _line(place: int, one: Standing) -> tuple[Cell, ...]:
    # An end that is infinite says that the data do not bound it there; a table shows it as words.
    ends = [str(end) if math.isinf(end) else end if math.isnan(end) else round(end, 1) for end in (one.low, one.high)]
    rating = None if one.rating is None else round(one.rating, 1)
    return place, one.system, rating, *ends, one.matches, one.points, one.reason or None


def _notes(board: Board, regularise: float, anchor: str | None) -> Iterator[Text]:
    zero = f"{anchor} has 1000" if anchor else "the mean of the rated is 1000"
    yield Text(
        f"Bradley and Terry's model by maximum likelihood; 400 points are odds of 10 to 1, {zero}. Intervals: 95 %,"
        f" {board.resamples:,} resamples of the prompts.",
        "note",
    )
    if regularise:
        yield Text(f"Regularised: each system has {regularise:g} imaginary ties with one more system.", "note")
    for reason, why in WHY.items():
        names = [one.system for one in board.standings if one.reason == reason]
        if names:
            yield Text(f"{', '.join(names)}: {why}; --regularise gives one.", "note")
    for one in board.standings:
        if one.rating is not None and one.unbounded:
            yield Text(
                f"{one.system} had no finite rating in {one.unbounded:,} of {board.resamples:,} resamples.", "note"
            )


def as_json(met: Met, board: Board) -> dict[str, Any]:
    """All figures for JSON, which has neither NaN nor infinity: an end that is infinite is the string inf or -inf."""
    return {
        "asked": met.asked,
        "left_out": dict(met.left_out),
        "matches": board.matches,
        "prompts": board.prompts,
        "resamples": board.resamples,
        "systems": [
            {**asdict(one), "low": _end(one.low), "high": _end(one.high), "reason": one.reason or None}
            for one in board.standings
        ],
        "rates": board.rates,
    }


def _end(value: float) -> float | str | None:
    return None if math.isnan(value) else str(value) if math.isinf(value) else value
