"""What a question would have cost with the table in the prompt, beside what its game took."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from dikast.agents.models.request import Reply
from dikast.agents.solver import load_solver
from dikast.graphs import hidden_tables
from dikast.graphs.hidden_tables import pasting
from dikast.pages import Page, Table, markdown
from dikast.tables.oracle import TableOracle
from tests.games import POINTS, Heard, code, folder, oracle, play

__all__ = ["folder", "oracle"]  # fixtures

pytestmark = pytest.mark.asyncio(loop_scope="session")

MAX = code("answer = df['points'].max()")


async def test_a_game_tells_numbers_of_the_pasted_table_and_sends_none_of_it(oracle: TableOracle) -> None:
    heard = Heard(Reply(code("df['nope']"), "stop", 100, 20), Reply(MAX, "stop", 130, 7))
    output = await play(oracle, heard, pasted=True)
    header, body = POINTS.split("\n", 1)
    tokens = sum(-(-len(text) // pasting.CHARACTERS_A_TOKEN) for text in (f"{header}\n", body, "most points?"))
    [turn] = output["turns"]
    assert turn["pasted"] == {"rows": 3, "counted": 3, "tokens": tokens, "by": "characters"}
    assert pasting.pairs_of([{"output": output}]) == [(turn["pasted"], 257)]
    assert "Oslo" not in json.dumps([output, *([request.messages for request in heard.requests])])
    assert "pasted" not in (await play(oracle, Heard(MAX)))["turns"][0]


async def test_each_follow_up_has_its_own_tokens(oracle: TableOracle) -> None:
    heard = Heard(Reply(MAX, "stop", 50, 5), Reply(MAX, "stop", 60, 6))
    output = await play(oracle, heard, pasted=True, follow_ups=[{"question": "and how many of these are there?"}])
    (first, ours), (second, then) = pasting.pairs_of([{"output": output}])
    assert (ours, then) == (55, 66)
    assert second["tokens"] > first["tokens"]


async def test_an_own_solver_is_shown_no_cell_by_the_counting(oracle: TableOracle) -> None:
    class Spy:
        spec = "spy"

        def __init__(self) -> None:
            self.inner, self.seen = load_solver(Heard(MAX).solver.model), list[str]()

        async def count_tokens(self, text: str) -> int:
            self.seen.append(text)
            return 1

        def fingerprint(self) -> dict[str, object]:
            return {}

        async def solve(self, *args: Any, **named: Any) -> Any:
            return await self.inner.solve(*args, **named)

    spy = Spy()
    context = hidden_tables.Context(solver=spy, oracle=oracle, pasted=True)
    output = await hidden_tables.graph.ainvoke({"table": "points", "question": "most?"}, context=context)
    assert spy.seen == []
    assert output["turns"][0]["pasted"]["by"] == "characters"


async def test_the_tokenizer_of_the_solvers_model_counts(oracle: TableOracle, smollm2: str) -> None:
    solver = load_solver(smollm2)
    found = await pasting.count(hidden_tables.Context(solver=solver, oracle=oracle, pasted=True), "points", "most?")
    header, body = POINTS.split("\n", 1)
    texts = (f"{header}\n", body, "most?")
    assert found["by"] == "model"
    assert found["tokens"] == sum([await solver.count_tokens(text) or 0 for text in texts])


def row(rows: int, tokens: int, ours: int, counted: int | None = None) -> dict[str, Any]:
    made = {"rows": rows, "counted": rows if counted is None else counted, "tokens": tokens, "by": "model"}
    drafts = [{"turn": 0, "usage": {"input_tokens": ours - 2, "cached_tokens": 2}}]
    return {"output": {"turns": [{"pasted": made}], "drafts": drafts}}


async def test_questions_are_grouped_by_the_rows_of_their_tables() -> None:
    rows = [row(0, 5, 100), row(10, 50, 100), row(11, 150, 100), row(10**6, 10**7, 200, 1_000), {"output": None}]
    pairs = pasting.pairs_of(rows)
    small, medium, large = [one.as_dict() for one in pasting.by_size(pairs)]
    assert (small["rows"], small["questions"], small["tokens"], small["pasted_tokens"]) == ("1 to 10", 2, 100, 27.5)
    assert (small["pasting_has_more"], medium["rows"], medium["ratio"]) == (0, "11 to 100", 1.5)
    assert (large["rows"], large["ratio"], large["in_proportion"]) == ("over 10,000", 50_000, 1)
    page = Page("", pasting.parts_of(pairs, asked=9))
    assert "4 of 9 asked were counted" in markdown(page)
    assert [len(part.rows) for part in page.parts if isinstance(part, Table)] == [3]


async def test_an_oracle_that_cannot_count_is_refused(oracle: TableOracle) -> None:
    others = {name: getattr(oracle, name) for name in dir(oracle) if not name.startswith("_")}
    other: Any = SimpleNamespace(**{name: value for name, value in others.items() if name != "count_pasted"})
    with pytest.raises(ValidationError, match="count_pasted"):
        hidden_tables.Context(solver=Heard(MAX).solver, oracle=other, pasted=True)
    assert hidden_tables.Context(solver=Heard(MAX).solver, oracle=other).oracle is other
