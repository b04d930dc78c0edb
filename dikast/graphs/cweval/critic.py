"""The critic that a language model plays: reads code and the functional tests that it failed, says what is wrong.

critic = load_failure_critic("server:http://localhost:8000/v1#Qwen/Qwen3-8B")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from langchain_core.language_models.chat_models import BaseChatModel

from dikast.agents.ask import ask
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_role_model
from dikast.agents.models.request import Sampling
from dikast.agents.prompt import Prompt, load_prompt
from dikast.fence import fence
from dikast.graphs.cweval.fences import in_block
from dikast.graphs.cweval.roles import Criticism
from dikast.records import Outcome
from dikast.wire import spec_of


@dataclass(frozen=True)
class ModelFailureCritic:
    """A `FailureCritic` over any LangChain chat model."""

    model: BaseChatModel

    @property
    def spec(self) -> str:
        """The model's spec."""
        return spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's and the prompt's."""
        return {"model": identity(self.model), "prompt": self._prompt.fingerprint()}

    @property
    def _prompt(self) -> Prompt:
        return load_prompt("cweval/critic")

    async def criticise(
        self, asked: str, language: str, code: str, failures: str, *, sampling: Sampling, sample: int = 0
    ) -> Criticism:
        """Ask the model; see `FailureCritic.criticise`."""
        fields = {
            "language": language,
            "asked": in_block(asked),
            "code": in_block(code),
            "failures": fence(failures, "failures"),
        }
        answer = await ask(self.model, self._prompt, fields, role="critic", sampling=sampling, sample=sample)
        text = answer.reply.text if answer.outcome is Outcome.OK else ""
        return Criticism(text, answer.outcome, answer.reason, answer.usage, answer.provenance.as_dict())


def load_failure_critic(source: object) -> ModelFailureCritic:
    """A critic from a model spec, or around a LangChain chat model.

    Raises:
        UsageError: Neither of these.
    """
    return ModelFailureCritic(load_role_model(source, "critic", "criticise()"))
