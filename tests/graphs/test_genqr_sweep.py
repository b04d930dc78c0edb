"""A sweep over what is not said to the model asks the model nothing: with a real model, and exactly with a script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dikast import jobs
from dikast.agents.models.cache import RequestCache
from dikast.agents.models.request import Request
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.prompt import load_lines
from dikast.agents.solver import ModelSolver
from dikast.graphs import genqr
from dikast.records import Usage
from dikast.retrieval.load import load_retriever
from dikast.retrieval.sample import sample_files
from dikast.retrieval.trec import read_topics

SWEEP: list[dict[str, Any]] = [
    {},
    {"combination": "mix", "mixing": 0.2},
    {"combination": "mix", "mixing": 0.2, "damping": "binary"},
    {"combination": "mugi"},
    {"combination": "dedup", "repeats": 2},
    {"max_terms": 3},
    {"mode": "fusion"},
    {"mode": "fusion", "fusion": "combmnz", "normalize": "zscore", "with_original": True, "weights": (1, 2, 3)},
    {"select": "agreement"},
    {"distinct": 0.5},
    {"instructions": load_lines("genqr/instructions")[:1]},
    {"depth": 7},
]
QUERIES = 3


async def calls(solver: Any, folder: Path, cache: RequestCache, knobs: dict[str, Any]) -> Usage:
    """What a run costs, its folder new and its cache kept."""
    files = sample_files()
    rows = [{"qid": qid, "query": text} for qid, text in list(read_topics(files.topics).items())[:QUERIES]]
    settings: dict[str, Any] = {"instructions": load_lines("genqr/instructions")[:2], **knobs}
    context = genqr.Context(solver=solver, retriever=load_retriever(f"bm25:{files.corpus}"), **settings)
    summary = await jobs.run(genqr.graph, rows, context, folder / str(len(list(folder.iterdir()))), cache=cache)
    assert summary.finished == QUERIES
    return summary.usage["solver"]


async def test_with_the_embedded_model(smollm2: str, tmp_path: Path) -> None:
    """The long version, ten instructions and twenty queries, is benchmarks/genqr_cache.py."""
    cache = RequestCache(tmp_path / "requests.sqlite")
    short = {"sampling": genqr.PAPER_SAMPLING.model_copy(update={"max_tokens": 8})}
    first = await calls(smollm2, tmp_path, cache, short)
    assert first.calls == 2 * QUERIES
    for knobs in ({}, {"combination": "mix", "mixing": 0.3}):
        again = await calls(smollm2, tmp_path, cache, {**short, **knobs})
        # An empty reply is never kept; each of the others is.
        assert again.calls == 2 * QUERIES - len(cache)
        assert again.calls + again.cached_calls == 2 * QUERIES
    assert len(cache) >= 2 * QUERIES - 1
    cache.close()


async def test_every_setting_after_the_first_run_is_free(tmp_path: Path) -> None:
    asked: list[Request] = []

    def say(request: Request) -> str:
        asked.append(request)
        return f"keyword{len(asked)}, battery"

    solver = ModelSolver(ScriptedModel(say, spec="scripted:test:say"))
    cache = RequestCache(tmp_path / "requests.sqlite")
    assert (await calls(solver, tmp_path, cache, {})).calls == 2 * QUERIES
    for knobs in SWEEP:
        assert (await calls(solver, tmp_path, cache, knobs)).calls == 0, knobs
    assert len(asked) == 2 * QUERIES
    # What is said to the model is another matter.
    assert (await calls(solver, tmp_path, cache, {"samples": 2})).calls == 2 * QUERIES
    assert (await calls(solver, tmp_path, cache, {"feedback": "pseudo"})).calls == 2 * QUERIES
    cache.close()
