"""Transfer Q*'s graph: what is proposed, completed, rewarded and taken; bounds; what failures leave behind."""

from __future__ import annotations

import math
from collections import Counter
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from langgraph.checkpoint.memory import InMemorySaver

from dikast.agents.ledger import recording
from dikast.agents.models.request import Request
from dikast.agents.models.scripted import ScriptedModel
from dikast.errors import DataError, ModelContextOverflow, ModelTimeout, ModelUnavailable, UsageError
from dikast.graphs import transfer_q
from dikast.graphs.rewarding import Rewarded
from dikast.graphs.transfer_q.voices import load_writer
from dikast.records import Outcome
from tests.graphs.transfer_q.letters import END, EVEN, ROW, Counts, Letters, context, run, spell, text_of


def dull(text: str) -> dict[str, float]:
    """Never ends."""
    return {"p": 0.1, "q": 0.9}


async def test_one_choice_as_the_paper_has_it() -> None:
    solver, baseline, reward = Letters(), Letters(spec="python:baseline"), Counts()
    made = await run(context(solver=solver, baseline=baseline, reward=reward, rollouts=2, weight=2.0))
    assert made["outcome"] == "ok"
    first = made["steps"][0]
    assert [(one["text"], one["tokens"], one["ended"]) for one in first["candidates"]] == [
        ("p", [ord("p")], False),
        ("q", [ord("q")], False),
        ("", [END], True),
    ]
    for one in first["candidates"]:
        assert len(one["rewards"]) == (1 if one["ended"] else 2)
        assert one["value"] == pytest.approx(np.mean(one["rewards"]))
        assert math.exp(one["logprob"]) == pytest.approx(EVEN[one["text"]])
    free = [one["logprob"] + 2.0 * (one["value"] or 0) for one in first["candidates"]]
    assert [one["policy"] for one in first["candidates"]] == pytest.approx(free - np.logaddexp.reduce(free))
    rolled = [asked for asked in baseline.asked if asked[0] == "baseline"]
    assert {asked[1][:1] for asked in rolled if len(asked[1]) == 1} == {(ord("p"),), (ord("q"),)}
    assert all(asked[2] == 6 - len(asked[1]) for asked in rolled)
    assert made["text"] == text_of(tuple(made["tokens"]))
    assert made["reward"] == made["text"].count("p")
    assert not made["seam"]
    assert made["logprob"] == pytest.approx(
        sum(math.log(EVEN[letter]) for letter in made["text"]) + (math.log(0.2) if made["tokens"][-1] == END else 0)
    )
    assert made["spent"]["rollout_tokens"] == sum(step["rollout_tokens"] for step in made["steps"])
    assert made["spent"]["rollouts"] == len(rolled)
    assert made["spent"]["cached_tokens"] == 3 * len(rolled)
    assert made["kl"] == pytest.approx(sum(step["kl"] for step in made["steps"]))


async def test_values_lead_to_what_is_rewarded() -> None:
    async def mean(**given: Any) -> float:
        texts = [
            await run(
                context(weight=3.0, solver=Letters(dull), baseline=Letters(dull, spec="b"), **given),
                {"prompt": f"{at}"},
            )
            for at in range(20)
        ]
        return float(np.mean([one["reward"] or 0 for one in texts]))

    plain, guided = await mean(decoder="plain"), await mean()
    assert plain < 1.5 < 3 < guided


async def test_without_weight_the_solver_decides() -> None:
    counts: Counter[str] = Counter()
    for at in range(300):
        made = await run(context(weight=0.0, rollouts=1, horizon=1), {"prompt": f"{at}"})
        counts[made["text"]] += 1
        assert made["kl"] == pytest.approx(0)
    assert counts["p"] / 300 == pytest.approx(0.5, abs=0.1)
    assert counts["q"] / 300 == pytest.approx(0.3, abs=0.1)


async def test_more_candidates_than_tokens_are_all_of_them() -> None:
    assert await run(context(k=50)) == await run(context(k=3))
    assert len((await run(context(k=2)))["steps"][0]["candidates"]) == 2


async def test_the_likeliest_is_taken_greedily() -> None:
    made = await run(context(pick="argmax", weight=5.0))
    for step in made["steps"]:
        policies = [one["policy"] or 0.0 for one in step["candidates"]]
        assert step["chosen"] == int(np.argmax(policies))
        assert step["kl"] == -step["candidates"][step["chosen"]]["logprob"]


