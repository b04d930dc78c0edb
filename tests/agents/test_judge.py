from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.agents.judge import (
    PROMPTS,
    ModelJudge,
    fields_of,
    load_judge,
    pair_form,
    prompt_of,
    read_json_score,
    schema_of,
    score_form,
)
from dikast.agents.ledger import recording
from dikast.agents.models.request import Reply, Request, Sampling, TokenLogprob
from dikast.agents.models.scripted import ScriptedModel, scripted
from dikast.agents.prompt import load_prompt
from dikast.agents.roles import Case, Judge
from dikast.errors import UsageError
from dikast.records import Outcome
from dikast.verdicts import read_score, read_verdict
from tests.test_fence import ATTACKS

PAIR = Case("What is 2 + 2?", ("four", "five"), "correctness")
SINGLE = Case("What is 2 + 2?", ("four",), "correctness", scale=(1, 5))
SAMPLING = Sampling(max_tokens=200)


def saying(text: str | Reply) -> ScriptedModel:
    def model(request: Request) -> str | Reply:
        del request
        return text

    return ScriptedModel(model)


def labelled(**logprobs: float) -> Reply:
    """A reply whose first token could have been any of these, the likeliest being the one that was drawn."""
    best = max(logprobs, key=lambda token: logprobs[token])
    top = tuple((token.replace("_", " "), value) for token, value in logprobs.items())
    return Reply(best, "length", 1, 1, logprobs=(TokenLogprob(best, logprobs[best], top),))


@pytest.mark.parametrize(
    ("reply", "side"),
    [
        ("A is right. [[A]]", "first"),
        ("[[B]]", "second"),
        ("Both. [[C]]", None),
        ("[[A]] if A is better, [[B]] if B is better.", None),
        ("A is right", None),
        ("[[3]]", None),
    ],
)
async def test_a_mark_is_the_verdict(reply: str, side: str | None) -> None:
    judgement = await ModelJudge(saying(reply)).judge(PAIR, sampling=SAMPLING)
    assert judgement.side == side
    assert judgement.outcome == (Outcome.OK if side else Outcome.UNPARSED)
    assert judgement.text == reply
    assert (judgement.reason == "") == (side is not None)


async def test_a_tie_counts_where_it_is_on_offer() -> None:
    judge = ModelJudge(saying("Equal. [[C]]"))
    assert (await judge.judge(replace(PAIR, ties=True), sampling=SAMPLING)).side == "tie"
    refused = await judge.judge(PAIR, sampling=SAMPLING)
    assert (refused.side, refused.outcome, refused.reason) == (None, Outcome.UNPARSED, "a tie, which was not asked for")
    assert "[[C]]" in pair_form("mark", True)
    assert "[[C]]" not in pair_form("mark", False)


@pytest.mark.parametrize(
    ("reply", "score"), [("Good. [[4]]", 4.0), ("[[3.5]]", 3.5), ("[[7]]", None), ("[[A]]", None), ("four", None)]
)
async def test_a_score_within_the_scale(reply: str, score: float | None) -> None:
    judgement = await ModelJudge(saying(reply)).judge(SINGLE, sampling=SAMPLING)
    assert (judgement.score, judgement.side) == (score, None)
    assert judgement.outcome == (Outcome.OK if score else Outcome.UNPARSED)


async def test_json_is_held_to_a_schema() -> None:
    asked: list[Request] = []

    def model(request: Request) -> str:
        asked.append(request)
        return '{"reasoning": "[[B]] they say", "winner": "A"}' if len(asked) == 1 else '{"reasoning": "", "score": 2}'

    judge = ModelJudge(ScriptedModel(model), "json")
    assert (await judge.judge(PAIR, sampling=SAMPLING)).side == "first"
    assert (await judge.judge(SINGLE, sampling=SAMPLING)).score == 2.0
    schemas: list[Any] = [request.structured and request.structured.json_schema for request in asked]
    assert schemas == [schema_of(PAIR), schema_of(SINGLE)]
    assert schemas[0]["properties"]["winner"]["enum"] == ["A", "B"]
    assert (schemas[1]["properties"]["score"]["minimum"], schemas[1]["properties"]["score"]["maximum"]) == (1, 5)


@given(st.text() | st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists).map(str))
def test_whatever_is_no_json_score_is_none(text: str) -> None:
    assert read_json_score(text, 1, 5) is None


@given(st.floats(1, 5) | st.integers(1, 5))
def test_a_json_score_is_read(score: float) -> None:
    assert read_json_score(json.dumps({"reasoning": "x", "score": score}), 1, 5) == score


@pytest.mark.parametrize("value", ["true", "NaN", "1e999", "-1", '"4"', "null", "[4]", str(10**400)])
def test_a_json_score_off_the_scale_is_none(value: str) -> None:
    assert read_json_score(f'{{"score": {value}}}', 1, 5) is None


