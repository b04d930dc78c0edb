"""A collection's texts as an update reads them: JSON lines, one a text, token by token.

| field | what |
| --- | --- |
| `prompt`, `reference` | what was asked; a text that answers it well, or empty |
| `tokens`, `owners` | ids of the policy's tokenizer, and whose each is |
| `paid` | each token's reward: the KL penalty, and on the last the text's own with it |
| `kind`, `horizon`, `tau`, `roll_in` | the plan by which it came about |
| `id`, `key` | of the input, and of the collection's row |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dikast.graphs.rlgf.training import FAILED, UNREWARDED, output_of
from dikast.graphs.rlgf.turns import Plan, Written
from dikast.jobs.exports import LeftOut

NOTHING = LeftOut("no token is the policy's")
Record = Mapping[str, Any]
__all__ = ["FAILED", "NOTHING", "UNREWARDED", "made_of", "texts_of"]


def texts_of(records: Iterable[Record], horizon: int) -> Iterator[dict[str, Any] | LeftOut]:
    """The texts that can be learnt from, and why there are no more.

    Args:
        records: Lines of a journal of `rlgf run`.
        horizon: Of the collection.
    """
    for record in records:
        output, given = output_of(record), record["input"]
        if isinstance(output, LeftOut):
            yield output
            continue
        tokens, switch = output["tokens"], output["switch"]
        if not any(one["trained"] for one in tokens):
            yield NOTHING
            continue
        yield {
            "prompt": given["prompt"],
            "reference": given.get("reference", ""),
            "tokens": [one["id"] for one in tokens],
            "owners": [one["owner"] for one in tokens],
            "paid": [one["reward"] for one in tokens],
            "kind": output["collector"],
            "horizon": horizon,
            "tau": switch["tau"],
            "roll_in": switch["roll_in"],
            "id": str(given.get("id", "")),
            "key": record["key"],
        }


def made_of(row: Record) -> Written:
    """The text of a line, done."""
    plan = Plan(row["kind"], row["horizon"], row["tau"], row["roll_in"])
    return Written(plan, tuple(row["tokens"]), tuple(row["owners"]), ended=True)
