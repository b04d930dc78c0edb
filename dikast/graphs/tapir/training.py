"""Measured instructions as training rows.

    for split, row in rows("hard", run, context): ...

| kind | rows of an instruction |
| --- | --- |
| `hard` | the teacher's answer, if the instruction is at least as hard as the run's threshold: rows of the kind `sft` |
| `sft` | the teacher's answer, whatever the difficulty, which stands beside it |
| `preference` | the teacher's answer against the student's, if it is at least so hard |
| `value` | each answer with its points, the mean of both orders |

In no row: the judge's words. Rows without a difficulty are left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from dikast.graphs.tapir.context import Context
from dikast.graphs.tapir.results import threshold_of
from dikast.jobs.card import About
from dikast.jobs.exports import LeftOut, Split
from dikast.jobs.reading import Run
from dikast.training.exports import Candidate, Origin, sift
from dikast.training.exports import about as about_rows
from dikast.training.rows import Kind
from dikast.training.splits import digest_of

Form = Literal["hard", "sft", "preference", "value"]
KINDS: Mapping[Form, Kind] = {"hard": "sft", "sft": "sft", "preference": "preference", "value": "value"}

NO_DIFFICULTY = LeftOut("it has no difficulty")
NOT_HARD = LeftOut("it is less hard than the threshold")
NO_POINTS = LeftOut("its answers are the same, and no judge was asked")

WHAT = (
    "Instructions by how hard they are for a student (TAPIR, Yue et al. 2024): `difficulty` is a judge's points for the"
    " teacher's answer less those for the student's, the mean of both orders, -9 to 9. `hard`: the teacher's answers to"
    " instructions at least as hard as the run's threshold; `sft`: to all of them; `preference`: the teacher's answer"
    " against the student's, of the hard ones; `value`: both answers with their points. Nobody has checked the"
    " teacher's answers; the judge's words are not in it."
)
OWN = {"difficulty": "teacher's points less the student's", "task": "its task; empty where it is not known"}

Record = Mapping[str, Any]


def about(form: Form) -> About:
    """What the card says."""
    return about_rows(KINDS[form], WHAT, OWN)


def rows(form: Form, run: Run, context: Context) -> Iterator[Split | LeftOut]:
    """Split and row of what a run gives; rows with one instruction are in one split."""
    del context
    return sift(candidates(form, run.rows(), threshold_of(run)), KINDS[form])


def candidates(form: Form, records: Iterable[Record], threshold: float) -> Iterator[Candidate | LeftOut]:
    """The rows that there could be, and why there are no more."""
    for record in records:
        output = record["output"]
        if output is None or output["difficulty"] is None:
            yield NO_DIFFICULTY
        elif form in ("hard", "preference") and output["difficulty"] < threshold:
            yield NOT_HARD
        else:
            yield from of_record(form, record, output)


def of_record(form: Form, record: Record, output: Record) -> Iterator[Candidate | LeftOut]:
    """What a row with a difficulty gives."""
    teacher, student = output["teacher"], output["student"]
    if form == "preference":
        yield candidate(record, teacher, {"chosen": teacher["text"], "rejected": student["text"]})
    elif form != "value":
        yield candidate(record, teacher, {"completion": teacher["text"]})
    elif not output["scores"]:
        yield NO_POINTS
    else:
        for one in (teacher, student):
            points = [score[one["who"]] for score in output["scores"]]
            yield candidate(record, one, {"completion": one["text"], "value": sum(points) / len(points)})


def candidate(record: Record, answer: Record, row: Record) -> Candidate:
    """A row; `answer` is the one whose writer is told."""
    given, output = record["input"], record["output"]
    own = {"difficulty": output["difficulty"], "task": output["task"] or ""}
    origin = Origin.of(given.get("id", ""), record["key"], answer["provenance"] or None)
    return Candidate({"prompt": given["instruction"], **row, **own}, digest_of(given["instruction"]), origin)
