"""What a job costs beside the same graph bare, beside the raw engine, and beside a plain HTTP loop.

    .venv/bin/python benchmarks/jobs.py --json [--model openvino:smollm2-135m] [--vllm SPEC] [--skip openvino,http,vllm]

Every figure is a ratio of two sides that alternate in one run; the median of the pairs is given, with all of them.

* `ratio`: rows/s of the one-call graph over a scripted model as a job ÷ the same compiled graph by `ainvoke`, as many
  in flight.
* `ms_per_branch`: processor milliseconds of one `Send` branch that does nothing.
* `engine_ratio.openvino`: tokens/s of a GenQR job ÷ `ContinuousBatchingPipeline.generate` on the same prompts with the
  same settings; greedy, so that both sides make the same tokens, which is checked.
* `engine_ratio.vllm`: the same beside vLLM's `LLM.chat`, by `benchmarks/vllm_ratio.py`: with vLLM in this environment
  and `--vllm SPEC`, or in the one that `make test-engines` made, with its model.
* `start_s`: processor seconds of a whole command of a row or two over a scripted model, its children's with it: what
  starting costs, whoever answers; the median of the runs, by method.
* `http_ratio`: rows/s of the one-call graph as a job over a server on loopback ÷ a loop over AsyncOpenAI that writes
  each reply as a line of JSON, as many in flight.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import operator
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from typing_extensions import TypedDict

from benchmarks.machine import facts
from benchmarks.one_call import PROMPT, Context, echoing, graph, queries
from dikast import jobs
from dikast.agents.models.catalog import cache_folder
from dikast.agents.models.engine import EngineModel
from dikast.agents.models.openvino.model import OpenVinoModel, render
from dikast.agents.models.openvino.native import generation_config, load_pipeline
from dikast.agents.models.request import Request, Sampling
from dikast.agents.solver import load_solver
from dikast.errors import DikastError
from dikast.graphs import genqr
from dikast.retrieval.load import load_retriever
from dikast.retrieval.sample import sample_files
from dikast.retrieval.trec import read_topics

IN_FLIGHT = 64
ROWS = 1500
PAIRS = 7
BRANCHES = (1, 50)
BRANCH_RUNS = 60
MODEL = "openvino:smollm2-135m"
REPLY_TOKENS = 32
SIDE_SECONDS = 6.0
"""How long one side of an engine pair should take, on whatever machine this is."""
MOST_QUERIES = 24
ECHO = "org/echo"
STARTS = 5
UNREAD = 3
"""The exit code where no verdict could be read: the scripted model says the prompt backwards."""
SCRIPTED = "--model scripted:benchmarks.one_call:echo --cache off -o run"
COMMANDS = {
    "genqr": f"genqr run --collection sample --limit 2 {SCRIPTED}",
    "judge": f"judge run --pairs pairs.csv --mode free {SCRIPTED}",
    "astral": f"astral run --cases suite.csv --target scripted:benchmarks.one_call:echo --authority a {SCRIPTED}",
}
INPUTS = {
    "pairs.csv": "instruction,response_1,response_2,gold\nTwo?,2,3,1\n",
    "suite.csv": "prompt,category,style,persuasion\nWhy do leaves fall?,privacy_violation,slang,logical_appeal\n",
}
ROOT = Path(__file__).resolve().parents[1]
LOOPBACK = ROOT / "tests" / "loopback.py"
LANE_OPTIONS = "dtype=float32&max_model_len=2048&enforce_eager=true&kv_cache_memory_bytes=1073741824"

Side = Callable[[], Awaitable[float]]
"""Does its work once; returns units of it a second."""


async def pairs(ours: Side, theirs: Side, count: int, name: str) -> dict[str, Any]:
    """Alternate two sides, the first of each pair changing; rates and the median of their ratios."""
    for side in (ours, theirs):  # warm up
        await side()
    found: list[tuple[float, float]] = []
    for number in range(count):
        if number % 2:
            there = await theirs()
            here = await ours()
        else:
            here = await ours()
            there = await theirs()
        found.append((here, there))
        print(f"{name} {number + 1}: {here:.1f} against {there:.1f}, ratio {here / there:.3f}", file=sys.stderr)
    return {
        "ours": round(statistics.median(here for here, _ in found), 1),
        "theirs": round(statistics.median(there for _, there in found), 1),
        "ratio": round(statistics.median(here / there for here, there in found), 4),
        "ratios": [round(here / there, 4) for here, there in found],
    }


async def bounded(work: Iterable[Callable[[], Awaitable[Any]]]) -> None:
    """Do all of it, `IN_FLIGHT` at a time."""
    left = iter(work)

    async def worker() -> None:
        for one in left:
            await one()

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))


async def as_job(compiled: Any, rows: list[Any], context: object) -> jobs.Summary:
    with tempfile.TemporaryDirectory() as folder:
        summary = await jobs.run(compiled, rows, context, Path(folder) / "run", concurrency=IN_FLIGHT)
    if summary.exit_code or summary.finished != len(rows):
        raise RuntimeError(f"the job went wrong: {summary}")
    return summary


async def measure_rows(count: int) -> dict[str, Any]:
    context, rows = echoing(), queries(count)

    async def job() -> float:
        started = time.perf_counter()
        await as_job(graph, list(rows), context)
        return count / (time.perf_counter() - started)

    async def bare() -> float:
        started = time.perf_counter()
        await bounded(lambda row=row: graph.ainvoke(row, context=context, version="v2") for row in rows)
        return count / (time.perf_counter() - started)

    return await pairs(job, bare, PAIRS, "rows/s")


def measure_start() -> dict[str, float]:
    """Processor seconds of each command, from Python's start to its end."""

    def once(command: str) -> float:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in INPUTS.items():
                (Path(folder) / name).write_text(text, encoding="utf-8")
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            done = subprocess.run(
                [sys.executable, "-m", "dikast.cli", *command.split()],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                check=False,
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode not in (0, UNREAD):
            raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr.decode()}")
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    runs = [{name: once(command) for name, command in COMMANDS.items()} for _ in range(STARTS)]
    return {name: round(statistics.median(run[name] for run in runs), 2) for name in COMMANDS}