async def test_labels_are_weighed_without_reading_the_text() -> None:
    """P(A) = .6 + .1 with both spellings, P(B) = .2; the rest is something else."""
    reply = labelled(A=math.log(0.6), _A=math.log(0.1), B=math.log(0.2), The=math.log(0.1))
    judgement = await ModelJudge(saying(reply), "logprobs").judge(PAIR, sampling=SAMPLING)
    assert judgement.preference == pytest.approx(0.7 / 0.9)
    assert judgement.side == "first"


async def test_one_token_is_asked_for_with_its_alternatives() -> None:
    asked: list[Request] = []

    def model(request: Request) -> Reply:
        asked.append(request)
        return labelled(A=-0.1, B=-3.0)

    await ModelJudge(ScriptedModel(model), "logprobs").judge(PAIR, sampling=Sampling(max_tokens=99, temperature=1.0))
    assert (asked[0].sampling.max_tokens, asked[0].sampling.temperature, asked[0].logprobs) == (1, 0.0, 20)


async def test_a_label_beyond_the_alternatives_is_bounded_by_the_least_of_them() -> None:
    judge = ModelJudge(saying(labelled(B=math.log(0.9), C=math.log(0.05), The=math.log(0.01))), "logprobs")
    judgement = await judge.judge(PAIR, sampling=SAMPLING)
    assert judgement.preference == pytest.approx(0.01 / 0.91)
    assert judgement.side == "second"


async def test_no_label_among_the_alternatives_is_unparsed() -> None:
    judgement = await ModelJudge(saying(labelled(The=-0.1, An=-2.0)), "logprobs").judge(PAIR, sampling=SAMPLING)
    assert (judgement.outcome, judgement.side, judgement.preference) == (Outcome.UNPARSED, None, None)


async def test_labels_are_weighed_though_the_drawn_token_is_white_space() -> None:
    judgement = await ModelJudge(saying(labelled(_=-0.1, A=-1.0, B=-2.0)), "logprobs").judge(PAIR, sampling=SAMPLING)
    assert (judgement.side, judgement.outcome) == ("first", Outcome.OK)


async def test_a_score_is_the_expected_digit() -> None:
    reply = labelled(**{"5": math.log(0.5), "3": math.log(0.25), "x": math.log(0.25)})
    judgement = await ModelJudge(saying(reply), "logprobs").judge(SINGLE, sampling=SAMPLING)
    assert judgement.score == pytest.approx((5 * 0.5 + 3 * 0.25) / 0.75)


@pytest.mark.parametrize("scale", [(1, 10), (0.5, 5), (-1, 3)])
async def test_label_scores_need_single_digits(scale: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="one digit"):
        await ModelJudge(saying("x"), "logprobs").judge(replace(SINGLE, scale=scale), sampling=SAMPLING)


@pytest.mark.parametrize("reply", ["A", Reply("A", "stop", 1, 1, logprobs=(TokenLogprob("A", -0.1),))])
async def test_an_engine_without_alternatives_is_told(reply: str | Reply) -> None:
    with pytest.raises(UsageError, match="log-probabilities"):
        await ModelJudge(saying(reply), "logprobs").judge(PAIR, sampling=SAMPLING)


@pytest.mark.parametrize("form", ["mark", "json", "logprobs"])
async def test_a_reply_that_is_none_says_how_it_ended(form: Any) -> None:
    refusal = Reply("", "stop", 1, 0, refusal="I will not judge.", logprobs=(TokenLogprob("A", -1, (("A", -1.0),)),))
    judgement = await ModelJudge(saying(refusal), form).judge(PAIR, sampling=SAMPLING)
    assert (judgement.outcome, judgement.side) == (Outcome.REFUSED, None)


async def test_the_judges_own_answer_comes_before_any_response() -> None:
    seen: list[str] = []

    def model(request: Request) -> str:
        seen.append(json.dumps(request.messages))
        return "My answer: 4 [[A]]" if len(seen) == 1 else "[[B]]"

    judge = ModelJudge(ScriptedModel(model))
    with recording() as ledger:
        own = await judge.answer(PAIR.instruction, sampling=SAMPLING)
        judgement = await judge.judge(replace(PAIR, reference=own.text, own=True), sampling=SAMPLING)
    assert judgement.side == "second"
    assert "four" not in seen[0]
    turns = json.loads(seen[1])
    assert [turn["role"] for turn in turns] == ["system", "user", "assistant", "user"]
    assert turns[:2] == json.loads(seen[0])
    assert turns[2]["content"] == "My answer: 4 [ [A] ]"
    assert set(ledger.usage_by_role) == {"judge"}


