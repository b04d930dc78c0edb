"""What a run of BASH and RAC amounts to: how often tokens were replaced, how often answers are right, and the gap."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dikast.errors import MissingExtraError
from dikast.graphs.method import Report
from dikast.graphs.self_tokens.context import Context
from dikast.graphs.self_tokens.matching import nearness
from dikast.jobs.reading import Run
from dikast.pages import Page, Table, Text
from dikast.records import Outcome
from dikast.stats import wilson

FIGURE = "gap.svg"
BINS = 8
"""Rows of the gap's table; places beyond are put together with their neighbours."""


@dataclass
class Replaced:
    """Tokens of one epoch: places, those drawn, those where the model ended its turn, those that then differ."""

    p: float = 0.0
    places: int = 0
    drawn: int = 0
    ended: int = 0
    differ: int = 0


@dataclass
class Found:
    """What the journal says, added up."""

    epochs: dict[int, Replaced] = field(default_factory=lambda: defaultdict[int, Replaced](Replaced))
    answers: int = 0
    right: int = 0
    near: list[float] = field(default_factory=list[float])
    failed: int = 0
    rows: int = 0
    beyond: int = 0
    points: dict[int, list[tuple[float, float]]] = field(
        default_factory=lambda: defaultdict[int, list[tuple[float, float]]](list)
    )
    """Place -> (forced, free) of each row."""


def report(run: Run, context: Context) -> Report:
    """Count, and draw the gap into the run's `export` folder."""
    del context
    found = add_up(run.rows())
    parts: list[Text | Table] = [Text(f"{found.rows - found.failed} rows of {found.rows}; {found.failed} failed")]
    data: dict[str, Any] = {"rows": found.rows, "failed": found.failed}
    notes: list[str] = []
    if found.epochs:
        lines = {epoch: line_of(one) for epoch, one in sorted(found.epochs.items())}
        columns = ("epoch", "p", "tokens", "drawn", "rate", "95 % interval", "end of turn", "differ")
        told = [cells(epoch, lines[epoch]) for epoch in lines]
        parts.append(Table(columns, tuple(told), "tokens replaced by the model's own"))
        data["epochs"] = {str(epoch): line for epoch, line in lines.items()}
    if found.answers:
        low, high = wilson(found.right, found.answers)
        share = f"{found.right / found.answers:.1%} [{low:.1%}, {high:.1%}]"
        parts.append(Text(f"{found.answers} own answers, {found.right} of them right: {share}"))
        data["answers"] = {"asked": found.answers, "right": found.right, "interval": [low, high]}
        if found.near:
            data["answers"] |= {"nearness": sum(found.near) / len(found.near)}
            told = (
                f"in the mean {data['answers']['nearness']:.3f} near to the reference, 0..1 (METEOR without synonyms)"
            )
            parts.append(Text(told))
    if found.points:
        bins = binned(found.points)
        columns = ("places", "tokens", "teacher-forced", "free-running", "gap")
        rows = tuple(
            (one["places"], one["tokens"], *map(three, (one["forced"], one["free"], one["gap"]))) for one in bins
        )
        parts.append(Table(columns, rows, "loss by place, nats a token"))
        data["gap"] = {"all": overall(found.points), "bins": bins, "beyond": found.beyond}
        notes.append(draw(bins, run.path / "export" / FIGURE))
        if found.beyond:
            notes.append(
                f"{found.beyond} places lie beyond the end of the model's own answer: no gap is measured there"
            )
    return Report(Page("", tuple(parts)), data, tuple(notes))


def add_up(rows: Iterable[Mapping[str, Any]]) -> Found:
    """The journal, row by row."""
    found = Found()
    for row in rows:
        found.rows += 1
        output = row["output"]
        if output is None or Outcome(row["outcome"]).failed:
            found.failed += 1
            continue
        if bash := output["bash"]:
            epoch = found.epochs[row["input"].get("epoch", 0)]
            epoch.p = bash["p"]
            epoch.places += len(bash["labels"])
            epoch.drawn += bash["drawn"]
            epoch.ended += bash["ended"]
            epoch.differ += sum(one != other for one, other in zip(bash["input_ids"], bash["labels"], strict=True))
        if output["draft"]:
            found.answers += 1
            found.right += output["draft"]["right"]
            near = nearness(output["draft"]["text"], row["input"]["reference"])
            found.near += [] if near is None else [near]
        for point in output["gap"]:
            found.points[point["place"]].append((point["forced"], point["free"]))
        found.beyond += output["beyond"]
    return found


def line_of(one: Replaced) -> dict[str, Any]:
    """An epoch's counts, and the interval in which p should lie."""
    low, high = wilson(one.drawn, one.places)
    told = {"p": one.p, "tokens": one.places, "drawn": one.drawn, "ended": one.ended, "differ": one.differ}
    return {**told, "rate": one.drawn / one.places, "interval": [low, high], "within": low <= one.p <= high}


def cells(epoch: int, line: Mapping[str, Any]) -> tuple[str | int, ...]:
    """An epoch's line of the table."""
    low, high = line["interval"]
    interval = f"{low:.3f} - {high:.3f}" + ("" if line["within"] else ", p outside")
    return (
        epoch + 1,
        f"{line['p']:.3f}",
        line["tokens"],
        line["drawn"],
        f"{line['rate']:.3f}",
        interval,
        line["ended"],
        line["differ"],
    )


def binned(points: Mapping[int, Sequence[tuple[float, float]]]) -> list[dict[str, Any]]:
    """Mean losses over neighbouring places, in at most `BINS` parts of equal width."""
    width = max(1, math.ceil((max(points) + 1) / BINS))
    parts: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for place, losses in points.items():
        parts[place // width].extend(losses)
    return [
        {"places": places_of(number * width + 1, width), "first": number * width, **means(losses)}
        for number, losses in sorted(parts.items())
    ]


def places_of(first: int, width: int) -> str:
    """Places as a table tells them, counted from 1."""
    return str(first) if width == 1 else f"{first} - {first + width - 1}"


def overall(points: Mapping[int, Sequence[tuple[float, float]]]) -> dict[str, Any]:
    """Mean losses over all places."""
    return means([one for losses in points.values() for one in losses])


def means(losses: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Mean losses, and their difference."""
    forced, free = (sum(one[side] for one in losses) / len(losses) for side in (0, 1))
    return {"tokens": len(losses), "forced": forced, "free": free, "gap": free - forced}


def three(number: float) -> str:
    """With three decimals; no zero is negative."""
    return f"{round(number, 3) + 0.0:.3f}"


def draw(bins: Sequence[Mapping[str, Any]], path: Path) -> str:
    """Draw both losses by place; says where, or what is missing for it."""
    from dikast.retrieval.plots import curves, save

    lines = {
        name: [(one["first"] + 1, one[side]) for one in bins]
        for name, side in (("free-running", "free"), ("teacher-forced", "forced"))
    }
    try:
        figure = curves(lines, "loss, nats a token", "place in the reference", "The gap")
    except MissingExtraError as error:
        return f"no figure of the gap: {error}"
    path.parent.mkdir(exist_ok=True)
    save(figure, path)
    return f"the gap by place: {path}"
