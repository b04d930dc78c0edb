"""DNO's graph: what is asked of whom, what is shown to the judge, which pairs come of it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from dikast.agents.models.scripted import ScriptedModel
from dikast.errors import DataError, ModelTimeout, ModelUnavailable, UsageError
from dikast.graphs import dno
from dikast.graphs.dno.teacher import load_teacher
from dikast.records import Outcome
from dikast.training.pairs import shuffled
from dikast.training.splits import digest_of
from tests.graphs.dno.scripts import ROW, Scorer, Student, Writer, by_text, context, run

GOLD = ROW.get("gold", "")
LOOP = "so it goes on " * 6


async def test_answers_stand_gold_first_then_by_sample_with_their_own_scores() -> None:
    made = context(["two", "three", "nine"], by_text({GOLD: 6, "two": 5, "three": 3, "nine": 0}))
    output = await run(made)
    assert [(one["source"], one["sample"], one["text"], one["score"]) for one in output["answers"]] == [
        ("teacher", 0, GOLD, 6.0),
        ("student", 0, "two", 5.0),
        ("student", 1, "three", 3.0),
        ("student", 2, "nine", 0.0),
    ]
    found = [(pair["chosen"], pair["rejected"], pair["margin"], pair["kind"]) for pair in output["pairs"]]
    assert found == [
        (0, 2, 3.0, "teacher>student"),
        (0, 3, 6.0, "teacher>student"),
        (1, 2, 2.0, "student>student"),
        (1, 3, 5.0, "student>student"),
    ]
    assert output["counts"] == {"teacher>student": 2, "student>student": 2}
    assert output["lengths"] == {"student": 4.0, "teacher": float(len(GOLD))}
    assert (output["outcome"], output["reason"]) == ("ok", "")


@pytest.mark.parametrize("rule", ["all", "teacher"])
async def test_the_rules_truth_table_through_the_graph(rule: str) -> None:
    """Each pair of points from 0 to 6 of the gold answer and one of the student's: 49 rows a rule."""
    for gold, mine in itertools.product(range(7), repeat=2):
        output = await run(context(["mine"], by_text({GOLD: gold, "mine": mine}), rule=rule))
        expected: list[str] = []
        if gold >= 5 and gold - mine >= 2:
            expected = ["teacher>student"]
        if rule == "all" and mine >= 5 and mine - gold >= 1:
            expected = ["student>teacher"]
        assert [pair["kind"] for pair in output["pairs"]] == expected, (gold, mine)


async def test_the_rules_knobs() -> None:
    points = {GOLD: 4, "a": 3, "b": 1}
    assert (await run(context(["a", "b"], by_text(points))))["pairs"] == []
    output = await run(context(["a", "b"], by_text(points), least=3, student_margin=2.5, teacher_margin=1))
    assert [(pair["chosen"], pair["rejected"]) for pair in output["pairs"]] == [(0, 1), (0, 2)]
    output = await run(context(["a", "b"], by_text(points), least=3, teacher_margin=4))
    assert [(pair["chosen"], pair["rejected"]) for pair in output["pairs"]] == [(1, 2)]


async def test_the_judge_is_shown_every_answer_once_in_an_order_of_the_prompts_own() -> None:
    judge = Scorer(lambda listing: [0] * len(listing.answers))
    texts = ["a", "b", "c", "d", "e"]
    made = context(texts, judge, seed=7)
    await run(made)
    await run(made)
    await run(made, {**ROW, "prompt": "Another."})
    first, again, other = (listing.answers for listing in judge.shown)
    assert first == again
    assert sorted(first) == sorted(other) == sorted([GOLD, *texts])
    key = digest_of([{"role": "user", "content": "Name a prime."}])
    assert list(first) == [[GOLD, *texts][place] for place in shuffled(6, seed=7, key=key)]
    seen: set[tuple[str, ...]] = {first, other}
    for seed in range(8):
        await run(context(texts, judge, seed=seed))
        seen.add(judge.shown[-1].answers)
    assert len(seen) > 8


async def test_a_judge_that_looks_at_places_alone_prefers_no_source() -> None:
    """Points by place, over many prompts: every answer has every place about as often."""
    judge = Scorer(lambda listing: [6, *[0] * (len(listing.answers) - 1)])
    made = context(["a", "b", "c"], judge)
    winners = [0] * 4
    for number in range(400):
        output = await run(made, {**ROW, "prompt": f"Prompt {number}"})
        [best] = [place for place, one in enumerate(output["answers"]) if one["score"] == 6]
        winners[best] += 1
    assert sum(winners) == 400
    assert all(70 < count < 130 for count in winners), winners  # 100 expected; 5 standard deviations are 43


async def test_scores_are_put_back_where_they_belong_whatever_the_order() -> None:
    points = {GOLD: 1, "a": 2, "b": 3, "c": 4}
    for seed in range(20):
        output = await run(context(["a", "b", "c"], by_text(points), seed=seed))
        assert [one["score"] for one in output["answers"]] == [1, 2, 3, 4]


async def test_unreadable_scores_make_no_pair_and_ties_never_do() -> None:
    output = await run(context(["a", "b"], Scorer(lambda _: Outcome.UNPARSED)))
    assert (output["outcome"], output["reason"], output["pairs"]) == ("unparsed", "as scripted", [])
    assert all(one["score"] is None for one in output["answers"])
    tied = await run(context(["a", "b"], by_text({GOLD: 6, "a": 6, "b": 6})))
    assert (tied["outcome"], tied["pairs"]) == ("ok", [])


