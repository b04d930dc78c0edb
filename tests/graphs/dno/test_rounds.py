"""DNO's rounds with policies that are scripts and a trainer that is none: what is asked, trained, compared, decided."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dikast.agents.models.request import Sampling
from dikast.agents.prompt import load_prompt
from dikast.agents.solver import load_solver
from dikast.errors import DataError, UsageError
from dikast.graphs.dno import rounds
from dikast.graphs.dno.judge import load_list_judge
from dikast.graphs.dno.rounds.context import RECIPE
from dikast.graphs.dno.rounds.duel import Duel
from dikast.graphs.dno.rounds.duel import graph as duel
from dikast.graphs.dno.rounds.method import count_calls
from dikast.graphs.dno.rounds.options import Options, make_fields
from dikast.graphs.dno.rounds.plan import DnoPlan, measured, win_of
from dikast.graphs.dno.rounds.roles import PromptFile, load_prompts
from dikast.graphs.dno.rounds.splitting import part_of, split_prompts
from dikast.graphs.method import Given
from dikast.training.role import load_trainer
from dikast.training.rounds import At
from tests.graphs.dno.rounds_models import GOLD, HERE, Fake

PROMPTS = 24


def prompts(tmp_path: Path, count: int = PROMPTS, gold: str = GOLD) -> PromptFile:
    path = tmp_path / "prompts.jsonl"
    if not path.exists():
        rows = [{"id": str(n), "prompt": f"Prompt {n}", "gold": gold} for n in range(count)]
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return PromptFile(path, {})


def context(tmp_path: Path, trainer: Fake, **knobs: Any) -> rounds.Context:
    given: dict[str, Any] = {
        "folder": tmp_path / "run",
        "prompts": prompts(tmp_path),
        "solver": f"{HERE}:policy_0",
        "judge": f"{HERE}:judge",
        "trainer": trainer,
        "samples": 2,
        "validation": 20,
        **knobs,
    }
    return rounds.Context.model_validate(given)


async def run(made: rounds.Context) -> dict[str, Any]:
    return dict((await rounds.graph.ainvoke({"id": "loop"}, context=made, version="v2")).value)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_three_rounds_each_from_the_policy_before(tmp_path: Path) -> None:
    trainer = Fake(["policy_1", "policy_2", "policy_3"])
    output = await run(context(tmp_path, trainer))
    assert [one["promoted"] for one in output["rounds"]] == [True, True, True]
    assert [model for model, _, _ in trainer.given] == [f"{HERE}:policy_{n}" for n in range(3)]
    assert output["policy"]["model"] == f"{HERE}:policy_3"
    # The reference is the policy that the round began with: another one in each round.
    references = [one["stages"]["train"]["result"]["reference"] for one in output["rounds"]]
    assert references == [one["before"]["digest"] for one in output["rounds"]]
    assert len(set(references)) == 3
    results = [one["stages"]["evaluate"]["result"] for one in output["rounds"]]
    assert [one["win_rate"] for one in results] == [1.0, 1.0, 1.0]
    assert output["usage"]["judge"]["calls"] > 0


async def test_no_prompt_is_asked_in_two_rounds_or_in_a_validation_as_well(tmp_path: Path) -> None:
    await run(context(tmp_path, Fake(["policy_1", "policy_2", "policy_3"])))
    asked: list[set[str]] = []
    held = set[str]()
    for number in (1, 2, 3):
        folder = tmp_path / "run" / "loop" / f"round-0{number}"
        asked.append({row["input"]["prompt"] for row in lines(folder / "collect" / "rows.jsonl")})
        held = {row["input"]["prompt"] for row in lines(folder / "evaluate" / "rows.jsonl")}
        trained = {row["prompt"][0]["content"] for row in lines(folder / "rows" / "own.jsonl")}
        assert not held & asked[-1]
        assert trained <= asked[-1]
        assert held == {row["input"]["prompt"] for row in lines(tmp_path / "run/loop/round-01/evaluate/rows.jsonl")}
    every = [one for some in (*asked, held) for one in some]
    assert len(every) == len(set(every)) == PROMPTS


async def test_older_rows_are_replayed_in_their_shares_and_none_twice(tmp_path: Path) -> None:
    output = await run(context(tmp_path, Fake(["policy_1", "policy_2", "policy_3"])))
    for number, one in enumerate(output["rounds"], start=1):
        told = one["stages"]["rows"]["result"]
        rows = lines(tmp_path / "run" / "loop" / f"round-0{number}" / "rows" / "rows.jsonl")
        assert len(rows) == told["rows"] == told["own"] + sum(told["replayed"])
        by_round = Counter(row["iteration"] for row in rows)
        assert by_round[number] == told["own"]
        assert [by_round[number - ago] for ago in range(1, number)] == told["replayed"]
        for ago, count in enumerate(told["replayed"], start=1):
            assert count <= 0.3 * 0.5 ** (ago - 1) * len(rows)
        assert len({json.dumps(row) for row in rows}) == len(rows)
    assert output["rounds"][2]["stages"]["rows"]["result"]["replayed"][0] > 0


async def test_a_policy_that_does_not_win_is_rolled_back_unless_the_last_is_wanted(tmp_path: Path) -> None:
    names = ["policy_1", "worse", "policy_3"]
    best = Fake(names)
    output = await run(context(tmp_path, best))
    assert [one["promoted"] for one in output["rounds"]] == [True, False, True]
    assert "wins 0.000" in output["rounds"][1]["reason"]
    assert [model for model, _, _ in best.given] == [f"{HERE}:policy_{n}" for n in (0, 1, 1)]
    last = Fake(names)
    output = await run(context(tmp_path, last, policy="last", folder=tmp_path / "last"))
    assert [one["promoted"] for one in output["rounds"]] == [True, True, True]
    assert [model for model, _, _ in last.given] == [f"{HERE}:{name}" for name in ("policy_0", "policy_1", "worse")]


async def test_a_gate_that_is_not_reached(tmp_path: Path) -> None:
    made = context(tmp_path, Fake(["policy_0"]), rounds=1, gate=0.6)  # the same policy again: 0.5 by ties
    [one] = (await run(made))["rounds"]
    assert (one["promoted"], one["stages"]["evaluate"]["result"]["win_rate"]) == (False, 0.5)
    assert "0.6 wanted" in one["reason"]


async def test_the_average_is_a_mixture_of_all_policies(tmp_path: Path) -> None:
    output = await run(context(tmp_path, Fake(["policy_1", "worse", "policy_2"]), policy="average", samples=4))
    speakers = [one["stages"]["collect"]["result"]["speakers"] for one in output["rounds"]]
    assert [len(one) for one in speakers] == [1, 2, 3]
    rows = lines(tmp_path / "run" / "loop" / "round-03" / "collect" / "rows.jsonl")
    models = [one["provenance"]["model"].split(":")[-1] for one in rows[0]["output"]["answers"][1:]]
    assert models == ["policy_0", "policy_1", "worse", "policy_0"]


@pytest.mark.parametrize("stage", ["collect", "rows", "train", "evaluate"])
async def test_what_is_finished_is_not_done_again(tmp_path: Path, stage: str) -> None:
    trainer = Fake(["policy_1", "policy_2"])
    made = context(tmp_path, trainer, rounds=2)
    first = await run(made)
    again = Fake(["policy_1", "policy_2"])
    assert await run(context(tmp_path, again, rounds=2)) == first
    assert again.given == []
    place = tmp_path / "run" / "loop" / "round-02"
    before = (place / f"{stage}.json").read_text()
    (place / f"{stage}.json").unlink()
    repeated = await run(context(tmp_path, again, rounds=2))
    assert repeated["policy"] == first["policy"]
    assert len(again.given) == (stage == "train")
    assert json.loads((place / f"{stage}.json").read_text())["fingerprint"] == json.loads(before)["fingerprint"]


async def test_broken_off_in_a_training_it_goes_on_there_and_asks_nothing_again(tmp_path: Path) -> None:
    trainer = Fake(["policy_1", "policy_2"], breaks={1: DataError("disk full")})
    with pytest.raises(DataError, match="disk full"):
        await run(context(tmp_path, trainer, rounds=2))
    journal = tmp_path / "run" / "loop" / "round-02" / "collect" / "rows.jsonl"
    before = journal.read_text()
    output = await run(context(tmp_path, trainer, rounds=2))
    assert journal.read_text() == before
    assert [one["promoted"] for one in output["rounds"]] == [True, True]
    assert output["rounds"][1]["stages"]["train"]["attempts"] == 2
    assert len(trainer.given) == 3


async def test_another_setting_runs_the_stages_anew_that_stand_on_it_and_no_other(tmp_path: Path) -> None:
    trainer = Fake(["policy_1"])
    await run(context(tmp_path, trainer, rounds=1))
    place = tmp_path / "run" / "loop" / "round-01"
    collected = (place / "collect.json").read_text()
    await run(context(tmp_path, trainer, rounds=1, teacher_margin=5.5))
    assert (place / "collect.json").read_text() == collected
    assert (place / "rows.before-1").is_dir()
    assert (place / "train.before-1").is_dir()
    assert len(trainer.given) == 2


async def test_a_round_without_pairs_ends_the_loop(tmp_path: Path) -> None:
    output = await run(context(tmp_path, Fake([]), least=6, rule="teacher", teacher_margin=7))
    assert (output["outcome"], output["reason"]) == ("empty", "round 1: no training row")


async def test_broken_off_a_training_is_told_to_stop(tmp_path: Path) -> None:
    began, release = asyncio.Event(), asyncio.Event()
    loop, stopped = asyncio.get_running_loop(), list[str]()

    class Slow(Fake):
        def train(self, *arguments: Any, **named: Any) -> Any:
            on_step = named["on_step"]
            on_step({"step": 1})
            loop.call_soon_threadsafe(began.set)
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
            try:
                on_step({"step": 2})
            except Exception as error:
                stopped.append(type(error).__name__)
                raise
            raise AssertionError("not stopped")

    plan = DnoPlan(context(tmp_path, Slow(["policy_1"]), rounds=1))
    at = At(tmp_path, 1, plan.start())
    task = asyncio.create_task(plan.train(at, tmp_path / "train"))
    await began.wait()
    task.cancel()
    await asyncio.sleep(0)
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stopped == ["Cancelled"]


def duel_of(new: str, old: str, judge: str) -> Duel:
    return Duel(
        new=load_solver(f"{HERE}:{new}"),
        old=load_solver(f"{HERE}:{old}"),
        judge=load_list_judge(f"{HERE}:{judge}"),
        rubric=load_prompt("dno/rubric"),
        sampling=Sampling(seed=0),
        judging=Sampling(),
    )


@pytest.mark.parametrize(("new", "old", "judge", "win"), [
    ("policy_2", "policy_1", "judge", 1.0),
    ("policy_1", "policy_2", "judge", 0.0),
    ("policy_1", "policy_1", "judge", 0.5),
    ("policy_2", "policy_1", "placed", 0.5),
    ("policy_1", "policy_2", "placed", 0.5),
])  # fmt: skip
async def test_a_duel_is_judged_in_both_orders(new: str, old: str, judge: str, win: float) -> None:
    """A judge that looks at places alone finds nobody better."""
    output = await duel.ainvoke({"prompt": "Name a prime."}, context=duel_of(new, old, judge))
    assert (output["win"], output["outcome"]) == (win, "ok")
    assert len(output["orders"]) == (0 if new == old else 2)


async def test_a_duel_that_is_not_read_counts_for_nobody() -> None:
    output = await duel.ainvoke({"prompt": "Name a prime."}, context=duel_of("policy_2", "policy_1", "policy_0"))
    assert (output["win"], output["outcome"]) == (None, "unparsed")


async def test_scores_without_their_length_slope_decide_too(tmp_path: Path) -> None:
    """The new policy's answers are 40 characters longer, and a point better by a judge that counts characters."""
    said = {"outcome": "ok", "reason": "", "loops": False}
    output: dict[str, Any] = {
        "new": {**said, "text": "x" * 50},
        "old": {**said, "text": "x" * 10},
        "orders": [{"new": 5.0, "old": 4.0}, {"new": 5.0, "old": 4.0}],
        "win": 1.0,
    }
    assert [win_of(output, slope) for slope in (0.0, 0.02, 0.025, 0.03)] == [1.0, 1.0, 0.5, 0.0]
    assert win_of({**output, "win": None}, 0.03) is None
    told = {"outcomes": {"ok": 1}, "usage": {}}
    assert measured([{"output": output}], told, 0.03)["win_rate"] == 0.0
    assert measured([{"output": output}], told, 0.0)["length_ratio"] == 5.0
    trainer = Fake(["policy_1"])
    one = (await run(context(tmp_path, trainer, rounds=1, scores="residual")))["rounds"][0]
    assert one["stages"]["rows"]["result"]["slope"] != 0


