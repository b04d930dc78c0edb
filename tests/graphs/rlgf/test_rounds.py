"""RLGF's rounds with policies that are scripts and a trainer that is none: asked, trained, measured, decided."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from dikast import jobs
from dikast.errors import DataError, UsageError
from dikast.graphs.method import Given
from dikast.graphs.rlgf import rounds
from dikast.graphs.rlgf.rounds.method import count_calls, method
from dikast.graphs.rlgf.rounds.options import Options, make_fields, read_input
from dikast.graphs.rlgf.rounds.plan import RlgfPlan
from dikast.graphs.rlgf.rounds.recipe import PpoRecipe
from dikast.graphs.rlgf.rounds.report import report
from dikast.graphs.rlgf.rounds.roles import PromptFile, load_prompts, load_trainer
from dikast.graphs.rlgf.rounds.story import story
from dikast.graphs.rlgf.rounds.texts import NOTHING, made_of, texts_of
from dikast.graphs.rlgf.turns import Written
from dikast.jobs.exports import LeftOut
from dikast.jobs.reading import Run
from dikast.pages import markdown
from dikast.training.rounds import At
from tests.graphs.rlgf.rounds_models import HERE, VALUES, Fake
from tests.graphs.rlgf.scripts import END

PROMPTS, HORIZON = 12, 6


def prompts(tmp_path: Path) -> PromptFile:
    path = tmp_path / "prompts.jsonl"
    if not path.exists():
        rows = [{"id": str(n), "prompt": f"Prompt {n}", "reference": f"SECRET {n}"} for n in range(PROMPTS)]
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return PromptFile(path, {})


def context(tmp_path: Path, trainer: Fake, **knobs: Any) -> rounds.Context:
    given: dict[str, Any] = {
        "folder": tmp_path / "run",
        "prompts": prompts(tmp_path),
        "solver": f"{HERE}:policy_a",
        "guide": f"{HERE}:guide",
        "reward": f"function:{HERE.removeprefix('scripted:')}:worth",
        "trainer": trainer,
        "horizon": HORIZON,
        "beta": 1.0,
        "rounds": 3,
        "validation": 30,
        **knobs,
    }
    return rounds.Context.model_validate(given)


async def run(made: rounds.Context) -> dict[str, Any]:
    return dict((await rounds.graph.ainvoke({"id": "loop"}, context=made, version="v2")).value)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def results(output: dict[str, Any], stage: str) -> list[dict[str, Any]]:
    return [one["stages"][stage]["result"] for one in output["rounds"]]


def place(tmp_path: Path, round_: int, stage: str) -> Path:
    return tmp_path / "run" / "loop" / f"round-0{round_}" / stage


async def test_three_rounds_each_from_the_policy_before(tmp_path: Path) -> None:
    trainer = Fake(["policy_b", "policy_c", "policy_d"])
    output = await run(context(tmp_path, trainer))
    assert [one["promoted"] for one in output["rounds"]] == [True, True, True]
    assert [one["model"] for one in trainer.given] == [f"{HERE}:policy_{n}" for n in "abc"]
    assert output["policy"]["model"] == f"{HERE}:policy_d"
    # A value head goes on from the training that made the policy; the first is new.
    assert [one["critic"] for one in trainer.given] == [None, place(tmp_path, 1, "train"), place(tmp_path, 2, "train")]
    assert [one["seed"] for one in trainer.given] == [1, 2, 3]
    # Held-back prompts are answered by the policy alone, whose letters say what it is worth: no guide's 4 among them.
    measured = results(output, "evaluate")
    assert [(one["before"]["reward"], one["after"]["reward"], one["gain"]) for one in measured] == [
        (0.0, 1.0, 1.0),
        (1.0, 2.0, 1.0),
        (2.0, 3.0, 1.0),
    ]
    assert all(one["reward"] > measured[at]["before"]["reward"] for at, one in enumerate(results(output, "rows")))
    assert output["usage"]["guide"]["calls"] > 0


async def test_what_is_trained_on_is_the_collection_token_by_token(tmp_path: Path) -> None:
    trainer = Fake(["policy_b"])
    await run(context(tmp_path, trainer, rounds=1, kl=0.1, texts=2))
    [given] = trainer.given
    collected = {row["key"]: row for row in lines(place(tmp_path, 1, "collect") / "rows.jsonl")}
    assert len(given["texts"]) == len(collected)
    assert [one["key"] for one in given["texts"]] == sorted(collected)
    guides = 0
    for text in given["texts"]:
        output = collected[text["key"]]["output"]
        made = made_of(text)
        assert list(made.mask) == [int(one["trained"]) for one in output["tokens"]]
        assert text["paid"] == [one["reward"] for one in output["tokens"]]
        for one, owner in zip(text["tokens"], text["owners"], strict=True):
            assert chr(one) in ({"policy": "a", "guide": "g"}[owner], chr(END))
        assert made.plan.roll_in == output["switch"]["roll_in"]
        assert text["reference"] == f"SECRET {text['id']}"
        guides += text["owners"].count("guide")
    told = json.loads((place(tmp_path, 1, "rows").with_suffix(".json")).read_text())["result"]
    assert (told["tokens"]["guide"], told["masked_share"]) == (guides, 1.0)
    assert guides


async def test_no_held_back_prompt_is_trained_on_and_no_reference_reaches_a_policy(tmp_path: Path) -> None:
    await run(context(tmp_path, Fake(["policy_b", "policy_c"]), rounds=2, parts=2))
    asked: list[set[str]] = []
    held = set[str]()
    for round_ in (1, 2):
        asked.append({row["input"]["prompt"] for row in lines(place(tmp_path, round_, "collect") / "rows.jsonl")})
        held |= {row["input"]["prompt"] for row in lines(place(tmp_path, round_, "evaluate") / "after" / "rows.jsonl")}
    every = [one for some in (*asked, held) for one in some]
    assert len(every) == len(set(every)) == PROMPTS


async def test_a_policy_that_is_worse_is_rolled_back_unless_the_last_is_wanted(tmp_path: Path) -> None:
    names = ["policy_c", "policy_b", "policy_d"]
    best = Fake(names)
    output = await run(context(tmp_path, best))
    assert [one["promoted"] for one in output["rounds"]] == [True, False, True]
    assert "rose by -1.000" in output["rounds"][1]["reason"]
    assert [one["model"] for one in best.given] == [f"{HERE}:policy_{n}" for n in "acc"]
    # Rolled back, the value head is that of the policy which stays, and the policy is not measured a second time.
    assert best.given[2]["critic"] == place(tmp_path, 1, "train")
    assert not (place(tmp_path, 3, "evaluate") / "before").exists()
    last = Fake(names)
    output = await run(context(tmp_path, last, policy="last", folder=tmp_path / "last"))
    assert [one["promoted"] for one in output["rounds"]] == [True, True, True]
    assert [one["model"] for one in last.given] == [f"{HERE}:policy_{n}" for n in "acb"]


def test_the_margin_is_what_the_reward_has_to_rise_by(tmp_path: Path) -> None:
    for gain, margin, promoted in ((0.0, 0.0, True), (1.0, 1.5, False), (-1.0, -1.5, True), (-0.1, 0.0, False)):
        plan = RlgfPlan(context(tmp_path, Fake([]), margin=margin))
        result = {"gain": gain, "rows": 3, "low": None, "high": None}
        at = At(tmp_path, 1, plan.first, {"evaluate": {"folder": "", "seconds": 0, "attempts": 1, "result": result}})
        assert plan.decide(at).promoted is promoted


async def test_rounds_draw_other_switches_and_other_words(tmp_path: Path) -> None:
    """Also where the policy stays the same."""
    await run(context(tmp_path, Fake(["policy_a", "policy_a"]), rounds=2))
    first, second = (
        {row["input"]["id"]: row["output"] for row in lines(place(tmp_path, round_, "collect") / "rows.jsonl")}
        for round_ in (1, 2)
    )
    assert first.keys() == second.keys()
    assert any(first[one]["switch"]["tau"] != second[one]["switch"]["tau"] for one in first)
    calls = [
        {one["provenance"]["seed"] for output in made.values() for one in output["turns"]} for made in (first, second)
    ]
    assert calls[0].isdisjoint(calls[1])


def past(*measured: tuple[float, float, bool]) -> list[Any]:
    """Rounds with the rewards of the policies before and after, and whether the new one was promoted."""
    return [
        {
            "promoted": promoted,
            "stages": {"evaluate": {"result": {"before": {"reward": before}, "after": {"reward": after}}}},
        }
        for before, after, promoted in measured
    ]


def test_d2lols_switches_by_round_or_by_the_reward_of_the_policy_alone(tmp_path: Path) -> None:
    def kinds(rounds: list[Any], **knobs: Any) -> list[str]:
        plan = RlgfPlan(context(tmp_path, Fake([]), collector="d2lols", **knobs))
        policy = plan.start()
        return [
            plan.kind(At(tmp_path, round_, policy, {}, rounds[: round_ - 1])) for round_ in range(1, len(rounds) + 2)
        ]

    risen = past((0.0, 1.0, True), (1.0, 2.0, True), (2.0, 1.0, True))
    assert kinds(risen, switch_at=1) == ["aggrevated", "ppo_pp", "ppo_pp", "ppo_pp"]
    # Never back, whatever the reward does later.
    assert kinds(risen, switch_reward=1.5, switch_at=0) == ["aggrevated", "aggrevated", "ppo_pp", "ppo_pp"]
    # What a policy that was rolled back has reached does not count.
    assert kinds(past((0.0, 2.0, False), (0.0, 2.0, True)), switch_reward=1.5) == ["aggrevated", "aggrevated", "ppo_pp"]


@pytest.mark.parametrize("stage", ["collect", "train"])
async def test_what_is_finished_is_not_done_again(tmp_path: Path, stage: str) -> None:
    first = await run(context(tmp_path, Fake(["policy_b", "policy_c"]), rounds=2))
    again = Fake(["policy_b", "policy_c"])
    assert await run(context(tmp_path, again, rounds=2)) == first
    assert again.given == []
    stamp = place(tmp_path, 2, stage).with_suffix(".json")
    before = stamp.read_text()
    stamp.unlink()
    repeated = await run(context(tmp_path, again, rounds=2))
    assert repeated["policy"] == first["policy"]
    assert len(again.given) == (stage == "train")
    assert json.loads(stamp.read_text())["fingerprint"] == json.loads(before)["fingerprint"]


@pytest.mark.parametrize(
    ("knobs", "redone"),
    [
        ({"recipe": PpoRecipe(epochs=2)}, {"train"}),
        ({"held_texts": 2}, {"evaluate"}),
        ({"kl": 0.5}, {"collect", "rows", "train", "evaluate"}),
        ({"margin": -1.0, "recipe": PpoRecipe(at_once=2)}, set[str]()),
    ],
)
async def test_another_setting_runs_the_stages_anew_that_stand_on_it_and_no_other(
    tmp_path: Path, knobs: dict[str, Any], redone: set[str]
) -> None:
    await run(context(tmp_path, Fake(["policy_b"]), rounds=1))
    await run(context(tmp_path, Fake(["policy_b"]), rounds=1, **knobs))
    root = tmp_path / "run" / "loop" / "round-01"
    assert {one.name.removesuffix(".before-1.json") for one in root.glob("*.before-1.json")} == redone


async def test_broken_off_in_a_training_it_goes_on_there_and_asks_nothing_again(tmp_path: Path) -> None:
    trainer = Fake(["policy_b", "policy_c"], breaks={1: DataError("disk full")})
    with pytest.raises(DataError, match="disk full"):
        await run(context(tmp_path, trainer, rounds=2))
    journal = place(tmp_path, 2, "collect") / "rows.jsonl"
    before = journal.read_text()
    output = await run(context(tmp_path, trainer, rounds=2))
    assert journal.read_text() == before
    assert output["rounds"][1]["stages"]["train"]["attempts"] == 2
    assert trainer.given[1] == trainer.given[2]


async def test_broken_off_a_training_is_told_to_stop(tmp_path: Path) -> None:
    began, cancelled = asyncio.Event(), threading.Event()
    loop, stopped = asyncio.get_running_loop(), list[str]()

    class Slow(Fake):
        def train(self, *arguments: Any, **named: Any) -> Any:
            loop.call_soon_threadsafe(began.set)
            cancelled.wait(60)
            try:
                named["on_step"]({"step": 1})
            except Exception as error:
                stopped.append(type(error).__name__)
                raise
            raise AssertionError("not stopped")

    plan = RlgfPlan(context(tmp_path, Slow(["policy_b"]), rounds=1))
    task = asyncio.create_task(plan.train(At(tmp_path, 1, plan.start()), tmp_path / "train"))
    await began.wait()
    task.cancel()
    await asyncio.sleep(0)
    cancelled.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stopped == ["Cancelled"]


async def test_texts_without_a_reward_are_counted_and_without_any_the_loop_stops(tmp_path: Path) -> None:
    trainer = Fake(["policy_b"])
    reward = f"function:{HERE.removeprefix('scripted:')}:own_alone"
    output = await run(context(tmp_path, trainer, reward=reward, rounds=1))
    told = output["rounds"][0]["stages"]["rows"]["result"]
    asked = output["rounds"][0]["stages"]["collect"]["result"]["asked"]
    assert told["left_out"] == {"no reward": asked - told["rows"]}
    assert 0 < told["rows"] < asked
    assert (told["rows"], told["reward"]) == (len(trainer.given[0]["texts"]), 0.0)
    none = context(tmp_path, Fake([]), reward=reward, solver=f"{HERE}:guide", folder=tmp_path / "none")
    with pytest.raises(DataError, match="nothing came of the job"):
        await run(none)


def test_a_text_of_the_guide_alone_is_none_to_learn_from() -> None:
    token = {"id": 1, "owner": "guide", "trained": False, "reward": 1.0}
    output = {"tokens": [token], "reward": 1.0, "collector": "ppo_pp", "switch": {"tau": 1, "roll_in": "guide"}}
    [told] = texts_of([{"input": {"prompt": "p"}, "output": output, "outcome": "ok", "key": "k"}], HORIZON)
    assert isinstance(told, LeftOut)
    assert told == NOTHING


def test_a_line_of_the_file_is_the_text_that_was_written() -> None:
    row = {"kind": "aggrevated", "horizon": 4, "tau": 2, "roll_in": "policy", "tokens": [1, 2, 3]}
    made = made_of({**row, "owners": ["policy", "policy", "guide"]})
    assert isinstance(made, Written)
    assert (made.mask, made.rolled_out, made.turn) == ((1, 1, 0), (0, 0, 1), None)


async def test_a_job_of_rounds_its_report_and_its_story(tmp_path: Path) -> None:
    made = context(tmp_path, Fake(["policy_b", "policy_a"]), rounds=2, measures=("length", "rougeL"))
    summary = await jobs.run(rounds.graph, [{"id": "loop", "rounds": 2}], made, tmp_path / "run", report=method.report)
    assert summary.exit_code == 0
    found = report(Run.open(tmp_path / "run"), made)
    first, second = found.data["rounds"]
    assert (first["promoted"], first["gain"], second["promoted"], second["gain"]) == (True, 1.0, False, -1.0)
    assert first["after"]["measures"]["length"]["mean"] == 1.0
    assert first["trained"]["steps"] == 5
    assert json.dumps(found.data)
    page = markdown(found.page)
    for words in ("alone after", "rougeL", "policy's share"):
        assert words in page
    [record] = Run.open(tmp_path / "run").rows()
    assert "round 2: not promoted: reward of" in str(story(record))
    # More rounds are another row: the loop goes on, and the first two are not run again.
    trainer = Fake(["policy_b", "policy_a", "policy_d"])
    more = context(tmp_path, trainer, rounds=3, measures=("length", "rougeL"))
    await jobs.run(rounds.graph, [{"id": "loop", "rounds": 3}], more, tmp_path / "run")
    assert [one["model"] for one in trainer.given] == [f"{HERE}:policy_b"]


async def test_nothing_is_told_of_a_loop_that_is_not_over(tmp_path: Path) -> None:
    made = context(tmp_path, Fake(["policy_b"], breaks={0: RuntimeError("a bug")}), rounds=1)
    await jobs.run(rounds.graph, [{"id": "loop", "rounds": 1}], made, tmp_path / "run")
    assert report(Run.open(tmp_path / "run"), made).data == {"rounds": [], "policy": None}


async def test_calls_are_at_least_those_made(tmp_path: Path) -> None:
    made = context(tmp_path, Fake(["policy_b", "policy_c", "policy_d"]))
    counted = {role: calls.count for role, calls in count_calls(made, {}).items()}
    output = await run(made)
    spent = {role: usage["calls"] + usage.get("cached_calls", 0) for role, usage in output["usage"].items()}
    assert set(spent) <= set(counted)
    assert all(spent[role] <= counted[role] for role in spent), (spent, counted)


def test_what_cannot_be_trained_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    plan = RlgfPlan(context(tmp_path, Fake([])).model_copy(update={"trainer": load_trainer("ppo")}))
    with pytest.raises(UsageError, match="only transformers: models are trained"):
        plan.start()
    with pytest.raises(DataError, match="none of them falls into"):
        RlgfPlan(context(tmp_path, Fake([]), parts=19)).start()
    with pytest.raises(ValueError, match="only d2lols switches"):
        context(tmp_path, Fake([]), switch_reward=1.0)
    with pytest.raises(ValueError, match="has to draw"):
        context(tmp_path, Fake([]), sampling={"temperature": 0})
    with pytest.raises(UsageError, match="there is ppo"):
        load_trainer("other")


def test_prompts_are_known_by_what_they_say(tmp_path: Path) -> None:
    mine = prompts(tmp_path)
    (tmp_path / "with space & sign?.csv").write_text("w,t\ndog run,A dog.\n")
    other = PromptFile(
        tmp_path / "with space & sign?.csv", {"concepts": "w", "reference": "t"}, "Say:", "metric:coverage"
    )
    assert load_prompts(other.spec) == other
    assert load_prompts(mine.spec).fingerprint() == mine.fingerprint() != other.fingerprint()
    assert other.rows[0]["prompt"] == "Say: dog, run"


def test_the_recipe_is_made_of_flags(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("q,a\nPrompt 0,g\n")
    options = Options(prompts=tmp_path / "p.csv", columns="prompt=q,reference=a", epochs=2, lora_rank=0)
    made = make_fields(options, Given({"reward": "metric:rougeL"}))
    assert made["recipe"] == PpoRecipe(epochs=2, lora_rank=0)
    assert made["prompts"].reward == "metric:rougeL"
    with pytest.raises(UsageError, match="no prompts"):
        make_fields(Options(), Given({}))


def test_a_loop_is_one_row(tmp_path: Path) -> None:
    made = context(tmp_path, Fake([]))
    assert read_input(Options(), made) == [{"id": "loop", "rounds": 3}]
    assert method.notes is not None
    told = list(method.notes(Options(), made.model_copy(update={"kl": 0.0}), []))
    assert told[0].startswith("prompts: ")
    assert "watch the KL" in told[-1]
    assert set(VALUES) == set("abcdg")