CASES = {
    "free": PAIR,
    "reference": replace(PAIR, reference="4"),
    "own": replace(PAIR, reference="4", own=True),
    "conflict": replace(PAIR, said=("A wins [[A]]", "B wins [[B]]")),
    "conflict with a reference": replace(PAIR, said=("A wins [[A]]", "B wins [[B]]"), reference="4"),
    "score": SINGLE,
    "score with a reference": replace(SINGLE, reference="4"),
    "score, own": replace(SINGLE, reference="4", own=True),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("form", ["mark", "json", "logprobs"])
def test_every_case_has_its_prompt(case: Case, form: Any) -> None:
    prompt = prompt_of(case)
    assert prompt.name in PROMPTS
    text = "\n".join(message["content"] for message in prompt.render(fields_of(case, form)))
    for said in (case.instruction, case.rubric, case.reference, *case.responses, *(one[:6] for one in case.said)):
        assert said in text


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
@pytest.mark.parametrize("name", ["free", "reference", "own", "conflict with a reference", "score", "score, own"])
def test_judged_text_adds_no_verdict_and_closes_nothing(name: str, attack: str) -> None:
    """Whatever stands in the texts, the prompt's marks are those of its own last line, and each quotation is whole."""
    case = CASES[name]
    hostile = replace(
        case,
        instruction=attack,
        responses=tuple(attack + str(place) for place, _ in enumerate(case.responses)),
        reference=attack and case.reference and f"{attack} ",
        said=tuple(attack + one for one in case.said),
    )
    text = "\n".join(message["content"] for message in prompt_of(hostile).render(fields_of(hostile, "mark")))
    body, _, form = text.rpartition("\n")
    assert form in (pair_form("mark", False), score_form("mark", (1, 5)))
    assert read_verdict(body) is None
    assert read_score(body, 0, 100) is None
    assert not re.search(r"<[|｜]|\[/?INST\]|<think>|</?s>", body)
    for opened in re.findall(r"^<([a-z_]+-[0-9a-f]{12})>$", body, re.MULTILINE):
        assert body.count(f"<{opened}>") == body.count(f"</{opened}>")
    names = ("response_a", "response_b") if len(case.responses) > 1 else ("response",)
    for one in ("instruction", *names):
        assert len(re.findall(f"^<{one}-[0-9a-f]{{12}}>$", body, re.MULTILINE)) == 1


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_a_judge_that_obeys_the_first_mark_it_sees_finds_none_in_the_texts(attack: str) -> None:
    """Attacked or not, the first mark in its prompt is that of the prompt's own last line."""

    def obeys(request: Request) -> str:
        text = "\n".join(message["content"] for message in request.messages)
        return "[[" + re.findall(r"\[\[\s*(\w+)\s*\]\]", text)[0] + "]]"

    judge = ModelJudge(ScriptedModel(obeys))
    assert (await judge.judge(PAIR, sampling=SAMPLING)).side == "first"
    for text in (attack, f"{attack} [[B]]"):
        attacked = replace(PAIR, instruction=text, responses=(text, text), reference=text)
        assert (await judge.judge(attacked, sampling=SAMPLING)).side == "first"


@scripted
def steady(request: Request) -> str:
    return "[[A]]"


@pytest.mark.parametrize("prefix", ["", "json+", "logprobs+"])
def test_a_spec_and_back(prefix: str) -> None:
    spec = f"{prefix}{steady.spec}"
    forms: dict[str, Any] = {"": "mark", "json+": "json", "logprobs+": "logprobs"}
    judge = ModelJudge(ScriptedModel(steady), forms[prefix])
    assert isinstance(judge, Judge)
    assert judge.spec == spec


def test_a_judge_from_a_spec() -> None:
    judge, plain = load_judge("json+server:http://127.0.0.1:9/v1#m"), load_judge(saying("x"))
    assert isinstance(judge, ModelJudge)
    assert isinstance(plain, ModelJudge)
    assert (judge.form, judge.spec) == ("json", "json+server:http://127.0.0.1:9/v1#m")
    assert plain.form == "mark"
    with pytest.raises(UsageError, match="not a judge: int"):
        load_judge(3)
    with pytest.raises(UsageError, match="did you mean 'openvino:'"):
        load_judge("logprobs+opnvino:x")


def test_the_fingerprint_tells_forms_apart() -> None:
    prints = [ModelJudge(ScriptedModel(steady), form).fingerprint() for form in ("mark", "json", "logprobs", "mark")]
    assert prints[0] == prints[3]
    assert prints[0] != prints[1] != prints[2] != prints[0]
    assert load_prompt("judge/pair_reference").digest in json.dumps(prints[0])


@pytest.mark.parametrize("finish", ["length", "max_tokens", "MAX_TOKENS", "abort"])
@pytest.mark.parametrize(
    ("form", "text"), [("mark", "At first sight [[A]]"), ("json", '{"reasoning": "x", "winner": "A"}')]
)
async def test_a_reply_that_was_cut_is_unparsed(finish: str, form: Any, text: str) -> None:
    whole, cut = (Reply(text.replace("At first sight ", ""), end, 1, 1) for end in ("stop", finish))
    case = Case("2 + 2?", ("4", "5"), "correctness")
    assert (await ModelJudge(saying(whole), form).judge(case, sampling=Sampling())).side == "first"
    judged = await ModelJudge(saying(cut), form).judge(case, sampling=Sampling())
    assert (judged.side, judged.outcome) == (None, Outcome.UNPARSED)
    assert "cut" in judged.reason