def test_splits_are_disjoint_and_stay_where_they_are() -> None:
    rows = [{"id": str(n), "prompt": f"Prompt {n}"} for n in range(300)]
    parts = split_prompts(rows, 3, 10)
    texts = {name: {row["prompt"] for row in mine} for name, mine in parts.items()}
    every = [one for mine in texts.values() for one in mine]
    assert len(every) == len(set(every)) == 300
    assert 10 < len(texts["validation"]) < 55
    assert all(60 < len(texts[f"part-{n}"]) < 120 for n in (1, 2, 3))
    again = [{"id": f"again {n}", "prompt": f" prompt  {n}"} for n in range(30)]
    more = split_prompts([*rows[::-1], {"id": "x", "prompt": "Another"}, *again], 3, 10)
    for name, mine in texts.items():
        assert mine <= {row["prompt"] for row in more[name]}
    assert sum(map(len, more.values())) == 301  # " prompt  1" is in the part of "Prompt 1", and no second one
    assert [part_of(round_, 3) for round_ in range(1, 6)] == [1, 2, 3, 1, 2]
    with pytest.raises(DataError, match="none of them falls into"):
        split_prompts(rows[:3], 3, 10)


def test_what_cannot_be_trained_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    plan = DnoPlan(context(tmp_path, Fake([])).model_copy(update={"trainer": load_trainer("trl")}))
    with pytest.raises(UsageError, match="only transformers: models are trained"):
        plan.start()
    (tmp_path / "prompts.jsonl").write_text('{"id": "a", "prompt": "x"}\n')
    with pytest.raises(UsageError, match="prompt 'a' has no gold answer"):
        DnoPlan(context(tmp_path, Fake([]))).start()


