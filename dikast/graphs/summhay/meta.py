"""How good a judge of coverage is: against people's labels, as SummHay's authors measure it, and against another judge.

    summaries = read_annotations("eval_benchmark.jsonl")
    measure(summaries, [one.predicted("predictions_prompted_gpt-4o") for one in summaries]).correlation
    measure(summaries, covered(await predict(judge, summaries)))

*Correlation* is Pearson's, over all pairs of summary and insight, of the judge's 0, 0.5, 1 and the people's. *Linking
accuracy* is the share of pairs in which the judge names the people's bullet, of those in which both name one: a judge
that says NO of a hard pair is not asked for its bullet, so the number of pairs belongs to the figure.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from dikast.agents.models.request import Sampling
from dikast.errors import DataError
from dikast.evaluation.agreement import cohen_kappa
from dikast.files import open_text
from dikast.graphs.summhay.coverage.roles import FULLY, NOT, PARTLY, CoverageJudge, Verdict, not_covered
from dikast.graphs.summhay.haystack import FULL, NO, PARTIAL, Insight
from dikast.graphs.summhay.scores import Covered

PEOPLE = {"not_covered": NOT, "partially_covered": PARTLY, "fully_covered": FULLY}
MODELS = {NO: NOT, PARTIAL: PARTLY, FULL: FULLY}
NO_SELECTION = "no_selection"
CHEAP = ("words", "encoder", "nobody")
"""What a verdict is `by` that no language model was asked for."""
IN_FLIGHT = 16


@dataclass(frozen=True)
class AnnotatedSummary:
    """A summary that people labelled.

    Args:
        topic: Its haystack's.
        subtopic_id: Its subtopic's.
        system: Who wrote it, as the file says it.
        summary: Its lines.
        insights: What was looked for.
        people: Insight id -> their label, bullets from 1.
        columns: Judge -> its predictions, as the file has them.
    """

    topic: str
    subtopic_id: str
    system: str
    summary: tuple[str, ...]
    insights: tuple[Insight, ...]
    people: Mapping[str, Covered]
    columns: Mapping[str, Sequence[Mapping[str, Any]]]

    def predicted(self, column: str, path: str | Path | None = None) -> dict[str, Covered]:
        """Insight id -> what a recorded judge said; a bullet that is no whole number is none.

        Raises:
            DataError: There is no such column, or it says what is no coverage.
        """
        if column not in self.columns:
            hint = f"there are {', '.join(sorted(self.columns)) or 'none'}"
            raise DataError(f"no predictions are called {column!r}", path=path, hint=hint)
        return {str(one["insight_id"]): _model_label(one, path) for one in self.columns[column]}


@dataclass(frozen=True, slots=True)
class Quality:
    """How a judge compares with people; a figure is `None` where it is not defined.

    Args:
        pairs: Pairs of summary and insight that people labelled.
        scored: Those of them that the judge has a verdict on: over these the correlation is.
        correlation: Pearson's, -1..1.
        linking: Share of `linked` in which both name the same bullet.
        linked: Pairs in which both name one.
        bias: By how much the judge's mean lies above the people's.
    """

    pairs: int
    scored: int
    correlation: float | None
    linking: float | None
    linked: int
    bias: float | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two judges agree on coverage; `None` where it is not defined.

    Args:
        pairs: Pairs on which both have a verdict.
        same: Share of them with the same grade.
        kappa: Cohen's, over the three grades.
        linking: Share with the same bullet, of the `linked` pairs in which both name one.
        linked: How many these are.
    """

    pairs: int
    same: float | None
    kappa: float | None
    linking: float | None
    linked: int


def read_annotations(path: str | Path) -> list[AnnotatedSummary]:
    """Read an annotated file: JSON lines as the authors' `eval_benchmark_data.json` has them.

    Raises:
        DataError: It is no such file; says the line and the field.
    """
    path = Path(path)
    found: list[AnnotatedSummary] = []
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                found.append(_annotated(json.loads(line)))
            except KeyError as error:
                raise DataError("missing, or none of the known", path=path, line=number, field=str(error)) from error
            except (ValueError, TypeError, AttributeError, RecursionError) as error:
                raise DataError(f"no annotated summary: {error!s:.80}", path=path, line=number) from error
    return found


def _annotated(row: Mapping[str, Any]) -> AnnotatedSummary:
    return AnnotatedSummary(
        topic=str(row["topic"]),
        subtopic_id=str(row["subtopic_id"]),
        system=str(row["summkey"]),
        summary=tuple(map(str, row["summary"])),
        insights=tuple(Insight.model_validate(one) for one in row["reference_insights"]),
        people={str(one["insight_id"]): _people_label(one) for one in row["annotation"]},
        columns={name: value for name, value in row.items() if name.startswith("predictions_")},
    )


