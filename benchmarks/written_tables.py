"""Tables and answers as people write them: whole games whose right answers are known, over files of each kind.

    told = await play_all()      # {"written_asked": 20, "written_right": 20, "written_wrong": []}

The Solver is a scripted model that says the case's program. A case that reads what can be read in two ways without
being told is wrong here, and so is one that cannot be read once it is told.
"""

from __future__ import annotations

import asyncio
import datetime
import itertools
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from dikast.agents.models.request import Request
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.solver import load_solver
from dikast.graphs import hidden_tables
from dikast.tables.oracle import TableOracle


@dataclass(frozen=True)
class Case:
    """A file, how it is read, a program, and the answer that is right."""

    name: str
    text: str
    program: str
    gold: object
    reading: Mapping[str, str] = field(default_factory=dict[str, str])
    box: Any = "auto"


SEMICOLON = {"delimiter": ";"}
CASES = (
    Case("units", "n\n1.62 m\n200 m\n", "answer = num(df['n']).tolist()", [1.62, 200]),
    Case("letters", "n\n3 k\n7 M\n£4.5m\n", "answer = num(df['n']).dropna().tolist()", [4.5e6]),
    Case("euro column", "n\n1.234,56\n2.000\n", "answer = num(df['n']).sum()", 3234.56, SEMICOLON),
    Case("may be either", "n;x\n3,125;a\n7,250;b\n", "answer = df['n'].tolist()", ["3,125", "7,250"], SEMICOLON),
    Case("told comma", "n;x\n3,125;a\n7,250;b\n", "answer = df['n'].sum()", 10.375, {**SEMICOLON, "decimal": ","}),
    Case("told thousands", "n;x\n3.125;a\n7.250;b\n", "answer = df['n'].sum()", 10375, {**SEMICOLON, "thousands": "."}),
    Case("fractions", "n\n2½\n1 3/4\n", "answer = num(df['n']).sum()", 4.25),
    Case("telephones", "n\n+4930123456\n+33123456789\n", "answer = df['n'].tolist()", ["+4930123456", "+33123456789"]),
    Case("long fractions", "n\n0.0123456789012345678\n0.5\n", "answer = df['n'].sum()", 0.5123456789),
    Case("one order", "d\n03/04/2005\n23/04/2005\n", "answer = date(df['d']).dt.month.tolist()", [4, 4]),
    Case("told order", "d\n03/04/2005\n", "answer = df['d'].dt.month.tolist()", [3], {"dayfirst": "no"}),
    Case("no year", "d\n3 April\n4:05\n", "answer = int(date(df['d']).isna().sum())", 2),
    Case(
        "offsets", "t\n2024-01-05T23:30:00-02:00\n", "answer = date(df['t']).dt.tz_convert('UTC').dt.day.tolist()", [6]
    ),
    Case("types", "ok\nTRUE\nno\n", "answer = int(df['ok'].sum())", 1, {"types": "ok=boolean"}),
    Case("title", "Report\n\na,b\n1,2\n", "answer = int(df['b'][0])", 2, {"skip_rows": "2"}),
    Case("grouped", "r,n\nx,3\ny,7\nx,4\n", "answer = df.groupby('r')['n'].sum()", {"y": 7, "x": 7}),
    Case("per cent", "n\n1\n3\n", "answer = df['n'][0] / df['n'].sum()", "25%"),
    Case("rounded", "n\n1\n3\n", "answer = df['n'][0] / df['n'][1]", 0.333),
    Case("nothing", "n\n1\n", "answer = df['n'][df['n'] > 5]", []),
    Case("yes", "n\n1\n", "answer = bool((df['n'] > 0).all())", "true"),
)
PARQUET = {
    "answer = df['at'].dt.hour.tolist()": [14],
    "answer = df['day'].dt.year.tolist()": [2024],
    "answer = (df['price'] * 2).tolist()": [2.5],
    "answer = df['tags'].str.len().tolist()": [10],
}


async def play_all() -> dict[str, Any]:
    """Play every case; which were right."""
    with tempfile.TemporaryDirectory() as scratch:
        cases = [*CASES, *parquet_cases()]
        alike = itertools.groupby(sorted(cases, key=setting), key=setting)
        groups = [list(group) for _, group in alike]
        wrong = [name for at, group in enumerate(groups) for name in await play(Path(scratch) / str(at), group)]
    return {"written_asked": len(cases), "written_right": len(cases) - len(wrong), "written_wrong": wrong}


def setting(case: Case) -> str:
    """What cases of one oracle share."""
    return repr((sorted(case.reading.items()), case.box))


def parquet_cases() -> list[Case]:
    """The same programs over the same columns, in each kind of box."""
    boxes = ("frame", "arrow")
    return [Case(f"{box}: {one}", "", one, gold, box=box) for one, gold in PARQUET.items() for box in boxes]


def write(case: Case, path: Path) -> None:
    """The case's file; without a text, columns of types that only Parquet has."""
    if case.text:
        path.with_suffix(".csv").write_text(case.text, encoding="utf-8")
        return
    pa: Any = import_module("pyarrow")
    noon = datetime.datetime(2024, 7, 5, 12, tzinfo=datetime.UTC)
    columns = {
        "at": pa.array([noon], pa.timestamp("us", "Europe/Berlin")),
        "day": pa.array([noon.date()]),
        "price": pa.array([1.25]).cast(pa.decimal128(9, 2)),
        "tags": pa.array([["a", "b"]]),
    }
    import_module("pyarrow.parquet").write_table(pa.table(columns), path.with_suffix(".parquet"))


async def play(folder: Path, cases: list[Case]) -> list[str]:
    """Play cases that are read alike; the names of the wrong ones."""
    folder.mkdir()
    rows: list[dict[str, Any]] = [
        {"id": str(at), "question": one.name, "table": f"t{at}", "answer": one.gold} for at, one in enumerate(cases)
    ]
    questions = folder / "q.jsonl"
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for at, case in enumerate(cases):
        write(case, folder / f"t{at}")
    programs = {case.name: case.program for case in cases}

    def solve(request: Request) -> str:
        asked = request.messages[-1]["content"].rpartition("Question: ")[2].strip()
        return f"```python\n{programs[asked]}\n```"

    async with TableOracle(folder, questions=questions, reading=cases[0].reading, box=cases[0].box) as oracle:
        context = hidden_tables.Context(solver=load_solver(ScriptedModel(solve)), oracle=oracle, rounds=1)
        games = [hidden_tables.Input(table=one["table"], question=one["question"], id=one["id"]) for one in rows]
        outputs = [await hidden_tables.graph.ainvoke(game, context=context) for game in games]
    return [case.name for case, output in zip(cases, outputs, strict=True) if output["correct"] is not True]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(play_all())))