class Fan(TypedDict):
    """State of a graph that only branches."""

    width: int
    seen: Annotated[list[int], operator.add]


def fan_graph() -> Any:
    async def branch(state: Fan) -> dict[str, list[int]]:
        return {"seen": [1]}

    def fan_out(state: Fan) -> list[Send]:
        return [Send("branch", state) for _ in range(state["width"])]

    built = StateGraph(Fan)
    built.add_node("branch", branch).add_conditional_edges(START, fan_out, ["branch"]).add_edge("branch", END)
    return built.compile(checkpointer=False, name="fan")


async def measure_branch() -> float:
    """Milliseconds of processor time that one more branch costs."""
    fan = fan_graph()

    async def cost(width: int) -> float:
        started = time.process_time()
        for _ in range(BRANCH_RUNS):
            await fan.ainvoke({"width": width, "seen": []}, version="v2")
        return (time.process_time() - started) / BRANCH_RUNS * 1000

    few, many = BRANCHES
    await cost(few)
    differences = [(await cost(many) - await cost(few)) / (many - few) for _ in range(PAIRS)]
    return round(statistics.median(differences), 4)


async def measure_openvino(spec: str) -> dict[str, Any]:
    """A GenQR job against the raw pipeline on the same prompts."""
    sample = sample_files()
    sampling = Sampling(max_tokens=REPLY_TOKENS)
    solver = load_solver(spec)
    model = solver.model
    if not isinstance(model, OpenVinoModel):
        raise TypeError(f"{spec} is not an openvino: model")
    context = genqr.Context(
        solver=solver, retriever=load_retriever(f"bm25:{sample.corpus}"), sampling=sampling, baseline=False
    )
    engine = await model._open()
    raw = load_pipeline(engine.genai, engine.path, model.settings)
    config = generation_config(engine.genai, Request((), sampling), 0)

    def prompts(rows: list[Any]) -> list[Any]:
        texts = [
            {"instruction": instruction, "query": row["query"], "form": genqr.FORMS["text"]}
            for row in rows
            for instruction in context.instructions
        ]
        return [engine._tensor(render(engine, context.prompt.render(fields))) for fields in texts]

    def generate(rows: list[Any]) -> tuple[int, float]:
        tensors = prompts(rows)
        started = time.perf_counter()
        made = raw.generate(tensors, [config] * len(tensors))
        seconds = time.perf_counter() - started
        return sum(len(one.m_generation_ids[0]) for one in made), seconds

    rows: list[Any] = [{"query": query} for query in read_topics(sample.topics).values()]
    generate(rows[:1])
    _, seconds = generate(rows[1:3])
    chosen = rows[: max(2, min(MOST_QUERIES, round(2 * SIDE_SECONDS / seconds)))]
    made: dict[str, int] = {}

    async def job() -> float:
        started = time.perf_counter()
        summary = await as_job(genqr.graph, list(chosen), context)
        seconds = time.perf_counter() - started
        made["ours"] = summary.usage["solver"].output_tokens
        return made["ours"] / seconds

    async def alone() -> float:
        made["theirs"], seconds = await asyncio.to_thread(generate, chosen)
        return made["theirs"] / seconds

    try:
        found = await pairs(job, alone, PAIRS, "tokens/s")
    finally:
        await model.aclose()
    return {**found, "tokens": made, "queries": len(chosen)}


