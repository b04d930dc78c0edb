"""HiddenTables from end to end: WikiSQL questions, a Solver without a model, the real graph, sandbox and oracle.

    .venv/bin/python benchmarks/hidden_tables.py --data ../shared/data/tables --json [--full] [--rows FILE]

The Solver is a scripted model. It reads the prompt's schema and question, looks the question's gold SQL up, and writes
it as a pandas program (`benchmarks/wikisql.py`): it never sees a cell. Compared with: the same programs over the same
tables, each in a fresh `bwrap python` with numpy and pandas imported, at the same number of workers. Besides: a table
of ten million rows in the Arrow box, prompts from ten rows to ten million, a search for cells in messages, and games
over tables and answers as people write them (`benchmarks/written_tables.py`), and the tokens of a question against
those of a prompt that holds the table, by rows (`--tokenizer`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import canary, wikisql, written_tables  # noqa: E402
from benchmarks.machine import facts  # noqa: E402
from dikast.agents.models.load import close_models  # noqa: E402
from dikast.agents.models.request import Request  # noqa: E402
from dikast.agents.models.scripted import ScriptedModel  # noqa: E402
from dikast.agents.solver import load_solver  # noqa: E402
from dikast.graphs import hidden_tables  # noqa: E402
from dikast.sandbox.launch import bwrap  # noqa: E402
from dikast.tables.answers import items  # noqa: E402
from dikast.tables.load import load  # noqa: E402
from dikast.tables.oracle import TableOracle  # noqa: E402
from dikast.tables.pasted import count_pasted  # noqa: E402
from dikast.tables.questions import Question, read_questions  # noqa: E402
from dikast.tables.schema import SAID, ColumnSchema  # noqa: E402
from dikast.tables.sql_results import same_result  # noqa: E402
from dikast.tables.table import Kind, frame  # noqa: E402

COLUMN = re.compile(r'^- ("(?:[^"\\]|\\.)*"): ([^,\n]*)', re.MULTILINE)
KINDS: Mapping[str, Kind] = {said: kind for kind, said in SAID.items()}
FRESH, FRESH_FULL = 30, 200
"""Programs in a process of their own: a second each."""
BIG = (1_000_000, 10_000_000)
TRIES = 5
CANARY_GAMES = 1_000
CITIES = 500
PASTED = (10, 100, 1_000, 10_000)
"""Rows of the tables that are pasted, and counted."""
LOOKUP = """answer = sql("select price from df where id = 123456")['price'].tolist()"""
GROUP_BY = (
    'answer = sql("select city, avg(price) p from df group by city order by p desc, city limit 1").values.tolist()'
)
TICKS = os.sysconf("SC_CLK_TCK")

# What each fresh process runs: the program's own text and table come as files, its answer goes to stdout.
RUNNER = """
import json, os, sys
import numpy as np, pandas as pd
sys.path.insert(0, sys.argv[1])
from dikast.sandbox.inside import columns
from dikast.sandbox.inside.answer import plain
names = {"df": columns.read(memoryview(open(sys.argv[2], "rb").read())), "pd": pd, "np": np}
exec(open(sys.argv[3]).read(), names)
print(json.dumps({"answer": plain(names["answer"]), "cpu": sum(os.times()[:2])}))
"""


class SqlSolver:
    """Writes gold SQL as pandas text, from the schema in the prompt alone.

    Args:
        questions: With gold SQL.
        names: Table -> its column names; equal questions about different tables are told apart by them.
    """

    def __init__(self, questions: Sequence[Question], names: Mapping[str, tuple[str, ...]]) -> None:
        self.sql = {(one.text, names[one.table]): one.sql for one in questions if one.sql is not None}

    def solve(self, request: Request) -> str:
        """The reply to a prompt."""
        schema, _, question = request.messages[-1]["content"].rpartition("\n\nQuestion: ")
        columns = [ColumnSchema(json.loads(name), KINDS[said]) for name, said in COLUMN.findall(schema)]
        sql = self.sql[question, tuple(column.name for column in columns)]
        return f"```python\n{wikisql.compile_program(sql, columns)}```"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with wikisql/*.jsonl and wikisql/tables/")
    parser.add_argument("--rows", type=Path, help="write every game here")
    parser.add_argument("--full", action="store_true", help=f"{FRESH_FULL} fresh processes instead of {FRESH}")
    parser.add_argument("--only-games", action="store_true", help="leave big tables and the search for cells out")
    parser.add_argument("--only-pasted", action="store_true", help="only tokens against pasting the table")
    parser.add_argument("--tokenizer", default="openvino:smollm2-135m", help="model whose tokenizer counts")
    parser.add_argument("--json", action="store_true", help="only the last line on stdout (it always is one object)")
    args = parser.parse_args()
    found: dict[str, Any] = {}
    if args.only_pasted:
        found = asyncio.run(pasted(args.tokenizer))
        print(json.dumps({**found, **facts("dikast", "langgraph", "pandas", "numpy", "duckdb", "pyarrow")}))
        return
    for path in sorted((args.data / "wikisql").glob("*.jsonl")):
        found |= asyncio.run(games(path, args.rows))
        say(f"{found['correct']} of {found['games']} right, {found['games_per_s']:.1f} games/s")
        found |= fresh(path, found.pop("programs"), FRESH_FULL if args.full else FRESH, found["workers"])
        found["ratio"] = round(found["games_per_s"] / found["fresh_process_games_per_s"], 2)
        say(f"fresh processes: {found['fresh_process_games_per_s']:.2f} games/s, ratio {found['ratio']}")
    found |= asyncio.run(written_tables.play_all())
    say(f"{found['written_right']} of {found['written_asked']} as people write them")
    if not args.only_games:
        found |= asyncio.run(big_tables())
        found |= asyncio.run(pasted(args.tokenizer))
        leaks = asyncio.run(canary.search(CANARY_GAMES, seed=0))
        found |= {"leaks": leaks.hits + leaks.written, "canary": asdict(leaks)}
    print(json.dumps({**found, **facts("dikast", "langgraph", "pandas", "numpy", "duckdb", "pyarrow")}))


def say(text: str) -> None:
    print(text, file=sys.stderr)


async def games(path: Path, rows: Path | None) -> dict[str, Any]:
    """Play every question of a file."""
    questions = list(read_questions(path, "wikisql"))
    async with TableOracle(path.parent / "tables", questions=path, shape="wikisql") as oracle:
        names = {name: names_of(oracle, name) for name in {question.table for question in questions}}
        solver = load_solver(ScriptedModel(SqlSolver(questions, names).solve))
        context = hidden_tables.Context(solver=solver, oracle=oracle, rounds=1)
        workers = oracle.policy.concurrency
        one = hidden_tables.Input(table=questions[0].table, question=questions[0].text, id=questions[0].id)
        await asyncio.gather(*(hidden_tables.graph.ainvoke(one, context=context) for _ in range(workers)))
        seconds: list[float] = []
        started, cpu = time.perf_counter(), processor_seconds()
        outputs = await canary.in_flight([timed(context, each, seconds) for each in questions], workers + 1)
        wall, cpu = time.perf_counter() - started, processor_seconds() - cpu
    turns = [output["turns"][0] for output in outputs]
    if rows:
        rows.write_text("".join(json.dumps(output) + "\n" for output in outputs), encoding="utf-8")
    cuts = statistics.quantiles(seconds, n=100)
    return {
        "games": len(turns),
        "correct": sum(turn["correct"] is True for turn in turns),
        "games_per_s": round(len(turns) / wall, 2),
        "p50_ms": round(1000 * cuts[49], 2),
        "p99_ms": round(1000 * cuts[98], 2),
        "cpu_ms_per_game": round(1000 * cpu / len(turns), 2),
        "workers": workers,
        "tier": outputs[0]["tier"],
        "programs": {turn["id"]: turn["program"] for turn in turns},
    }


def names_of(oracle: TableOracle, name: str) -> tuple[str, ...]:
    return tuple(column.name for column in oracle.library.load(name).tables[0].columns)


async def timed(context: hidden_tables.Context, question: Question, seconds: list[float]) -> Any:
    started = time.perf_counter()
    given = hidden_tables.Input(table=question.table, question=question.text, id=question.id)
    output = await hidden_tables.graph.ainvoke(given, context=context)
    seconds.append(time.perf_counter() - started)
    return output


def processor_seconds() -> float:
    """Of this process and all that descend from it, those that have ended included where their parent lives."""
    parents: dict[int, tuple[int, float]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(fields[1]), sum(map(int, fields[11:15])) / TICKS
    mine, total = {os.getpid()}, 0.0
    while mine:
        total += sum(parents[one][1] for one in mine if one in parents)
        mine = {one for one, (parent, _) in parents.items() if parent in mine}
    return total


def fresh(path: Path, programs: Mapping[str, str], count: int, workers: int) -> dict[str, Any]:
    """The same programs, spread over the file, each in a process of its own."""
    columns = import_module("dikast.sandbox.inside.columns")
    questions = list(read_questions(path, "wikisql"))
    chosen = questions[:: max(1, len(questions) // count)][:count]
    with tempfile.TemporaryDirectory() as scratch:
        commands: list[list[str]] = []
        for number, question in enumerate(chosen):
            table, program = Path(scratch) / f"{number}.table", Path(scratch) / f"{number}.py"
            table.write_bytes(columns.pack(frame(load(path.parent / "tables" / f"{question.table}.csv"))))
            program.write_text(programs[question.id], encoding="utf-8")
            box = [str(bwrap()[0]), "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--"]
            commands.append([*box, sys.executable, "-c", RUNNER, str(ROOT), str(table), str(program)])
        started = time.perf_counter()
        with ThreadPoolExecutor(workers) as pool:
            ended = list(pool.map(run_fresh, commands))
        wall = time.perf_counter() - started
    cpu = sum(end["cpu"] for end in ended)
    right = [same_result(one.target, items(end["answer"])) for one, end in zip(chosen, ended, strict=True)]
    return {
        "fresh_process_games": len(chosen),
        "fresh_process_correct": sum(right),
        "fresh_process_games_per_s": round(len(chosen) / wall, 3),
        "fresh_process_cpu_ms": round(1000 * cpu / len(chosen), 1),
    }


def run_fresh(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout, parse_constant=lambda _: None)


async def big_tables() -> dict[str, Any]:
    """Whole games over tables that do not fit into a prompt, and what their prompts look like."""
    prompts: set[str] = set()
    told: list[dict[str, Any]] = []

    def solve(request: Request) -> str:
        prompts.add(json.dumps(request.messages))
        return f"```python\n{programs[request.messages[-1]['content'].rpartition('Question: ')[2]]}\n```"

    programs = {"lookup": LOOKUP, "group-by": GROUP_BY}
    with tempfile.TemporaryDirectory() as scratch:
        for rows in (10, *BIG):
            place = Path(scratch) / "sales.arrow"
            write_big(place, rows)
            async with TableOracle(place) as oracle:
                context = hidden_tables.Context(solver=load_solver(ScriptedModel(solve)), oracle=oracle, rounds=1)
                seconds = {name: await tries(context, name) for name in programs}
            if rows in BIG:
                told.append({"rows": rows, "lookup_s": seconds["lookup"], "groupby_s": seconds["group-by"]})
                say(f"{rows} rows: {told[-1]}")
    return {"big_table": told, "prompts_identical": len(prompts) == len(programs)}


async def pasted(spec: str) -> dict[str, Any]:
    """Tokens of a question, all that the Solver reads and writes, against question and table as CSV, by rows.

    Both are counted by one tokenizer, ours from the messages that were sent.
    """
    count, sent = load_solver(spec).count_tokens, list[str]()

    def solve(request: Request) -> str:
        sent[:] = [message["content"] for message in request.messages]
        sent.append(f"```python\n{GROUP_BY}\n```")
        return sent[-1]

    told: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "sales.arrow"

        async def measure(rows: int) -> dict[str, Any]:
            write_big(place, rows)
            async with TableOracle(place) as oracle:
                context = hidden_tables.Context(solver=load_solver(ScriptedModel(solve)), oracle=oracle, rounds=1)
                given = hidden_tables.Input(table="sales", question="Which city has the highest mean price?")
                await hidden_tables.graph.ainvoke(given, context=context)
                table = await count_pasted([load(place)], counted)
                tokens = [await counted(text) for text in (given["question"], *sent)]
            return {"rows": rows, "tokens": sum(tokens[1:]), "pasted_tokens": table.tokens + tokens[0]}

        async def counted(text: str) -> int:
            return await count(text) or 0

        for rows in PASTED:
            told.append(await measure(rows))
            say(f"{told[-1]}")
        least, most = 1, next(one["rows"] for one in told if one["pasted_tokens"] > one["tokens"])
        while least < most:
            middle = (least + most) // 2
            one = await measure(middle)
            least, most = (least, middle) if one["pasted_tokens"] > one["tokens"] else (middle + 1, most)
    await close_models()
    return {"pasted": told, "pasting_has_more_from_rows": least, "tokenizer": spec}


async def tries(context: hidden_tables.Context, question: str) -> float:
    """Median seconds of a game, the table open."""
    given, seconds = hidden_tables.Input(table="sales", question=question), list[float]()
    for _ in range(TRIES + 1):
        started = time.perf_counter()
        output = await hidden_tables.graph.ainvoke(given, context=context)
        seconds.append(time.perf_counter() - started)
        if output["turns"][0]["status"] not in ("ok", "empty"):
            raise RuntimeError(f"{question}: {output['turns'][0]['status']}")
    return round(statistics.median(seconds[1:]), 4)


def write_big(place: Path, rows: int) -> None:
    """An Arrow file: an id, a price, and one of 500 cities."""
    pa: Any = import_module("pyarrow")
    np: Any = import_module("numpy")
    chance = np.random.default_rng(0)
    cities = pa.array([f"city {number}" for number in range(CITIES)])
    table = pa.table(
        {
            "id": pa.array(np.arange(rows)),
            "price": pa.array(np.round(100 * chance.random(rows), 2)),
            "city": cities.take(pa.array(chance.integers(0, CITIES, rows))),
        }
    )
    with pa.OSFile(str(place), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


if __name__ == "__main__":
    main()
