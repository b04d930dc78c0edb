"""Who writes a haystack's documents: set phrases, or any model, in one call a document.

    load_writer("template"), load_writer("server:http://localhost:8000/v1#M"), load_writer(ChatOpenAI(...))

A model is told the insights of its document and no other's: what it does not know it can leak by chance alone. To mend
a leak it has to be told what leaked. What other models said (topics, insights, the draft) is fenced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from langchain_core.language_models.chat_models import BaseChatModel

from dikast.agents.ask import ask
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_role_model
from dikast.agents.models.request import Sampling
from dikast.agents.prompt import load_prompt
from dikast.agents.roles import Solution
from dikast.fence import fence
from dikast.graphs.summhay.make.roles import Task, Writer
from dikast.graphs.summhay.make.templates import VERSION, compose
from dikast.records import Outcome, Provenance, Usage
from dikast.wire import spec_of

TEMPLATE = "template"
"""The spec of the writer that is no model."""
NONE = "(none)"


class TemplateWriter:
    """Writes without a model; see `dikast.graphs.summhay.make.templates`."""

    spec = TEMPLATE

    def fingerprint(self) -> Mapping[str, object]:
        """The version of the phrases."""
        return {"template": VERSION}

    async def write(self, task: Task, *, sampling: Sampling, sample: int = 0) -> Solution:
        """Compose a document."""
        del sampling
        return Solution(
            compose(task, sample), Outcome.OK, "", Usage(), Provenance(TEMPLATE, "", task.seed, sample, "stop", False)
        )

    async def revise(
        self, task: Task, text: str, missing: Sequence[str], leaked: Sequence[str], *, sampling: Sampling, sample: int
    ) -> Solution:
        """Compose another: nothing in it depends on the first one."""
        del text, missing, leaked
        return await self.write(task, sampling=sampling, sample=sample)


@dataclass(frozen=True)
class ModelWriter:
    """A `Writer` over any LangChain chat model."""

    model: BaseChatModel

    @property
    def spec(self) -> str:
        """The model's spec."""
        return spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's and the prompts'."""
        prompts = [load_prompt(f"summhay/make_{name}").fingerprint() for name in ("article", "conversation", "repair")]
        return {"model": identity(self.model), "prompts": prompts}

    async def write(self, task: Task, *, sampling: Sampling, sample: int = 0) -> Solution:
        """Ask the model; see `Writer.write`."""
        fields = {
            "topic": fence(task.topic, "topic"),
            "insights": quoted(task.insights),
            "words": str(task.words),
        }
        name = "article"
        if task.domain == "conversation":
            name, fields["participants"] = "conversation", fence(", ".join(task.participants), "participants")
        return await self._ask(name, fields, sampling, sample)

    async def revise(
        self, task: Task, text: str, missing: Sequence[str], leaked: Sequence[str], *, sampling: Sampling, sample: int
    ) -> Solution:
        """Ask the model to mend its draft; see `Writer.revise`."""
        fields = {
            "document": fence(text, "document"),
            "insights": quoted(task.insights),
            "missing": quoted(missing),
            "leaked": quoted(leaked),
            "words": str(task.words),
        }
        return await self._ask("repair", fields, sampling, sample)

    async def _ask(self, name: str, fields: Mapping[str, str], sampling: Sampling, sample: int) -> Solution:
        prompt = load_prompt(f"summhay/make_{name}")
        answer = await ask(self.model, prompt, fields, role="writer", sampling=sampling, sample=sample)
        return Solution(answer.reply.text, answer.outcome, answer.reason, answer.usage, answer.provenance)


def quoted(insights: Sequence[str]) -> str:
    """Insights for a prompt, each fenced, numbered from 1."""
    return "\n".join(f"{n}.\n{fence(one, 'insight')}" for n, one in enumerate(insights, start=1)) or NONE


def load_writer(source: object) -> Writer:
    """A writer: `template`, a model spec, or a LangChain chat model.

    Raises:
        UsageError: None of these.
    """
    if source == TEMPLATE:
        return TemplateWriter()
    return ModelWriter(load_role_model(source, "writer", "write()"))
