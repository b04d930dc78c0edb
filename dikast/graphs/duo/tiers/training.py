"""A run as rows to learn routing on: each question and sample with what a router can see, and the oracle's plan.

    for split, row in routes(run, context): ...

All samples of a question are in one split. The gold answer is in no row: what it says is in `plan` and the verdicts.
"""

from __future__ import annotations

from collections.abc import Iterator

from dikast.graphs.duo.tiers.context import Context
from dikast.graphs.duo.tiers.router import FEATURES, features_of
from dikast.jobs.card import About
from dikast.jobs.exports import LeftOut, Split
from dikast.jobs.reading import Run
from dikast.records import Outcome
from dikast.training.splits import digest_of, split_of

FAILED = LeftOut("the row failed")
MEANINGS = {
    "question": "as it was asked",
    "sample": "which reply of each tier, from 0",
    "small": "what the small model said",
    "small_right": "whether its answer is the gold one",
    "big_right": "the same of the big model",
    "small_cost": "of its call, in the run's unit",
    "big_cost": "the same of the big model",
    "plan": "the cheapest plan that is right, a route a step: skip, small, big; empty where none is",
    "features": f"numbers that a router can see once the small model has answered: {', '.join(FEATURES)}",
}


def about() -> About:
    """What the card says."""
    text = (
        "Questions with the replies of two models, and the cheapest plan that answers each rightly, found by trying all"
        " (Duo-LLM's oracle, arXiv 2410.10846, over models). The plan was chosen by the gold answer: a router that is"
        " to be judged has to be judged on other questions.",
    )
    return About("Routes between two models", text, MEANINGS)


def routes(run: Run, context: Context) -> Iterator[Split | LeftOut]:
    """Split and row of what a run gives."""
    for record in run.rows():
        if record["output"] is None or Outcome(record["outcome"]).failed:
            yield FAILED
            continue
        question, output = record["input"]["question"], record["output"]
        best = {one["sample"]: one["plan"] for one in output["oracle"]}
        for sample in range(context.samples):
            calls = {one["state"]: one for one in output["calls"] if one["sample"] == sample}
            yield (
                split_of(digest_of(question)),
                {
                    "question": question,
                    "sample": sample,
                    "small": calls["s"]["text"],
                    "small_right": calls["s"]["right"],
                    "big_right": calls["b"]["right"],
                    "small_cost": calls["s"]["cost"],
                    "big_cost": calls["b"]["cost"],
                    "plan": best.get(sample, []),
                    "features": features_of(question, "s", calls),
                },
            )
