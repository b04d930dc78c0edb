"""The policy that a language model plays: it goes on with its own turn, or is shown the steps in a chat.

    solver = load_step_solver("vllm:ORG/MODEL")                       # goes on by a prefix
    solver = load_step_solver("chat+server:http://localhost:8000/v1#M")

| solver | a next step is asked for | what that costs |
| --- | --- | --- |
| `prefix+SPEC` | by the steps as the beginning of the model's own reply | nothing: the engine's prefix cache has them |
| `chat+SPEC` | by a message that quotes question and steps | a longer prompt; the model may comment or begin anew |
| `SPEC` | by prefix where the engine can, else by chat; a note tells which | |

By prefix a step ends at a line break (`line`) or an empty line (`paragraph`), at which the engine stops. A reply that
has no words is asked for once more behind one more line break, since models write empty lines; if there are none again,
the policy has ended its turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from langchain_core.language_models.chat_models import BaseChatModel

from dikast.agents.ask import Answer, ask
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_role_model, split_prefix
from dikast.agents.models.request import Sampling
from dikast.agents.prompt import Prompt, load_prompt
from dikast.fence import fence
from dikast.graphs.rest_mcts.roles import Partial, Proposal
from dikast.graphs.rest_mcts.splitting import SEPARATORS, first_step, join
from dikast.records import Outcome
from dikast.wire import spec_of

SOLVE, STEP = "rest_mcts/solve", "rest_mcts/step"
Form: TypeAlias = Literal["prefix", "chat"]
PREFIXES: Mapping[str, Form] = {"prefix+": "prefix", "chat+": "chat"}
CONTINUING = ("transformers", "vllm", "openvino")
"""Engines that go on from the beginning of a reply; of servers, those of the dialect vllm do."""


@dataclass(frozen=True)
class ModelStepSolver:
    """A policy that a chat model plays.

    Args:
        model: The model.
        asked: How it is to be asked; `None` by what its engine can.
    """

    model: BaseChatModel
    asked: Form | None = None

    @property
    def spec(self) -> str:
        """The model's, behind the prefix of its form if one was given."""
        return next((name for name, form in PREFIXES.items() if form == self.asked), "") + spec_of(self.model)

    @property
    def form(self) -> Form:
        """How a next step is asked for."""
        return self.asked or ("prefix" if goes_on(self.model) else "chat")

    @property
    def most_calls(self) -> int:
        """See `StepSolver.most_calls`."""
        return 2 if self.form == "prefix" else 1

    def fingerprint(self) -> Mapping[str, object]:
        """The model's, the form, the prompts'."""
        prompts = [dict(load_prompt(name).fingerprint()) for name in (SOLVE, STEP)]
        return {"model": identity(self.model), "form": self.form, "prompts": prompts}

    async def propose(self, partial: Partial, *, whole: bool, sampling: Sampling, sample: int) -> Proposal:
        """See `StepSolver.propose`."""
        if whole:
            return whole_of(await self._ask(load_prompt(SOLVE), solving(partial), sampling, sample))
        if self.form == "chat":
            steps = fence(join(partial.steps, partial.unit), "steps")
            fields = {"question": fence(partial.question, "problem"), "steps": steps, "ending": partial.ending}
            return step_of(await self._ask(load_prompt(STEP), fields, sampling, sample), partial)
        return await self._go_on(partial, sampling, sample)

    async def _go_on(self, partial: Partial, sampling: Sampling, sample: int) -> Proposal:
        separator = SEPARATORS[partial.unit]
        before = "".join(f"{step}{separator}" for step in partial.steps)
        stopping = sampling.model_copy(update={"stop": (*sampling.stop, separator)})
        first = await self._ask(load_prompt(SOLVE), solving(partial), stopping, sample, before)
        found = step_of(first, partial)
        left = sampling.max_tokens - found.tokens
        if found.text or found.outcome is not Outcome.OK or left < 1:
            return found
        again = stopping.model_copy(update={"max_tokens": left})
        second = step_of(await self._ask(load_prompt(SOLVE), solving(partial), again, sample, before + "\n"), partial)
        return Proposal(
            second.text,
            second.cut,
            found.tokens + second.tokens,
            2,
            second.outcome,
            second.reason,
            second.provenance,
        )

    async def _ask(
        self, prompt: Prompt, fields: Mapping[str, str], sampling: Sampling, sample: int, prefix: str = ""
    ) -> Answer:
        return await ask(
            self.model, prompt, fields, role="solver", sampling=sampling, sample=sample, prefix=prefix or ()
        )


def solving(partial: Partial) -> dict[str, str]:
    """The fields of the prompt that a policy is trained to answer."""
    return {"question": partial.question, "ending": partial.ending}


def step_of(answer: Answer, partial: Partial) -> Proposal:
    """One step out of a reply; one without words is the end of a turn, and no failure."""
    said = answer.reply.text.strip()
    ended = SEPARATORS[partial.unit] in said
    return proposal_of(answer, first_step(said, partial.unit), ended=ended)


def whole_of(answer: Answer) -> Proposal:
    """A whole solution out of a reply."""
    return proposal_of(answer, answer.reply.text.strip())


def proposal_of(answer: Answer, text: str, *, ended: bool = False) -> Proposal:
    """What was said, and how the call ended; with `ended` the text was whole before the reply was."""
    outcome = Outcome.OK if answer.outcome is Outcome.EMPTY else answer.outcome
    return Proposal(
        text if outcome is Outcome.OK else "",
        cut=answer.reply.finish_reason == "length" and not ended,
        tokens=answer.reply.output_tokens,
        outcome=outcome,
        reason="" if outcome is Outcome.OK else answer.reason,
        provenance=answer.provenance.as_dict(),
    )


def scheme_of(model: BaseChatModel) -> str:
    """The engine's name."""
    return spec_of(model).partition(":")[0]


def goes_on(model: BaseChatModel) -> bool:
    """Whether the model's engine goes on from the beginning of a reply."""
    scheme = scheme_of(model)
    return scheme in CONTINUING or (scheme == "server" and getattr(model, "dialect", "openai") != "openai")


def load_step_solver(source: object) -> ModelStepSolver:
    """A policy from a model spec, perhaps with the prefix of its form, or around a LangChain chat model.

    Raises:
        UsageError: Neither of these.
    """
    prefix, bare = split_prefix(source, PREFIXES)
    return ModelStepSolver(load_role_model(bare, "policy", "propose()"), PREFIXES.get(prefix))