def test_prompts_are_known_by_what_they_say(tmp_path: Path) -> None:
    mine = prompts(tmp_path)
    (tmp_path / "with space & sign.csv").write_text("q,a\nPrompt 0,g\n")
    other = PromptFile(tmp_path / "with space & sign.csv", {"prompt": "q", "gold": "a"})
    assert load_prompts(other.spec) == other
    assert load_prompts(mine.spec).fingerprint() == mine.fingerprint() != other.fingerprint()


def test_the_recipe_is_made_of_flags_and_the_runs_seed(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("q,a\nPrompt 0,g\n")
    options = Options(prompts=tmp_path / "p.csv", columns="prompt=q,gold=a", beta=0.3, lora_rank=0)
    recipe = make_fields(options, Given({"seed": 7}))["recipe"]
    assert recipe == RECIPE.model_copy(update={"beta": 0.3, "lora_rank": 0, "seed": 7})
    assert make_fields(Options(prompts=tmp_path / "p.csv"), Given({}))["recipe"] == RECIPE


async def test_calls_are_at_least_those_made(tmp_path: Path) -> None:
    made = context(tmp_path, Fake(["policy_1", "policy_2", "policy_3"]))
    counted = {role: calls.count for role, calls in count_calls(made, {}).items()}
    output = await run(made)
    spent = {role: usage["calls"] + usage.get("cached_calls", 0) for role, usage in output["usage"].items()}
    assert set(spent) == set(counted)
    assert all(spent[role] <= counted[role] for role in spent)
    assert spent["solver"] == counted["solver"]
