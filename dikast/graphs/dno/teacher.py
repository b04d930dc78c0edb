"""The teacher that a language model plays: an oracle that writes the gold answer to a prompt.

teacher = load_teacher("server:http://localhost:8000/v1#Qwen/Qwen3-235B")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from langchain_core.language_models.chat_models import BaseChatModel

from dikast.agents.ask import ask
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_role_model
from dikast.agents.models.request import Message, Sampling
from dikast.agents.prompt import load_prompt
from dikast.agents.roles import Solution
from dikast.graphs.dno.conversation import ANSWER, asked
from dikast.wire import spec_of


@dataclass(frozen=True)
class ModelTeacher:
    """A `Teacher` over any LangChain chat model; its calls are booked under the role `teacher`."""

    model: BaseChatModel

    @property
    def spec(self) -> str:
        """The model's spec."""
        return spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's and the prompt's."""
        return {"model": identity(self.model), "prompt": load_prompt(ANSWER).fingerprint()}

    async def answer(self, messages: Sequence[Message], *, sampling: Sampling) -> Solution:
        """Ask the model; see `Teacher.answer`."""
        prompt, fields = asked(messages)
        answer = await ask(self.model, prompt, fields, role="teacher", sampling=sampling)
        return Solution(answer.reply.text, answer.outcome, answer.reason, answer.usage, answer.provenance)


def load_teacher(source: object) -> ModelTeacher:
    """A teacher from a model spec, or around a LangChain chat model.

    Raises:
        UsageError: Neither of these.
    """
    return ModelTeacher(load_role_model(source, "teacher", "answer()"))
