"""What a run of DNO amounts to: pairs by kind, how often the student beats the gold answer, scores, lengths, loops.

The journal is gone through once, or twice where scores lose their length slope. Nothing of a text is held.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dikast.graphs.dno.context import Context
from dikast.graphs.dno.pairing import Points, answers_of, distinct, pairs_among, residual_scores, rule_of
from dikast.graphs.dno.records import Answer
from dikast.graphs.method import Report
from dikast.jobs.reading import Run
from dikast.pages import Cell, Page, Table, Text
from dikast.records import Outcome
from dikast.stats import bounded_mean

KINDS = ("teacher>student", "student>teacher", "student>student")
SOURCES = ("student", "teacher")


@dataclass
class Found:
    """What the journal says.

    Args:
        rows: Rows that came to an end.
        failed: Of these, those that failed; they are in nothing else.
        unscored: Rows whose answers have no score.
        kinds: Pairs by kind.
        wins: Of each row, the share of the student's answers that beat the gold one, ties half.
        scores: How many answers of a source have how many points, as the judge gave them.
        length: Characters by source, and answers.
        chosen: Characters of the better and of the worse answers of pairs.
        loops: Answers that repeat themselves, by source.
        repeats: Answers that say the same as another one of their row.
        lost: Answers that did not come, by outcome.
    """

    rows: int = 0
    failed: int = 0
    unscored: int = 0
    kinds: Counter[str] = field(default_factory=Counter[str])
    wins: list[float] = field(default_factory=list[float])
    scores: Counter[tuple[str, float]] = field(default_factory=Counter[tuple[str, float]])
    length: Counter[str] = field(default_factory=Counter[str])
    answers: Counter[str] = field(default_factory=Counter[str])
    chosen: Counter[str] = field(default_factory=Counter[str])
    loops: Counter[str] = field(default_factory=Counter[str])
    repeats: int = 0
    lost: Counter[str] = field(default_factory=Counter[str])


def report(run: Run, context: Context) -> Report:
    """Count what a run found."""
    slope, scores = None, None
    if context.scores == "residual":
        residual, slope = residual_scores(one for record in run.rows() if (one := answers_of(record)) is not None)
        scores = iter(residual)
    found = Found()
    for record in run.rows():
        found.rows += 1
        answers = answers_of(record)
        if answers is None:
            found.failed += 1
        else:
            count_row(found, answers, context, None if scores is None else next(scores))
    asked = run.manifest.attempts[-1].asked
    data = as_data(found, context, slope) | {"asked": found.rows if asked is None else asked}
    return Report(page_of(data), data)


def count_row(found: Found, answers: Sequence[Answer], context: Context, scores: Points | None) -> None:
    """Add one row."""
    for one in answers:
        if one["outcome"] != Outcome.OK:
            found.lost[one["outcome"]] += 1
            continue
        found.answers[one["source"]] += 1
        found.length[one["source"]] += one["length"]
        found.loops[one["source"]] += one["loops"]
        found.repeats += one["repeats"] is not None
        if one["score"] is not None:
            found.scores[one["source"], one["score"]] += 1
    mine = [one["score"] for one in answers] if scores is None else list(scores)
    if all(one["score"] is None for one in answers):
        found.unscored += 1
        return
    pairs = pairs_among(answers, rule_of(context), scores)
    found.kinds.update(one["kind"] for one in pairs)
    for one in pairs:
        found.chosen["chosen"] += answers[one["chosen"]]["length"]
        found.chosen["rejected"] += answers[one["rejected"]]["length"]
    if (share := wins_of(answers, mine)) is not None:
        found.wins.append(share)


def wins_of(answers: Sequence[Answer], scores: Sequence[float | None]) -> float | None:
    """The share of the student's different answers that beat the gold one, ties half; `None` where one lacks."""
    places = [place for place in distinct(answers) if scores[place] is not None]
    gold = next((place for place in places if answers[place]["source"] == "teacher"), None)
    mine = [place for place in places if answers[place]["source"] == "student"]
    if gold is None or not mine:
        return None
    best = scores[gold] or 0.0
    return sum(((scores[one] or 0.0) > best) + 0.5 * (scores[one] == best) for one in mine) / len(mine)


def as_data(found: Found, context: Context, slope: float | None) -> dict[str, Any]:
    """The figures, for programs."""
    win: dict[str, float] | None = None
    if found.wins:
        interval = bounded_mean(found.wins, 0, 1, pseudo=2)
        mean = sum(found.wins) / len(found.wins)
        win = {"value": mean, "low": interval.low, "high": interval.high, "rows": len(found.wins)}
    means = {name: ratio(found.length[name], found.answers[name]) for name in SOURCES}
    points = sorted({score for _, score in found.scores})
    return {
        "iteration": context.iteration,
        "rows": found.rows,
        "failed": found.failed,
        "unscored": found.unscored,
        "pairs": {kind: found.kinds[kind] for kind in KINDS},
        "scores_used": context.scores,
        "length_slope": slope,
        "win_rate": win,
        "scores": {source: {f"{one:g}": found.scores[source, one] for one in points} for source in SOURCES},
        "characters": means,
        "length_ratio": ratio(means["student"], means["teacher"]),
        "chosen_to_rejected": ratio(found.chosen["chosen"], found.chosen["rejected"]),
        "loops": {source: found.loops[source] for source in SOURCES},
        "answers": {source: found.answers[source] for source in SOURCES},
        "repeats": found.repeats,
        "lost": dict(found.lost),
    }


def ratio(one: float | None, other: float | None) -> float | None:
    """One over the other; `None` where that is not defined."""
    return None if not other or one is None else one / other


def page_of(data: dict[str, Any]) -> Page:
    """The figures, for people."""
    scored = data["rows"] - data["failed"] - data["unscored"]
    told = f"{scored} prompts scored of {data['asked']} asked; {sum(data['pairs'].values())} pairs"
    parts: list[Text | Table] = [Text(told)]
    if data["length_slope"] is not None:
        parts.append(Text(f"scores less {1000 * data['length_slope']:.3g} points for each 1,000 characters", "note"))
    pairs = Table(("iteration", *KINDS), ((data["iteration"], *data["pairs"].values()),), "pairs by kind")
    lines: list[tuple[Cell, ...]] = []
    if (win := data["win_rate"]) is not None:
        lines.append(
            (
                "student's answers better than gold, ties half",
                f"{win['value']:.3f} [{win['low']:.3f}, {win['high']:.3f}]",
            )
        )
    lines += [
        ("characters, student to gold", data["length_ratio"]),
        ("characters, better to worse answer of a pair", data["chosen_to_rejected"]),
        ("student's answers that repeat themselves", f"{data['loops']['student']} of {data['answers']['student']}"),
        ("answers that say the same as another", data["repeats"]),
        ("answers that did not come", sum(data["lost"].values())),
        ("prompts without scores", data["unscored"]),
        ("prompts that failed", data["failed"]),
    ]
    points = list(data["scores"]["student"])
    histogram = tuple((source, *(data["scores"][source][one] for one in points)) for source in SOURCES)
    parts += [pairs, Table(("figure", "value"), tuple(lines), "figures")]
    if points:
        parts.append(Table(("points", *points), histogram, "answers by points, as the judge gave them"))
    return Page("", tuple(parts))
