"""The verifier that a language model plays: does this document say these insights? One call a document.

    verifier = load_verifier("server:http://localhost:8000/v1#M")
    settled = await verifier.settle(document, ["...", "..."], sampling=Sampling())

It is asked about what words cannot settle, and not told what was planned. A reply that is not what was asked for
settles nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from langchain_core.language_models.chat_models import BaseChatModel
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dikast.agents.ask import ask
from dikast.agents.critic import schema_of
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_role_model
from dikast.agents.models.request import Sampling, Structured
from dikast.agents.prompt import load_prompt
from dikast.fence import fence
from dikast.graphs.summhay.make.roles import Settled
from dikast.graphs.summhay.make.writers import quoted
from dikast.records import Outcome
from dikast.reply_json import whole_object
from dikast.wire import spec_of

PROMPT = "summhay/make_verify"


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: int = Field(ge=1)
    stated: Literal["yes", "no"]


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid")

    answers: list[_Answer]


@dataclass(frozen=True)
class ModelVerifier:
    """A `Verifier` over any LangChain chat model."""

    model: BaseChatModel

    @property
    def spec(self) -> str:
        """The model's spec."""
        return spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's and the prompt's."""
        return {"model": identity(self.model), "prompt": load_prompt(PROMPT).fingerprint()}

    async def settle(self, document: str, insights: Sequence[str], *, sampling: Sampling) -> Settled:
        """Ask about the document; see `Verifier.settle`."""
        fields = {"document": fence(document, "document"), "insights": quoted(insights)}
        structured = Structured(json_schema=schema_of(_Reply))
        answer = await ask(
            self.model, load_prompt(PROMPT), fields, role="verifier", sampling=sampling, structured=structured
        )
        if answer.outcome is not Outcome.OK:
            return Settled((None,) * len(insights), answer.outcome, answer.reason)
        return read_answers(answer.reply.text, len(insights))


def read_answers(text: str, count: int) -> Settled:
    """What a verifier's reply says of so many insights; `None` where it has no answer, or two that differ."""
    nothing: tuple[bool | None, ...] = (None,) * count
    try:
        answers = _Reply.model_validate_json(whole_object(text) or "").answers
    except ValidationError:
        return Settled(nothing, Outcome.UNPARSED, "the verifier's reply is not the JSON that was asked for")
    said: dict[int, set[bool]] = {}
    for one in answers:
        said.setdefault(one.number, set()).add(one.stated == "yes")
    stated = [next(iter(said[n])) if len(said.get(n, ())) == 1 else None for n in range(1, count + 1)]
    if None in stated:
        return Settled(tuple(stated), Outcome.UNPARSED, "the verifier's reply leaves insights open")
    return Settled(tuple(stated), Outcome.OK)


def load_verifier(source: object) -> ModelVerifier:
    """A verifier from a model spec, or around a LangChain chat model.

    Raises:
        UsageError: Neither of these.
    """
    return ModelVerifier(load_role_model(source, "verifier", "settle()"))