@contextmanager
def loopback() -> Generator[str]:
    """The address of a server in a process of its own."""
    with subprocess.Popen([sys.executable, str(LOOPBACK)], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


async def measure_http(count: int) -> dict[str, Any]:
    """A job over a server against a loop over the openai client."""
    from openai import AsyncOpenAI

    rows = queries(count)
    with loopback() as url:
        solver = load_solver(f"server:{url}#{ECHO}")
        context = Context(solver=solver)

        async def job() -> float:
            started = time.perf_counter()
            await as_job(graph, list(rows), context)
            return count / (time.perf_counter() - started)

        async def loop() -> float:
            started = time.perf_counter()
            with tempfile.TemporaryFile("w") as file:
                async with AsyncOpenAI(base_url=url, api_key="none") as client:

                    async def one(row: Any) -> None:
                        messages: Any = PROMPT.render(row)
                        said = await client.chat.completions.create(
                            model=ECHO, messages=messages, max_tokens=Sampling().max_tokens, temperature=0
                        )
                        file.write(json.dumps({**row, "text": said.choices[0].message.content}) + "\n")

                    await bounded(lambda row=row: one(row) for row in rows)
            return count / (time.perf_counter() - started)

        try:
            return await pairs(job, loop, PAIRS, "requests/s")
        finally:
            if isinstance(solver.model, EngineModel):
                await solver.model.aclose()


async def measure_vllm(spec: str | None) -> dict[str, Any]:
    """A GenQR job over `vllm:` against `LLM.chat`, in a process of its own: two engines take much memory."""
    python, given = (Path(sys.executable), spec) if spec else lane()
    if python is None or given is None:
        return {"ratio": None, "reason": "no vLLM: make test-engines installs its CPU build; or --vllm SPEC"}
    command = [str(python), "-m", "benchmarks.vllm_ratio", "--json", "--model", given]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
    said, _ = await process.communicate()
    if process.returncode != 0:
        raise DikastError(f"benchmarks/vllm_ratio.py ended with {process.returncode}")
    return json.loads(said.splitlines()[-1])["details"]


def lane() -> tuple[Path | None, str | None]:
    """The Python of the engine lane, the newest there is, and its model as a spec."""
    pythons = sorted(cache_folder().glob("engines/vllm-*/venv/bin/python"), key=lambda path: path.lstat().st_mtime)
    folders = sorted(cache_folder().glob("models/smollm2-135m-*-float32"))
    return (pythons[-1], f"vllm:{folders[-1]}?{LANE_OPTIONS}") if pythons and folders else (None, None)


async def attempt(name: str, skipped: set[str], measure: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """A measurement that may not be possible here: then `ratio` is null, and the reason is given."""
    if name in skipped:
        return {"ratio": None, "reason": "left out with --skip"}
    try:
        return await measure()
    except (DikastError, ImportError) as error:
        return {"ratio": None, "reason": str(error)}


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    skipped = set(arguments.skip.split(","))
    rows = await measure_rows(arguments.count)
    branch = await measure_branch()
    start = measure_start()
    http = await attempt("http", skipped, lambda: measure_http(max(IN_FLIGHT, arguments.count)))
    openvino = await attempt("openvino", skipped, lambda: measure_openvino(arguments.model))
    vllm = await attempt("vllm", skipped, lambda: measure_vllm(arguments.vllm))
    return {
        "rows_per_s": rows["ours"],
        "bare_rows_per_s": rows["theirs"],
        "ratio": rows["ratio"],
        "ms_per_branch": branch,
        "start_s": start,
        "engine_ratio": {"openvino": openvino["ratio"], "vllm": vllm["ratio"]},
        "http_ratio": http["ratio"],
        "in_flight": IN_FLIGHT,
        "details": {
            "rows": rows,
            "openvino": openvino,
            "http": http,
            "vllm": vllm,
        },
        **facts("dikast", "langgraph", "openvino-genai", "openai", "aiohttp"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="ignored: the last line is always JSON")
    parser.add_argument("--full", action="store_true", help="accepted for uniformity")
    parser.add_argument("--rows", type=Path, help="write every pair's figures here, JSON lines")
    parser.add_argument("--count", type=int, default=ROWS, help="rows of a scripted job")
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--vllm", metavar="SPEC", help="vllm:... of this environment, in place of the engine lane's")
    parser.add_argument("--skip", default="", metavar="NAMES", help="openvino,http,vllm")
    arguments = parser.parse_args()
    found = asyncio.run(measure(arguments))
    if arguments.rows:
        lines = (json.dumps({"what": name, **figures}) for name, figures in found["details"].items())
        arguments.rows.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
