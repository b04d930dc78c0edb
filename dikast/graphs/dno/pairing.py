"""From a row's answers to its pairs, by the context's rule; and scores without their length slope, over a whole run.

    pairs = pairs_among(answers, rule_of(context))                  # by the judge's own points
    scores, slope = residual_scores(all_rows_answers)               # [[5.2, 3.9, None], ...], points a character
    pairs = pairs_among(answers, rule_of(context), scores[0])

The arithmetic is `dikast.training.pairs`; here stands to what of a row it is applied: answers that came, each text
once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dikast.graphs.dno.context import Context
from dikast.graphs.dno.records import Answer, Pairing
from dikast.records import Outcome
from dikast.training.pairs import Rule, Scored, pairs_of, without_length_slope

Record = Mapping[str, Any]
Points = list[float | None]


def rule_of(context: Context) -> Rule:
    """The context's rule for pairs."""
    return Rule(context.least, context.student_margin, context.teacher_margin, student_wins=context.rule == "all")


def distinct(answers: Sequence[Answer]) -> list[int]:
    """The places of the answers that came, each text once."""
    return [place for place, one in enumerate(answers) if one["outcome"] == Outcome.OK and one["repeats"] is None]


def mark_repeats(answers: Sequence[Answer]) -> list[Answer]:
    """The answers, each with the place of an earlier one that says the same; white space at the ends does not count."""
    first: dict[str, int] = {}
    found: list[Answer] = []
    for place, one in enumerate(answers):
        if one["outcome"] != Outcome.OK:
            found.append(one)
            continue
        earlier = first.setdefault(one["text"].strip(), place)
        found.append({**one, "repeats": None if earlier == place else earlier})
    return found


def with_scores(answers: Sequence[Answer], scores: Mapping[int, float | None]) -> list[Answer]:
    """The answers with their scores by place; a repeat has that of the answer it repeats."""
    return [
        {**one, "score": scores.get(place if one["repeats"] is None else one["repeats"])}
        for place, one in enumerate(answers)
    ]


def scored_of(answers: Sequence[Answer], scores: Sequence[float | None] | None = None) -> list[Scored]:
    """The answers as the pair rule takes them, repeats and those that did not come without a score.

    Args:
        answers: Of a row.
        scores: By place, in place of the judge's own.
    """
    mine = [one["score"] for one in answers] if scores is None else scores
    kept = set(distinct(answers))
    return [
        Scored(one["text"], one["source"], mine[place] if place in kept else None) for place, one in enumerate(answers)
    ]


def pairs_among(answers: Sequence[Answer], rule: Rule, scores: Sequence[float | None] | None = None) -> list[Pairing]:
    """The row's pairs; see `scored_of`."""
    scored = scored_of(answers, scores)
    return [
        Pairing(
            chosen=pair.chosen,
            rejected=pair.rejected,
            margin=pair.margin,
            kind=f"{scored[pair.chosen].source}>{scored[pair.rejected].source}",
        )
        for pair in pairs_of(scored, rule)
    ]


def residual_scores(rows: Iterable[Sequence[Answer]]) -> tuple[list[Points], float]:
    """Scores of many rows' answers less what the judge gives for length alone, and the slope in points a character.

    The slope is one for all rows, so it is known only when all are there. Memory: two numbers an answer.
    """
    scores: list[Points] = []
    lengths: list[list[float]] = []
    for answers in rows:
        scores.append([one.score for one in scored_of(answers)])
        lengths.append([float(one["length"]) for one in answers])
    return without_length_slope(scores, lengths)


def answers_of(record: Record) -> Sequence[Answer] | None:
    """The answers of a line of a journal; `None` where the row failed, or came to no output."""
    if record["output"] is None or Outcome(record["outcome"]).failed:
        return None
    return record["output"]["answers"]
