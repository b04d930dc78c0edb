"""Self-Rewarding in the rounds: the policy marks itself, and is trained on what it prefers; no answer is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dikast import jobs
from dikast.errors import DataError
from dikast.graphs.method import Given
from dikast.graphs.rest_mcts import rounds
from dikast.graphs.rest_mcts.preferring import EQUAL, FEW, UNVALUED
from dikast.graphs.rest_mcts.rounds.method import count_calls, method
from dikast.graphs.rest_mcts.rounds.options import Options, make_fields
from dikast.graphs.rest_mcts.rounds.report import report
from dikast.graphs.rest_mcts.rounds.roles import QuestionFile
from dikast.graphs.rest_mcts.rounds.self_rewarding import SelfRewardingPlan, plan_for
from dikast.jobs.reading import Run
from dikast.pages import markdown
from dikast.training.recipes import DpoRecipe
from dikast.training.role import load_trainer
from dikast.training.rounds import At
from tests.graphs.rest_mcts.rounds_models import HERE, Fake, asked
from tests.graphs.rest_mcts.test_rounds import context, lines, no_collection, place, results, run

__all__ = ["no_collection"]
RIVAL: dict[str, Any] = {
    "rival": "self_rewarding",
    "critic": "none",
    "tokens": 3_000,
    "iterations": 1,
    "judgements": 2,
    "solver": f"prefix+{HERE}:policy_a",
}


async def test_the_policy_marks_itself_and_is_trained_on_its_best_against_its_worst(tmp_path: Path) -> None:
    trainer = Fake(["policy_b", "policy_c"])
    asked.clear()
    output = await run(context(tmp_path, trainer, **RIVAL))
    assert output["policy"]["model"] == f"{HERE}:policy_c"
    # The policy of the round is its own judge, in the words of the judging prompt.
    marking = [name for name, request in asked if request.messages[0]["content"].startswith("You mark")]
    assert set(marking) == {"policy_a", "policy_b"}
    assert [(one["kind"], one["model"], one["seed"]) for one in trainer.given] == [
        ("dpo", f"{HERE}:policy_a", 0),
        ("dpo", f"{HERE}:policy_b", 1),
    ]
    trees = {one["key"]: one["output"]["nodes"] for one in lines(place(tmp_path, 1, "collect") / "rows.jsonl")}
    for row in trainer.given[0]["rows"]:
        values = {node["text"]: node["appraised"] for node in trees[row["key"]] if node["appraised"] is not None}
        assert values[row["chosen"][0]["content"]] == max(values.values()) == row["score_chosen"]
        assert values[row["rejected"][0]["content"]] == min(values.values()) == row["score_rejected"]
        assert row["score_chosen"] > row["score_rejected"]


async def test_every_question_is_a_pair_or_is_left_out_for_a_reason(tmp_path: Path) -> None:
    trainer = Fake(["policy_b"])
    output = await run(context(tmp_path, trainer, rounds=1, **RIVAL))
    [told], [collected] = results(output, "rows"), results(output, "collect")
    left_out = told["left_out"]["preference"]
    # By the scripts' judge: of every fifth question it says nothing that can be read, of another fifth always the same.
    assert left_out[UNVALUED.why] > 0
    assert left_out[EQUAL.why] > 0
    assert told["rows"] + sum(left_out.values()) == collected["asked"]
    judged = told["judged"]
    assert judged["pairs"] == told["rows"] == sum(judged["agreement"].values()) == len(trainer.given[0]["rows"])
    assert judged["drawn"] == judged["whole"] == judged["valued"] + sum(judged["unread"].values())
    assert set(judged["unread"]) == {"unparsed"}
    assert 0 < judged["in_part"] < judged["valued"]
    assert set(judged["agreement"]) <= {"right over wrong", "wrong over wrong", "right over right", "wrong over right"}
    assert judged["agreement"]["right over wrong"] > 0


async def test_no_answer_reaches_the_policy_its_judge_or_the_trainer(tmp_path: Path) -> None:
    path = tmp_path / "secret.jsonl"
    rows = [{"question": f"{n} 4 5 6", "answer": f"SECRET{n}"} for n in range(20)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    asked.clear()
    trainer = Fake(["policy_b", "policy_c"])
    await run(context(tmp_path, trainer, **RIVAL, check="exact", questions=QuestionFile(path, {}), policy="last"))
    said = "".join(f"{one.messages}{one.prefix}" for _, one in asked)
    assert "You mark solutions" in said
    assert trainer.given[0]["rows"]  # nothing was right, and pairs there are: no verdict was looked at
    assert "SECRET" not in said + json.dumps([one["rows"] for one in trainer.given])


async def test_without_marks_there_is_nothing_to_train_on(tmp_path: Path) -> None:
    path = tmp_path / "undecided.jsonl"  # questions of which the scripts' judge says nothing
    rows = [{"question": f"{5 * n + 1} 4 5 6", "answer": f"{5 * n + 16}"} for n in range(12)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    output = await run(context(tmp_path, Fake([]), **RIVAL, questions=QuestionFile(path, {})))
    assert (output["outcome"], output["reason"]) == ("empty", "round 1: no training row")
    [told] = results(output, "rows")
    left_out = told["left_out"]["preference"]
    assert sum(left_out.values()) == results(output, "collect")[0]["asked"]
    assert set(left_out) == {FEW.why, UNVALUED.why}  # of one question all samples say the same
    assert (told["judged"]["valued"], told["judged"]["unread"]) == (0, {"unparsed": told["judged"]["whole"]})


async def test_broken_off_in_the_training_it_goes_on_there_and_asks_nothing_again(tmp_path: Path) -> None:
    trainer = Fake(["policy_b", "policy_c"], breaks={1: DataError("disk full")})
    with pytest.raises(DataError, match="disk full"):
        await run(context(tmp_path, trainer, **RIVAL))
    journal = place(tmp_path, 2, "collect") / "rows.jsonl"
    before = journal.read_text()
    asked.clear()
    output = await run(context(tmp_path, trainer, **RIVAL))
    assert journal.read_text() == before
    assert {name for name, _ in asked} == {"policy_c"}  # only the new policy is still to be measured
    assert output["rounds"][1]["stages"]["train"]["attempts"] == 2
    assert trainer.given[1] == trainer.given[2]


@pytest.mark.parametrize(
    ("knobs", "redone"),
    [
        ({"judgements": 3}, "collect"),
        ({"pair_recipe": DpoRecipe(beta=0.3)}, "train"),
    ],
)
async def test_another_setting_runs_the_stages_anew_that_stand_on_it(
    tmp_path: Path, knobs: dict[str, Any], redone: str
) -> None:
    await run(context(tmp_path, Fake(["policy_b"]), rounds=1, **RIVAL))
    await run(context(tmp_path, Fake(["policy_b"]), rounds=1, **{**RIVAL, **knobs}))
    aside = {one.name.removesuffix(".before-1.json") for one in place(tmp_path, 1, "").glob("*.before-1.json")}
    assert redone in aside
    assert ("collect" in aside) is (redone == "collect")


def test_a_rival_has_a_search_of_its_own(tmp_path: Path) -> None:
    assert isinstance(plan_for(context(tmp_path, Fake([]), **RIVAL)), SelfRewardingPlan)
    assert context(tmp_path, Fake([]), **RIVAL).searches == ("best_of_n",)
    em, old = (
        context(tmp_path, Fake([]), **knobs)
        for knobs in ({"rival": "rest_em", "critic": "none"}, {"searches": ("self_consistency",)})
    )
    assert em.searches == old.searches
    plans = [plan_for(one) for one in (em, old)]
    grounds = [plan.ground("collect", At(tmp_path, 1, plan.start())) for plan in plans]
    assert grounds[0] == grounds[1]
    with pytest.raises(ValueError, match="rival rest_em draws by self_consistency, and not by beam"):
        context(tmp_path, Fake([]), rival="rest_em", searches=("beam",))
    with pytest.raises(ValueError, match="critic: mcts needs one"):
        context(tmp_path, Fake([]), critic="none")
    again = rounds.Context.model_validate_json(em.model_copy(update={"trainer": load_trainer("trl")}).model_dump_json())
    assert (again.rival, again.searches, again.critic.spec) == ("rest_em", ("self_consistency",), "none")


async def test_calls_are_at_least_those_made(tmp_path: Path) -> None:
    made = context(tmp_path, Fake(["policy_b", "policy_c"]), **RIVAL)
    counted = {role: calls.count for role, calls in count_calls(made, {}).items()}
    usage = (await run(made))["usage"]
    for role in ("solver", "critic"):
        assert 0 < usage[role]["calls"] + usage[role].get("cached_calls", 0) <= counted[role]


async def test_a_job_of_rounds_and_its_report(tmp_path: Path) -> None:
    made = context(tmp_path, Fake(["policy_b"]), rounds=1, **RIVAL)
    assert (await jobs.run(rounds.graph, [{"id": "loop", "rounds": 1}], made, tmp_path / "run")).exit_code == 0
    found = report(Run.open(tmp_path / "run"), made)
    [one] = found.data["rounds"]
    assert one["gathered"]["judged"]["pairs"] == one["gathered"]["rows"]
    page = markdown(found.page)
    for words in ("what the policy thinks of its own solutions", "right over wrong", EQUAL.why, UNVALUED.why):
        assert words in page


def test_the_recipes_are_made_of_flags(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("question,answer\n1 2,3\n")
    options = Options(questions=tmp_path / "q.csv", pair_beta=0.2, pair_epochs=3, learning_rate=1e-3, lora_rank=4)
    made = make_fields(options, Given({}))
    assert made["pair_recipe"] == DpoRecipe(beta=0.2, epochs=3, lora_rank=4)
    assert method.notes is not None
    shown = " ".join(method.notes(options, context(tmp_path, Fake([]), **RIVAL), []))
    assert "marks its own solutions" in shown
