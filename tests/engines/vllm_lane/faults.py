"""Jobs against a real `vllm serve` behind a bad network, and one that is killed and started again."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import Annotated

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from pydantic import BaseModel
from typing_extensions import TypedDict

from dikast import jobs
from dikast.agents.models.request import Sampling
from dikast.agents.prompt import parse_prompt
from dikast.agents.roles import Solver
from dikast.agents.solver import load_solver
from dikast.errors import ModelUnavailable
from dikast.wire import Spec, check
from tests.engines.vllm_lane.conftest import NAME, Serve
from tests.engines.vllm_lane.proxy import Fault, Proxy

ROWS, CONCURRENCY, FAULTS = 64, 16, 6
PROMPT = parse_prompt("lane", b"version: 1\nfields: query\n--- user\nKeywords for: {query}\n")


class Context(BaseModel, frozen=True, extra="forbid"):
    solver: Annotated[Solver, Spec(load_solver)]


class Query(TypedDict):
    query: str


class Said(Query):
    text: str


async def say(state: Said, runtime: Runtime[Context]) -> dict[str, str]:
    solver = check(runtime.context, Context).solver
    return {"text": (await solver.solve(PROMPT, {"query": state["query"]}, sampling=Sampling(max_tokens=12))).text}


graph = (
    StateGraph(Said, context_schema=Context, input_schema=Query, output_schema=Said)
    .add_node("say", say)
    .add_edge(START, "say")
    .add_edge("say", END)
    .compile(checkpointer=False, name="lane")
)


@pytest.fixture
def proxy(serve: Serve) -> Iterator[Proxy]:
    with Proxy(serve.port) as proxy:
        yield proxy


async def run(proxy: Proxy, out: Path, rows: int = ROWS, retries: int = FAULTS + 1) -> jobs.Summary:
    """A job; one request may meet all of the proxy's faults, so that it is tried more often than there are."""
    context = Context(solver=load_solver(f"server:{proxy.url}#{NAME}?timeout=120&retries={retries}"))
    queries = [{"query": f"question {number}"} for number in range(rows)]
    return await jobs.run(graph, queries, context, out, concurrency=CONCURRENCY)


def outcomes(out: Path) -> Counter[str]:
    """Outcomes in the journal, once a row, read without any of the code under test."""
    lines = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    assert len({line["key"] for line in lines}) == len(lines)
    return Counter(line["outcome"] for line in lines)


@pytest.mark.parametrize("fault", ["cut", "half-close", "slow"])
async def test_job_over_a_bad_network_finishes_every_row(fault: Fault, proxy: Proxy, tmp_path: Path) -> None:
    proxy.faults.extend(repeat(fault, FAULTS))
    summary = await run(proxy, tmp_path / "run")
    assert not proxy.faults
    assert outcomes(tmp_path / "run") == {"ok": ROWS}
    assert summary.exit_code == 0
    assert proxy.broken == (0 if fault == "slow" else FAULTS)
    assert proxy.forwarded == ROWS + proxy.broken


async def test_server_killed_in_the_middle_of_a_job_and_started_again(
    serve: Serve, proxy: Proxy, tmp_path: Path
) -> None:
    out, rows = tmp_path / "run", 4 * ROWS
    job = asyncio.create_task(run(proxy, out, rows, retries=2))
    while proxy.forwarded < ROWS:
        await asyncio.sleep(0.01)
    serve.kill()
    with pytest.raises(ModelUnavailable):
        await job
    finished = sum(outcomes(out).values())
    assert 0 < finished < rows
    await asyncio.to_thread(serve.start)
    summary = await run(proxy, out, rows, retries=2)
    assert summary.exit_code == 0
    assert outcomes(out) == {"ok": rows}
    assert proxy.forwarded <= rows + proxy.broken
    assert proxy.broken <= CONCURRENCY
