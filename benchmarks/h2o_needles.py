"""Needles in small caches, for a tiny model that has learnt to find them (`h2o_toy.py`): what policies are worth there.

Rows are those of `dikast h2o run --needles`, run by its graph. A needle is asked for in two ways:

- `asked`: the question ends the prompt, so that the last queries know it. Found: the reply holds the number.
- `later`: the prompt is the document alone; the statement is begun again behind it. Found: the cache holds each of the
  number's tokens likeliest. No policy can know what will be asked.

The first token of a reply comes from the whole prompt, whatever is kept after it. Here it is never the number's: the
model answers `The secret number of NAME is NUMBER`.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import h2o_toy as toy

from dikast.agents.models.request import Sampling
from dikast.decoding.kv import POLICIES
from dikast.graphs import h2o
from dikast.graphs.h2o.options import Options, read_rows
from dikast.stats import bootstrap, wilson

BUDGETS, DEPTHS, SENTENCES = (0.5, 0.2, 0.1), 3, 50
TOKENS = 12
"""Of a reply, and of a statement that begins again: it has eight, its number among them."""
WAYS = ("asked", "later")
Found = dict[tuple[str, str, float], dict[str, float]]
"""(way, policy, budget) -> needle -> 1 if it was found."""


async def needles(seeds: Sequence[int], documents: int, talk: Callable[[str], None]) -> dict[str, Any]:
    """Train a model a seed, and look for the needles of as many documents in each."""
    found: list[Found] = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as place:
            folder = toy.make(seed, Path(place) / "toy", talk)
            found.append(await search(folder, seed, documents, Path(place) / "documents.jsonl"))
        talk(f"needles of toy {seed} looked for")
    tokens = found[0].pop(("tokens", "", 0.0))
    for one in found[1:]:
        one.pop(("tokens", "", 0.0))
    return {
        "needles": {way: told(way, found) for way in WAYS},
        "needle_setup": {"seeds": list(seeds), "needles_a_seed": documents * DEPTHS, **tokens},
    }


async def search(folder: Path, seed: int, documents: int, path: Path) -> Found:
    """All needles of one model, under each cache."""
    draw = random.Random(1000 + seed)
    texts = [{"id": f"{seed}-{at}", "prompt": toy.distracted(draw, SENTENCES)} for at in range(documents)]
    path.write_text("".join(json.dumps(text) + "\n" for text in texts))
    policies = tuple(name for name in POLICIES if name != "full")
    given = {"solver": f"transformers:{folder}", "policies": policies, "budgets": BUDGETS, "observations": False}
    context = h2o.Context.model_validate({**given, "speaking": Sampling(max_tokens=TOKENS)})
    found: Found = {}
    lengths: list[int] = []
    for way, needle, row in rows_of(read_rows(Options(prompts=path, needles=DEPTHS), context)):
        output = await h2o.graph.ainvoke(cast(h2o.Input, row), context=context)
        key = way, row["policy"], round(row["heavy"] + row["recent"], 6)
        found.setdefault(key, {})[needle] = float(is_found(way, output))
        lengths.append(output["full"]["prompt_tokens"])
    found["tokens", "", 0.0] = {"prompt_tokens_least": min(lengths), "prompt_tokens_most": max(lengths)}
    return found


def rows_of(rows: Iterator[Mapping[str, Any]]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Rows with a needle, in both ways: the way, the needle's name, the row. Those of a prompt follow one another."""
    some = [dict(row) for row in rows if "depth" in row]
    for way in WAYS:
        for row in some:
            needle = row["id"].partition(" ")[0]
            if way == "later":
                prompt, reference = toy.asked_later(row["prompt"], row["answer"])
                row = {**row, "prompt": prompt, "reference": reference}
            yield way, needle, row


def is_found(way: str, output: Mapping[str, Any]) -> bool:
    """Whether the number came."""
    if output["outcome"] != "ok":
        raise RuntimeError(output["reason"])
    if way == "asked":
        return output["compared"]["found"]
    wanted, held = (output[side][name][-3:] for side, name in (("full", "tokens"), ("small", "choices")))
    return wanted == held


def told(way: str, found: Sequence[Found]) -> dict[str, Any]:
    """By policy and budget: found of how many, 95 % interval, each seed's, by depth, and H2O's lead over each other."""
    made: dict[str, Any] = {}
    for _, policy, budget in sorted({key for one in found for key in one if key[0] == way}):
        mine = [one[way, policy, budget] for one in found]
        hits = [value for one in mine for value in one.values()]
        line: dict[str, Any] = {
            "found": sum(hits) / len(hits),
            "interval": list(wilson(sum(hits), len(hits))),
            "by_seed": [sum(one.values()) / len(one) for one in mine],
            "by_depth": by_depth(mine),
        }
        if policy not in ("full", "h2o"):
            best = [one[way, "h2o", budget] for one in found]
            leads = [
                theirs[needle] - value for one, theirs in zip(mine, best, strict=True) for needle, value in one.items()
            ]
            line["h2o_lead"] = [sum(leads) / len(leads), *bootstrap(leads)]
        made.setdefault(policy, {})[f"{budget:g}"] = line
    return made


def by_depth(some: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Found, by where in the document the needle lies."""
    depths: dict[str, list[float]] = {}
    for one in some:
        for needle, value in one.items():
            depths.setdefault(needle.rpartition("-")[2], []).append(value)
    return {depth: sum(values) / len(values) for depth, values in depths.items()}


def run(seeds: Sequence[int], documents: int, talk: Callable[[str], None]) -> dict[str, Any]:
    """See `needles`."""
    return asyncio.run(needles(seeds, documents, talk))
