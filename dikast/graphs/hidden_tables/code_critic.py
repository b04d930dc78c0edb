"""The critic that reads a program without any data: schema, question and program are all it sees.

    critic = load_code_critic("server:http://localhost:8000/v1#Qwen/Qwen3-8B")
    review = await critic.review(question, schema, program)

A reply that is not what was asked for is `unparsed`: neither approval nor objection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from langchain_core.language_models.chat_models import BaseChatModel
from pydantic import BaseModel, ConfigDict, ValidationError

from dikast.agents.ask import ask
from dikast.agents.critic import GREEDY, schema_of
from dikast.agents.failures import CALL_FAILURES, failure_of
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_role_model
from dikast.agents.models.request import Structured
from dikast.agents.prompt import Prompt, load_prompt
from dikast.fence import fence
from dikast.graphs.hidden_tables.language import LANGUAGES
from dikast.graphs.hidden_tables.roles import Review
from dikast.records import Outcome
from dikast.reply_json import whole_object
from dikast.wire import spec_of


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid")

    approved: bool
    remark: str


@dataclass(frozen=True)
class ModelCodeCritic:
    """A `CodeCritic` over any LangChain chat model."""

    model: BaseChatModel

    @property
    def spec(self) -> str:
        """The model's spec."""
        return spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's and the prompt's."""
        prompts = {f"prompt_{name}": review_prompt(name).fingerprint() for name in self.languages if name != "python"}
        return {"model": identity(self.model), "prompt": review_prompt("python").fingerprint(), **prompts}

    @property
    def languages(self) -> tuple[str, ...]:
        """What it reads; see `SpeaksSql`."""
        return tuple(LANGUAGES)

    async def review(self, question: str, schema: str, program: str, language: str = "python") -> Review:
        """Read a program; see `CodeCritic.review` and `SpeaksSql`."""
        fields = {"schema": schema, "question": question, "program": fence(program, "program")}
        form = Structured(json_schema=schema_of(_Said))
        try:
            prompt = review_prompt(language)
            answer = await ask(self.model, prompt, fields, role="critic", sampling=GREEDY, structured=form)
        except CALL_FAILURES as error:
            return Review(None, "", *failure_of(error))
        if answer.outcome is not Outcome.OK:
            return Review(None, "", answer.outcome, answer.reason)
        text = whole_object(answer.reply.text)
        try:
            said = _Said.model_validate_json(text or "")
        except ValidationError:
            return Review(None, "", Outcome.UNPARSED, f"not the JSON that was asked for: {answer.reply.text!r:.80}")
        return Review(said.approved, said.remark, Outcome.OK)


def review_prompt(language: str) -> Prompt:
    """The prompt for programs in this language."""
    return load_prompt(LANGUAGES[language].review_prompt)


def load_code_critic(source: object) -> ModelCodeCritic:
    """A critic from a model spec, or around a LangChain chat model.

    Raises:
        UsageError: Neither of these.
    """
    return ModelCodeCritic(load_role_model(source, "critic", "review()"))
