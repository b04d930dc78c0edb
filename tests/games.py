"""Games of HiddenTables in tests: a small table, scripted Solvers, an oracle over a real sandbox."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dikast.agents.models.request import Reply, Request
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.solver import ModelSolver, load_solver
from dikast.graphs import hidden_tables
from dikast.sandbox import Policy, Tier
from dikast.tables.oracle import TableOracle
from dikast.tables.secret import Secret
from tests.sandbox.conftest import lacking

POINTS = "name,points,city\nann,3,Oslo\nbob,7,Rome\ncyd,7,Oslo\n"
POLICY = Policy(wall_s=30, cpu_s=30, memory_bytes=256 << 20, answer_items=1_000, workers=2)
QUESTIONS = (
    '{"id": "top", "question": "most points?", "table": "points", "target": ["7"]}\n'
    '{"id": "who", "question": "who has most?", "table": "points", "target": ["bob", "cyd"]}\n'
    '{"id": "open", "question": "anything?", "table": "points"}\n'
)


class Heard:
    """A Solver that says these things in turn, the last one for ever, and keeps what it was told."""

    def __init__(self, *replies: str | Callable[[Request], str] | Reply) -> None:
        self.replies = list(replies)
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> str | Reply:
        reply = self.replies[min(len(self.requests), len(self.replies) - 1)]
        self.requests.append(request)
        return reply(request) if callable(reply) else reply

    def told(self, number: int) -> str:
        """All messages of one request."""
        return "\n".join(message["content"] for message in self.requests[number].messages)

    @property
    def solver(self) -> ModelSolver:
        return load_solver(ScriptedModel(self.__call__))


def code(program: str) -> str:
    return f"```python\n{program}\n```"


def needs_sandbox() -> None:
    if why := lacking(Tier.BWRAP) and lacking(Tier.LANDLOCK):
        pytest.skip(f"needs {why}")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables and questions."""
    made = tmp_path_factory.mktemp("games")
    (made / "tables").mkdir()
    (made / "tables" / "points.csv").write_text(POINTS, encoding="utf-8")
    (made / "questions.jsonl").write_text(QUESTIONS, encoding="utf-8")
    return made


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def oracle(folder: Path) -> AsyncIterator[TableOracle]:
    """An oracle over them, its sandbox open."""
    needs_sandbox()
    async with TableOracle(folder / "tables", questions=folder / "questions.jsonl", policy=POLICY) as opened:
        yield opened


async def play(oracle: TableOracle, heard: Heard, *, id: str = "top", **knobs: Any) -> Any:
    """One game about the small table."""
    follow_ups = knobs.pop("follow_ups", [])
    context = hidden_tables.Context(solver=heard.solver, oracle=oracle, **knobs)
    given = hidden_tables.Input(table="points", question="most points?", id=id, follow_ups=follow_ups)
    return await hidden_tables.graph.ainvoke(given, context=context)


def items_of(answer: Secret[list[str]] | None) -> list[str] | None:
    return None if answer is None else answer.reveal()


GAME_QUESTIONS = (
    "How many rows are there?",
    "What is the largest number of points?",
    "Who has the most points?",
    "How many names are there?",
    "What is the sum of the points?",
    "Which cities are there?",
    "What is the average of the points?",
    "Who lives in Rome?",
)


def write_games(folder: Path, count: int) -> None:
    """A table whose cells can be searched for, and questions about it without a known answer but the first's."""
    (folder / "tables").mkdir()
    cells = POINTS.replace("Oslo", "oslotoken").replace("Rome", "rometoken")
    (folder / "tables" / "points.csv").write_text(cells, encoding="utf-8")
    rows = [
        {"id": str(n), "question": GAME_QUESTIONS[n % len(GAME_QUESTIONS)], "table": "points", "target": ["3"]}
        for n in range(count)
    ]
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def check_game(output: Any, rounds: int) -> None:
    """What holds of every game, whatever the model said."""
    [turn] = output["turns"]
    assert 1 <= turn["rounds"] <= rounds
    assert len(output["rounds"]) == len(output["drafts"]) == turn["rounds"]
    assert output["bits"] <= 16
    assert turn["correct"] in (True, False)
    assert (output["outcome"] == "ok") == (turn["status"] in ("ok", "empty"))
    assert turn["answer"] is None
    for draft in output["drafts"]:
        assert bool(draft["program"]) != bool(draft["problem"] or draft["outcome"] not in ("ok", "unparsed"))
