"""Who takes part: a model that speaks and is measured by token ids, and a critic that reads drafts.

solver = load_token_solver("transformers:smollm2-135m")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from dikast.agents.models.request import Sampling, Tokens
from dikast.agents.prompt import Prompt

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from dikast.agents.ask import Answer


@runtime_checkable
class TokenSolver(Protocol):
    """A model that can be asked to go on from given tokens, and how likely given tokens are."""

    @property
    def spec(self) -> str:
        """The string that stands for this solver in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its answers, beyond the arguments."""
        ...

    async def go_on(
        self,
        prompt: Prompt,
        fields: Mapping[str, str],
        *,
        sampling: Sampling,
        prefix: Tokens = (),
        tokens: bool = False,
    ) -> Answer:
        """Answer a prompt, from a given beginning on.

        Raises:
            ModelError: There is no reply; its subclass says how.
            UsageError: The model has no token ids, and they are needed.
        """
        ...

    async def score(
        self, prompt: Prompt, fields: Mapping[str, str], completion: Tokens, *, prefix: Tokens = ()
    ) -> Answer:
        """How likely each token of a completion is; the reply tells their ids, too.

        Raises:
            ModelError: There is no reply; its subclass says how.
            UsageError: The model cannot score.
        """
        ...


@dataclass(frozen=True)
class ModelTokenSolver:
    """A `TokenSolver` over a LangChain chat model; drafts and corrections alone take any, tokens those that have ids.

    Args:
        model: The model.
        role: Who asks, for the ledger.
    """

    model: BaseChatModel
    role: str = "solver"

    @property
    def spec(self) -> str:
        """The model's spec."""
        from dikast.wire import spec_of

        return spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's."""
        from dikast.agents.models.identity import identity

        return identity(self.model)

    async def go_on(
        self,
        prompt: Prompt,
        fields: Mapping[str, str],
        *,
        sampling: Sampling,
        prefix: Tokens = (),
        tokens: bool = False,
    ) -> Answer:
        """Ask the model; see `TokenSolver.go_on`."""
        from dikast.agents.ask import ask

        return await ask(self.model, prompt, fields, role=self.role, sampling=sampling, prefix=prefix, tokens=tokens)

    async def score(
        self, prompt: Prompt, fields: Mapping[str, str], completion: Tokens, *, prefix: Tokens = ()
    ) -> Answer:
        """Ask the model; see `TokenSolver.score`."""
        from dikast.agents.ask import score

        return await score(self.model, prompt, fields, completion, role=self.role, prefix=prefix, tokens=True)


def load_token_solver(source: object) -> ModelTokenSolver:
    """A solver from a model spec, or around a LangChain chat model.

    Raises:
        UsageError: Neither of these.
    """
    from dikast.agents.models.load import load_role_model

    return ModelTokenSolver(load_role_model(source, "solver", "go_on() and score()"))


def load_critic(source: object) -> ModelTokenSolver:
    """The same, booked as critic.

    Raises:
        UsageError: Neither of these.
    """
    from dikast.agents.models.load import load_role_model

    return ModelTokenSolver(load_role_model(source, "critic", "go_on()"), role="critic")
