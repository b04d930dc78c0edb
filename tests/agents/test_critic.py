from __future__ import annotations

import json

import pytest

from dikast.agents.critic import ModelCritic, load_critic
from dikast.agents.models.request import Reply, Request
from dikast.agents.models.scripted import ScriptedModel
from dikast.errors import ModelTimeout, ModelUnavailable, UsageError
from dikast.records import Outcome
from tests.graphs.genqr.test_feedback import DOCUMENTS, QUERY


def reply(*texts: str) -> ModelCritic:
    left = list(texts)

    def say(_: Request) -> str:
        return left.pop(0)

    return ModelCritic(ScriptedModel(say))


async def test_the_model_critic_reads_its_json() -> None:
    good, bad, wrong = '{"reason": "it says so", "grade": 3}', "Grade: 3", '{"reason": "r", "grade": 7}'
    grades = await reply(good, bad, wrong, " ").grade(QUERY, DOCUMENTS)
    assert [(one.grade, one.outcome) for one in grades] == [
        (3, Outcome.OK),
        (None, Outcome.UNPARSED),
        (None, Outcome.UNPARSED),
        (None, Outcome.EMPTY),
    ]
    assert grades[0].reason == "it says so"


async def test_a_listwise_critic_asks_once() -> None:
    listed = {"grades": [{"number": 2, "reason": "b", "grade": 1}, {"number": 1, "reason": "a", "grade": 2}]}
    calls: list[Request] = []

    def say(request: Request) -> str:
        calls.append(request)
        return json.dumps(listed)

    grades = await ModelCritic(ScriptedModel(say), listwise=True).grade(QUERY, DOCUMENTS[:3])
    assert [one.grade for one in grades] == [2, 1, None]
    assert grades[2].outcome is Outcome.UNPARSED
    assert len(calls) == 1
    assert calls[0].structured is not None
    assert "$ref" not in json.dumps(calls[0].structured.json_schema)


@pytest.mark.parametrize("listwise", [True, False])
async def test_what_befalls_the_critic_is_an_outcome(listwise: bool) -> None:
    def slow(_: Request) -> Reply:
        raise ModelTimeout("slow")

    grades = await ModelCritic(ScriptedModel(slow), listwise).grade(QUERY, DOCUMENTS)
    assert [one.outcome for one in grades] == [Outcome.TIMEOUT] * 4

    def gone(_: Request) -> Reply:
        raise ModelUnavailable("gone")

    with pytest.raises(ModelUnavailable):
        await ModelCritic(ScriptedModel(gone), listwise).grade(QUERY, DOCUMENTS)
    assert await ModelCritic(ScriptedModel(gone), listwise).grade(QUERY, []) == []


def test_specs_of_critics() -> None:
    critic = load_critic("list+replay:x.jsonl")
    assert (critic.listwise, critic.spec) == (True, "list+replay:x.jsonl")
    with pytest.raises(UsageError, match="not a critic"):
        load_critic(7)
