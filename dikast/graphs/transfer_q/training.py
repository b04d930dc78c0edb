"""Guided texts as training rows: what decoding found at a price, for a model that is to say it at once.

    for split, row in rows("preference", run, context): ...

`sft`: each text with its reward. `preference`: the text, or the best completion seen on the way, over the worst one.
`value`: each text with its reward as the value. Several texts to one prompt are one group.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dikast.graphs.transfer_q.context import Context
from dikast.jobs.card import About
from dikast.jobs.exports import LeftOut, Split
from dikast.jobs.reading import Run
from dikast.records import Outcome
from dikast.training.exports import Candidate, Origin, sift
from dikast.training.exports import about as about_rows
from dikast.training.rows import Kind, as_conversation, said_by_assistant
from dikast.training.splits import digest_of

FAILED = LeftOut("the row failed, or a budget was spent before its text was whole")
UNREWARDED = LeftOut("no reward, or no words")
NO_PAIR = LeftOut("no completion that is worse")
Record = Mapping[str, Any]
WHAT = (
    "Texts of a model that a reward guided as it wrote (Transfer Q*, Chakraborty et al. 2024). `sft`: each text;"
    " `preference`: the text, or the best of the completions seen on the way, over the worst of them; `value`: each"
    " text with its reward. Completions are the baseline's words behind the solver's. A judge's words are in none."
)
OWN: Mapping[str, Mapping[str, str]] = {
    "sft": {"reward": "of the text"},
    "value": {},
    "preference": {"reward_chosen": "of the better text", "reward_rejected": "of the worse one"},
}


def about(kind: Kind) -> About:
    """What the card says."""
    return about_rows(kind, WHAT, OWN[kind])


def rows(kind: Kind, run: Run, context: Context) -> Iterator[Split | LeftOut]:
    """Split and row of what a run gives; rows with one prompt are in one split."""
    del context
    return sift(candidates(kind, run.rows()), kind)


def candidates(kind: Kind, records: Iterable[Record]) -> Iterator[Candidate | LeftOut]:
    """The rows that there could be, and why there are no more."""
    for record in records:
        output = record["output"]
        if output is None or Outcome(record["outcome"]).failed:
            yield FAILED
        elif output["reward"] is None or not output["text"].strip():
            yield UNREWARDED
        else:
            yield candidate(kind, record, output)


def candidate(kind: Kind, record: Record, output: Record) -> Candidate | LeftOut:
    """A row of TRL's; or why there is none."""
    prompt = as_conversation([{"role": "user", "content": record["input"]["prompt"]}])
    columns: dict[str, Any] = {"prompt": prompt}
    if kind == "preference":
        best = output["best"] or {"text": output["text"], "reward": output["reward"]}
        own = output["reward"] >= best["reward"]
        text, reward = (output["text"], output["reward"]) if own else (best["text"], best["reward"])
        worst = output["worst"]
        if worst is None or worst["reward"] >= reward or not worst["text"].strip():
            return NO_PAIR
        columns |= {"chosen": said_by_assistant(text), "rejected": said_by_assistant(worst["text"])}
        columns |= {"reward_chosen": reward, "reward_rejected": worst["reward"]}
    else:
        columns |= {"completion": said_by_assistant(output["text"])}
        columns |= {"value" if kind == "value" else "reward": output["reward"]}
    origin = Origin.of(record["input"].get("id", ""), record["key"], output["provenance"])
    return Candidate(columns, digest_of(prompt), origin)
