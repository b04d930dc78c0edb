"""ReST-MCTS*'s rounds with policies that are scripts and a trainer that is none: searched, trained, measured."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from dikast import jobs
from dikast.agents.models.request import Sampling
from dikast.errors import DataError, UsageError
from dikast.graphs.method import Given
from dikast.graphs.rest_mcts import rounds
from dikast.graphs.rest_mcts.rounds.method import count_calls, method
from dikast.graphs.rest_mcts.rounds.options import Options, make_fields, read_input
from dikast.graphs.rest_mcts.rounds.plan import RestPlan, is_better
from dikast.graphs.rest_mcts.rounds.records import standing_of
from dikast.graphs.rest_mcts.rounds.report import report
from dikast.graphs.rest_mcts.rounds.roles import QuestionFile, load_questions
from dikast.graphs.rest_mcts.rounds.story import story
from dikast.graphs.rest_mcts.training import NONE_RIGHT
from dikast.jobs.reading import Run
from dikast.pages import markdown
from dikast.training.recipes import SftRecipe, ValueRecipe
from dikast.training.role import load_trainer
from dikast.training.rounds import At
from tests.graphs.rest_mcts.rounds_models import HERE, Fake, asked

QUESTIONS = 20


@pytest.fixture(autouse=True)
def no_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each job sweeps the heap before it begins, which takes longer than these jobs do."""

    def nothing(generation: int = 2) -> int:
        del generation
        return 0

    monkeypatch.setattr("gc.collect", nothing)


def questions(tmp_path: Path) -> QuestionFile:
    path = tmp_path / "questions.jsonl"
    if not path.exists():
        rows = [{"id": str(n), "question": f"{n} 4 5 6", "answer": f"So.\n#### {n + 15}"} for n in range(QUESTIONS)]
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return QuestionFile(path, {})


