"""`dikast tune genqr` over recorded reformulations: the command's own job, by each algorithm, at equal evaluations."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

from reformulations import Collection, Generated, collections

from dikast import jobs
from dikast.agents.models.cache import RequestCache
from dikast.agents.models.request import Request
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.solver import load_solver
from dikast.graphs import genqr, zo_ranksgd
from dikast.retrieval.combine import QUERYGYM_REPEATS, without_query
from dikast.stats import bootstrap

METHOD, MEASURE = "genqr_ensemble", "nDCG@10"
KNOBS = "mixing,damping,max_terms=4:256:log"
ALGORITHMS = ("zo", "grid", "random", "cma")
TRIALS, TUNED, HELD = 16, 60, 200
DEPTH = 100


class Recorded:
    """Says what somebody's model wrote for a query, and counts how often it is asked."""

    def __init__(self, collection: Collection, file: Generated) -> None:
        copies = QUERYGYM_REPEATS if file.method == METHOD else None
        found = {
            query: without_query(file.texts[qid], query, copies=copies) for qid, query in collection.queries.items()
        }
        self.texts = {query: text.strip() or query for query, text in found.items()}
        self.asked = 0

    def __call__(self, request: Request) -> str:
        """What was recorded for the query."""
        self.asked += 1
        said = request.messages[-1]["content"]
        return self.texts[said.partition("QUERY ")[2].strip()]


PROMPT = """version: 1
fields: query, instruction
--- user
{instruction}QUERY {query}
"""


async def tune_all(data: Path, seeds: Sequence[int], rows: Path | None) -> dict[str, Any]:
    """Every file of `METHOD` in every collection, by every algorithm."""
    lines: list[dict[str, Any]] = []
    for collection in collections(data):
        for file in (one for one in collection.files if one.method == METHOD):
            for seed in seeds:
                lines += await tune_file(data, collection, file, seed)
    if rows is not None:
        rows.mkdir(parents=True, exist_ok=True)
        (rows / "tune.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")
    return summary_of(lines)


async def tune_file(data: Path, collection: Collection, file: Generated, seed: int) -> list[dict[str, Any]]:
    """One file of reformulations: tuned on some queries, held out on others, the same ones for all algorithms."""
    recorded, found = Recorded(collection, file), list[dict[str, Any]]()
    every = [{"qid": qid, "query": query} for qid, query in collection.queries.items()]
    drawn = Random(seed).sample(every, min(len(every), TUNED + HELD))
    given = {"id": "tuning", "rows": drawn[:TUNED], "held": drawn[TUNED:], "budget": TRIALS}
    with tempfile.TemporaryDirectory() as folder:
        prompt = Path(folder) / "prompt.txt"
        prompt.write_text(PROMPT, encoding="utf-8")
        base = genqr.Context.model_validate(
            {
                "solver": load_solver(ScriptedModel(recorded)),
                "retriever": f"bm25:{data / collection.name / 'corpus.jsonl.gz'}",
                "instructions": ("",),
                "prompt": str(prompt),
                "reply": "passage",
                "combination": "mix",
                "depth": DEPTH,
                "baseline": False,
            }
        )
        cache = RequestCache(Path(folder) / "requests.sqlite")
        for algorithm in ALGORITHMS:
            out = Path(folder) / algorithm
            context = zo_ranksgd.Context(
                method="genqr",
                base=base,
                knobs=KNOBS,
                measure=MEASURE,
                facts={"qrels": str(data / collection.name / "qrels.txt")},
                folder=out,
                algorithm=algorithm,
                seed=seed,
            )
            summary = await jobs.run(zo_ranksgd.graph, [given], context, out, cache=cache)
            (row,) = jobs.Run.open(out).rows()
            if row["output"] is None:
                raise RuntimeError(f"{summary.folder}: {row['reason']}")
            found.append(line_of(row["output"], file.name, algorithm, seed))
            print(json.dumps({name: found[-1][name] for name in ("file", "algorithm", "seed", "value", "after")}),
                  file=sys.stderr, flush=True)  # fmt: skip
    for one in found:
        one["calls_beyond_one_a_query"] = recorded.asked - len(drawn)
    return found


def line_of(output: dict[str, Any], name: str, algorithm: str, seed: int) -> dict[str, Any]:
    """A tuning's figures; where the start was chosen, it is what it was."""
    held = output["comparison"]
    return {
        "file": name,
        "algorithm": algorithm,
        "seed": seed,
        "settings": output["settings"],
        "start_value": output["start_value"],
        "value": output["value"],
        "before": held["before"],
        "after": held["after"],
        "evaluations": len(output["trials"]),
    }


def summary_of(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean held-out figures, and how ours differs from each rival, tuning by tuning."""
    by: dict[str, dict[tuple[str, int], dict[str, Any]]] = {}
    for one in lines:
        by.setdefault(one["algorithm"], {})[one["file"], one["seed"]] = one
    names = {"zo": "ours", "grid": "grid", "random": "random", "cma": "cma"}
    after = {
        names[algorithm]: round(fmean(one["after"] for one in found.values()), 4) for algorithm, found in by.items()
    }
    tuned = {
        names[algorithm]: round(fmean(one["value"] for one in found.values()), 4) for algorithm, found in by.items()
    }
    apart: dict[str, Any] = {}
    for algorithm in (one for one in by if one != "zo"):
        differences = [by["zo"][key]["after"] - by[algorithm][key]["after"] for key in by["zo"]]
        apart[names[algorithm]] = [round(fmean(differences), 4), *(round(one, 4) for one in bootstrap(differences))]
    return {
        **after,
        "evaluations": max(one["evaluations"] for one in lines),
        "tunings": len(by["zo"]),
        "start": round(fmean(one["before"] for one in by["zo"].values()), 4),
        "on_tuned_rows": {"start": round(fmean(one["start_value"] for one in by["zo"].values()), 4), **tuned},
        "ours_less": apart,
        "model_calls_beyond_one_a_query": max(one["calls_beyond_one_a_query"] for one in lines),
        "knobs": KNOBS,
        "queries": {"tuned": TUNED, "held": HELD},
    }


def tune(data: Path, seeds: Sequence[int], rows: Path | None) -> dict[str, Any]:
    return asyncio.run(tune_all(data, seeds, rows))
