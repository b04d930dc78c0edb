"""Does any byte of a table reach a model? Games over tables of random tokens, with Solvers that err on purpose.

    leaks = await search(games=1000, seed=0)      # leaks.hits == 0

Every cell, and so every answer, holds a 128-bit token. The Solver's programs try to carry cells out: in exceptions,
their classes, output, answers that are too long, nested or no JSON, and through `prev` in follow-up questions. Every
message to Solver and critic is kept and searched, and so is all that the graph returns. The tokens that the user was
given are counted, so that a search that could find nothing is seen.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from dikast.agents.models.request import Request, Sampling
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.solver import load_solver
from dikast.graphs import hidden_tables
from dikast.graphs.hidden_tables.code_critic import load_code_critic
from dikast.sandbox import Policy
from dikast.tables.oracle import TableOracle
from dikast.tables.secret import Secret

TABLES = 20
ROWS = 8
COLUMNS = ("name", "city", "note")
FLIGHT = 4

LEAKY = (
    "raise KeyError(df['name'][0])",
    "raise ValueError(df.to_csv())",
    "raise type(df['name'][0], (Exception,), {})(df['city'][1])",
    "raise type(df['name'][0], (KeyError,), {'__module__': 'builtins'})()",
    "raise SyntaxError(df['note'][2], ('<program>', 1, 1, df['note'][2]))",
    "raise ImportError(name=df['name'][0], path=df['name'][0])",
    "raise SystemExit(df['name'][0])",
    "raise ExceptionGroup(df['name'][0], [ValueError(df['name'][1])])",
    "e = ValueError(); e.add_note(df['name'][0]); raise e",
    "assert False, df['name'][0]",
    "df[df['name'][0]]",
    "getattr(df, df['name'][0])",
    "int(df['name'][0], 36) // 0",
    "import warnings; warnings.warn(df['name'][0]); print(df); raise RuntimeError(df['name'][0])",
    "import sys; print(df.to_csv(), file=sys.stderr); answer = None",
    "exec(df['name'][0] + ' = = 1')",
    "eval(df['city'][0] + '(')",
    "answer = [df['name'].tolist()] * 1000",
    "answer = df['name'][0] * 10000",
    "answer = object.__new__(type(df['name'][0], (), {}))",
    "a = [df['name'][0]]\nfor _ in range(50):\n    a = [a]\nanswer = a",
    "answer = {df['name'][0]: float('nan')}",
    "def f(x):\n    return f(x + df['name'][0])\nf('')",
    "answer = df.values.tolist()",
    "answer = df['name'].tolist()",
    "answer = df['name'][3]",
    "answer = df.groupby('name')['city'].first()",
    "answer = df.set_index('name')",
    "answer = {df['name'][0]: {df['city'][0]: df['note'][0]}}",
    "answer = df.set_index(df['name'].map(lambda cell: type(cell, (), {})))['city']",
    "num(df['name'].map(lambda cell: type(cell, (), {'__str__': lambda self: 1 / 0})()))",
    "import zoneinfo; zoneinfo.ZoneInfo(df['name'][0])",
    "pd.Timestamp('2024-01-05').tz_localize(df['name'][0])",
    "raise KeyError(str(prev))",
    "x = bytearray(1 << 40)",
    "answer = []",
    "# " + "x" * 70_000,
    "import time; time.sleep(int(df['name'][0][1], 16) / 100); raise KeyError(df['name'][0])",
)
"""Programs that try to send a cell anywhere."""
WORDS = (
    "I cannot see the table.",
    "```python\nanswer = 1\n```\nor\n```python\nanswer = 2\n```",
    "```python\nanswer =",
    "~" * 1500 + "`",
    "```" + "=" * 40_000 + "`",
)


@dataclass(frozen=True)
class Leaks:
    """What a search found.

    Args:
        games: Games played.
        messages: Messages to models.
        bytes: Their length.
        hits: Tokens found in them.
        written: Tokens found in what the graph returned, and so in a journal.
        answered: Answers with a token that the user was given.
        feedback: Different codes that Solvers were told.
    """

    games: int
    messages: int
    bytes: int
    hits: int
    written: int
    answered: int
    feedback: int


async def search(games: int, seed: int) -> Leaks:
    """Play games, then search."""
    chance = random.Random(seed)
    heard: list[str] = []
    given: list[str] = []

    def deliver(_: str, answer: Secret[list[str]]) -> None:
        given.extend(answer.reveal())

    with tempfile.TemporaryDirectory() as scratch:
        tokens = write_tables(Path(scratch), chance)
        policy = Policy(wall_s=20, cpu_s=20, memory_bytes=256 << 20, answer_items=1_000)
        async with TableOracle(scratch, policy=policy, deliver=deliver) as oracle:
            contexts = cycle(contexts_for(oracle, heard, chance))
            outputs = await in_flight([play(next(contexts), number) for number in range(games)])
    written = json.dumps(outputs)
    codes = {round_["feedback"] for output in outputs for round_ in output["rounds"]}
    said = "\n".join(heard)
    return Leaks(
        games=games,
        messages=len(heard),
        bytes=len(said.encode()),
        hits=sum(token in said for token in tokens),
        written=sum(token in written for token in tokens),
        answered=sum(any(token in item for token in tokens) for item in given),
        feedback=len(codes - {""}),
    )


def write_tables(folder: Path, chance: random.Random) -> list[str]:
    tokens: list[str] = []
    for number in range(TABLES):
        lines = [",".join(COLUMNS)]
        for _ in range(ROWS):
            cells = [f"k{chance.getrandbits(128):032x}" for _ in COLUMNS]
            tokens += cells
            lines.append(",".join(cells))
        (folder / f"t{number}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tokens


def contexts_for(oracle: TableOracle, heard: list[str], chance: random.Random) -> list[hidden_tables.Context]:
    """Every detail of feedback and of the schema, with and without a critic and several samples."""

    def solve(request: Request) -> str:
        heard.extend(message["content"] for message in request.messages)
        if chance.random() < 0.1:
            return chance.choice(WORDS)
        return f"```python\n{chance.choice(LEAKY)}\n```"

    def review(request: Request) -> str:
        heard.extend(message["content"] for message in request.messages)
        return json.dumps({"approved": chance.random() < 0.5, "remark": "a column is missing"})

    solver, critic = load_solver(ScriptedModel(solve)), load_code_critic(ScriptedModel(review))
    common: dict[str, Any] = {"solver": solver, "oracle": oracle, "rounds": 2}
    longer: dict[str, Any] = {**common, "rounds": 3}
    return [
        hidden_tables.Context(**common),
        hidden_tables.Context(**common, feedback="status", level="names", secret=None),
        hidden_tables.Context(**longer, feedback="outcome", level="presence", critic=critic),
        hidden_tables.Context(**common, level="formats", max_columns=2),
        hidden_tables.Context(**common, samples=2, sampling=Sampling(temperature=1.0)),
        hidden_tables.Context(**longer, tick=0.25, table_bits=400.0, user="spy"),
    ]


async def play(context: hidden_tables.Context, number: int) -> Any:
    given: dict[str, Any] = {"table": f"t{number % TABLES}", "question": f"Question {number}?", "id": str(number)}
    if number % 8 == 0:
        given["follow_ups"] = [{"question": "And which of those?", "id": f"{number}b"}]
    return await hidden_tables.graph.ainvoke(hidden_tables.Input(**given), context=context)


async def in_flight(work: Sequence[Any], most: int = FLIGHT) -> list[Any]:
    """The results, so many at a time."""
    slots = asyncio.Semaphore(most)

    async def one(task: Any) -> Any:
        async with slots:
            return await task

    return await asyncio.gather(*(one(task) for task in work))
