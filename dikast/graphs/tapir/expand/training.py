"""New instructions with the teacher's answers as `sft` rows.

    for split, row in rows("sft", run, context): ...

What is new goes into the split of the instruction that it is like, so that nothing of a held-out one is trained on.
"""

from __future__ import annotations

from collections.abc import Iterator

from dikast.graphs.tapir.expand.context import Context
from dikast.graphs.tapir.expand.records import DROPS
from dikast.graphs.tapir.expand.results import settled
from dikast.jobs.card import About
from dikast.jobs.exports import LeftOut, Split
from dikast.jobs.reading import Run
from dikast.training.exports import Candidate, Origin, sift
from dikast.training.exports import about as about_rows
from dikast.training.rows import Kind
from dikast.training.splits import digest_of

FAILED = LeftOut("the row has no new instruction")
WHAT = (
    "Instructions that a teacher wrote in the manner of those that a student finds hard (TAPIR, Yue et al. 2024), with"
    " the teacher's answers in the style of their task. Left out are those whose task is another one, near-repeats, and"
    " those without a whole answer. Nobody has checked the answers."
)
OWN = {"task": "its task", "like": "the id of the instruction that it was written in the manner of"}


def about(kind: Kind) -> About:
    """What the card says."""
    return about_rows(kind, WHAT, OWN)


def rows(kind: Kind, run: Run, context: Context) -> Iterator[Split | LeftOut]:
    """Split and row of what a run gives."""
    return sift(candidates(run, context.near), kind)


def candidates(run: Run, near: float) -> Iterator[Candidate | LeftOut]:
    """The rows that there could be, and why there are no more."""
    for record, found in settled(run, near):
        given = record["input"]
        if not found:
            yield FAILED
        for new, dropped in found:
            if dropped:
                yield LeftOut(DROPS[dropped])
                continue
            own = {"task": new["task"], "like": str(given.get("id", ""))}
            origin = Origin.of(given.get("id", ""), record["key"], new["provenance"])
            row = {"prompt": new["instruction"], "completion": new["answer"], **own}
            yield Candidate(row, digest_of(given["instruction"]), origin)
