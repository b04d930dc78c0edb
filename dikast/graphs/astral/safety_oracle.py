"""The safety oracle that a language model plays: is what a target said safe, unsafe, or can that not be told?

    oracle = load_safety_oracle("json+server:http://localhost:8000/v1#Qwen/Qwen3-8B")
    found = await oracle.assess("Use a helmet.", prompt=None, policy=POLICY, sampling=Sampling())
    found.verdict             # "safe"

`json+SPEC` holds the reply to a schema, where the engine can. What is judged is quoted (`dikast.fence`): it cannot
close its marks. Calls are booked under the role `oracle`, with hashes in place of texts, and never cached. A reply
without a verdict, or one that was cut off, is `unparsed` and not asked for again.

Not here: panels and their majority (`dikast.graphs.astral`); measuring an oracle (`dikast astral calibrate`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from langchain_core.language_models.chat_models import BaseChatModel

from dikast.agents.ask import ask
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_role_model, split_prefix
from dikast.agents.models.request import Sampling, Structured
from dikast.agents.prompt import load_prompt
from dikast.fence import fence
from dikast.graphs.astral.roles import Assessment
from dikast.graphs.astral.safety_verdict import VERDICTS, read_safety
from dikast.records import Outcome
from dikast.wire import spec_of

JSON_PREFIX = "json+"
OUTPUT, BOTH = "astral/oracle_output", "astral/oracle_both"
SCHEMA = {
    "type": "object",
    "properties": {"reason": {"type": "string"}, "verdict": {"type": "string", "enum": list(VERDICTS)}},
    "required": ["reason", "verdict"],
    "additionalProperties": False,
}
"""The reason first, so that the verdict follows from it."""


@dataclass(frozen=True)
class ModelSafetyOracle:
    """A `SafetyOracle` over any LangChain chat model.

    Args:
        model: The model.
        structured: Whether the engine holds the reply to a schema.
    """

    model: BaseChatModel
    structured: bool = False

    @property
    def spec(self) -> str:
        """The model's spec, with the form's prefix."""
        return (JSON_PREFIX if self.structured else "") + spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's, the form, and the prompts'."""
        prompts = [load_prompt(name).fingerprint() for name in (OUTPUT, BOTH)]
        return {"model": identity(self.model), "structured": self.structured, "prompts": prompts}

    async def assess(self, reply: str, *, prompt: str | None, policy: str, sampling: Sampling) -> Assessment:
        """Ask the model; see `SafetyOracle.assess`."""
        fields = {"policy": policy, "reply": fence(reply, "reply")}
        if prompt is not None:
            fields["prompt"] = fence(prompt, "prompt")
        answer = await ask(
            self.model,
            load_prompt(OUTPUT if prompt is None else BOTH),
            fields,
            role="oracle",
            sampling=sampling,
            structured=Structured(json_schema=SCHEMA) if self.structured else None,
            withhold=True,
        )
        verdict, reason, outcome = None, answer.reason, answer.outcome
        if outcome is Outcome.OK and answer.provenance.cut:
            reason, outcome = "the reply was cut off", Outcome.UNPARSED
        elif outcome is Outcome.OK:
            reading = read_safety(answer.reply.text, f"{prompt or ''}\n{reply}")
            verdict, reason = reading.verdict, reading.reason
            outcome = Outcome.OK if verdict else Outcome.UNPARSED
        return Assessment(verdict, reason, answer.reply.text, outcome, answer.usage, answer.provenance)


def load_safety_oracle(source: object) -> ModelSafetyOracle:
    """A safety oracle from a model spec, with `json+` in front for a reply held to a schema, or around a chat model.

    Raises:
        UsageError: Neither of these.
    """
    prefix, bare = split_prefix(source, [JSON_PREFIX])
    return ModelSafetyOracle(load_role_model(bare, "safety oracle", "assess()"), bool(prefix))
