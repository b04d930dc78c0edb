"""What a GRPO training with a guide notes of itself, so that it is gone on with by the same settings alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dikast.errors import ResumeMismatchError
from dikast.graphs.rewards import load_reward
from dikast.graphs.rlgf.collecting import Speaker
from dikast.graphs.rlgf.grouping import Member
from dikast.graphs.rlgf.rollout import RewardFunction, Rolling, ends_of, sampled_tokens, spoken
from dikast.graphs.rlgf.turns import Owner, Plan, Written
from dikast.training.folder import open_training, write_training
from dikast.training.inputs import functions_told
from tests.graphs.rlgf.scripts import Counts


def guide_of(model: Any, tokenizer: Any) -> Speaker:
    raise AssertionError("nobody trains here")


def other_guide(model: Any, tokenizer: Any) -> Speaker:
    raise AssertionError("nobody trains here")


def noted(rolling: Callable[..., Any], *rewards: Callable[..., Any]) -> dict[str, Any]:
    return {"functions": functions_told({"rollout": rolling, **{one.__name__: one for one in rewards}})}


@pytest.mark.parametrize(
    "other",
    [
        {"horizon": 9},
        {"collector": "aggrevated"},
        {"beta": 0.5},
        {"share": 0.5},
        {"switch_at": 3},
        {"switch_reward": 0.5},
        {"temperature": 0.7},
        {"seed": 1},
        {"guide": other_guide},
    ],
)
def test_a_training_with_other_settings_of_the_rollout_is_refused(tmp_path: Path, other: dict[str, Any]) -> None:
    def open_with(rolling: Rolling) -> None:
        fingerprint = noted(rolling)
        with open_training(tmp_path, fingerprint, force_new=False) as manifest:
            write_training(tmp_path, manifest or {"training": "grpo", "fingerprint": fingerprint})

    settings: dict[str, Any] = {"guide": guide_of, "horizon": 8}
    open_with(Rolling(**settings))
    open_with(Rolling(**settings))  # the same is gone on with, also after it has run
    [name] = other
    with pytest.raises(ResumeMismatchError, match=name):
        open_with(Rolling(**{**settings, **other}))


def test_a_reward_is_known_by_what_it_says() -> None:
    mine = RewardFunction(load_reward("metric:rougeL"))
    assert mine.__name__ == "reward metric:rougeL"
    assert noted(mine) == noted(RewardFunction(load_reward("metric:rougeL")))
    for other in (
        RewardFunction(load_reward("metric:bleu")),
        RewardFunction(load_reward("metric:rougeL"), rubric="It is short."),
        RewardFunction(load_reward("metric:rougeL"), scale=(0.0, 1.0)),
    ):
        assert noted(mine) != noted(other)

    def plain(**columns: Any) -> list[float]:
        return []

    assert functions_told({"plain": plain}) == {"plain": None}


def test_a_guide_may_tell_of_itself() -> None:
    class Guide:
        def __init__(self, top_k: int) -> None:
            self.top_k = top_k

        def fingerprint(self) -> dict[str, object]:
            return {"top_k": self.top_k}

        def __call__(self, model: Any, tokenizer: Any) -> Speaker:
            raise AssertionError("nobody trains here")

    assert Rolling(Guide(50), 8).fingerprint()["guide"] == {"top_k": 50}
    assert noted(Rolling(Guide(50), 8)) != noted(Rolling(Guide(5), 8))


def test_sampled_tokens_count_what_is_shared_once_and_what_was_dropped_too() -> None:
    owners: tuple[Owner, ...] = ("guide", "guide", "policy", "policy")
    text = Written(Plan("ppo_pp", 4, 3, "guide"), (1, 2, 3, 4), owners)
    dropped = Written(Plan("ppo_pp", 4, 2, "guide"), (1, 3, 4, 5), ("guide", "policy", "policy", "policy"), False, 3)
    assert sampled_tokens([Member(0, text, 2), Member(0, text, 2), Member(0, text, 2)]) == 2 + 3 * 2
    assert sampled_tokens([Member(0, text, 2), Member(1, dropped, 1), Member(1, dropped, 1)]) == 4 + (1 + 3) + 2 * 3


async def test_rewards_in_trl_s_form_see_the_rows_columns_and_tell_the_rollout() -> None:
    heard: list[list[float]] = []

    class Hearing(Rolling):
        def measure(self, rewards: Any) -> None:
            heard.append(list(rewards))

    rewarded = RewardFunction(load_reward("metric:coverage"), rolling=Hearing(guide_of, 8))
    prompts = [[{"role": "user", "content": "Say it."}]] * 2
    said = [[{"role": "assistant", "content": "salt"}], [{"role": "assistant", "content": "the salt sea"}]]
    columns = {"concepts": [["salt", "sea"], ["salt", "sea"]], "owners": [["policy"], ["policy"]]}
    values = await asyncio.to_thread(lambda: rewarded(prompts, said, **columns))
    assert values == [0.5, 1.0]
    assert heard == [[0.5, 1.0]]
    counts = Counts()
    assert await asyncio.to_thread(lambda: RewardFunction(counts, rubric="Short.")(prompts, said)) == [0.0, 0.0]
    assert [(one.prompt, one.text, one.rubric) for one in counts.seen] == [
        ("Say it.", "salt", "Short."),
        ("Say it.", "the salt sea", "Short."),
    ]
    several = RewardFunction(load_reward("metric:meteor-exact-stem"))
    found = await asyncio.to_thread(
        lambda: several(["p", "p"], ["a b", "c d"], reference=["x y", None], others=[["a b"], ["c d"]])
    )
    alone = await asyncio.to_thread(lambda: several(["p", "p"], ["a b", "c d"], reference=["x y", "c d"]))
    assert alone[0] == 0.0
    assert found == [alone[1], alone[1]]
    assert alone[1]


@pytest.mark.parametrize(
    ("told", "own", "ends"), [([1, 2], 3, {1, 2, 3}), (4, 4, {4}), (None, 5, {5}), ((6,), None, {6}), (7, 8, {7, 8})]
)
def test_what_ends_a_reply_is_told_by_model_and_tokenizer(told: Any, own: int | None, ends: set[int]) -> None:
    model = SimpleNamespace(generation_config=SimpleNamespace(eos_token_id=told))
    assert set(ends_of(model, SimpleNamespace(eos_token_id=own))) == ends
    assert set(ends_of(SimpleNamespace(), SimpleNamespace(eos_token_id=9))) == {9}


def test_d2lols_hears_the_rewards_of_the_texts_that_the_policy_wrote_alone() -> None:
    owners: tuple[Owner, ...] = ("policy", "policy")
    alone = Member(0, Written(Plan("aggrevated", 2, 2, "policy"), (1, 2), owners), 1)
    guided = Member(0, Written(Plan("aggrevated", 2, 1, "policy"), (1, 2), ("policy", "guide")), 0)
    rolling = Rolling(guide_of, 2, collector="d2lols", switch_reward=0.5, switch_at=0)
    rolling.collected = [alone, guided]
    rolling.measure([0.4, 9.0])
    assert rolling.schedule.kind(0, 0.0) == "aggrevated"
    rolling.measure([0.6, 0.0])
    assert rolling.schedule.kind(0, 0.0) == "ppo_pp"


def test_of_a_conversation_the_last_message_is_what_was_said() -> None:
    assert spoken([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]) == "b"
    assert spoken("c") == "c"