def _people_label(one: Mapping[str, Any]) -> Covered:
    place = one["candidate_id"]
    return Covered(PEOPLE[one["coverage"]], None if place == NO_SELECTION else int(place) + 1)


def _model_label(one: Mapping[str, Any], path: str | Path | None) -> Covered:
    bullet: object = one.get("bullet_id")
    if one.get("coverage") not in MODELS:
        raise DataError(f"{one.get('coverage')!r:.60} is no coverage", path=path, field="coverage")
    return Covered(
        MODELS[one["coverage"]], bullet if isinstance(bullet, int) and not isinstance(bullet, bool) else None
    )


async def predict(
    judge: CoverageJudge,
    summaries: Iterable[AnnotatedSummary],
    *,
    sampling: Sampling | None = None,
    in_flight: int = IN_FLIGHT,
) -> list[dict[str, Verdict]]:
    """What a judge says of each summary: insight id -> verdict.

    Args:
        judge: Who judges.
        summaries: What is judged.
        sampling: Of a judge that is a language model; greedy without.
        in_flight: Calls of `cover` at a time.

    Raises:
        ModelError: A call failed of a judge that makes no outcome of it.
    """
    gate, chosen = asyncio.Semaphore(in_flight), sampling or Sampling()

    async def cover(one: AnnotatedSummary, insights: Sequence[Insight]) -> list[Verdict]:
        async with gate:
            return await judge.cover(one.summary, insights, sampling=chosen)

    async def cover_summary(one: AnnotatedSummary) -> dict[str, Verdict]:
        if not one.summary:
            return {insight.insight_id: not_covered(insight) for insight in one.insights}
        groups = [one.insights] if judge.batched else [(insight,) for insight in one.insights]
        found = await asyncio.gather(*(cover(one, group) for group in groups))
        return {verdict.insight_id: verdict for verdicts in found for verdict in verdicts}

    return list(await asyncio.gather(*map(cover_summary, summaries)))


def covered(verdicts: Iterable[Mapping[str, Verdict]]) -> list[dict[str, Covered]]:
    """Verdicts as labels, summary by summary."""
    return [{id_: Covered(one.coverage, one.bullet) for id_, one in found.items()} for found in verdicts]


def share_asked(verdicts: Iterable[Mapping[str, Verdict]]) -> float | None:
    """The share of pairs for which a language model was asked, or a record of one; `None` of no pair."""
    said = [one.by for found in verdicts for one in found.values()]
    return sum(by not in CHEAP for by in said) / len(said) if said else None


def measure(summaries: Sequence[AnnotatedSummary], labels: Sequence[Mapping[str, Covered]]) -> Quality:
    """Compare a judge's labels with the people's, as the authors do.

    Args:
        summaries: What people labelled.
        labels: For each of them, insight id -> the judge's label; one that is missing, or without coverage, is not
            scored.
    """
    pairs = [
        (people, found.get(insight, Covered(None)))
        for one, found in zip(summaries, labels, strict=True)
        for insight, people in one.people.items()
    ]
    scored = [(cast(float, one.coverage), cast(float, other.coverage)) for one, other in pairs if _both(one, other)]
    linked = [(one.bullet, other.bullet) for one, other in pairs if one.bullet is not None and other.bullet is not None]
    people, judge = np.array(scored, np.float64).reshape(-1, 2).T
    defined = len(scored) > 1 and people.std() > 0 and judge.std() > 0
    return Quality(
        pairs=len(pairs),
        scored=len(scored),
        correlation=float(np.corrcoef(people, judge)[0, 1]) if defined else None,
        linking=_share_equal(linked),
        linked=len(linked),
        bias=float((judge - people).mean()) if scored else None,
    )


def agree(first: Iterable[Mapping[str, Covered]], second: Iterable[Mapping[str, Covered]]) -> Agreement:
    """How far two judges agree, such as one that is asked by the summary and one that is asked by the insight.

    Args:
        first: For each summary, insight id -> label.
        second: The same summaries', in the same order.
    """
    pairs = [(one[id_], other[id_]) for one, other in zip(first, second, strict=True) for id_ in one if id_ in other]
    pairs = [pair for pair in pairs if _both(*pair)]
    grades = [(one.coverage, other.coverage) for one, other in pairs]
    linked = [(one.bullet, other.bullet) for one, other in pairs if one.bullet is not None and other.bullet is not None]
    kappa = cohen_kappa([one for one, _ in grades], [other for _, other in grades])
    return Agreement(
        pairs=len(pairs),
        same=_share_equal(grades),
        kappa=None if np.isnan(kappa) else kappa,
        linking=_share_equal(linked),
        linked=len(linked),
    )


def _both(one: Covered, other: Covered) -> bool:
    return one.coverage is not None and other.coverage is not None


def _share_equal(pairs: Sequence[tuple[object, object]]) -> float | None:
    return sum(one == other for one, other in pairs) / len(pairs) if pairs else None
