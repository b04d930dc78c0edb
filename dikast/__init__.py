"""dikast: solver, critic, oracle and judge agents, wired by typed LangGraph graphs over vLLM.

    from dikast import load_retriever, load_solver
    from dikast.graphs import genqr

    context = genqr.Context(
        solver=load_solver("openvino:smollm2-135m"), retriever=load_retriever("bm25:corpus.jsonl")
    )
    result = await genqr.graph.ainvoke({"query": "car will not start"}, context=context)

Methods are in `dikast.graphs`, batch jobs in `dikast.jobs`. The names below are loaded at first use, so that
`import dikast` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dikast.lazy import open_package

if TYPE_CHECKING:
    from dikast.agents.ledger import Ledger, recording
    from dikast.agents.models.cache import RequestCache
    from dikast.agents.models.limits import Limits
    from dikast.agents.models.load import load_model
    from dikast.agents.models.request import Sampling, Structured
    from dikast.agents.prompt import load_prompt
    from dikast.agents.solver import load_solver
    from dikast.errors import DikastError
    from dikast.jobs.reading import read_run
    from dikast.records import Document, Outcome, Provenance, Usage
    from dikast.retrieval.load import load_retriever
    from dikast.waiting import wait

_HOMES = {
    "DikastError": "errors",
    "Document": "records",
    "Ledger": "agents.ledger",
    "Limits": "agents.models.limits",
    "Outcome": "records",
    "Provenance": "records",
    "RequestCache": "agents.models.cache",
    "Sampling": "agents.models.request",
    "Structured": "agents.models.request",
    "Usage": "records",
    "load_model": "agents.models.load",
    "load_prompt": "agents.prompt",
    "load_retriever": "retrieval.load",
    "load_solver": "agents.solver",
    "read_run": "jobs.reading",
    "recording": "agents.ledger",
    "wait": "waiting",
}

__all__ = [
    "DikastError",
    "Document",
    "Ledger",
    "Limits",
    "Outcome",
    "Provenance",
    "RequestCache",
    "Sampling",
    "Structured",
    "Usage",
    "load_model",
    "load_prompt",
    "load_retriever",
    "load_solver",
    "read_run",
    "recording",
    "wait",
]

open_package(__name__, _HOMES)
