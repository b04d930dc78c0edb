"""The critic that a language model plays: how relevant is a document to a query, and why.

    critic = load_critic("server:http://localhost:8000/v1#Qwen/Qwen3-8B")
    grades = await critic.grade("car dead in winter", documents)

It sees query and documents, and nothing else. A reply that is not what was asked for is `unparsed`: no grade, which is
not a grade of 0.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dikast.agents.ask import ask
from dikast.agents.failures import CALL_FAILURES, failure_of
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_role_model, split_prefix
from dikast.agents.models.request import Sampling, Structured
from dikast.agents.prompt import Prompt, load_prompt
from dikast.agents.roles import MAX_GRADE, Grade
from dikast.fence import fence
from dikast.records import Document, Outcome
from dikast.reply_json import whole_object
from dikast.wire import spec_of

GREEDY = Sampling(max_tokens=200)
"""A grade is a measurement: no sampling. A sentence and a number fit well into 200 tokens."""
TOKENS_A_DOCUMENT = 100
"""Room for one entry of a list of grades."""


LISTWISE = "list+"


class _One(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str
    grade: int = Field(ge=0, le=MAX_GRADE)


class _Numbered(_One):
    number: int = Field(ge=1)


class _Listed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    grades: list[_Numbered]


@dataclass(frozen=True)
class ModelCritic:
    """A `Critic` over any LangChain chat model.

    Args:
        model: The model.
        listwise: All documents in one call, in place of one call a document. Cheaper, and grades depend on each other.
    """

    model: BaseChatModel
    listwise: bool = False

    @property
    def spec(self) -> str:
        """The model's spec; `list+` before it for a listwise critic."""
        return (LISTWISE if self.listwise else "") + spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's, the prompt's and the way of asking."""
        return {"model": identity(self.model), "prompt": self._prompt.fingerprint(), "listwise": self.listwise}

    @property
    def _prompt(self) -> Prompt:
        return load_prompt("critic/relevance_list" if self.listwise else "critic/relevance")

    async def grade(self, query: str, documents: Sequence[Document]) -> list[Grade]:
        """Grade each document; see `Critic.grade`."""
        if not documents:
            return []
        if self.listwise:
            return await self._grade_list(query, documents)
        return list(await asyncio.gather(*(self._grade_one(query, document) for document in documents)))

    async def _grade_one(self, query: str, document: Document) -> Grade:
        fields = {"query": query, "document": fence(document.contents, "document")}
        text = await self._ask(fields, GREEDY, _One)
        if isinstance(text, Grade):
            return text
        try:
            read = _One.model_validate_json(text)
        except ValidationError:
            return record_unparsed(text)
        return Grade(read.grade, read.reason, Outcome.OK)

    async def _grade_list(self, query: str, documents: Sequence[Document]) -> list[Grade]:
        quoted = (f"Document {n}:\n{fence(one.contents, 'document')}" for n, one in enumerate(documents, start=1))
        fields = {"query": query, "documents": "\n\n".join(quoted)}
        sampling = GREEDY.model_copy(update={"max_tokens": GREEDY.max_tokens + TOKENS_A_DOCUMENT * len(documents)})
        text = await self._ask(fields, sampling, _Listed)
        if isinstance(text, Grade):
            return [text] * len(documents)
        try:
            read = {entry.number: entry for entry in _Listed.model_validate_json(text).grades}
        except ValidationError:
            return [record_unparsed(text)] * len(documents)
        missing = Grade(None, "the list of grades leaves this document out", Outcome.UNPARSED)
        return [
            Grade(read[number].grade, read[number].reason, Outcome.OK) if number in read else missing
            for number in range(1, len(documents) + 1)
        ]

    async def _ask(self, fields: dict[str, str], sampling: Sampling, form: type[BaseModel]) -> str | Grade:
        """The reply's text, or the grade that stands for there being none."""
        structured = Structured(json_schema=schema_of(form))
        try:
            answer = await ask(
                self.model, self._prompt, fields, role="critic", sampling=sampling, structured=structured
            )
        except CALL_FAILURES as error:
            outcome, reason = failure_of(error)
            return Grade(None, reason, outcome)
        if answer.outcome is not Outcome.OK:
            return Grade(None, answer.reason, answer.outcome)
        return whole_object(answer.reply.text) or ""


def schema_of(form: type[BaseModel]) -> dict[str, Any]:
    """A flat JSON schema: engines differ in how well they follow references."""
    schema: dict[str, Any] = form.model_json_schema()
    definitions = schema.pop("$defs", {})
    return json.loads(
        json.dumps(schema),
        object_hook=lambda found: definitions[found["$ref"].rpartition("/")[2]] if "$ref" in found else found,
    )


def record_unparsed(text: str) -> Grade:
    """The grade for a reply that is not what was asked for."""
    return Grade(None, f"not the JSON that was asked for: {text!r:.80}", Outcome.UNPARSED)


def load_critic(source: object) -> ModelCritic:
    """A critic from a model spec (`list+SPEC` for a listwise one), or around a LangChain chat model.

    Raises:
        UsageError: Neither of these.
    """
    prefix, bare = split_prefix(source, [LISTWISE])
    return ModelCritic(load_role_model(bare, "critic", "grade()"), bool(prefix))
