"""Who values partial solutions: a language model, a value head, or a Python function of the user's.

    critic = load_critic("server:http://localhost:8000/v1#M")     # a language model, asked for a number from 0 to 1
    critic = load_critic("head+transformers:runs/value/model")   # a value head, trained by `dikast train value`
    critic = load_critic("judge+server:http://localhost:8000/v1#M")   # points, added up: see `judging`
    critic = load_critic("function:my_module:my_value")

    @valuing                                                      # in my_module.py
    def my_value(question: str, solution: str) -> float: ...

A value that is no finite number, or a language model's beyond [0, 1], is `unparsed`: the step has no value, and the
search goes on without it. A spec names only functions that were marked with `@valuing`.
"""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any, TypeAlias, cast

from langchain_core.language_models.chat_models import BaseChatModel
from pydantic import BaseModel, ConfigDict, ValidationError

from dikast.agents.ask import appraise, ask
from dikast.agents.failures import CALL_FAILURES, failure_of
from dikast.agents.models.function_identity import name_of
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_role_model, split_prefix
from dikast.agents.models.request import Sampling, Structured
from dikast.agents.prompt import load_prompt
from dikast.fence import fence
from dikast.graphs.rest_mcts.judging import JUDGE, JudgeCritic
from dikast.graphs.rest_mcts.roles import Appraisal, StepCritic
from dikast.graphs.rest_mcts.solvers import SOLVE
from dikast.importing import import_scripted
from dikast.records import Outcome
from dikast.reply_json import whole_object
from dikast.spec_options import refuse_disallowed
from dikast.wire import spec_of

VALUE = "rest_mcts/value"
HEAD, FUNCTION = "head+", "function:"
NOBODY = "none"
GREEDY = Sampling(max_tokens=160, seed=0)
"""A value is a measurement: no sampling. A sentence and a number fit well."""
Function: TypeAlias = Callable[[str, str], float | Awaitable[float]]
"""(question, partial solution) -> value."""


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str
    value: float


@dataclass(frozen=True)
class ModelCritic:
    """A language model that is asked for a number."""

    model: BaseChatModel
    most_calls: int = 1

    @property
    def spec(self) -> str:
        """The model's."""
        return spec_of(self.model)

    @property
    def most_tokens(self) -> int:
        """See `StepCritic.most_tokens`."""
        return GREEDY.max_tokens

    def fingerprint(self) -> Mapping[str, object]:
        """The model's, and the prompt's."""
        return {"model": identity(self.model), "prompt": dict(load_prompt(VALUE).fingerprint())}

    async def appraise(self, question: str, solutions: Sequence[str], *, ending: str) -> list[Appraisal]:
        """See `StepCritic.appraise`."""
        del ending
        return list(await asyncio.gather(*(self._one(question, solution) for solution in solutions)))

    async def _one(self, question: str, solution: str) -> Appraisal:
        fields = {"question": fence(question, "problem"), "solution": fence(solution, "steps")}
        form = Structured(json_schema=_Reply.model_json_schema())
        try:
            answer = await ask(self.model, load_prompt(VALUE), fields, role="critic", sampling=GREEDY, structured=form)
        except CALL_FAILURES as error:
            outcome, reason = failure_of(error)
            return Appraisal(None, 0, 1, outcome, reason)
        spent = answer.reply.output_tokens
        if answer.outcome is not Outcome.OK:
            return Appraisal(None, spent, 1, answer.outcome, answer.reason)
        try:
            value = _Reply.model_validate_json(whole_object(answer.reply.text) or "").value
        except ValidationError:
            return Appraisal(None, spent, 1, Outcome.UNPARSED, "not the JSON that was asked for")
        if not 0 <= value <= 1:  # NaN neither
            return Appraisal(None, spent, 1, Outcome.UNPARSED, "the value is not within 0 and 1")
        return Appraisal(value, spent, 1)


