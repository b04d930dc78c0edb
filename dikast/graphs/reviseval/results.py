"""From the rows of judged runs to calibrations: the figures of `dikast judge calibrate` and `report`.

    run = JudgedRun("my judge", list(Run.open(Path("runs/judge")).rows()), {})
    calibrations = calibrate_pairs(run, gold="gold")

Every row was asked: one without a verdict, whatever the reason, counts as unparsed. A row without a label was not
asked of people; such rows are in no figure, and counted (`unlabelled`). Every figure treats ties alike.

Not here: reading run folders, which is `dikast.jobs`' work; rows are its mappings.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any, cast

from dikast.errors import DataError
from dikast.evaluation.calibration import Calibration, Ties, calibrate, credit_of
from dikast.evaluation.interchange.winners import check_labels, is_labelled, read_winner
from dikast.evaluation.pointwise import ScoreCalibration, calibrate_scores
from dikast.evaluation.revision import RevisionSummary, summarise
from dikast.graphs.reviseval.votes import diagnosis_from
from dikast.records import Usage
from dikast.row import Row
from dikast.verdicts import PairVerdict, Winner

GOLD = "gold"


@dataclass(frozen=True)
class JudgedRun:
    """The rows of one run, as its journal has them.

    Args:
        name: For tables.
        rows: With `row`, `input`, `output` and `outcome`.
        usage: Spent by role.
        owed: Rows of the input that have no outcome yet.
        labels: How its people spell verdicts -> 1, 2, tie.
    """

    name: str
    rows: Sequence[Mapping[str, Any]]
    usage: Mapping[str, Usage]
    owed: int = 0
    labels: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def single(self) -> bool:
        """Whether single responses were scored."""
        return bool(self.rows) and "response" in self.rows[0]["input"]

    @property
    def judges(self) -> int:
        """How many judges are on the panel, as far as a vote shows it."""
        return 1 + max((vote["judge"] for row in self.rows for vote in output_of(row).get("votes", ())), default=0)


def verdicts_of(run: JudgedRun, judge: int | None = None) -> list[PairVerdict]:
    """What the panel said, or one judge of it (with its first reference), in either order."""
    return [_verdict(row, judge) for row in once(run)]


def winners_of(run: JudgedRun) -> dict[str, Winner | None]:
    """Row id -> the run's own final verdict: by votes, syntheses and probabilities."""
    return {id_of(row): output_of(row).get("winner") for row in once(run)}


def scores_of(run: JudgedRun) -> dict[str, float | None]:
    """Row id -> the panel's score."""
    return {id_of(row): output_of(row).get("score") for row in once(run)}


def calibrate_pairs(run: JudgedRun, *, gold: str = GOLD, ties: Ties = "strict") -> list[Calibration]:
    """The panel against people, then each of its judges, if there are several.

    Args:
        run: A run of pairs.
        gold: The field of the input that holds people's verdict.
        ties: What ties are worth.

    Raises:
        DataError: No row has a label, or one has a label that is no verdict.
    """
    labels = labels_of(run, gold)
    unlabelled = len(run.rows) - len(labels)
    lengths = _lengths(run)
    who: list[tuple[str, int | None]] = [(run.name, None)]
    if run.judges > 1:
        who += [(f"{run.name}, judge {judge + 1}", judge) for judge in range(run.judges)]
    found = [
        calibrate(
            [one for one in verdicts_of(run, judge) if one.id in labels], labels, judge=name, lengths=lengths, ties=ties
        )
        for name, judge in who
    ]
    return [replace(one, unlabelled=unlabelled) for one in found]


def labels_of(run: JudgedRun, gold: str = GOLD) -> dict[str, Winner]:
    """Row id -> people's verdict, of the rows that have one.

    Raises:
        DataError: No row has a label, or one has a label that is no verdict, or may be two.
    """
    labelled = _labelled(run, gold)
    records = [_record(run, row) for row in labelled]
    check_labels(records, [gold], run.labels)
    return {id_of(row): read_winner(record, gold, run.labels) for row, record in zip(labelled, records, strict=True)}


