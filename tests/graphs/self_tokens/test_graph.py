"""What the model is asked for a row of BASH and RAC, and what is kept of it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dikast.errors import DataError, ModelTimeout, ModelUnavailable, UsageError
from dikast.graphs import self_tokens
from dikast.graphs.self_tokens.context import Context, Output
from tests.graphs.self_tokens.words import LIKELY, SAID, UNLIKELY, WRONG, Words

REFERENCE = [100, 101, 7, 103, 104, 105, 8, 107]
"""What the model would say, but at two places."""
ROW: dict[str, Any] = {"prompt": "Say words.", "reference": " ".join(map(str, REFERENCE)), "id": "q1"}


async def made(solver: Words, row: dict[str, Any] | None = None, **knobs: Any) -> Output:
    context = Context(solver=solver, **knobs)
    graph: Any = self_tokens.graph
    return await graph.ainvoke({**ROW, **(row or {})}, context=context)


def draws(solver: Words) -> list[tuple[tuple[int, ...], int]]:
    """Prefix and number of tokens of each draw."""
    asked = [one for one in solver.asked if one["call"] == "go_on"]
    return [(one["prefix"], one["sampling"].max_tokens) for one in asked]


async def test_parallel_draws_follow_the_reference() -> None:
    solver = Words()
    found = await made(solver, p=1.0, rac=False)
    assert draws(solver) == [(tuple(REFERENCE[:place]), 1) for place in range(8)]
    assert found["bash"] is not None
    assert found["bash"]["labels"] == REFERENCE
    assert found["bash"]["input_ids"] == list(SAID[:8])
    assert found["bash"]["own"] == [1] * 8
    assert (found["bash"]["drawn"], found["bash"]["ended"], found["bash"]["calls"]) == (8, 0, 8)
    assert (found["draft"], found["outcome"]) == (None, "ok")


async def test_sequential_draws_follow_what_the_row_has_before_them() -> None:
    solver = Words(slips=range(8))
    found = await made(solver, p=0.5, draws="sequential", rac=False, seed=4)
    assert found["bash"] is not None
    own = found["bash"]["own"]
    assert 0 < sum(own) < 8
    for prefix, count in draws(solver):
        assert prefix == tuple(found["bash"]["input_ids"][: len(prefix)])  # own tokens among them
        assert own[len(prefix) : len(prefix) + count] == [1] * count
    assert sum(count for _, count in draws(solver)) == sum(own)
    assert found["bash"]["labels"] == REFERENCE
    assert any(one in WRONG for one in found["bash"]["input_ids"])


async def test_sequential_at_p_1_is_the_models_own_generation() -> None:
    solver = Words(slips=(3,))
    found = await made(solver, p=1.0, draws="sequential", rac=False)
    assert draws(solver) == [((), 8)]
    assert found["bash"] is not None
    assert found["bash"]["input_ids"] == [100, 101, 102, 203, 204, 205, 206, 207]
    assert found["bash"]["labels"] == REFERENCE


@pytest.mark.parametrize(("how", "calls"), [("parallel", 8), ("sequential", 1)])
async def test_where_the_model_ends_its_turn_the_reference_stays(how: str, calls: int) -> None:
    found = await made(Words(length=5), p=1.0, draws=how, rac=False)
    assert found["bash"] is not None
    assert found["bash"]["input_ids"] == [*SAID[:5], *REFERENCE[5:]]
    assert found["bash"]["own"] == [1] * 5 + [0] * 3
    assert (found["bash"]["drawn"], found["bash"]["ended"], found["bash"]["calls"]) == (8, 3, calls)


async def test_at_p_0_nothing_is_drawn() -> None:
    solver = Words()
    found = await made(solver, p=0.0, rac=False)
    assert draws(solver) == []
    assert found["bash"] is not None
    assert found["bash"]["input_ids"] == found["bash"]["labels"] == REFERENCE
    assert sum(found["bash"]["own"]) == 0


async def test_a_row_made_again_is_the_same_and_each_epoch_is_another() -> None:
    solvers = [Words() for _ in range(3)]
    rows = [
        (await made(solver, {"question": "q1", "id": id_, "epoch": epoch}, epochs=2, p=0.5))["bash"]
        for solver, (id_, epoch) in zip(solvers, [("a", 0), ("b", 0), ("c", 1)], strict=True)
    ]
    seeds = [[one["sampling"].seed for one in solver.asked if one["call"] == "go_on"] for solver in solvers]
    assert (rows[0], seeds[0]) == (rows[1], seeds[1])
    assert rows[0] != rows[2]
    assert seeds[0] != seeds[2]
    assert len(set(seeds[0])) == len(seeds[0])


async def test_the_schedule_decides_p_by_epoch() -> None:
    rows = [await made(Words(), {"epoch": epoch}, epochs=3, schedule="linear", p=0.8, rac=False) for epoch in range(3)]
    assert [one["bash"]["p"] for one in rows if one["bash"]] == [0.0, 0.4, 0.8]


async def test_an_answer_alone_needs_no_token_ids() -> None:
    solver = Words(ids=False, length=3)
    found = await made(solver, {"reference": "100  101 102"}, bash=False)
    assert [one["call"] for one in solver.asked] == ["go_on"]
    assert found["draft"] is not None
    assert (found["draft"]["text"], found["draft"]["right"], found["draft"]["tokens"]) == ("100 101 102", True, None)
    assert (found["read"], found["bash"]) == (None, None)


async def test_a_model_without_token_ids_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match="python:words gives no token ids"):
        await made(Words(ids=False))


async def test_the_gap_is_that_after_own_tokens() -> None:
    solver = Words(slips=(3,))
    found = await made(solver, {"reference": "100 101 102 103 104 105"}, bash=False, gap=6)
    # After its slip at the fourth place the model finds all that is right unlikely.
    assert [one["place"] for one in found["gap"]] == list(range(6))
    assert [one["forced"] for one in found["gap"]] == [LIKELY, LIKELY, LIKELY, UNLIKELY, LIKELY, LIKELY]
    assert [one["free"] for one in found["gap"]] == [LIKELY, LIKELY, LIKELY, UNLIKELY, UNLIKELY, UNLIKELY]
    assert found["beyond"] == 0
    asked = [one["prefix"] for one in solver.asked if one["call"] == "score"][1:]
    assert asked[4] == (100, 101, 102, 203)


async def test_places_beyond_the_answers_end_are_counted() -> None:
    found = await made(Words(length=3), bash=False, gap=8)
    assert [one["place"] for one in found["gap"]] == [0, 1, 2, 3]
    assert found["beyond"] == 4


async def test_the_gaps_places_are_spread() -> None:
    found = await made(Words(length=200), {"reference": " ".join(["100"] * 100)}, bash=False, gap=3)
    assert [one["place"] for one in found["gap"]] == [0, 50, 99]


@pytest.mark.parametrize(("call", "bash", "draft"), [(0, False, False), (3, False, False), (9, True, False)])
async def test_a_call_that_fails_is_the_rows_outcome(call: int, bash: bool, draft: bool) -> None:
    found = await made(Words(error=(call, ModelTimeout("no reply"))), p=1.0)
    assert (found["outcome"], found["reason"]) == ("timeout", "no reply")
    assert (found["bash"] is not None, found["draft"] is not None) == (bash, draft)
    assert (found["read"] is not None) == (call > 0)


async def test_a_model_that_is_away_stops_the_run() -> None:
    with pytest.raises(ModelUnavailable):
        await made(Words(error=(0, ModelUnavailable("away"))))


@pytest.mark.parametrize("name", ["prompt", "reference"])
async def test_an_empty_text_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="is empty") as caught:
        await made(Words(), {name: "  "})
    assert caught.value.field == name


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"bash": False, "rac": False}, "nothing to make"),
        ({"schedule": "linear"}, "there is one"),
        ({"schedule": "exponential", "epochs": 2, "pace": 2.0}, "a pace of 2.0"),
        ({"schedule": "inverse-sigmoid", "epochs": 2, "pace": 0.5}, "a pace of 0.5"),
        ({"p": 1.5}, "less than or equal to 1"),
        ({"share": 0.0}, "greater than 0"),
    ],
)
def test_knobs_that_do_not_fit_are_refused(knobs: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Context(solver=Words(), **knobs)


async def test_a_stop_string_ends_answers_and_no_token_draw() -> None:
    from dikast.agents.models.request import Sampling

    solver = Words()
    await made(solver, p=1.0, speaking=Sampling(temperature=1.0, stop=("x",), max_tokens=4, seed=9))
    stops = [one["sampling"].stop for one in solver.asked if one["call"] == "go_on"]
    assert stops == [()] * 8 + [("x",)]
    assert all(one["sampling"].temperature == 1.0 for one in solver.asked if one["call"] == "go_on")