class FunctionCritic:
    """A function of the user's, marked with `valuing`; sync functions are called on the event loop."""

    most_tokens, most_calls = 0, 1

    def __init__(self, function: Function) -> None:
        self.function = function
        self.spec = f"{FUNCTION}{function.__module__}:{getattr(function, '__name__', '')}"

    def __call__(self, question: str, solution: str) -> float | Awaitable[float]:
        """Call the function itself."""
        return self.function(question, solution)

    def fingerprint(self) -> Mapping[str, object]:
        """The function's name; what it says is the user's to keep the same within a run."""
        return {"function": name_of(cast(FunctionType, self.function))}

    async def appraise(self, question: str, solutions: Sequence[str], *, ending: str) -> list[Appraisal]:
        """See `StepCritic.appraise`."""
        del ending
        return list(await asyncio.gather(*(self._one(question, solution) for solution in solutions)))

    async def _one(self, question: str, solution: str) -> Appraisal:
        try:
            told: Any = self.function(question, solution)
            value: object = await told if inspect.isawaitable(told) else told
        except Exception as error:  # the user's own code: whatever it raises is that step's outcome
            return Appraisal(None, 0, 1, Outcome.ERROR, f"the value function raised {type(error).__name__}")
        return appraised(value)


def valuing(function: Function) -> FunctionCritic:
    """Mark a function as one that a critic's spec may name."""
    return FunctionCritic(function)


def appraised(value: object) -> Appraisal:
    """A number as a value, if it is one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return Appraisal(None, 0, 1, Outcome.UNPARSED, f"the value is no number: {type(value).__name__}")
    if not math.isfinite(value):
        return Appraisal(None, 0, 1, Outcome.UNPARSED, "the value is not finite")
    return Appraisal(float(value), 0, 1)


@dataclass(frozen=True)
class HeadCritic:
    """A value head over prompt and partial solution, behind the prompt by which the policy is asked, as it was trained.

    Its values are as it gives them; those of one that was trained on inferred values are about 0 to 1.
    """

    model: BaseChatModel
    most_tokens: int = 0
    most_calls: int = 1

    @property
    def spec(self) -> str:
        """The model's, with `head+` before it."""
        return HEAD + spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The head's, and the prompt's."""
        return {"head": identity(self.model), "prompt": dict(load_prompt(SOLVE).fingerprint())}

    async def appraise(self, question: str, solutions: Sequence[str], *, ending: str) -> list[Appraisal]:
        """See `StepCritic.appraise`."""
        fields = {"question": question, "ending": ending}
        return list(await asyncio.gather(*(self._one(fields, solution) for solution in solutions)))

    async def _one(self, fields: Mapping[str, str], solution: str) -> Appraisal:
        try:
            return appraised(await appraise(self.model, load_prompt(SOLVE), fields, solution, role="critic"))
        except CALL_FAILURES as error:
            outcome, reason = failure_of(error)
            return Appraisal(None, 0, 1, outcome, reason)


@dataclass(frozen=True)
class Nobody:
    """No critic, for searches that ask none."""

    spec: str = NOBODY
    most_tokens: int = 0
    most_calls: int = 1

    def fingerprint(self) -> Mapping[str, object]:
        """That there is none."""
        return {"critic": NOBODY}

    async def appraise(self, question: str, solutions: Sequence[str], *, ending: str) -> list[Appraisal]:
        """No value, told as such."""
        del question, ending
        return [Appraisal(None, 0, 0, Outcome.ERROR, "there is no critic")] * len(solutions)


KINDS: Mapping[str, type[HeadCritic | JudgeCritic]] = {HEAD: HeadCritic, JUDGE: JudgeCritic}


def load_critic(source: object) -> StepCritic:
    """A critic from its spec, or around a LangChain chat model; see the module's description.

    Raises:
        UsageError: It is none, or names what there is not.
    """
    if isinstance(source, str) and source.startswith(FUNCTION):
        refuse_disallowed("function", f"critic {source!r}")
        return import_scripted(source.removeprefix(FUNCTION), source, FunctionCritic, __name__)
    if source == NOBODY:
        return Nobody()
    prefix, bare = split_prefix(source, tuple(KINDS))
    return KINDS.get(prefix, ModelCritic)(load_role_model(bare, "critic", "appraise()"))
