"""Tokens/s of a GenQR job over `vllm:` beside vLLM's own `LLM.chat` on the same prompts, alternating.

    LANE/venv/bin/python -m benchmarks.vllm_ratio --json --model 'vllm:FOLDER?dtype=float32&max_model_len=2048'

Runs where vLLM is installed: on a GPU machine, or in the environment that `make test-engines` makes in the cache folder
(`engines/vllm-...`). Both engines are
in memory at once. Greedy, so that both sides make about the same tokens; their counts are given.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import Any

from benchmarks.jobs import as_job, pairs
from benchmarks.machine import facts
from dikast.agents.models.request import Sampling
from dikast.agents.models.vllm.model import VllmModel
from dikast.agents.solver import load_solver
from dikast.graphs import genqr
from dikast.retrieval.load import load_retriever
from dikast.retrieval.sample import sample_files
from dikast.retrieval.trec import read_topics

PAIRS = 5
REPLY_TOKENS = 32
QUERIES = 6


async def measure_vllm(spec: str, pair_count: int = PAIRS, query_count: int = QUERIES) -> dict[str, Any]:
    """A GenQR job against `LLM.chat`; `ratio` is the median of the pairs' ratios."""
    from vllm import LLM, SamplingParams

    sample, sampling = sample_files(), Sampling(max_tokens=REPLY_TOKENS)
    solver = load_solver(spec)
    model = solver.model
    if not isinstance(model, VllmModel):
        raise TypeError(f"{spec} is not a vllm: model")
    context = genqr.Context(
        solver=solver, retriever=load_retriever(f"bm25:{sample.corpus}"), sampling=sampling, baseline=False
    )
    rows: list[Any] = [{"query": query} for query in list(read_topics(sample.topics).values())[:query_count]]
    chats = [
        context.prompt.render({"instruction": instruction, "query": row["query"], "form": genqr.FORMS["text"]})
        for row in rows
        for instruction in context.instructions
    ]
    made: dict[str, int] = {}

    async def job() -> float:
        started = time.perf_counter()
        summary = await as_job(genqr.graph, list(rows), context)
        made["ours"] = summary.usage["solver"].output_tokens
        return made["ours"] / (time.perf_counter() - started)

    # The job's engine first: it sets the environment in which both are started.
    await job()
    raw = LLM(model=model.model, **{name: value_of(text) for name, text in model.arguments.items()})
    parameters = SamplingParams(max_tokens=REPLY_TOKENS, temperature=0.0)

    async def alone() -> float:
        started = time.perf_counter()
        outputs = await asyncio.to_thread(raw.chat, [list(chat) for chat in chats], parameters, use_tqdm=False)
        made["theirs"] = sum(len(output.outputs[0].token_ids) for output in outputs)
        return made["theirs"] / (time.perf_counter() - started)

    try:
        found = await pairs(job, alone, pair_count, "tokens/s")
    finally:
        await model.aclose()
    return {**found, "tokens": made, "queries": len(rows)}


def value_of(text: str) -> Any:
    """An engine argument as `LLM` takes it."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="ignored: the last line is always JSON")
    parser.add_argument("--model", required=True)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--queries", type=int, default=QUERIES)
    arguments = parser.parse_args()
    found = asyncio.run(measure_vllm(arguments.model, arguments.pairs, arguments.queries))
    print(json.dumps({"engine_ratio": {"vllm": found["ratio"]}, "details": found, **facts("dikast", "vllm", "torch")}))


if __name__ == "__main__":
    main()
