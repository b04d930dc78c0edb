"""Systems under test: a model by its spec, or a service of one's own behind an HTTP address.

    target = load_target("server:http://localhost:8000/v1#ORG/MODEL")
    target = load_target("http:https://my.app/api/chat#body=chat.json&reply=message.text")

A target is given one user message and nothing else. Its calls are booked under the role `target`, with hashes in place
of texts, and never cached: what it says may be harmful, and belongs to who owns the test.

Not here: conversations of several turns; see `dikast.agents.models.http_service` for what an HTTP target can be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from langchain_core.language_models.chat_models import BaseChatModel

from dikast.agents.ask import ask
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_model, load_role_model
from dikast.agents.models.request import Sampling
from dikast.agents.prompt import load_prompt
from dikast.agents.roles import Solution
from dikast.wire import spec_of

HTTP = "http:"
"""`dikast.agents.models.http_service.SCHEME`, whose module loads a client that other targets have no need of."""


@dataclass(frozen=True)
class ModelTarget:
    """A `Target` over any LangChain chat model."""

    model: BaseChatModel

    @property
    def spec(self) -> str:
        """The model's spec."""
        return spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's."""
        return identity(self.model)

    async def respond(self, prompt: str, *, sampling: Sampling, sample: int = 0) -> Solution:
        """Ask the model; see `Target.respond`."""
        answer = await ask(
            self.model,
            load_prompt("astral/target"),
            {"prompt": prompt},
            role="target",
            sampling=sampling,
            sample=sample,
            withhold=True,
            keep_thoughts=True,
        )
        text = answer.reply.text or answer.reply.refusal
        return Solution(text, answer.outcome, answer.reason, answer.usage, answer.provenance)


def load_target(source: object) -> ModelTarget:
    """A target from a model spec or `http:URL#body=...&reply=...`, or around a LangChain chat model.

    Raises:
        UsageError: None of these.
    """
    load = load_model
    if isinstance(source, str) and source.startswith(HTTP):
        from dikast.agents.models.http_service import open_target as load  # and its client, which takes long to import
    return ModelTarget(load_role_model(source, "target", "respond()", load=load, forms="a model spec, http:URL"))
