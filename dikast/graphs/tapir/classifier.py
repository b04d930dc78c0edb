"""The classifier that a language model plays: which task is an instruction of, out of a closed list.

    classifier = load_classifier("server:http://localhost:8000/v1#M")
    named = await classifier.classify("Add 2 and 2.", ("Math", "Writing"), sampling=Sampling())

The engine is held to the list; a reply that is none of its names is `unparsed` all the same, and no task is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from langchain_core.language_models.chat_models import BaseChatModel

from dikast.agents.ask import ask
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_role_model
from dikast.agents.models.request import Sampling, Structured
from dikast.agents.prompt import load_prompt
from dikast.fence import fence
from dikast.graphs.tapir.roles import TaskName
from dikast.records import Outcome
from dikast.spoken import spoken
from dikast.wire import spec_of

PROMPT = "tapir/classify"
MARKS = " \t\r\n\"'`*."
"""What models put around a name."""


@dataclass(frozen=True)
class ModelTaskClassifier:
    """A `TaskClassifier` over any LangChain chat model."""

    model: BaseChatModel

    @property
    def spec(self) -> str:
        """The model's spec."""
        return spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's and the prompt's."""
        return {"model": identity(self.model), "prompt": load_prompt(PROMPT).fingerprint()}

    async def classify(self, instruction: str, tasks: Sequence[str], *, sampling: Sampling) -> TaskName:
        """Ask the model; see `TaskClassifier.classify`."""
        listed = "\n".join(f"- {task}" for task in tasks)
        fields = {"tasks": fence(listed, "tasks"), "instruction": fence(instruction, "instruction")}
        structured = Structured(choice=tuple(tasks))
        answer = await ask(
            self.model, load_prompt(PROMPT), fields, role="classifier", sampling=sampling, structured=structured
        )
        if answer.outcome is not Outcome.OK:
            return TaskName(None, answer.outcome, answer.reason)
        task = read_task(answer.reply.text, tasks)
        if task is None:
            return TaskName(None, Outcome.UNPARSED, "the classifier's reply is none of the tasks")
        return TaskName(task, Outcome.OK)


def read_task(text: str, tasks: Sequence[str]) -> str | None:
    """The task that a reply names and does nothing else; `None` for any other reply."""
    said = folded(spoken(text).strip(MARKS))
    return next((task for task in tasks if folded(task) == said), None)


def folded(text: str) -> str:
    """A name as it is compared."""
    return " ".join(text.casefold().split())


def load_classifier(source: object) -> ModelTaskClassifier:
    """A classifier from a model spec, or around a LangChain chat model.

    Raises:
        UsageError: Neither of these.
    """
    return ModelTaskClassifier(load_role_model(source, "classifier of tasks", "classify()"))