def _labelled(run: JudgedRun, gold: str) -> list[Mapping[str, Any]]:
    found = [row for row in once(run) if is_labelled(_record(run, row), gold, run.labels)]
    if not found and run.rows:
        columns = ", ".join(sorted(run.rows[0]["input"]))
        hint = f"name their column: --gold COLUMN; the rows have: {columns}"
        raise _record(run, run.rows[0]).error(gold, "no row has a human label", hint)
    return found


def _lengths(run: JudgedRun) -> dict[str, tuple[int, int]] | None:
    """Of both responses, in characters; `None` where a file of verdicts does not hold them."""
    given = {id_of(row): row["input"] for row in run.rows}
    if not all("response_1" in one and "response_2" in one for one in given.values()):
        return None
    return {id_: (len(one["response_1"]), len(one["response_2"])) for id_, one in given.items()}


def calibrate_singles(run: JudgedRun, *, gold: str = GOLD) -> ScoreCalibration:
    """The panel's scores against people's.

    Raises:
        DataError: No row has a human score, or one is no number.
    """
    labels = {id_of(row): _record(run, row).number(gold) for row in _labelled(run, gold)}
    groups = {id_of(row): str(row["input"].get("group") or row["input"]["instruction"]) for row in run.rows}
    scores = {id_: score for id_, score in scores_of(run).items() if id_ in labels}
    found = calibrate_scores(scores, labels, judge=run.name, groups=groups)
    return replace(found, unlabelled=len(run.rows) - len(labels))


def right_in_the_end(run: JudgedRun, *, gold: str = GOLD, ties: Ties = "strict") -> float:
    """Share of the pairs asked on which the run's own final verdict is people's, by what ties are worth."""
    return fmean(credit or 0.0 for credit in end_credits(run, gold=gold, ties=ties))


def end_credits(run: JudgedRun, *, gold: str = GOLD, ties: Ties = "strict") -> list[float | None]:
    """How right the run's own final verdict is on each pair asked; `None` where there is none."""
    winners = winners_of(run)
    asked: dict[str, Winner] = {
        id_: label for id_, label in labels_of(run, gold).items() if ties != "leave-out" or label != "tie"
    }
    return [credit_of(winners[id_], label, ties) for id_, label in asked.items()]


def as_json(calibration: ScoreCalibration) -> dict[str, Any]:
    """All fields, for JSON, which has no NaN."""
    return {name: plain(value) for name, value in asdict(calibration).items()}


def plain(value: object) -> object:
    """The value, with null for what is not defined."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in cast(dict[str, object], value).items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def revisions_of(run: JudgedRun) -> RevisionSummary:
    """What the reviser did, over all references that were revisions."""
    return summarise(
        diagnosis_from(reference["diagnosis"])
        for row in run.rows
        for reference in output_of(row).get("references", ())
        if reference["diagnosis"] is not None
    )


def output_of(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Empty where the row failed before it had one."""
    return row["output"] or {}


def once(run: JudgedRun) -> Sequence[Mapping[str, Any]]:
    """The rows, each id there once; a run that was gone on with another input keeps rows of the old one.

    Raises:
        DataError: Two rows have the same id.
    """
    twice = [id_ for id_, count in Counter(map(id_of, run.rows)).items() if count > 1]
    if twice:
        hint = "judge the changed input into a folder of its own"
        raise DataError(f"two rows are called {twice[0]!r}", path=run.name, hint=hint)
    return run.rows


def id_of(row: Mapping[str, Any]) -> str:
    """The row's id in its input, else its number."""
    return str(row["input"].get("id", row["row"]))


def _record(run: JudgedRun, row: Mapping[str, Any]) -> Row:
    return Row(Path(run.name), row["row"], None, row["input"])


def _verdict(row: Mapping[str, Any], judge: int | None) -> PairVerdict:
    output = output_of(row)
    if judge is not None:
        nothing: Mapping[str, Any] = {}
        votes: Sequence[Mapping[str, Any]] = output.get("votes", ())
        output = next((vote for vote in votes if vote["judge"] == judge), nothing)
    return PairVerdict(id_of(row), cast("Winner | None", output.get("ab")), cast("Winner | None", output.get("ba")))
