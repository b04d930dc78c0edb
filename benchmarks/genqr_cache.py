"""Does a sweep over everything that is not said to the model ask the model nothing?

    .venv/bin/python benchmarks/genqr_cache.py --json [--model SPEC] [--queries 20] [--instructions 10]

One run over the sample collection with an empty request cache, then the same again in another folder, then others with
other ways of combining, fusing, choosing and cutting, and with fewer instructions. `calls` are those that reached the
model. A reply that is empty is never kept in the cache, so that one may be asked for again: `empty` counts them.
Needs the embedded model, or `--model`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import facts

from dikast import jobs
from dikast.agents.models.cache import RequestCache
from dikast.agents.models.load import close_models
from dikast.agents.prompt import load_lines
from dikast.graphs import genqr
from dikast.records import Usage
from dikast.retrieval.sample import sample_files
from dikast.retrieval.trec import read_topics

SWEEP: dict[str, dict[str, Any]] = {
    "again": {},
    "mixing .3": {"combination": "mix", "mixing": 0.3},
    "mixing .8": {"combination": "mix", "mixing": 0.8},
    "damping log": {"combination": "mix", "damping": "log"},
    "querygym": {"combination": "querygym"},
    "dedup": {"combination": "dedup"},
    "mugi": {"combination": "mugi"},
    "lamer": {"combination": "lamer"},
    "rrf": {"mode": "fusion"},
    "combsum": {"mode": "fusion", "fusion": "combsum", "normalize": "minmax", "with_original": True},
    "select agreement": {"select": "agreement"},
    "select evidence": {"select": "evidence"},
    "distinct": {"distinct": 0.8},
    "half the instructions": {"half": True},
}


async def sweep(model: str, queries: int, instructions: int, folder: Path) -> dict[str, Any]:
    files = sample_files()
    rows = [{"qid": qid, "query": text} for qid, text in list(read_topics(files.topics).items())[:queries]]
    lines = load_lines("genqr/instructions")[:instructions]
    cache = RequestCache(folder / "requests.sqlite")
    told: dict[str, Any] = {"queries": len(rows), "instructions": len(lines), "runs": {}}
    for name, settings in {"first": {}, **SWEEP}.items():
        knobs = {key: value for key, value in settings.items() if key != "half"}
        asked = lines[: len(lines) // 2] if "half" in settings else lines
        context = genqr.Context.model_validate(
            {"solver": model, "retriever": f"bm25:{files.corpus}", "instructions": asked, **knobs}
        )
        started, out = time.perf_counter(), folder / name.replace(" ", "_")
        summary = await jobs.run(genqr.graph, rows, context, out, cache=cache, concurrency=16)
        usage = summary.usage.get("solver", Usage())
        told["runs"][name] = {
            "asked": len(rows) * len(asked),
            "calls": usage.calls,
            "cached": usage.cached_calls,
            "seconds": round(time.perf_counter() - started, 2),
        }
        if name == "first":
            finished = [row["output"] for row in jobs.Run.open(out).rows()]
            replies = [one["outcome"] for output in finished for one in output["reformulations"]]
            told["empty"] = replies.count("empty")
        print(name, told["runs"][name], file=sys.stderr, flush=True)
    await close_models()
    told["calls_first"] = told["runs"]["first"]["calls"]
    told["calls_again"] = told["runs"]["again"]["calls"]
    told["calls_sweep"] = sum(told["runs"][name]["calls"] for name in SWEEP)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="openvino:smollm2-135m")
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--instructions", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="accepted for uniformity: the last line is JSON anyway")
    parser.add_argument("--full", action="store_true", help="accepted for uniformity")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        told = asyncio.run(sweep(options.model, options.queries, options.instructions, Path(folder)))
    print(json.dumps({"model": options.model, **told} | facts("dikast", "openvino-genai")))


if __name__ == "__main__":
    main()
