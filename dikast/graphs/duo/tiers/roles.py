"""Who takes part: two tiers, each a model that answers a question and says how sure of its words it was.

small, big = load_small("server:http://localhost:8001/v1#1B"), load_big("server:http://localhost:8000/v1#70B")
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from dikast.agents.models.request import Sampling
from dikast.errors import ModelError, UsageError
from dikast.records import Outcome

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from dikast.graphs.duo.tiers.plans import Tier

LOGPROBS = re.compile(r"\b(?:log-probabilities|(?:top_)?logprobs)\b")
"""What every error calls them that an engine or a server raises because it has none."""
REMEDY = "--no-confidence, in Python confidence=False, does without them"


@dataclass(frozen=True, slots=True)
class Said:
    """What a tier said.

    Args:
        text: The reply.
        input_tokens: As the engine counts them, also where the reply came from the request cache.
        output_tokens: The same.
        mean_logprob: Of the reply's tokens; `None` where they are not known.
        least_logprob: Of the least likely of them.
        outcome: How the reply ended.
        reason: Why, where the outcome is not `ok`.
        usage: What the call cost.
        provenance: Where the reply came from.
    """

    text: str
    input_tokens: int
    output_tokens: int
    mean_logprob: float | None
    least_logprob: float | None
    outcome: Outcome
    reason: str
    usage: Mapping[str, float]
    provenance: Mapping[str, object]


@runtime_checkable
class TierSolver(Protocol):
    """A model of one price."""

    @property
    def spec(self) -> str:
        """The string that stands for this tier in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its answers, beyond the arguments of `answer`."""
        ...

    async def answer(
        self, question: str, draft: str | None, ending: str, *, sampling: Sampling, sample: int, confidence: bool
    ) -> Said:
        """Answer a question, or revise a draft of its solution.

        Args:
            question: As the user has it.
            draft: The solution so far, untrusted; `None` where it is not shown.
            ending: How the answer is to be said.
            sampling: Decoding parameters.
            sample: Index among samples of this question; a seed is raised by it.
            confidence: Whether the reply's log-probabilities are wanted.

        Raises:
            ModelError: There is no reply; its subclass says how.
            UsageError: The model gives no log-probabilities, and they are wanted.
        """
        ...


@dataclass(frozen=True)
class ModelTier:
    """A `TierSolver` over any LangChain chat model.

    Args:
        model: The model.
        tier: Which tier it is, for the ledger.
    """

    model: BaseChatModel
    tier: Tier

    @property
    def spec(self) -> str:
        """The model's spec."""
        from dikast.wire import spec_of

        return spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's."""
        from dikast.agents.models.identity import identity

        return identity(self.model)

    async def answer(
        self, question: str, draft: str | None, ending: str, *, sampling: Sampling, sample: int, confidence: bool
    ) -> Said:
        """Ask the model; see `TierSolver.answer`."""
        from dikast.agents.ask import ask
        from dikast.agents.prompt import load_prompt
        from dikast.fence import fence

        prompt = load_prompt("duo/solve" if draft is None else "duo/revise")
        fields = {"question": question, "ending": ending}
        if draft is not None:
            fields["draft"] = fence(draft, "solution")
        with naming_the_remedy(confidence):
            told = await ask(
                self.model,
                prompt,
                fields,
                role=self.tier,
                sampling=sampling,
                sample=sample,
                logprobs=0 if confidence else None,
            )
        reply, places = told.reply, [one.logprob for one in told.reply.logprobs or ()]
        return Said(
            reply.text,
            reply.input_tokens,
            reply.output_tokens,
            sum(places) / len(places) if places else None,
            min(places) if places else None,
            told.outcome,
            told.reason,
            told.usage.as_dict(),
            told.provenance.as_dict(),
        )


@contextmanager
def naming_the_remedy(confidence: bool) -> Generator[None]:
    """Have an error that comes of asking for log-probabilities say how to do without them.

    Args:
        confidence: Whether they were asked for.

    Raises:
        UsageError: What was raised within it, with that hint; so too a `ModelError`.
    """
    try:
        yield
    except (UsageError, ModelError) as error:
        if confidence and LOGPROBS.search(f"{error}"):
            error.hint = REMEDY
        raise


def load_small(source: object) -> ModelTier:
    """The small tier from a model spec, or around a LangChain chat model.

    Raises:
        UsageError: Neither of these.
    """
    from dikast.agents.models.load import load_role_model

    return ModelTier(load_role_model(source, "small tier", "answer()"), "small")


def load_big(source: object) -> ModelTier:
    """The same of the big tier.

    Raises:
        UsageError: Neither of these.
    """
    from dikast.agents.models.load import load_role_model

    return ModelTier(load_role_model(source, "big tier", "answer()"), "big")
