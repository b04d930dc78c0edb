"""The solver that a language model plays.

solver = load_solver("server:http://localhost:8000/v1#Qwen/Qwen3-8B")
solver = load_solver(ChatOpenAI(...))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from langchain_core.language_models.chat_models import BaseChatModel

from dikast.agents.ask import ask
from dikast.agents.models.engine import EngineModel
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_role_model
from dikast.agents.models.request import Sampling, Structured
from dikast.agents.prompt import Prompt
from dikast.agents.roles import Solution
from dikast.wire import spec_of


@dataclass(frozen=True)
class ModelSolver:
    """A `Solver` over any LangChain chat model."""

    model: BaseChatModel

    @property
    def spec(self) -> str:
        """The model's spec."""
        return spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's."""
        return identity(self.model)

    async def solve(
        self,
        prompt: Prompt,
        fields: Mapping[str, str],
        *,
        sampling: Sampling,
        structured: Structured | None = None,
        sample: int = 0,
    ) -> Solution:
        """Ask the model; see `Solver.solve`."""
        answer = await ask(
            self.model, prompt, fields, role="solver", sampling=sampling, structured=structured, sample=sample
        )
        return Solution(answer.reply.text, answer.outcome, answer.reason, answer.usage, answer.provenance)

    async def count_tokens(self, text: str) -> int | None:
        """How many tokens a text has by the model's own tokenizer; `None` where it has none at hand.

        Raises:
            ModelError: The model cannot be reached.
        """
        return await self.model.count_tokens(text) if isinstance(self.model, EngineModel) else None


def load_solver(source: object) -> ModelSolver:
    """A solver from a model spec, or around a LangChain chat model.

    Raises:
        UsageError: Neither of these.
    """
    return ModelSolver(load_role_model(source, "solver", "solve()"))
