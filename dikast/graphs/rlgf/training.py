"""Texts that policy and guide wrote as training rows: by token with owners, as prompt and text with a value, the best.

    for split, row in rollouts(run, context): ...       # prompt, completion_ids, env_mask, logprobs, rewards, ...
    for split, row in rows("value", run, context): ...

`rollouts` has the columns that `dikast.graphs.rlgf.rollout` hands to TRL's GRPO, and each token's owner beside them.
`value`: each text with its reward. `sft`: the best text of each prompt, of those with a reward above the prompt's mean.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from dikast.graphs.rlgf.context import Context
from dikast.jobs.card import About
from dikast.jobs.exports import LeftOut, Split
from dikast.jobs.reading import Run
from dikast.records import Outcome
from dikast.training.exports import Candidate, Origin, sift
from dikast.training.exports import about as about_rows
from dikast.training.rows import Kind, as_conversation, said_by_assistant
from dikast.training.splits import SPLITS, digest_of, split_of

FAILED = LeftOut("the row failed")
UNREWARDED = LeftOut("no reward")
NOT_BEST = LeftOut("another text of its prompt is better, or it is not above the prompt's mean")

Record = Mapping[str, Any]
WHAT = (
    "Texts that a policy and a guide wrote in turns, with rewards (RLGF, Chang et al. 2023). `value`: each text with"
    " its reward; `sft`: the best text of each prompt, if it is above the prompt's mean. Parts of a text may be the"
    " guide's: `share` says how much is the policy's."
)
OWN = {"share": "of the text's tokens, how many are the policy's", "collector": "ppo_pp, aggrevated or ppo"}
COLUMNS = {
    "prompt": "what was asked",
    "completion": "the whole text",
    "completion_ids": "its tokens, of the policy's tokenizer",
    "owners": "whose each is: policy or guide",
    "env_mask": "1 for the policy's, which are trained on",
    "logprobs": "of each token, under the policy that collected",
    "rewards": "of each token: the KL penalty, and on the last the text's reward with it",
    "reward": "of the text, bare",
    "measures": "of the text, beside its reward",
    "tau": "the switch's place, from 1",
    "collector": "ppo_pp, aggrevated or ppo",
    "group": "hash of the prompt",
    "id": "of the input",
    "key": "the run's row",
}


def about(kind: Kind) -> About:
    """What the card of rows for TRL's other trainers says."""
    return about_rows(kind, WHAT, OWN)


def about_rollouts() -> About:
    """What the card of texts by token says."""
    text = (
        "Texts that a policy and a guide wrote in turns (RLGF, Chang et al. 2023), by token: each has an owner, and"
        " only the policy's are trained on. Texts without a reward are left out.",
    )
    return About("Rollouts with owners", text, COLUMNS)


def rollouts(run: Run, context: Context) -> Iterator[Split | LeftOut]:
    """Split and row of each text with a reward; rows with one prompt are in one split."""
    del context
    for record in run.rows():
        output = output_of(record)
        if isinstance(output, LeftOut):
            yield output
            continue
        group = digest_of(asked(record))
        tokens = output["tokens"]
        yield (
            split_of(group, SPLITS),
            {
                "prompt": asked(record),
                "completion": output["text"],
                "completion_ids": [one["id"] for one in tokens],
                "owners": [one["owner"] for one in tokens],
                "env_mask": [int(one["trained"]) for one in tokens],
                "logprobs": [one["logprob"] for one in tokens],
                "rewards": [one["reward"] for one in tokens],
                "reward": output["reward"],
                "measures": output["measures"],
                "tau": output["switch"]["tau"],
                "collector": output["collector"],
                "group": group,
                "id": str(record["input"].get("id", "")),
                "key": record["key"],
            },
        )


def rows(kind: Kind, run: Run, context: Context) -> Iterator[Split | LeftOut]:
    """Split and row of what a run gives; rows with one prompt are in one split."""
    del context
    return sift(candidates(kind, run.rows), kind)


def candidates(kind: Kind, records: Callable[[], Iterable[Record]]) -> Iterator[Candidate | LeftOut]:
    """The rows that there could be, and why there are no more.

    Args:
        kind: What the rows are to be.
        records: Gives the journal's lines anew at each call; called twice for `sft`.
    """
    best = best_of(records()) if kind == "sft" else None
    for record in records():
        output = output_of(record)
        if isinstance(output, LeftOut):
            yield output
        elif best is not None and record["key"] not in best:
            yield NOT_BEST
        else:
            yield candidate(kind, record, output)


def best_of(records: Iterable[Record]) -> set[str]:
    """The keys of each prompt's best text, where it is above the prompt's mean; of one text alone there is no mean."""
    groups: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    for record in records:
        output = output_of(record)
        if not isinstance(output, LeftOut):
            groups[record["input"]["prompt"]].append((output["reward"], record["key"]))
    found: set[str] = set()
    for texts in groups.values():
        reward, key = max(texts, key=lambda one: one[0])
        if reward > sum(one for one, _ in texts) / len(texts):
            found.add(key)
    return found


def output_of(record: Record) -> Record | LeftOut:
    """A record's output; or why it is no row."""
    output = record["output"]
    if output is None or Outcome(record["outcome"]).failed:
        return FAILED
    return UNREWARDED if output["reward"] is None or not output["tokens"] else output


def asked(record: Record) -> list[dict[str, str]]:
    """The prompt as a conversation: the policy was asked through its chat template."""
    return as_conversation([{"role": "user", "content": record["input"]["prompt"]}])


def candidate(kind: Kind, record: Record, output: Record) -> Candidate:
    """A row of TRL's."""
    tokens, turns = output["tokens"], output["turns"]
    columns: dict[str, Any] = {"prompt": asked(record), "completion": said_by_assistant(output["text"])}
    columns |= {"value": output["reward"]} if kind == "value" else {}
    columns |= {"share": sum(one["trained"] for one in tokens) / len(tokens), "collector": output["collector"]}
    provenance = next((one["provenance"] for one in turns if one["owner"] == "policy"), turns[0]["provenance"])
    return Candidate(
        columns, digest_of(columns["prompt"]), Origin.of(record["input"].get("id", ""), record["key"], provenance)
    )
