"""A round's rows out of its trees: for the policy, for the critic, and some to measure critics by.

    gathered = gather(Path("round-01/collect"), Path("round-01/rows"), context, held=10)

A question's values are all in `critic.jsonl` or all in `held.jsonl`, by its hash. On the held ones the error of the
critic that guided the search is known without asking it again: the trees have what it said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import fsum
from pathlib import Path
from typing import Any

from dikast.disk import make_folder
from dikast.files import write_jsonl
from dikast.graphs.rest_mcts.context import Context
from dikast.graphs.rest_mcts.rounds.records import Gathered
from dikast.graphs.rest_mcts.training import candidates
from dikast.jobs.exports import LeftOut
from dikast.jobs.keys import digest
from dikast.jobs.reading import Run
from dikast.training.exports import sift
from dikast.training.rows import Kind
from dikast.training.splits import split_of

SOLUTIONS, VALUES, HELD = "policy.jsonl", "critic.jsonl", "held.jsonl"
TRAIN = (("train", 1),)
"""Questions were split before they were asked: all rows of a round are for training."""


def gather(trees: Path, folder: Path, context: Context, held: int | None) -> Gathered:
    """Write a round's rows.

    Args:
        trees: The round's run folder.
        folder: Where the rows go.
        context: Of the search.
        held: Percent of the questions whose values are to measure by; `None` where no critic is trained.

    Raises:
        DataError: The folder cannot be written.
    """
    run, left_out = Run.open(trees), {"sft": Counter[str](), "value": Counter[str]()}
    solutions = list(sifted("sft", run, context, left_out["sft"]))
    values = [] if held is None else list(sifted("value", run, context, left_out["value"]))
    apart = [one for one in values if is_held(one, held or 0)]
    learnt = [one for one in values if not is_held(one, held or 0)]
    make_folder(folder)
    for name, rows in ((SOLUTIONS, solutions), (VALUES, learnt), (HELD, apart)):
        write_jsonl(folder / name, rows)
    errors = [(one["appraised"] - one["value"]) ** 2 for one in apart if one["appraised"] is not None]
    return Gathered(
        rows=len(solutions),
        values=len(learnt),
        held=len(apart),
        left_out={kind: dict(counts) for kind, counts in left_out.items()},
        digest=digest([solutions, learnt, apart]).hex(),
        critic_error=fsum(errors) / len(errors) if errors else None,
        critic_read=len(errors),
    )


def sifted(kind: Kind, run: Run, context: Context, left_out: Counter[str]) -> Iterator[dict[str, Any]]:
    """The rows of a kind, in the order of their keys; what is none is counted."""
    records = sorted(run.rows(), key=lambda record: record["key"])  # a journal is in the order in which its rows ended
    for one in sift(candidates(kind, lambda: records, context), kind, shares=TRAIN):
        if isinstance(one, LeftOut):
            left_out[one.why] += 1
        else:
            yield dict(one[1])


def is_held(row: dict[str, Any], held: int) -> bool:
    """Whether a row's question is one to measure by; another hash than that by which questions fall into parts."""
    return split_of(f"critic {row['group']}", (("held", held), ("train", 100 - held))) == "held"
