"""What a Solver can learn: not a byte of a cell, and by feedback no more than the budget's bits."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from benchmarks import canary
from dikast.agents.models.request import Request
from dikast.graphs import hidden_tables
from dikast.graphs.hidden_tables import rounds
from dikast.jobs.parquet import load_pyarrow
from dikast.tables import feedback
from dikast.tables.oracle import TableOracle
from tests.games import POLICY, Heard, code, needs_sandbox

GAMES = 300
"""`benchmarks/canary.py` plays 1,000."""
SECRETS = 32

# Tells a digit of the secret cell by how the program ends; the 16 ends are the 16 codes of the finest feedback.
ENDS = (
    "answer = 1",
    "answer = []",
    "x = 1",
    "answer = list(range(5000))",
    "import os\nos.abort()",
    "exec('= =')",
    "nope",
    "{}['x']",
    "[][1]",
    "().nope",
    "'a' + 1",
    "int('a')",
    "1 // 0",
    "import nope",
    "assert False",
    "import time\nwhile True:\n    time.sleep(9)",
)


SPIED = (("errors", 0.0, 3), ("errors", 4.0, 3), ("errors", 8.0, 3), ("outcome", 2.0, 9), ("status", 5.7, 9))
"""Detail of the feedback, budget in bits, rounds."""


@pytest.fixture(autouse=True)
def _sandbox() -> None:
    needs_sandbox()


async def test_no_byte_of_a_cell_reaches_a_model_or_the_journal() -> None:
    found = await canary.search(games=GAMES, seed=0)
    assert (found.hits, found.written) == (0, 0)
    # The search could have found something: answers with tokens went to the user, and every kind of feedback came up.
    assert found.answered > GAMES / 20
    assert found.messages > 4 * GAMES
    assert found.feedback >= 15


async def test_the_search_finds_what_a_leak_would_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """With answers kept in the result, and with a feedback that quotes one, tokens are found."""
    told = dict(rounds.MESSAGES)

    class Leaky(dict[str, str]):
        def __getitem__(self, key: str) -> str:
            return told[key] + "".join(stolen)

    stolen: list[str] = []

    def tell(self: TableOracle, question_id: str, answer: Any) -> None:
        stolen.extend(answer.reveal()[:1])

    monkeypatch.setattr(TableOracle, "tell", tell)
    monkeypatch.setattr(rounds, "MESSAGES", Leaky(told))
    found = await canary.search(games=40, seed=1)
    assert found.hits > 0


def spy(base: int) -> Callable[[Request], str]:
    """A Solver that sends out one digit of the secret a round. It counts rounds: a prompt shows the last one only."""
    asked: list[None] = []

    def reply(request: Request) -> str:
        digit = len(asked)
        asked.append(None)
        lines = [f"d = (int(df['secret'][0]) // {base}**{digit}) % {base}"]
        for number, end in enumerate(ENDS[:base]):
            inner = "\n".join("    " + line for line in end.splitlines())
            lines.append(f"{'if' if number == 0 else 'elif'} d == {number}:\n{inner}")
        return code("\n".join(lines))

    return reply


async def transcripts(oracle: TableOracle, base: int, **knobs: Any) -> tuple[set[str], float]:
    """Everything that the Solver saw, over all secrets, and the most bits that a game was charged."""
    seen: set[str] = set()
    charged = 0.0
    for secret in range(SECRETS):
        heard = Heard(spy(base))
        context = hidden_tables.Context(solver=heard.solver, oracle=oracle, **knobs)
        given = hidden_tables.Input(table=f"s{secret}", question="What is it?")
        output = await hidden_tables.graph.ainvoke(given, context=context)
        seen.add(json.dumps([request.messages for request in heard.requests]))
        charged = max(charged, output["bits"])
    return seen, charged


async def test_a_spy_learns_no_more_than_the_budget(tmp_path: Path) -> None:
    """The secrets are equally likely and the game has no chance: log2 of the transcripts bounds what is learnt."""
    for secret in range(SECRETS):
        (tmp_path / f"s{secret}.csv").write_text(f"secret\n{secret}\n", encoding="utf-8")
    learnt: dict[tuple[str, float], float] = {}
    async with TableOracle(tmp_path, policy=replace(POLICY, wall_s=1.0)) as oracle:
        for detail, budget, rounds in SPIED:
            base = len(feedback.codes(detail))
            seen, charged = await transcripts(oracle, base, feedback=detail, bits=budget, rounds=rounds)
            learnt[detail, budget] = math.log2(len(seen))
            assert learnt[detail, budget] <= charged + 1e-9
            assert charged <= budget
            # The spy is no straw man: with a budget it does learn.
            assert (learnt[detail, budget] > 0) == (budget > 0)
    # A digit of 0 is an answer, after which the game is over and further digits stay unknown: hence not all secrets.
    assert 4.5 < learnt["errors", 8.0] < math.log2(SECRETS)
    assert 3 < learnt["errors", 4.0] <= 4


async def test_prompts_do_not_depend_on_rows(tmp_path: Path) -> None:
    """Ten rows or twenty thousand, of other cells: the same bytes, for CSV and for Parquet, at both plain levels."""
    pa, pq = load_pyarrow()
    told: dict[tuple[str, str], set[str]] = {}
    for rows in (10, 20_000):
        ids = list(range(rows))
        names = [f"name {rows - number}" for number in ids]
        lines = [f"{number},{name}" for number, name in zip(ids, names, strict=True)]
        (tmp_path / "t.csv").write_text("\n".join(["id,name", *lines]) + "\n", encoding="utf-8")
        pq.write_table(pa.table({"id": ids, "name": names}), tmp_path / "t.parquet")
        async with TableOracle(tmp_path, policy=POLICY) as oracle:
            for file, level in product(("t.csv", "t.parquet"), ("names", "types")):
                heard = Heard(code("answer = len(df)"))
                context = hidden_tables.Context(solver=heard.solver, oracle=oracle, level=level, keep_answers=True)
                output = await hidden_tables.graph.ainvoke({"table": file, "question": "How many?"}, context=context)
                assert output["turns"][0]["answer"] == [str(rows)]
                told.setdefault((file, level), set()).add(heard.told(0))
    assert {len(prompts) for prompts in told.values()} == {1}
    assert 'sql("select' in next(iter(told["t.parquet", "types"]))
