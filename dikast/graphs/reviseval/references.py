"""RevisEval's claim on one's own pairs: adapted references beside given ones; what `dikast judge references` shows.

    found = gather(adapted_run, given_run)           # pairs with both references, and what was left out
    page_of(found, figures_of(found, MEASURES, "strict"))

The adapted references are the revisions of a run of the mode `reviseval`; the given ones stand in its rows'
`reference`, or in those of a second run, of the mode `human`, over the same pairs. With that second run the judge's
agreement with people is told with either reference too, also apart for the pairs to which the revision comes
nearest, compared with the given reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from dikast.errors import DataError, UsageError
from dikast.evaluation.calibration import Ties, credit_of
from dikast.evaluation.nearness import Measure, Paired, Trio, compare_references, nearness, paired
from dikast.evaluation.svg import interval
from dikast.graphs.reviseval.results import GOLD, JudgedRun, id_of, labels_of, once, output_of, plain, winners_of
from dikast.pages import Page, Table, Text
from dikast.records import Outcome
from dikast.verdicts import Winner

JUDGED = "verdict is people's"
NEARER, FARTHER = "where the revision gains most nearness", "where it gains least"
NO_REVISION = "no revision could be made"
NO_REFERENCE = "no given reference"
ABSENT = "not in the run with given references"


@dataclass(frozen=True)
class Both:
    """Pairs with both references.

    Args:
        trios: Those pairs.
        asked: Pairs of the run with revisions.
        left_out: Reason -> pairs without one of the references.
        verdicts: Pair id -> the judge's verdict with the adapted reference, and with the given one; empty without a
            second run.
    """

    trios: tuple[Trio, ...]
    asked: int
    left_out: Mapping[str, int]
    verdicts: Mapping[str, tuple[Winner | None, Winner | None]]


def gather(adapted: JudgedRun, given: JudgedRun | None = None, gold: str = GOLD) -> Both:
    """Put each pair's references side by side.

    Raises:
        UsageError: The first run has no revision, or the second one none of the mode `human`.
        DataError: A pair of one id is not the same in both, no pair is labelled, or none has both references.
    """
    if adapted.single or (given and given.single):
        raise UsageError("single responses were scored, and no pair compared", hint="give runs over pairs")
    if not any(_revisions(row) for row in adapted.rows):
        hint = "give a run of 'judge run --mode reviseval' first, then one of '--mode human'"
        raise UsageError(f"{adapted.name} has no response-adapted reference", hint=hint)
    if given and not any(_given(row) for row in given.rows):
        raise UsageError(f"{given.name} judged by no given reference", hint="give a run of 'judge run --mode human'")
    people, others = labels_of(adapted, gold), {id_of(row): row for row in once(given)} if given else {}
    left_out: Counter[str] = Counter()
    trios: list[Trio] = []
    for row in once(adapted):
        id_, other = id_of(row), others.get(id_of(row))
        if other is not None:
            _check_same(adapted, row, other)
        revisions = _revisions(row)
        text = str((other or row)["input"].get("reference") or row["input"].get("reference") or "").strip()
        why = "" if revisions and text else NO_REFERENCE if revisions else NO_REVISION
        why = ABSENT if given and other is None else why
        if why:
            left_out[why] += 1
        else:
            responses = (row["input"]["response_1"], row["input"]["response_2"])
            trios.append(Trio(id_, responses, revisions, text, people.get(id_)))
    if not trios:
        told = "; ".join(f"{why}: {count}" for why, count in left_out.items())
        raise DataError(f"no pair has both references ({told})", path=adapted.name, hint="give the rows a 'reference'")
    mine = winners_of(adapted)
    theirs = winners_of(given) if given else mine
    verdicts: dict[str, tuple[Winner | None, Winner | None]] = {
        trio.id: (mine[trio.id], theirs[trio.id]) for trio in trios if given
    }
    return Both(tuple(trios), len(adapted.rows), dict(left_out), verdicts)


def _revisions(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(one["text"] for one in _references(row) if one["kind"] == "revision" and one["outcome"] == Outcome.OK)


def _given(row: Mapping[str, Any]) -> bool:
    return any(one["kind"] == "given" for one in _references(row))


def _references(row: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return output_of(row).get("references", ())


def _check_same(run: JudgedRun, row: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    for name in ("instruction", "response_1", "response_2", "before_1", "before_2"):
        if row["input"].get(name) != other["input"].get(name):
            hint = "judge the same file in both modes"
            raise DataError(
                "not what the other run has under this id", path=run.name, row=row["row"], field=name, hint=hint
            )


def figures_of(both: Both, measures: Mapping[str, Measure], ties: Ties) -> list[Paired]:
    """Every measure's figures, then the judge's, where it judged with either reference."""
    found = compare_references(both.trios, measures, ties)
    if both.verdicts:
        found += _judged(both, measures, ties)
    return found


def _judged(both: Both, measures: Mapping[str, Measure], ties: Ties) -> Iterator[Paired]:
    asked = [trio for trio in both.trios if trio.gold is not None and (ties != "leave-out" or trio.gold != "tie")]
    credits = {trio.id: _credits(both.verdicts[trio.id], trio, ties) for trio in asked}
    yield from paired("judge", JUDGED, credits.values(), credits=True)
    for name, measure in measures.items():
        gains = {
            trio.id: sum(near[0]) - sum(near[1]) for trio in asked if (near := nearness(trio, measure)) is not None
        }
        middle = median(gains.values()) if gains else 0.0
        parts = {NEARER: [i for i in gains if gains[i] > middle], FARTHER: [i for i in gains if gains[i] <= middle]}
        for where, ids in parts.items():
            yield from paired(f"judge, by {name}", f"{JUDGED}, {where}", [credits[id_] for id_ in ids], credits=True)


def _credits(said: tuple[Winner | None, Winner | None], trio: Trio, ties: Ties) -> tuple[float, float]:
    """How right the judge is with either reference; without a verdict it is not."""
    right: Winner = trio.gold or "tie"
    return credit_of(said[0], right, ties) or 0.0, credit_of(said[1], right, ties) or 0.0


def page_of(both: Both, figures: Sequence[Paired]) -> Page:
    """The figures, and what they rest on."""
    told = f"{len(both.trios)} of {both.asked} pairs have an adapted and a given reference"
    why = "; ".join(f"{reason}: {count}" for reason, count in both.left_out.items())
    lines = tuple(
        (
            one.measure,
            one.what,
            one.n,
            one.adapted,
            one.given,
            interval(one.difference.value, one.difference.low, one.difference.high),
        )
        for one in figures
    )
    columns = ("by", "what", "pairs", "adapted", "given", "adapted - given")
    note = (
        "Nearness is of a response to a reference, 0 to 1. A revision is made from one of the responses, and is near to"
        " it whether that helps or not: what helps is the lead of the preferred response, and the agreement."
        " Differences are paired, with 95 % intervals."
    )
    parts = (
        Text(f"{told}." + (f" Left out: {why}." if why else "")),
        Table(columns, lines, "Adapted and given references"),
    )
    return Page("References adapted and given", (*parts, Text(note, "note")))


def as_json(both: Both, figures: Sequence[Paired]) -> dict[str, Any]:
    """All figures for JSON."""
    return {
        "pairs": len(both.trios),
        "asked": both.asked,
        "left_out": dict(both.left_out),
        "figures": [plain(asdict(one)) for one in figures],
    }
