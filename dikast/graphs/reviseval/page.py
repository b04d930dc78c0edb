"""The report on judged runs as a page: what `dikast judge calibrate` and `report` show.

page([JudgedRun("my judge", rows, {})], gold="gold")
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dikast.evaluation.calibration import Ties
from dikast.evaluation.comparison import AnnotatorAgreement
from dikast.evaluation.pointwise import ScoreCalibration
from dikast.evaluation.report import calibration_page
from dikast.evaluation.svg import interval
from dikast.graphs.reviseval.differing import by_group, differing
from dikast.graphs.reviseval.results import (
    GOLD,
    JudgedRun,
    calibrate_pairs,
    calibrate_singles,
    revisions_of,
    right_in_the_end,
)
from dikast.pages import Figure, Page, Table, Text


def page(
    runs: Sequence[JudgedRun],
    *,
    gold: str = GOLD,
    ties: Ties = "strict",
    title: str = "Judges against people",
    people: AnnotatorAgreement | None = None,
    by: str | None = None,
) -> Page:
    """The report on runs of the same pairs: the judges, people among themselves, what the reviser did, what it cost.

    Args:
        runs: The runs.
        gold: Column of people's verdicts.
        ties: What ties are worth.
        title: The heading.
        people: How far people agree with one another.
        by: Column of the groups; see `dikast.graphs.reviseval.differing`.

    Raises:
        DataError: There is no label, or the runs are not of the same pairs.
        UsageError: No pair has the column `by`.
    """
    of_pairs = [run for run in runs if not run.single]
    singles = [calibrate_singles(run, gold=gold) for run in runs if run.single]
    parts = [
        *(_calibration_parts(of_pairs, gold, ties, by) if of_pairs else ()),
        *([_scores_table(singles)] if singles else []),
        *(_tell_people(people) if people else ()),
        *_tell_revisions(runs),
        *_tell_costs(runs),
    ]
    return Page(title, tuple(parts))


def _calibration_parts(
    runs: Sequence[JudgedRun], gold: str, ties: Ties, by: str | None
) -> Sequence[Text | Table | Figure]:
    found = [calibration for run in runs for calibration in calibrate_pairs(run, gold=gold, ties=ties)]
    winners = {run.name: right_in_the_end(run, gold=gold, ties=ties) for run in runs}
    parts = calibration_page(found, winners=winners).parts
    return [*parts, *by_group(runs, gold, ties, by), *differing(runs, gold, ties)]


def _scores_table(found: Iterable[ScoreCalibration]) -> Table:
    rows = [
        (
            one.judge,
            one.n,
            one.unparsed,
            *(interval(e.value, e.low, e.high) for e in (one.tau_b, one.spearman)),
            *(one.tau_b_in_groups.mean, one.spearman_in_groups.mean, one.alpha, one.mean_difference),
        )
        for one in found
    ]
    columns = ("judge", "texts", "unparsed", "τ-b", "ρ", "τ-b in groups", "ρ in groups", "α", "mean difference")
    return Table(columns, tuple(rows), "Scores")


def _tell_people(people: AnnotatorAgreement) -> Iterator[Text | Table]:
    row = (people.n, people.no_majority, people.against_others, people.fleiss_kappa, people.alpha)
    columns = ("pairs", "without a majority", "one against the others", "Fleiss κ", "Krippendorff α")
    yield Table(columns, (row,), "People among themselves")
    yield Text(
        "What no judge can be expected to exceed: how often one person says what most of the others say.", "note"
    )


def _tell_revisions(runs: Sequence[JudgedRun]) -> Iterator[Table]:
    rows = [
        (
            run.name,
            did.n,
            did.unchanged,
            did.edit_distance,
            did.kept,
            did.copies_guide,
            did.nearer_to_guide,
            did.added_entity_rate,
        )
        for run in runs
        if (did := revisions_of(run)).n
    ]
    shares = ("unchanged", "edited", "kept", "copies the guide", "nearer to the guide", "added names")
    if rows:
        yield Table(("run", "references", *shares), tuple(rows), "What the reviser did")


def _tell_costs(runs: Sequence[JudgedRun]) -> Iterator[Table]:
    rows = [
        (f"{run.name}: {role}", *(f"{n:,}" for n in (u.calls, u.input_tokens, u.output_tokens, u.cached_calls)))
        for run in runs
        for role, u in run.usage.items()
    ]
    if rows:
        columns = ("who", "calls", "input tokens", "output tokens", "calls from the cache")
        yield Table(columns, tuple(rows), "What it cost")
