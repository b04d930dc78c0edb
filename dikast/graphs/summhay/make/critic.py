"""The critic that a language model plays: which insights repeat another, or are vague.

    critic = load_insight_critic("server:http://localhost:8000/v1#M")
    review = await critic.review("harbour cranes", ["...", "..."], sampling=Sampling())

A reply that is not what was asked for rejects nothing, and is told as `unparsed`: the rules on words hold all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from langchain_core.language_models.chat_models import BaseChatModel
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dikast.agents.ask import ask
from dikast.agents.critic import schema_of
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_role_model
from dikast.agents.models.request import Sampling, Structured
from dikast.agents.prompt import load_prompt
from dikast.fence import fence
from dikast.graphs.summhay.make.roles import Review
from dikast.graphs.summhay.make.writers import quoted
from dikast.records import Outcome
from dikast.reply_json import whole_object
from dikast.wire import spec_of

PROMPT = "summhay/make_review"


class _Rejected(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: int = Field(ge=1)
    reason: str


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rejected: list[_Rejected]


@dataclass(frozen=True)
class ModelInsightCritic:
    """An `InsightCritic` over any LangChain chat model."""

    model: BaseChatModel

    @property
    def spec(self) -> str:
        """The model's spec."""
        return spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's and the prompt's."""
        return {"model": identity(self.model), "prompt": load_prompt(PROMPT).fingerprint()}

    async def review(self, topic: str, insights: Sequence[str], *, sampling: Sampling, sample: int = 0) -> Review:
        """Ask about the whole list; see `InsightCritic.review`."""
        fields = {"topic": fence(topic, "topic"), "insights": quoted(insights)}
        structured = Structured(json_schema=schema_of(_Reply))
        answer = await ask(
            self.model,
            load_prompt(PROMPT),
            fields,
            role="critic",
            sampling=sampling,
            structured=structured,
            sample=sample,
        )
        if answer.outcome is not Outcome.OK:
            return Review({}, answer.outcome, answer.reason)
        return read_review(answer.reply.text, len(insights))


def read_review(text: str, count: int) -> Review:
    """What a critic's reply says of so many insights; one that names others is unparsed as a whole."""
    try:
        rejected = _Reply.model_validate_json(whole_object(text) or "").rejected
    except ValidationError:
        return Review({}, Outcome.UNPARSED, "the critic's reply is not the JSON that was asked for")
    if any(one.number > count for one in rejected):
        return Review({}, Outcome.UNPARSED, "the critic's reply rejects insights that there are none of")
    return Review({one.number - 1: one.reason for one in rejected}, Outcome.OK)


def load_insight_critic(source: object) -> ModelInsightCritic:
    """A critic from a model spec, or around a LangChain chat model.

    Raises:
        UsageError: Neither of these.
    """
    return ModelInsightCritic(load_role_model(source, "critic of insights", "review()"))
