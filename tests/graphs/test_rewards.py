"""Rewards: metrics, judges, functions; what none of them can say is no zero."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import pytest

from dikast.agents.models.request import Reply, Request, Sampling
from dikast.agents.models.scripted import scripted
from dikast.errors import DataError, UsageError
from dikast.graphs.rewarding import Asked, Reward
from dikast.graphs.rewards import load_reward, rewarding
from dikast.records import Outcome

ASKED = Asked("Use salt.", "salt and more", "salt and pepper", "It is short.", (1, 5), Sampling())
HERE = "tests.graphs.test_rewards"


@rewarding
def letters(prompt: str, text: str, reference: str) -> float:
    return float(len(text) - len(reference) + len(prompt))


@rewarding
async def later(prompt: str, text: str, reference: str) -> float:
    return 2.0


@rewarding
def nothing(prompt: str, text: str, reference: str) -> float:
    return math.nan


@rewarding
def words(prompt: str, text: str, reference: str) -> float:
    return cast(float, "good")


def unmarked(prompt: str, text: str, reference: str) -> float:
    return 1.0


@scripted
def judge(request: Request) -> str:
    assert "It is short." in request.messages[0]["content"]
    return "Fine. [[4]]"


@scripted
def mute(request: Request) -> str:
    del request
    return "Fine."


async def test_a_metric_measures_against_the_reference() -> None:
    found = await load_reward("metric:rougeL").reward(ASKED)
    assert found.value == pytest.approx(2 / 3)
    with pytest.raises(DataError, match="needs a reference"):
        await load_reward("metric:rougeL").reward(Asked("p", "t", " ", "", (1, 5), Sampling()))
    blind = await load_reward("metric:rougeL").reward(Asked("p", "t", "\u4f60\u597d", "", (1, 5), Sampling()))
    assert (blind.value, blind.outcome) == (None, Outcome.UNPARSED)


async def test_a_judge_scores_under_the_rubric() -> None:
    reward = load_reward(f"judge:scripted:{HERE}:judge")
    assert reward.spec == f"judge:scripted:{HERE}:judge"
    assert (await reward.reward(ASKED)).value == 4
    silent = await load_reward(f"judge:scripted:{HERE}:mute").reward(ASKED)
    assert (silent.value, silent.outcome, silent.said) == (None, Outcome.UNPARSED, "Fine.")


@scripted
def head(request: Request) -> Reply:
    assert request.value
    assert request.messages[0]["content"] == "Use salt."
    return Reply(str(request.completion), "scored", 1, 0, value=0.1 * len(str(request.completion)))


async def test_a_head_values_the_text() -> None:
    reward = load_reward(f"head:scripted:{HERE}:head")
    assert reward.spec == f"head:scripted:{HERE}:head"
    assert (await reward.reward(ASKED)).value == pytest.approx(1.3)
    nothing = await reward.reward(replace(ASKED, text=""))
    assert (nothing.value, nothing.outcome) == (None, Outcome.UNPARSED)
    with pytest.raises(UsageError, match="cannot give a text a value"):
        await load_reward(f"head:scripted:{HERE}:mute").reward(ASKED)


async def test_a_function_of_the_user_s() -> None:
    reward = load_reward(f"function:{HERE}:letters")
    assert isinstance(reward, Reward)
    assert (await reward.reward(ASKED)).value == len("salt and more") - len("salt and pepper") + len("Use salt.")
    assert letters("p", "text", "") == 5
    assert (await load_reward(f"function:{HERE}:later").reward(ASKED)).value == 2
    assert (await load_reward(f"function:{HERE}:nothing").reward(ASKED)).outcome is Outcome.UNPARSED
    with pytest.raises(UsageError, match="gave str"):
        await load_reward(f"function:{HERE}:words").reward(ASKED)


def test_fingerprints_tell_rewards_apart() -> None:
    specs = (
        "metric:bleu",
        "metric:rougeL",
        f"judge:scripted:{HERE}:mute",
        f"head:scripted:{HERE}:head",
        f"function:{HERE}:letters",
    )
    found: list[Mapping[str, object]] = [load_reward(spec).fingerprint() for spec in specs]
    assert all(one not in found[:at] for at, one in enumerate(found))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("rougeL", "is no reward"),
        ("metric:nice", "no metric"),
        (f"function:{HERE}:unmarked", "not marked"),
        ("function:os:system", "not marked"),
        ("function:nowhere_at_all:x", "cannot import"),
    ],
)
def test_what_is_no_reward_is_refused(spec: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_reward(spec)
