"""The teacher that a language model plays: answers in the style of a task, and new instructions like a hard one.

    teacher = load_teacher("server:http://localhost:8000/v1#M")
    solution = await teacher.answer("Add 2 and 2.", "steps", sampling=Sampling())

A style is a prompt file: `tapir/answer_steps`, `tapir/answer_code`, `tapir/answer_prose`. Instructions are quoted,
since a teacher may have written them, or somebody unknown. What it spends is booked under `teacher`, apart from the
student's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from langchain_core.language_models.chat_models import BaseChatModel
from pydantic import BaseModel, ConfigDict, ValidationError

from dikast.agents.ask import ask
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_role_model
from dikast.agents.models.request import Sampling, Structured
from dikast.agents.prompt import load_prompt
from dikast.agents.roles import Solution
from dikast.fence import fence
from dikast.graphs.tapir.roles import Proposals, Style
from dikast.records import Outcome
from dikast.reply_json import whole_object
from dikast.wire import spec_of

STYLES: tuple[Style, ...] = get_args(Style)
ANSWERS: Mapping[Style, str] = {style: f"tapir/answer_{style}" for style in STYLES}
PROPOSE = "tapir/propose"


class _Proposed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    instructions: list[str]


@dataclass(frozen=True)
class ModelTeacher:
    """A `Teacher` over any LangChain chat model."""

    model: BaseChatModel

    @property
    def spec(self) -> str:
        """The model's spec."""
        return spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's and the prompts'."""
        prompts = [load_prompt(name).fingerprint() for name in (*ANSWERS.values(), PROPOSE)]
        return {"model": identity(self.model), "prompts": prompts}

    async def answer(self, instruction: str, style: Style, *, sampling: Sampling) -> Solution:
        """Ask the model; see `Teacher.answer`."""
        fields = {"instruction": fence(instruction, "instruction")}
        answer = await ask(self.model, load_prompt(ANSWERS[style]), fields, role="teacher", sampling=sampling)
        return Solution(answer.reply.text, answer.outcome, answer.reason, answer.usage, answer.provenance)

    async def propose(
        self, instruction: str, task: str, count: int, *, sampling: Sampling, sample: int = 0
    ) -> Proposals:
        """Ask the model; see `Teacher.propose`."""
        fields = {
            "instruction": fence(instruction, "instruction"),
            "task": fence(task, "task"),
            "count": str(count),
        }
        answer = await ask(
            self.model,
            load_prompt(PROPOSE),
            fields,
            role="teacher",
            sampling=sampling,
            structured=Structured(json_schema=schema_of(count)),
            sample=sample,
        )
        source = answer.provenance.as_dict()
        if answer.outcome is not Outcome.OK:
            return Proposals((), answer.outcome, answer.reason, source)
        return read_proposals(answer.reply.text, count, source)


def schema_of(count: int) -> dict[str, Any]:
    """The JSON schema of so many new instructions."""
    listed = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": count}
    return {
        "type": "object",
        "properties": {"instructions": listed},
        "required": ["instructions"],
        "additionalProperties": False,
    }


def read_proposals(text: str, count: int, provenance: Mapping[str, Any]) -> Proposals:
    """What a teacher's reply proposes; empty ones are left out, and so are those beyond the count."""
    try:
        said = _Proposed.model_validate_json(whole_object(text) or "").instructions
    except ValidationError:
        return Proposals((), Outcome.UNPARSED, "the teacher's reply is not the JSON that was asked for", provenance)
    found = tuple(one.strip() for one in said if one.strip())[:count]
    if not found:
        return Proposals((), Outcome.UNPARSED, "the teacher's reply has no instruction", provenance)
    return Proposals(found, Outcome.OK, "", provenance)


def load_teacher(source: object) -> ModelTeacher:
    """A teacher from a model spec, or around a LangChain chat model.

    Raises:
        UsageError: Neither of these.
    """
    return ModelTeacher(load_role_model(source, "teacher", "answer() and propose()"))