def context(tmp_path: Path, trainer: Fake, **knobs: Any) -> rounds.Context:
    given: dict[str, Any] = {
        "folder": tmp_path / "run",
        "questions": questions(tmp_path),
        "solver": f"prefix+{HERE}:policy_a",
        "critic": f"function:{HERE.removeprefix('scripted:')}:half",
        "trainer": trainer,
        "rounds": 2,
        "validation": 30,
        "critic_validation": 50,
        "tokens": 200,
        "iterations": 2,
        "roll_steps": 3,
        "gate": 0.9,
        "branch": 4,
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


async def test_two_rounds_each_with_the_policy_and_the_critic_of_the_one_before(tmp_path: Path) -> None:
    trainer = Fake(["policy_b", "policy_c"])
    asked.clear()
    output = await run(context(tmp_path, trainer))
    assert [one["promoted"] for one in output["rounds"]] == [True, True]
    assert output["policy"]["model"] == f"{HERE}:policy_c"
    # The policy goes on from the policy; the critic is made of it at first, and then goes on from the critic.
    assert [one["model"] for one in trainer.of("sft")] == [f"{HERE}:policy_a", f"{HERE}:policy_b"]
    assert [one["model"] for one in trainer.of("value")] == [f"{HERE}:policy_a", f"{HERE}:head_1"]
    assert [one["seed"] for one in trainer.given] == [0, 0, 1, 1]
    assert [one["critic"] for one in results(output, "collect")] == ["", "digest of head_1"]
    assert {name for name, _ in asked} == {"policy_a", "policy_b", "policy_c", "head_1"}
    # Greedy accuracy on held-back questions: counted from the journals, and rising with the policies' skill.
    first, second = results(output, "evaluate")
    assert first["after"] == second["before"]
    assert second["after"]["accuracy"] == 1.0
    for one in (first["before"], first["after"], second["after"]):
        journal = lines(tmp_path / "run" / "loop" / one["place"] / "rows.jsonl")
        right = sum(row["output"]["correct"] for row in journal)
        assert (one["right"], one["asked"], one["accuracy"]) == (right, len(journal), right / len(journal))
        assert {row["output"]["searched"] for row in journal} == {"greedy"}
    assert first["gain"] == pytest.approx(first["after"]["accuracy"] - first["before"]["accuracy"])
    assert 0 <= first["low"] <= first["gain"] <= first["high"]
    assert output["usage"]["solver"]["calls"] > 0


async def test_what_is_trained_on_is_right_and_what_it_is_worth_is_inferred(tmp_path: Path) -> None:
    trainer = Fake(["policy_b"])
    output = await run(context(tmp_path, trainer, rounds=1))
    journal = lines(place(tmp_path, 1, "collect") / "rows.jsonl")
    trees = {row["key"]: row["output"]["nodes"] for row in journal}
    [policy], [critic] = trainer.of("sft"), trainer.of("value")
    solved = {key for key, nodes in trees.items() if any(node["right"] for node in nodes)}
    assert {row["key"] for row in policy["rows"]} == solved
    assert 0 < len(solved) < len(trees)
    for row in policy["rows"]:
        answer = next(one["input"]["answer"] for one in journal if one["key"] == row["key"])
        assert row["completion"][0]["content"].endswith(f"#### {answer}")
    learnt, apart = critic["rows"], critic["held"]
    assert learnt
    assert apart
    assert {row["group"] for row in learnt}.isdisjoint(row["group"] for row in apart)
    for row in (*learnt, *apart):
        assert any(
            node["inferred"] == row["value"] and node["text"] == row["completion"][0]["content"].splitlines()[-1]
            for node in trees[row["key"]]
        )
    [told] = results(output, "rows")
    assert (told["rows"], told["values"], told["held"]) == (len(policy["rows"]), len(learnt), len(apart))
    assert told["left_out"]["sft"][NONE_RIGHT.why] == len(trees) - len(solved)
    # The first critic said .5 to everything.
    error = sum((0.5 - row["value"]) ** 2 for row in apart if row["appraised"] is not None) / told["critic_read"]
    assert told["critic_error"] == pytest.approx(error)


async def test_a_new_critic_is_taken_if_it_errs_less_whatever_becomes_of_the_policy(tmp_path: Path) -> None:
    trainer = Fake(["policy_never", "policy_b", "policy_c"], errors=[0.01, 9.0, 0.0])
    output = await run(context(tmp_path, trainer, rounds=3))
    assert [one["promoted"] for one in output["rounds"]] == [False, True, True]
    assert [one["model"] for one in trainer.of("sft")] == [f"{HERE}:policy_{n}" for n in "aab"]
    told = results(output, "train")
    assert [one["critic"]["taken"] for one in told] == [True, False, True]
    assert [one["critic"] for one in results(output, "collect")] == ["", "digest of head_1", "digest of head_1"]
    assert [one["model"] for one in trainer.of("value")] == [f"{HERE}:policy_a", *[f"{HERE}:head_1"] * 2]
    # The policy that stays is not measured a second time.
    assert not (place(tmp_path, 2, "evaluate") / "before").exists()
    assert is_better(None, 0.1)
    assert is_better(0.1, None)
    assert is_better(0.1, 0.1)
    assert not is_better(0.2, 0.1)


async def test_the_last_is_taken_where_that_is_wanted(tmp_path: Path) -> None:
    trainer = Fake(["policy_never", "policy_b"])
    output = await run(context(tmp_path, trainer, rounds=1, policy="last"))
    assert output["policy"]["model"] == f"{HERE}:policy_never"
    assert "takes every one" in output["rounds"][0]["reason"]


def test_the_margin_is_what_the_accuracy_has_to_rise_by(tmp_path: Path) -> None:
    for gain, margin, promoted in ((0.0, 0.0, True), (0.1, 0.2, False), (-0.1, -0.2, True), (-0.1, 0.0, False)):
        plan = RestPlan(context(tmp_path, Fake([]), margin=margin))
        result = {"gain": gain, "low": None, "high": None, "after": {"right": 1, "asked": 2}}
        at = At(tmp_path, 1, plan.start(), {"evaluate": {"folder": "", "seconds": 0, "attempts": 1, "result": result}})
        assert plan.decide(at).promoted is promoted


async def test_no_held_back_question_is_trained_on_and_no_answer_reaches_a_model(tmp_path: Path) -> None:
    path = tmp_path / "secret.jsonl"
    answers = [str(n + 15) if n % 2 else f"SECRET{n}" for n in range(QUESTIONS)]
    rows = [{"question": f"{n} 4 5 6", "answer": answer} for n, answer in enumerate(answers)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    asked.clear()
    trainer = Fake(["policy_b", "policy_c"])
    made = context(
        tmp_path, trainer, questions=QuestionFile(path, {}), parts=2, check="exact", solver=f"prefix+{HERE}:policy_c"
    )
    output = await run(made)
    assert trainer.given
    said = "".join(f"{one.messages}{one.prefix}{one.completion}" for _, one in asked)
    assert "4 5 6" in said
    assert "SECRET" not in said + json.dumps([one["rows"] + one["held"] for one in trainer.given], default=str)
    parts = RestPlan(made).parts
    every = [row["question"] for part in parts.values() for row in part]
    assert len(every) == len(set(every)) == QUESTIONS
    for stage, name in (("collect", "part-1"), ("evaluate/after", "validation")):
        there = {row["input"]["question"] for row in lines(place(tmp_path, 1, stage) / "rows.jsonl")}
        assert there == {row["question"] for row in parts[name]}
    assert output["rounds"][0]["stages"]["collect"]["result"]["part"] == 1


async def test_without_a_right_answer_there_is_nothing_to_train_on(tmp_path: Path) -> None:
    trainer = Fake([])
    output = await run(context(tmp_path, trainer, solver=f"prefix+{HERE}:policy_never"))
    assert (output["outcome"], output["reason"]) == ("empty", "round 1: no training row")
    assert trainer.given == []
    [told] = results(output, "rows")
    assert told["left_out"]["sft"] == {NONE_RIGHT.why: results(output, "collect")[0]["asked"]}
    assert (told["rows"], told["critic_error"]) == (0, None)


async def test_searches_that_ask_no_critic_train_none(tmp_path: Path) -> None:
    """With whole samples and the check alone this is ReST-EM."""
    trainer = Fake(["policy_b", "policy_c"])
    made = context(tmp_path, trainer, searches=("self_consistency",))
    output = await run(made)
    assert trainer.of("value") == []
    assert [one["critic"] for one in results(output, "train")] == [None, None]
    assert method.notes is not None
    assert any("ReST-EM" in one for one in method.notes(Options(), made, []))
    assert report_of(output, made)["critic"] == made.critic.spec


async def test_rounds_draw_other_solutions(tmp_path: Path) -> None:
    """Also where the policy stays the same."""
    await run(context(tmp_path, Fake(["policy_a", "policy_a"]), searches=("self_consistency",)))
    seeds = [
        {one["input"]["id"]: [node["text"] for node in one["output"]["nodes"]] for one in lines(journal)}
        for journal in (place(tmp_path, round_, "collect") / "rows.jsonl" for round_ in (1, 2))
    ]
    assert seeds[0].keys() == seeds[1].keys()
    assert any(seeds[0][one] != seeds[1][one] for one in seeds[0])


@pytest.mark.parametrize("stage", ["collect", "train"])
async def test_what_is_finished_is_not_done_again(tmp_path: Path, stage: str) -> None:
    first = await run(context(tmp_path, Fake(["policy_b", "policy_c"])))
    again = Fake(["policy_b", "policy_c"])
    assert await run(context(tmp_path, again)) == first
    assert again.given == []
    stamp = place(tmp_path, 2, stage).with_suffix(".json")
    before = stamp.read_text()
    stamp.unlink()
    repeated = await run(context(tmp_path, again))
    assert repeated["policy"] == first["policy"]
    assert len(again.given) == 2 * (stage == "train")
    assert json.loads(stamp.read_text())["fingerprint"] == json.loads(before)["fingerprint"]


@pytest.mark.parametrize(
    ("knobs", "redone"),
    [
        ({"recipe": SftRecipe(epochs=2)}, {"train"}),
        ({"critic_recipe": ValueRecipe(epochs=2)}, {"train"}),
        ({"critic_validation": 20}, {"rows", "train"}),
        ({"alpha": 0.3}, {"collect"}),
        ({"margin": -1.0, "recipe": SftRecipe(save_every=2)}, set[str]()),
    ],
)
async def test_another_setting_runs_the_stages_anew_that_stand_on_it(
    tmp_path: Path, knobs: dict[str, Any], redone: set[str]
) -> None:
    await run(context(tmp_path, Fake(["policy_b"]), rounds=1))
    await run(context(tmp_path, Fake(["policy_b"]), rounds=1, **knobs))
    root = tmp_path / "run" / "loop" / "round-01"
    assert {one.name.removesuffix(".before-1.json") for one in root.glob("*.before-1.json")} >= redone
    assert bool(list(root.glob("*.before-1.json"))) is bool(redone)


async def test_other_questions_are_searched_anew(tmp_path: Path) -> None:
    await run(context(tmp_path, Fake(["policy_b"]), rounds=1))
    path = tmp_path / "fewer.jsonl"
    path.write_text("".join(questions(tmp_path).path.read_text().splitlines(keepends=True)[5:]))
    await run(context(tmp_path, Fake(["policy_b"]), rounds=1, questions=QuestionFile(path, {})))
    assert (tmp_path / "run" / "loop" / "round-01" / "collect.before-1.json").exists()


async def test_broken_off_in_the_critics_training_it_goes_on_there_and_asks_nothing_again(tmp_path: Path) -> None:
    trainer = Fake(["policy_b", "policy_c"], breaks={3: DataError("disk full")})
    with pytest.raises(DataError, match="disk full"):
        await run(context(tmp_path, trainer))
    journal = place(tmp_path, 2, "collect") / "rows.jsonl"
    before = journal.read_text()
    asked.clear()
    output = await run(context(tmp_path, trainer))
    assert journal.read_text() == before
    assert {name for name, _ in asked} == {"policy_c"}  # only the new policy is still to be measured
    assert output["rounds"][1]["stages"]["train"]["attempts"] == 2
    assert trainer.given[2:4] == trainer.given[4:6]


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

    plan = RestPlan(context(tmp_path, Slow(["policy_b"]), rounds=1))
    told: Any = {"rows": {"folder": "", "seconds": 0, "attempts": 1, "result": {"values": 1, "held": 0}}}
    task = asyncio.create_task(plan.train(At(tmp_path, 1, plan.start(), told), tmp_path / "train"))
    await began.wait()
    task.cancel()
    await asyncio.sleep(0)
    cancelled.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stopped == ["Cancelled"]


def test_failures_and_answers_that_cannot_be_checked_are_wrong_answers() -> None:
    told = standing_of(
        [
            {"output": None, "outcome": "timeout"},
            {"output": {"correct": None, "found": "1", "taken": 1}, "outcome": "ok"},
            {"output": {"correct": True, "found": "1", "taken": 1}, "outcome": "ok"},
            {"output": {"correct": False, "found": None, "taken": None}, "outcome": "unparsed"},
        ],
        "d",
        "p",
    )
    counts = {name: told[name] for name in ("asked", "right", "answered", "failed", "unchecked", "accuracy")}
    assert counts == {"asked": 4, "right": 1, "answered": 2, "failed": 1, "unchecked": 1, "accuracy": 0.25}


def report_of(output: dict[str, Any], made: rounds.Context) -> dict[str, Any]:
    class Finished:
        def rows(self) -> Any:
            return iter([{"output": output}])

    finished: Any = Finished()
    return dict(report(finished, made).data)


async def test_a_job_of_rounds_its_report_and_its_story(tmp_path: Path) -> None:
    made = context(tmp_path, Fake(["policy_b", "policy_never"], errors=[0.01, 0.0]))
    summary = await jobs.run(rounds.graph, [{"id": "loop", "rounds": 2}], made, tmp_path / "run", report=method.report)
    assert summary.exit_code == 0
    found = report(Run.open(tmp_path / "run"), made)
    first, second = found.data["rounds"]
    assert (first["promoted"], second["promoted"]) == (True, False)
    assert found.data["critic"] == f"head+{HERE}:head_2"
    assert first["trained"]["critic"]["error"] == 0.01
    assert json.dumps(found.data)
    page = markdown(found.page)
    for words in ("accuracy before", "critic's error", NONE_RIGHT.why):
        assert words in page
    [record] = Run.open(tmp_path / "run").rows()
    assert "round 2: not promoted: 0 of" in str(story(record))
    # More rounds are another row: the loop goes on, and the first two are not run again.
    trainer = Fake(["policy_b", "policy_never", "policy_c"])
    more = context(tmp_path, trainer, rounds=3)
    await jobs.run(rounds.graph, [{"id": "loop", "rounds": 3}], more, tmp_path / "run")
    assert [one["model"] for one in trainer.of("sft")] == [f"{HERE}:policy_b"]


async def test_nothing_is_told_of_a_loop_that_is_not_over(tmp_path: Path) -> None:
    made = context(tmp_path, Fake(["policy_b"], breaks={0: RuntimeError("a bug")}), rounds=1)
    await jobs.run(rounds.graph, [{"id": "loop", "rounds": 1}], made, tmp_path / "run")
    assert report(Run.open(tmp_path / "run"), made).data == {"rounds": [], "policy": None, "critic": None}


async def test_calls_are_at_least_those_made(tmp_path: Path) -> None:
    made = context(tmp_path, Fake(["policy_b", "policy_c"]))
    counted = {role: calls.count for role, calls in count_calls(made, {}).items()}
    output = await run(made)
    spent = output["usage"]["solver"]["calls"] + output["usage"]["solver"].get("cached_calls", 0)
    assert 0 < spent <= counted["solver"]


def test_what_cannot_be_trained_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    plan = RestPlan(context(tmp_path, Fake([])).model_copy(update={"trainer": load_trainer("trl")}))
    with pytest.raises(UsageError, match="only transformers: models are trained"):
        plan.start()
    with pytest.raises(DataError, match="none of them falls into"):
        RestPlan(context(tmp_path, Fake([]), parts=29)).start()
    with pytest.raises(ValueError, match="none is called"):
        context(tmp_path, Fake([]), searches=("dream",))
    (tmp_path / "open.csv").write_text("question,answer\n1 2,3\n2 3,\n")
    with pytest.raises(DataError, match="has no answer"):
        _ = QuestionFile(tmp_path / "open.csv", {}).rows


def test_what_a_critic_begins_with(tmp_path: Path) -> None:
    class Head:
        spec = "head+transformers:somewhere"

    made = context(tmp_path, Fake([])).model_copy(update={"critic": Head()})
    plan = RestPlan(made)
    at = At(tmp_path, 1, plan.start())
    assert plan.critic_before(at) == "transformers:somewhere"
    other = RestPlan(context(tmp_path, Fake([]), critic=f"head+{HERE}:head_1"))
    assert other.critic_before(at) == f"{HERE}:policy_a"
    assert other.form == "prefix+"


def test_questions_are_known_by_what_they_say(tmp_path: Path) -> None:
    mine = questions(tmp_path)
    (tmp_path / "with space & sign?.csv").write_text("q,a\n1 2,3\n")
    other = QuestionFile(tmp_path / "with space & sign?.csv", {"question": "q", "answer": "a"})
    assert load_questions(other.spec) == other
    assert load_questions(mine.spec).fingerprint() == mine.fingerprint() != other.fingerprint()


def test_the_recipes_are_made_of_flags(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("q,a\n1 2,3\n")
    options = Options(
        questions=tmp_path / "q.csv", columns="question=q,answer=a", epochs=2, critic_epochs=3, lora_rank=4
    )
    made = make_fields(options, Given({}))
    assert made["recipe"] == SftRecipe(epochs=2, lora_rank=4)
    assert made["critic_recipe"] == ValueRecipe(epochs=3, lora_rank=4)
    seeded = make_fields(options, Given({"sampling": Sampling(seed=7)}))
    assert (seeded["recipe"].seed, seeded["critic_recipe"].seed) == (7, 7)
    with pytest.raises(UsageError, match="no questions"):
        make_fields(Options(), Given({}))


def test_a_loop_is_one_row(tmp_path: Path) -> None:
    made = context(tmp_path, Fake([]))
    assert read_input(Options(), made) == [{"id": "loop", "rounds": 2}]
    assert method.notes is not None
    assert next(iter(method.notes(Options(), made, []))).startswith("questions: ")