async def test_chunks_are_drawn_counted_once_and_as_likely_as_they_are_frequent() -> None:
    made = await run(context(block=2, k=8, weight=0.0, solver=Letters(dull), baseline=Letters(dull, spec="b")))
    assert [step["place"] for step in made["steps"]] == [0, 2, 4]
    for step in made["steps"]:
        texts = [one["text"] for one in step["candidates"]]
        assert len(set(texts)) == len(texts)
        assert sum(one["drawn"] for one in step["candidates"]) == 8
        assert [math.exp(one["policy"] or 0) for one in step["candidates"]] == pytest.approx(
            [one["drawn"] / 8 for one in step["candidates"]]
        )
    assert made["ended"] == "horizon"
    assert len(made["tokens"]) == 6


async def test_weights_of_a_baseline_that_was_aligned_to_something_else() -> None:
    other = Counts("q", spec="python:other")
    made = await run(context(transfer="indirect", baseline_reward=other, beta=1.0, rollouts=4, least_ess=0.0))
    [one, *_] = [one for one in made["steps"][0]["candidates"] if not one["ended"]]
    assert len(one["weights"]) == 4
    assert sum(one["weights"]) == pytest.approx(1)
    assert one["value"] == pytest.approx(float(np.dot(one["weights"], one["rewards"])))
    assert other.seen
    held = await run(context(transfer="indirect", baseline_reward=other, beta=0.01, rollouts=4))
    tempered = [one for step in held["steps"] for one in step["candidates"] if one["power"] < 1]
    assert tempered
    assert all(one["ess"] == pytest.approx(0.3 * len(one["rewards"])) for one in tempered)
    repo = await run(context(compat="repo", baseline_reward=other, rollouts=4))
    values = [one for step in repo["steps"] for one in step["candidates"] if not one["ended"]]
    assert any(sum(one["weights"]) != pytest.approx(1) for one in values)


@pytest.mark.parametrize(
    ("decoder", "role", "completions"),
    [
        ("controlled", "solver", True),
        ("soft", "solver", True),
        ("args", "", False),
        ("best_of_n", "", False),
        ("plain", "", False),
    ],
)
async def test_rivals_run_in_the_same_graph(decoder: str, role: str, completions: bool) -> None:
    solver, reward = Letters(), Counts()
    made = await run(context(decoder=decoder, baseline=None, solver=solver, reward=reward, weight=2.0))
    assert made["outcome"] == "ok"
    assert bool(made["spent"]["rollouts"]) == completions
    assert {asked[0] for asked in solver.asked} <= {"solver"}
    if decoder == "best_of_n":
        [step] = made["steps"]
        values = [one["value"] for one in step["candidates"]]
        assert values[step["chosen"]] == max(one for one in values if one is not None)
        assert step["kl"] == pytest.approx(math.log(3) - 2 / 3)
    if decoder == "plain":
        assert (len(made["steps"]), made["kl"], len(reward.seen), made["steps"][0]["guided"]) == (1, 0.0, 1, False)
    if decoder == "args":
        assert {len(text) for text in reward.seen} >= {0, 1}
        assert all(len(one["rewards"]) == 1 for step in made["steps"] for one in step["candidates"])


async def test_texts_are_passed_where_vocabularies_differ() -> None:
    baseline = Letters(shift=1, spec="python:baseline")
    made = await run(context(baseline=baseline))
    assert not made["shared"]
    assert {type(asked[1]) for asked in baseline.asked} <= {str, tuple}
    assert all(isinstance(asked[1], str) for asked in baseline.asked if asked[1])
    assert (await run(context()))["shared"]


async def test_how_a_turn_ends_has_to_be_known_for_tokens() -> None:
    with pytest.raises(UsageError, match="how a turn ends"):
        await run(context(solver=Letters(knows_ends=False)))
    given = await run(context(solver=Letters(knows_ends=False), ends=(END,)))
    assert given == await run(context())
    assert (await run(context(solver=Letters(knows_ends=False), block=2)))["outcome"] == "ok"


@pytest.mark.parametrize(
    ("budget", "what"),
    [
        ({"step_budget": 2}, "step budget of 2"),
        ({"call_budget": 20}, "call budget of 20"),
        ({"token_budget": 300}, "token budget of 300"),
    ],
)
async def test_budgets_end_a_text_before_they_are_overspent(budget: dict[str, int], what: str) -> None:
    given: dict[str, Any] = {"solver": Letters(dull), "baseline": Letters(dull, spec="b"), "rollouts": 2, "horizon": 40}
    made = await run(context(**given, **budget))
    assert (made["outcome"], made["ended"]) == ("limit", what)
    assert what in made["reason"]
    assert made["reward"] == made["text"].count("p")
    assert made["spent"]["rollout_tokens"] <= budget.get("token_budget", 10**9)
    assert made["spent"]["calls"] <= budget.get("call_budget", 10**9)
    assert len(made["steps"]) <= budget.get("step_budget", 10**9)


