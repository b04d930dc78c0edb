"""What a text is worth: by a judge, a trained head, a metric against the row's reference, or a function of the user's.

    reward = load_reward("metric:rougeL")                                   # or metric:coverage, of the row's concepts
    reward = load_reward("judge:server:http://localhost:8000/v1#M")         # also judge:json+SPEC, judge:logprobs+SPEC
    reward = load_reward("head:transformers:runs/reward")                   # a reward model; also vllm:, server:
    reward = load_reward("function:my_module:my_reward")

    @rewarding                                                              # in my_module.py
    def my_reward(prompt: str, text: str, reference: str) -> float: ...

A spec names only functions that were marked with `@rewarding`, so that a spec from elsewhere cannot call just any
function (it does import the module it names).

A text without a value is `unparsed`: it has no reward, not a reward of 0.
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

from dikast.agents.ask import appraise
from dikast.agents.judge import load_judge
from dikast.agents.models.function_identity import name_of
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_role_model
from dikast.agents.prompt import load_prompt
from dikast.agents.roles import Case, Judge
from dikast.errors import DataError, UsageError
from dikast.graphs.measures import COVERAGE, LENGTH, MEASURES, METRIC, of_text
from dikast.graphs.rewarding import Asked, Reward, Rewarded
from dikast.importing import import_scripted
from dikast.records import Outcome
from dikast.spec_options import refuse_disallowed
from dikast.wire import spec_of

JUDGE, HEAD, FUNCTION = "judge:", "head:", "function:"
WANTED = {"reference": "a reference", "concepts": "concepts"}
FORMS = "metric:NAME, judge:SPEC, head:SPEC or function:MODULE:NAME"
PROMPT = "reward/answer"
"""What a head sees before the text: the prompt as it is."""
Function: TypeAlias = Callable[[str, str, str], float | Awaitable[float]]
"""(prompt, text, reference; empty without one) -> reward."""


@dataclass(frozen=True)
class MetricReward:
    """A measure of `dikast.graphs.measures`, on its own scale: against references, or the row's concepts."""

    name: str

    @property
    def spec(self) -> str:
        """`metric:` and the name."""
        return METRIC + self.name

    def fingerprint(self) -> Mapping[str, object]:
        """The name."""
        return {"metric": self.name}

    async def reward(self, asked: Asked) -> Rewarded:
        """See `Reward.reward`."""
        if need := lacking(self.name, asked.references, asked.concepts):
            raise DataError(f"{self.spec} needs {WANTED[need]}", field=need, hint="give every row one")
        value = await asyncio.to_thread(of_text, self.name, asked)
        why = f"{self.name} cannot measure this text, of which it sees too little"
        return value_of(math.nan if value is None else value, why)


def lacking(name: str, references: Sequence[str], concepts: Sequence[str]) -> str:
    """The field that a measure needs and a row lacks; empty if there is none."""
    if name == COVERAGE:
        return "" if concepts else "concepts"
    return "" if references or name == LENGTH else "reference"


@dataclass(frozen=True)
class JudgeReward:
    """A judge's score of the text as a single response."""

    judge: Judge

    @property
    def spec(self) -> str:
        """`judge:` and the judge's."""
        return JUDGE + self.judge.spec

    def fingerprint(self) -> Mapping[str, object]:
        """The judge's."""
        return {"judge": dict(self.judge.fingerprint())}

    async def reward(self, asked: Asked) -> Rewarded:
        """See `Reward.reward`."""
        case = Case(asked.prompt, (asked.text,), asked.rubric, asked.reference, scale=asked.scale)
        found = await self.judge.judge(case, sampling=asked.sampling)
        return Rewarded(found.score, found.outcome, found.reason, found.text)


@dataclass(frozen=True)
class HeadReward:
    """The number that a value head or reward model gives to the text as the answer to the prompt."""

    model: BaseChatModel

    @property
    def spec(self) -> str:
        """`head:` and the model's."""
        return HEAD + spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's, and the prompt's."""
        return {"head": identity(self.model), "prompt": dict(load_prompt(PROMPT).fingerprint())}

    async def reward(self, asked: Asked) -> Rewarded:
        """See `Reward.reward`."""
        if not asked.text:
            return Rewarded(None, Outcome.UNPARSED, f"{self.spec} has no value for an empty text")
        fields = {"prompt": asked.prompt}
        return Rewarded(await appraise(self.model, load_prompt(PROMPT), fields, asked.text, role="reward"), Outcome.OK)


class FunctionReward:
    """A function of the user's, marked with `rewarding`; sync functions are called on the event loop."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.spec = f"{FUNCTION}{function.__module__}:{getattr(function, '__name__', '')}"

    def __call__(self, prompt: str, text: str, reference: str = "") -> float | Awaitable[float]:
        """Call the function itself."""
        return self.function(prompt, text, reference)

    def fingerprint(self) -> Mapping[str, object]:
        """The function's name; what it says is the user's to keep the same within a run."""
        return {"function": name_of(cast(FunctionType, self.function))}

    async def reward(self, asked: Asked) -> Rewarded:
        """See `Reward.reward`."""
        told: Any = self.function(asked.prompt, asked.text, asked.reference)
        value = await told if inspect.isawaitable(told) else told
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise UsageError(f"{self.spec} gave {type(value).__name__}", hint="a reward is a number")
        return value_of(float(value), f"{self.spec} gave no finite number")


def rewarding(function: Function) -> FunctionReward:
    """Mark a function as one that a reward spec may name."""
    return FunctionReward(function)


def value_of(value: float, why_not: str) -> Rewarded:
    """A value, if it is one."""
    return Rewarded(value, Outcome.OK) if math.isfinite(value) else Rewarded(None, Outcome.UNPARSED, why_not)


def load_reward(spec: str) -> Reward:
    """A reward from its spec; see the module's description.

    Raises:
        UsageError: It is none, or names what there is not.
    """
    scheme, _, rest = spec.partition(":")
    if spec.startswith(METRIC):
        if rest not in MEASURES:
            raise UsageError(f"{spec!r}: no metric {rest!r}", hint=f"known: {', '.join(MEASURES)}")
        return MetricReward(rest)
    if spec.startswith(JUDGE):
        return JudgeReward(load_judge(rest))
    if spec.startswith(HEAD):
        return HeadReward(load_role_model(rest, "reward", "reward()"))
    if spec.startswith(FUNCTION):
        refuse_disallowed(scheme, f"reward {spec!r}")
        return import_scripted(rest, spec, FunctionReward, __name__)
    raise UsageError(f"{spec!r} is no reward", hint=f"give {FORMS}")