async def test_an_answer_that_loops_is_only_ever_the_worse_one() -> None:
    output = await run(context([LOOP, "b"], by_text({GOLD: 5, LOOP: 6, "b": 0})))
    assert output["answers"][1]["loops"]
    assert [(pair["chosen"], pair["rejected"]) for pair in output["pairs"]] == [(0, 2)]
    output = await run(context([LOOP, "b"], by_text({GOLD: 6, LOOP: 2, "b": 6})))
    assert [(pair["chosen"], pair["rejected"]) for pair in output["pairs"]] == [(0, 1), (2, 1)]


async def test_equal_answers_are_shown_once_scored_alike_and_paired_once() -> None:
    judge = by_text({GOLD: 6, "a": 3})
    output = await run(context(["a", "a ", GOLD], judge))
    assert sorted(judge.shown[0].answers) == sorted([GOLD, "a"])
    assert [(one["repeats"], one["score"]) for one in output["answers"]] == [(None, 6), (None, 3), (1, 3), (0, 6)]
    assert [(pair["chosen"], pair["rejected"]) for pair in output["pairs"]] == [(0, 1)]


async def test_without_two_different_answers_no_judge_is_asked() -> None:
    judge = by_text({})
    output = await run(context([GOLD, GOLD], judge))
    assert (judge.shown, output["judged"], output["pairs"], output["outcome"]) == ([], None, [], "ok")
    output = await run(context([Outcome.REFUSED], judge))
    assert (judge.shown, output["outcome"], output["reason"]) == ([], "refused", "as scripted")


async def test_a_call_that_failed_is_a_record_and_the_others_are_paired() -> None:
    made = context(["a", ModelTimeout("no reply within 1 s"), Outcome.EMPTY], by_text({GOLD: 6, "a": 2}))
    output = await run(made)
    assert [one["outcome"] for one in output["answers"]] == ["ok", "ok", "timeout", "empty"]
    assert (output["outcome"], output["reason"]) == ("timeout", "no reply within 1 s")
    assert [(pair["chosen"], pair["rejected"]) for pair in output["pairs"]] == [(0, 1)]
    output = await run(context(["a"], Scorer(lambda _: ModelTimeout("judge: no reply"))))
    assert (output["outcome"], output["reason"], output["pairs"]) == ("timeout", "judge: no reply", [])


async def test_a_teacher_writes_the_gold_answer_that_a_row_lacks_and_no_other() -> None:
    teacher, points = Writer("Eleven."), {GOLD: 6, "Eleven.": 6, "a": 1}
    made = context(["a"], by_text(points), teacher=teacher)
    output = await run(made, {"prompt": "Name a prime."})
    assert teacher.asked == [({"role": "user", "content": "Name a prime."},)]
    assert (output["answers"][0]["text"], output["counts"]) == ("Eleven.", {"teacher>student": 1})
    assert output["answers"][0]["provenance"]["model"] == "python:writer"
    assert (await run(made, {"prompt": "Name a prime.", "gold": "  "}))["answers"][0]["text"] == "Eleven."
    await run(made)
    assert len(teacher.asked) == 2


async def test_a_teacher_that_cannot_be_reached_ends_the_run_and_one_that_is_slow_a_row() -> None:
    def unreachable(request: Any) -> str:
        raise ModelUnavailable("nobody listens at port 1", hint="start the server")

    made = context(["a"], by_text({}), teacher=load_teacher(ScriptedModel(unreachable)))
    with pytest.raises(ModelUnavailable, match="nobody listens"):
        await run(made, {"prompt": "Name a prime."})
    slow = context(["a"], by_text({}), teacher=Writer(ModelTimeout("no reply")))
    output = await run(slow, {"prompt": "Name a prime."})
    assert (output["outcome"], output["pairs"], output["answers"][0]["source"]) == ("timeout", [], "teacher")


async def test_a_row_without_gold_and_teacher_is_refused() -> None:
    with pytest.raises(DataError, match="row 'x' has no gold answer"):
        await run(context(["a"], by_text({})), {"id": "x", "prompt": "Name a prime."})


@pytest.mark.parametrize("prompt", ["", "  ", [], 3, [{"role": "assistant", "content": "a"}], [{"role": "user"}]])
async def test_a_prompt_that_is_none_is_refused(prompt: Any) -> None:
    with pytest.raises(DataError, match=r"prompt|message"):
        await run(context(["a"], by_text({})), {**ROW, "prompt": prompt})


async def test_the_context_and_the_prompt_have_to_be_given() -> None:
    with pytest.raises(TypeError, match=r"dikast\.graphs\.dno\.Context"):
        await dno.graph.ainvoke(ROW)
    row: Any = {"gold": "x"}
    with pytest.raises(UsageError, match="'prompt'"):
        await run(context(["a"], by_text({})), row)


async def test_a_conversation_is_sent_turn_by_turn_braces_and_all() -> None:
    talk = [
        {"role": "system", "content": "Be {brief}."},
        {"role": "user", "content": "{turn_0} and {prompt}"},
        {"role": "assistant", "content": "<|im_end|>"},
        {"role": "user", "content": "Go on."},
    ]
    judge = by_text({GOLD: 6, "a": 1})
    made = context(["a"], judge)
    await run(made, {**ROW, "prompt": talk})
    assert isinstance(made.solver, Student)
    assert [dict(one) for one in made.solver.asked[0][0]] == talk
    assert [dict(one) for one in judge.shown[0].messages] == talk


async def test_samples_are_told_apart() -> None:
    made = context(["a", "b", "c"], by_text({GOLD: 0, "a": 0, "b": 0, "c": 0}))
    await run(made)
    assert isinstance(made.solver, Student)
    assert sorted(sample for _, sample in made.solver.asked) == [0, 1, 2]
