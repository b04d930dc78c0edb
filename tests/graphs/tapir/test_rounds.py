"""TAPIR's rounds without any model: what is trained on, what is held out, kept or rolled back, and done only once."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dikast.agents.models.request import Request
from dikast.agents.solver import ModelSolver
from dikast.errors import DataError, ModelUnavailable, UsageError
from dikast.graphs.method import Given
from dikast.graphs.tapir import context as measuring
from dikast.graphs.tapir import rounds
from dikast.graphs.tapir.classifier import ModelTaskClassifier
from dikast.graphs.tapir.expand import context as expansion
from dikast.graphs.tapir.judge import ModelPairScorer
from dikast.graphs.tapir.rounds import context as knobs
from dikast.graphs.tapir.rounds.choice import choose
from dikast.graphs.tapir.rounds.graph import build
from dikast.graphs.tapir.rounds.method import count_calls
from dikast.graphs.tapir.rounds.options import Options, make_fields, notes, read_input
from dikast.graphs.tapir.rounds.plan import TapirPlan
from dikast.graphs.tapir.rounds.pool import Pool, not_held, read_pool
from dikast.graphs.tapir.rounds.story import story
from dikast.graphs.tapir.teacher import ModelTeacher
from dikast.pages import markdown
from dikast.training import mixture
from dikast.training.recipes import SftRecipe
from dikast.training.rounds import At
from dikast.training.rows import problem_of
from dikast.training.splits import digest_of
from dikast.training.stopping import OnStep
from tests.graphs.tapir.cast import Said, Scripted, points, shown

TASKS = ("add", "sort", "spell")
UNKNOWN = "I do not know"
ROWS = [
    {
        "id": f"{task}{number}",
        "instruction": f"Please {task} number {number}.",
        "answer": f"{task} {number} done",
        "task": task,
    }
    for number in range(12)
    for task in TASKS
]


@dataclass(frozen=True)
class Trained:
    model: str
    digest: str
    rows: int
    loss: float = 0.5
    first_loss: float = 2.0
    steps: int = 3
    tokens: int = 100
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass
class School:
    """A student that knows whole tasks: `scripted:add,sort`. A training teaches it one task more, of its hard rows.

    Args:
        forgets: Rounds of training, by their number from 1, that take away all that was known.
        breaks: What the next training raises, once.
    """

    forgets: frozenset[int] = frozenset()
    breaks: BaseException | None = None
    trained: list[list[dict[str, Any]]] = field(default_factory=list[list[dict[str, Any]]])
    asked: Counter[str] = field(default_factory=Counter[str])

    def student(self, spec: str) -> ModelSolver:
        known = spec.removeprefix("scripted:").split(",")

        def say(request: Request) -> Said:
            self.asked[spec] += 1
            words = request.messages[-1]["content"].split()
            return f"{words[1]} {words[3].strip('.')} done" if words[1] in known else UNKNOWN

        scripted = Scripted(say)
        model = scripted.model.model_copy(update={"spec": spec})
        return ModelSolver(model)

    def train(self, recipe: SftRecipe, rows: Path, model: str, folder: Path, on_step: OnStep) -> Trained:
        folder.mkdir(parents=True, exist_ok=True)
        if error := self.breaks:
            self.breaks = None
            raise error
        assert recipe.learning_rate == 1e-3
        on_step({"step": 1, "steps": 1, "loss": 0.5})
        found = [json.loads(line) for line in rows.read_text().splitlines()]
        self.trained.append(found)
        known = set(model.removeprefix("scripted:").split(",")) - {""}
        learnt = sorted({row["task"] for row in found if row["hard"]} - known)[:1]
        now = [] if len(self.trained) in self.forgets else sorted(known | set(learnt))
        return Trained(f"scripted:{','.join(now)}", f"digest-{','.join(now)}-{len(self.trained)}", len(found))


def judged(request: Request) -> Said:
    first, second = shown(request)
    return points(2 if first == UNKNOWN else 9, 2 if second == UNKNOWN else 9)


def taught(request: Request) -> Said:
    if request.structured is None:
        return "as it is done"
    words = request.messages[-1]["content"]
    task = next(task for task in TASKS if f"Please {task}" in words)
    return json.dumps({"instructions": [f"Please {task} whatever {digest_of(words)} says, and say how it was done."]})


def named(request: Request) -> Said:
    asked = request.messages[-1]["content"]
    return next(task for task in TASKS if f"Please {task}" in asked)


def context(folder: Path, **fields: Any) -> rounds.Context:
    path = folder / "tasks.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    made: dict[str, Any] = {
        "folder": folder,
        "instructions": path,
        "solver": "scripted:add",
        "judge": ModelPairScorer(Scripted(judged).model),
        "classifier": ModelTaskClassifier(Scripted(named).model),
        "teacher": ModelTeacher(Scripted(taught).model),
        "tasks": TASKS,
        "rounds": 2,
        "learning_rate": 1e-3,
        "held": 30,
    }
    return rounds.Context(**{**made, **fields})


async def run(made: rounds.Context, school: School) -> dict[str, Any]:
    graph = build(lambda ctx, given: TapirPlan(ctx, school.train, school.student)).compile(name="tapir_rounds")
    return await graph.ainvoke({"id": "loop"}, context=made)


def results(output: Mapping[str, Any], stage: str) -> list[dict[str, Any]]:
    return [one["stages"][stage]["result"] for one in output["rounds"]]


async def test_a_student_learns_what_it_finds_hard_and_is_kept(tmp_path: Path) -> None:
    school = School()
    output = await run(context(tmp_path), school)
    assert [one["promoted"] for one in output["rounds"]] == [True, True]
    assert output["policy"]["model"] == "scripted:add,sort,spell"
    first, second = results(output, "evaluate")
    assert first["before"]["tasks"]["add"]["difficulty"] == 0
    assert [first[name]["tasks"]["sort"]["difficulty"] for name in ("before", "after")] == [7, 0]
    assert second["after"]["all"]["difficulty"] == 0
    # What the second round begins with was measured in the first.
    assert second["before"] == first["after"]
    assert first["low"] <= first["fall"] <= first["high"]
    told = markdown(story({"output": output}))
    assert "2 of 2 rounds kept" in told
    assert "| sort | " in told


async def test_rows_are_in_the_mix_with_a_growing_share_of_hard_ones(tmp_path: Path) -> None:
    school = School()
    output = await run(context(tmp_path, weights=(2.0, 1.0, 1.0), rows=40, count=1), school)
    shares: list[float] = []
    for number, made in enumerate(results(output, "rows"), start=1):
        rows = school.trained[number - 1]
        assert Counter(row["task"] for row in rows) == made["tasks"] == {"add": 20, "sort": 10, "spell": 10}
        assert not [row for row in rows if problem_of(row, "sft")]
        assert sum(row["hard"] for row in rows) == made["hard"]
        assert sum(row["source"] == "new" for row in rows) == made["new"] > 0
        shares.append(made["share_asked"])
        mine = [row for row in rows if row["task"] == "spell"]
        assert sum(row["hard"] for row in mine) == round(10 * made["share_asked"])
    assert shares == [0.3, 0.5]
    assert {role for role in output["usage"]} == {"solver", "judge", "teacher", "classifier"}


async def test_nothing_that_is_held_out_is_trained_on(tmp_path: Path) -> None:
    school, made = School(), context(tmp_path, count=1)
    await run(made, school)
    pool = read_pool(made.instructions, None, made.held)
    assert len(pool.held) + len(pool.train) == len(ROWS)
    seen = {digest_of(row["prompt"]) for rows in school.trained for row in rows}
    assert seen
    assert not seen & pool.held_digests
    rows, leaked = not_held(
        [{"prompt": f" {pool.held[0]['instruction'].upper()}"}, {"prompt": "new"}], pool.held_digests
    )
    assert (rows, leaked) == ([{"prompt": "new"}], 1)


async def test_a_student_that_became_worse_is_rolled_back(tmp_path: Path) -> None:
    school = School(forgets=frozenset({1}))
    output = await run(context(tmp_path), school)
    assert [one["promoted"] for one in output["rounds"]] == [False, True]
    assert output["rounds"][1]["before"]["model"] == "scripted:add"
    assert output["policy"]["model"] == "scripted:add,sort"
    assert "fell by -" in output["rounds"][0]["reason"]


async def test_a_fall_within_the_margin_is_none(tmp_path: Path) -> None:
    output = await run(context(tmp_path, rounds=1, margin=8.0), School())
    assert not output["rounds"][0]["promoted"]


async def test_where_nothing_is_hard_any_more_the_loop_ends(tmp_path: Path) -> None:
    output = await run(context(tmp_path, rounds=5), School())
    assert len(output["rounds"]) == 3
    assert output["reason"] == "round 3: no training row"
    assert output["policy"]["model"] == "scripted:add,sort,spell"


@pytest.mark.parametrize("error", [OSError("power"), DataError("the disk is full")])
async def test_what_broke_off_goes_on_and_asks_nobody_twice(tmp_path: Path, error: BaseException) -> None:
    school = School(breaks=error)
    with pytest.raises(type(error)):
        await run(context(tmp_path), school)
    asked = school.asked.total()
    assert asked
    output = await run(context(tmp_path), school)
    assert len(output["rounds"]) == 2
    train = sum(row["id"] in trainable(context(tmp_path)) for row in ROWS)
    held = len(ROWS) - train
    # Every instruction of the one side once a round, of the other once for each of three students.
    assert school.asked.total() == 2 * train + 3 * held
    again = await run(context(tmp_path), school)
    assert again == output
    assert (school.asked.total(), len(school.trained)) == (2 * train + 3 * held, 2)


def trainable(made: rounds.Context) -> set[str]:
    return {row["id"] for row in read_pool(made.instructions, None, made.held).train}


async def test_a_judge_that_cannot_be_reached_stops_the_loop_and_what_was_answered_stays(tmp_path: Path) -> None:
    down = [True]

    def say(request: Request) -> Said:
        return ModelUnavailable("nobody there") if down[0] else judged(request)

    school, made = School(), context(tmp_path, judge=ModelPairScorer(Scripted(say).model), rounds=1)
    with pytest.raises((DataError, ModelUnavailable), match="nobody there"):
        await run(made, school)
    assert school.trained == []
    measured = tmp_path / "loop" / "round-01" / "collect" / "measured"
    before = len((measured / "rows.jsonl").read_text().splitlines())
    assert before > 0
    down[0] = False
    output = await run(made, school)
    assert output["rounds"][0]["promoted"]
    assert results(output, "collect")[0]["outcomes"] == {"ok": len(trainable(made))}


async def test_other_rows_in_the_file_are_other_ground(tmp_path: Path) -> None:
    school = School()
    await run(context(tmp_path, rounds=1), school)
    made = context(tmp_path, rounds=1)
    made.instructions.write_text(made.instructions.read_text().replace("number 3", "number 33"))
    await run(made, school)
    assert (tmp_path / "loop" / "round-01" / "collect.before-1").is_dir()
    assert len(school.trained) == 2


async def test_other_knobs_of_the_mixture_measure_nothing_of_the_pool_anew(tmp_path: Path) -> None:
    school = School()
    await run(context(tmp_path, rounds=1), school)
    before = school.asked["scripted:add"]
    await run(context(tmp_path, rounds=1, rows=9), school)
    assert [len(rows) for rows in school.trained][1:] == [9]
    held = len(read_pool(tmp_path / "tasks.jsonl", None, 30).held)
    # Without a request cache the held-out ones are asked again, since the stage stands on another training.
    assert school.asked["scripted:add"] - before == held


def test_what_is_chosen_is_told(tmp_path: Path) -> None:
    def row(prompt: str, task: str, hard: bool) -> dict[str, Any]:
        return {
            "prompt": prompt,
            "completion": "c",
            "task": task,
            "difficulty": 1.0,
            "hard": hard,
            "source": "given",
            "id": "",
        }

    rows = [
        row("a", "add", True),
        row("A ", "add", True),
        row("b", "add", False),
        row("c", "", True),
        row("d", "add", True),
    ]
    made, told = choose(rows, [], context(tmp_path), 0.5, frozenset({digest_of("d")}), 0)
    assert len(made) == told["rows"] == 2
    assert (told["held_out"], told["said_again"], told["without_task"]) == (1, 1, 1)
    assert sorted(told["lacking"]) == ["sort", "spell"]
    with pytest.raises(DataError, match="of a task of the mix"):
        choose([row("a", "", True)], [], context(tmp_path), 0.5, frozenset(), 0)
    assert choose([], [], context(tmp_path), 0.5, frozenset(), 0)[0] == []


def test_an_empty_side_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text('{"instruction": "Do.", "answer": "x"}\n')
    with pytest.raises(DataError, match="no instruction is left"):
        read_input(Options(), context(tmp_path, instructions=path))
    assert Pool([], []).held_digests == frozenset()


def test_the_commands_fields(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    given = Given({"solver": "transformers:s", "judge": "free+server:j"}, out=tmp_path)
    assert make_fields(Options(instructions=path, columns="a=b"), given) == {
        **{"folder": tmp_path, "instructions": path, "columns": "a=b", "classifier": "server:j"}
    }
    with pytest.raises(UsageError, match="nobody to train"):
        make_fields(Options(instructions=path), Given({}))
    with pytest.raises(UsageError, match="nothing to train on"):
        make_fields(Options(), given)
    made = context(tmp_path)
    first, second = notes(Options(), made, [])
    assert "are held out" in first
    assert "--count" in second
    assert len(list(notes(Options(), context(tmp_path, hard_share=1.0, count=1), []))) == 2
    path.write_text("".join(json.dumps({**row, "answer": ""}) + "\n" for row in ROWS))
    with pytest.raises(DataError, match="has no answer"):
        list(notes(Options(), context(tmp_path, teacher=None, instructions=path), []))
    with pytest.raises(ValueError, match="need a teacher"):
        context(tmp_path, count=1, teacher=None)


def test_calls_are_counted_over_all_rounds(tmp_path: Path) -> None:
    made = context(tmp_path, count=2)
    pool = read_pool(made.instructions, None, made.held)
    counted = {role: calls.count for role, calls in count_calls(made, {"id": "loop"}).items()}
    asked = 2 * len(pool.train) + 3 * len(pool.held)
    assert counted == {
        **{
            "solver": asked,
            "judge": 2 * asked,
            "teacher": 2 * 3 * len(pool.train),
            "classifier": 2 * 2 * len(pool.train),
        }
    }


def test_defaults_that_stand_twice_are_the_same() -> None:
    assert (knobs.HARD, knobs.HARD_STEP, knobs.REPEATS) == (mixture.HARD, mixture.HARD_STEP, mixture.REPEATS)
    assert knobs.Context.model_fields["learning_rate"].default == SftRecipe.model_fields["learning_rate"].default
    assert set(measuring.Context.model_fields) - {"solver"} <= set(knobs.Context.model_fields)
    assert set(expansion.Context.model_fields) <= set(knobs.Context.model_fields)


async def test_broken_off_a_training_is_told_to_stop(tmp_path: Path) -> None:
    began, cancelled = asyncio.Event(), threading.Event()
    loop, stopped = asyncio.get_running_loop(), list[str]()

    def slow(recipe: SftRecipe, rows: Path, model: str, folder: Path, on_step: OnStep) -> Trained:
        on_step({"step": 1})
        loop.call_soon_threadsafe(began.set)
        cancelled.wait(60)
        try:
            on_step({"step": 2})
        except Exception as error:
            stopped.append(type(error).__name__)
            raise
        raise AssertionError("not stopped")

    plan = TapirPlan(context(tmp_path), slow, School().student)
    task = asyncio.create_task(plan.train(At(tmp_path, 1, plan.start()), tmp_path / "train"))
    await began.wait()
    task.cancel()
    await asyncio.sleep(0)
    cancelled.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stopped == ["Cancelled"]
