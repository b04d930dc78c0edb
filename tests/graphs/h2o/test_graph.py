"""A row of H2O: what is measured, compared, and left out."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from dikast.errors import DataError, ModelUnavailable, UsageError
from dikast.graphs import h2o
from dikast.graphs.h2o.context import Output
from dikast.graphs.h2o.graph import compared, holds
from dikast.graphs.h2o.roles import load_bench
from tests.graphs.h2o.benches import TEXT, Scripted

PROMPT = " ".join(f"w{number}" for number in range(40))
ROW: dict[str, Any] = {"prompt": PROMPT, "policy": "h2o", "heavy": 0.1, "recent": 0.1, "answer": "Wick"}


async def made(bench: Scripted, **row: Any) -> Output:
    graph: Any = h2o.graph
    return await graph.ainvoke({**ROW, **row}, context=h2o.Context(solver=bench))


async def test_a_small_cache_is_compared_with_the_full_one() -> None:
    bench = Scripted()
    found = await made(bench)
    assert bench.asked == [(PROMPT, "", None), (PROMPT, "h2o&heavy=0.1&recent=0.1", tuple(TEXT))]
    assert found["compared"] == {
        "memory_ratio": 8 / 50,
        "speed_ratio": pytest.approx(50 / 8),
        "agreement": 0.5,
        "same_reply": False,
        "perplexity": pytest.approx(math.exp(2)),
        "full_perplexity": pytest.approx(math.e),
        "found": False,
        "full_found": True,
    }
    assert (found["outcome"], found["observed"]) == ("ok", None)


async def test_a_reference_is_what_is_read() -> None:
    bench = Scripted()
    await made(bench, reference="He mended the wick.")
    assert bench.asked[0][2] == "He mended the wick."
    assert bench.asked[1][2] == tuple(TEXT), "the small cache reads the same tokens"


async def test_the_full_cache_is_observed_and_measured_once() -> None:
    bench = Scripted()
    found = await made(bench, policy="full", heavy=1.0, recent=0.0)
    assert len(bench.asked) == 1
    assert found["observed"] is not None
    assert found["compared"] is not None
    assert (found["compared"]["memory_ratio"], found["compared"]["agreement"]) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("prompt", "outcome", "reason"),
    [("a long prompt", "limit", "too long"), ("of memory", "error", "out of memory")],
)
async def test_what_cannot_be_measured_is_an_outcome(prompt: str, outcome: str, reason: str) -> None:
    found = await made(Scripted(), prompt=prompt)
    assert (found["outcome"], found["compared"]) == (outcome, None)
    assert reason in found["reason"]
    assert (found["full"] is None) is (outcome == "limit"), "what came before stays"


async def test_nothing_said_is_empty() -> None:
    found = await made(Scripted(text=()))
    assert (found["outcome"], found["compared"]) == ("empty", None)


async def test_a_model_that_cannot_be_opened_stops_the_run() -> None:
    with pytest.raises(ModelUnavailable):
        await made(Scripted(), prompt="gone")


@pytest.mark.parametrize(
    ("row", "error", "told"),
    [
        ({"prompt": "  "}, DataError, "is empty"),
        ({"policy": "lru"}, UsageError, "no cache policy is called 'lru'"),
        ({"heavy": 2.5}, UsageError, "'heavy' is 2.5"),
    ],
)
async def test_bad_rows_are_one_line(row: dict[str, Any], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        await made(Scripted(), **row)


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"policies": ("lru",)}, "no cache policy is called 'lru'"),
        ({"budgets": (0.0,)}, "a budget is a share"),
        ({"budgets": (1.5,)}, "a budget is a share"),
        ({"budgets": ()}, "nothing to measure"),
        ({"policies": ("h2o", "h2o")}, "named twice"),
        ({"speaking": {"temperature": 0.5}}, "replies are greedy"),
    ],
)
def test_bad_knobs_are_refused(knobs: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        h2o.Context(solver=Scripted(), **knobs)


@pytest.mark.parametrize("spec", ["openvino:smollm2-135m", "server:http://localhost:1/v1#m"])
def test_other_engines_have_no_bench(spec: str) -> None:
    with pytest.raises(UsageError, match="transformers: alone"):
        load_bench(spec)


def test_an_answer_is_found_whatever_its_case() -> None:
    assert holds("The WICK.", " wick ") is True
    assert holds("The lamp.", "wick") is False
    assert holds("The lamp.", "") is None


def test_no_time_is_no_division_by_zero() -> None:
    one: Any = {"bytes": 10, "steps_s": 0.0, "choices": [1], "losses": [0.0], "said": ""}
    assert compared(one, one, "")["speed_ratio"] == 1.0