async def test_no_time_is_left() -> None:
    made = await run(context(second_budget=1e-9))
    assert (made["outcome"], made["tokens"], made["reward"]) == ("limit", [], None)


async def test_time_is_what_nodes_took_so_that_another_process_may_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock of one process means nothing in the next one: each node here takes a second, whatever clocks say."""

    def second(began: float) -> float:
        del began
        return 1.0

    monkeypatch.setattr(import_module("dikast.graphs.transfer_q.graph"), "since", second)
    made = context(solver=Letters(dull), baseline=Letters(dull, spec="b"), second_budget=5, horizon=9)
    whole = await run(made)
    assert (whole["outcome"], whole["ended"], len(whole["steps"])) == ("limit", "second budget of 5", 2)
    graph = transfer_q.build().compile(checkpointer=InMemorySaver(), interrupt_after=["choose"])
    given: Any = {"configurable": {"thread_id": "1"}}
    first = await graph.ainvoke(ROW, given, context=made)
    assert (len(first["steps"]), (await graph.aget_state(given)).values["seconds"]) == (1, 4.0)
    await graph.ainvoke(None, given, context=made)
    resumed = await graph.ainvoke(None, given, context=made)
    assert {name: resumed[name] for name in ("steps", "ended", "text")} == {
        name: whole[name] for name in ("steps", "ended", "text")
    }


async def test_a_model_that_never_ends_is_ended_at_the_horizon() -> None:
    made = await run(
        context(solver=Letters(dull), baseline=Letters(dull, spec="b"), horizon=150, rollouts=1, rollout_tokens=2, k=2)
    )
    assert (made["ended"], len(made["tokens"]), len(made["steps"])) == ("horizon", 150, 150)
    assert max(len(one["text"]) for step in made["steps"] for one in step["candidates"]) == 1


async def test_short_completions_are_rewarded_as_they_stand() -> None:
    reward = Counts()
    made = await run(context(rollout_tokens=2, reward=reward, horizon=20, step_budget=1))
    assert made["spent"]["rollout_tokens"] <= 2 * made["spent"]["rollouts"]
    assert {len(text) for text in reward.seen[:-1]} <= {0, 1, 2, 3}


async def test_equal_texts_are_rewarded_once_a_choice() -> None:
    reward = Counts()
    sure = Letters(lambda text: {"p": 1.0})
    await run(context(solver=sure, baseline=sure, reward=reward, rollouts=4, horizon=2, k=1))
    assert reward.seen == ["pp", "pp", "pp"]  # two choices, and the whole text


async def test_what_has_no_reward_is_left_out_and_counted() -> None:
    def picky(text: str) -> Rewarded:
        return Rewarded(1.0, Outcome.OK) if text.startswith("p") else Rewarded(None, Outcome.UNPARSED, "NaN")

    made = await run(context(reward=Counts(value=picky), rollouts=2))
    first = made["steps"][0]
    assert [one["value"] for one in first["candidates"]] == [1.0, None, None]
    assert [one["unrewarded"] for one in first["candidates"]] == [0, 2, 1]
    assert (first["chosen"], [one["policy"] for one in first["candidates"]]) == (0, [0.0, None, None])
    assert made["unrewarded"] == {"count": 3, "reason": "NaN"}


@pytest.mark.parametrize(
    ("told", "outcome", "why"),
    [
        (Rewarded(None, Outcome.UNPARSED, "no finite number"), "unparsed", "no finite number"),
        (ValueError("what is this"), "error", "python:counts raised ValueError: what is this"),
        (ModelTimeout("too slow"), "timeout", "too slow"),
    ],
)
async def test_a_reward_that_says_nothing_leaves_the_solver_alone(told: Any, outcome: str, why: str) -> None:
    dull_ones = {"solver": Letters(dull), "baseline": Letters(dull, spec="b")}
    made = await run(context(reward=Counts(value=lambda text: told), **dull_ones))
    assert (made["outcome"], made["reason"], made["reward"]) == (outcome, why, None)
    assert made["text"]
    assert not any(step["guided"] for step in made["steps"])
    assert made["unrewarded"]["reason"] == why


async def test_a_reward_that_cannot_be_asked_is_raised() -> None:
    for error in (DataError("needs a reference"), ModelUnavailable("nobody listens")):
        with pytest.raises(type(error)):
            await run(context(reward=Counts(value=lambda text, error=error: error)))


async def test_completions_that_fail_are_counted_and_a_step_without_any_is_an_outcome() -> None:
    some = await run(context(baseline=Letters(fails=ModelTimeout("slow"), fails_at=10**9, spec="b"), rollouts=2))
    assert some["outcome"] == "ok"
    made = await run(context(baseline=Letters(fails=ModelTimeout("slow"), spec="b"), k=2))
    assert (made["outcome"], made["reason"], made["steps"]) == ("timeout", "slow", [])
    halves = await run(context(baseline=Letters(fails=Outcome.FILTERED, spec="b"), k=3))
    assert halves["unrewarded"]["reason"] == "as scripted"
    assert halves["steps"][0]["candidates"][0]["value"] is None
    with pytest.raises(ModelUnavailable):
        await run(context(baseline=Letters(fails=ModelUnavailable("away"), spec="b")))


async def test_a_solver_that_fails_keeps_what_stands() -> None:
    solver = Letters(dull, fails=ModelContextOverflow("too long"), fails_at=3)
    made = await run(context(solver=solver, baseline=Letters(dull, spec="b")))
    assert (made["outcome"], made["reason"], len(made["steps"])) == ("limit", "too long", 3)
    assert len(made["text"]) == 3
    refused = await run(context(solver=Letters(fails=Outcome.FILTERED)))
    assert (refused["outcome"], refused["reason"], refused["text"]) == ("filtered", "as scripted", "")


async def test_nothing_proposed_and_nothing_said_are_outcomes() -> None:
    made = await run(context(solver=Letters(lambda text: {})))
    assert (made["outcome"], made["reason"]) == ("empty", "the solver proposed nothing")
    mute = await run(context(solver=Letters(lambda text: {"": 1.0})))
    assert (mute["outcome"], mute["reason"], mute["reward"]) == ("empty", "the text has no words", None)
    with pytest.raises(DataError, match="no prompt"):
        await run(context(), {"prompt": "  "})
    with pytest.raises(UsageError, match="'prompt'"):
        await run(context(), {"id": "r"})


async def test_samples_have_draws_of_their_own_and_a_row_the_same() -> None:
    texts: set[str] = set()
    for sample in range(12):
        with recording(sample=sample):
            texts.add((await run(context()))["text"])
    assert len(texts) > 3
    assert await run(context()) == await run(context())
    assert (await run(context(seed=1)))["steps"] != (await run(context()))["steps"]


async def test_models_by_token_ids() -> None:
    writers: dict[str, Any] = {
        "solver": load_writer(ScriptedModel(spell)),
        "baseline": load_writer("scripted:tests.graphs.transfer_q.letters:letters"),
    }
    with recording() as ledger:
        made = await run(context(**writers, ends=(END,), rollouts=2))
    assert made["outcome"] == "ok"
    assert made["shared"]
    assert [one["text"] for one in made["steps"][0]["candidates"]] == ["p", "q", ""]
    assert set(ledger.usage_by_role) == {"solver", "baseline"}
    assert made["spent"]["cached_tokens"] > 0
    chunks = await run(context(**writers, block=3))
    assert chunks["outcome"] == "ok"
    with pytest.raises(UsageError, match="how a turn ends"):
        await run(context(**writers))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"baseline": None}, "baseline"),
        ({"transfer": "indirect"}, "baseline_reward"),
        ({"transfer": "indirect", "baseline_reward": Counts(), "rollouts": 1}, "at least 2"),
        ({"scale": (5, 1)}, "scale"),
        ({"sampling": {"max_tokens": 9}}, "max_tokens"),
        ({"k": 0}, "k"),
        ({"weight": math.inf}, "weight"),
    ],
)
def test_settings_that_contradict_themselves(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        context(**given)


async def test_a_solver_that_cannot_score_says_so_before_anything_is_spent() -> None:
    asked: list[Request] = []

    def chatter(request: Request) -> str:
        asked.append(request)
        return "words"

    writer = load_writer(ScriptedModel(chatter))
    with pytest.raises(UsageError, match="cannot score"):
        await run(context(solver=writer, baseline=writer, block=2))
    assert [one.completion is None for one in asked] == [False]


def test_the_public_names() -> None:
    assert transfer_q.graph.name == "transfer_q"
    assert set(ROW) <= {"id", "prompt"}
