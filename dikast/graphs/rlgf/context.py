"""RLGF's knobs and actors (`Context`), and what goes into its graph and comes out.

Light on purpose: the command line reads the flags of `dikast rlgf run` off this file, so it loads no engine.
"""

from __future__ import annotations

import operator
from typing import Annotated, Any, NotRequired

from pydantic import BaseModel, Field, model_validator
from typing_extensions import TypedDict

from dikast.agents.models.request import DEFAULT_MAX_TOKENS, MethodSampling, Sampling
from dikast.flags import Flag, SamplingOf
from dikast.graphs.measures import MEASURES
from dikast.graphs.rewarding import Reward
from dikast.graphs.rlgf.records import Switch, Token, Turned
from dikast.graphs.rlgf.roles import Guide, Policy
from dikast.graphs.rlgf.schedules import SHARE, SWITCH_AT, Collector
from dikast.wire import CONTEXT, Spec

HORIZON = 48
"""Tokens of a text; TRIL's for IMDB."""
BETA = 0.8
"""TRIL's, but for PPO++ on IMDB (0.6) and AggreVaTeD on TL;DR (1)."""
KL = 0.001
"""TRIL's for IMDB; 0 for CommonGen, 0.002 for TL;DR."""
SAMPLING = MethodSampling(temperature=1.0, seed=0)
"""What is trained on is drawn from the policy as it is."""
GUIDING = MethodSampling(temperature=1.0, top_p=0.92, top_k=50, seed=0)
"""TRIL's guide: top_p 0.92, top_k 50."""
JUDGING = Sampling(max_tokens=1024, seed=0)
"""Greedy."""
RUBRIC = "It does what the task asks for, and reads as if one person had written it."
SCALE = (1.0, 5.0)
BESIDE = ("coverage", "meteor-exact-stem", "length")
"""Measures that need no extra."""
SCHEDULE, JUDGE, MEASURING = "Collector", "Judge", "Measures"
"""Headings of flags."""


class Collecting(BaseModel):
    """What one collection and the rounds have in common."""

    model_config = CONTEXT

    guide: Annotated[Guide, Spec("dikast.graphs.rlgf.voices:load_guide", model=True)]
    """The guide, frozen: SPEC by token ids (the policy's tokenizer), text+SPEC by text, chat+SPEC by chat; see
    docs/methods/rlgf.md for what that costs."""
    reward: Annotated[Reward, Spec("dikast.graphs.rewards:load_reward")]
    """metric:NAME against the reference, metric:coverage of the row's concepts, judge:SPEC, head:SPEC (a reward model),
    or function:MODULE:NAME, marked with @rewarding."""
    collector: Annotated[Collector, Flag(panel=SCHEDULE)] = "ppo_pp"
    """ppo_pp: the guide begins, the policy ends; aggrevated: the other way round; lols mixes them by iteration, d2lols
    goes from aggrevated to ppo_pp; ppo has no guide."""
    beta: Annotated[float, Flag(panel=SCHEDULE)] = Field(default=BETA, ge=0, le=1)
    """How often what comes before the switch is the guide's (ppo_pp), or the policy's (aggrevated)."""
    horizon: Annotated[int, Flag(panel=SCHEDULE)] = Field(default=HORIZON, ge=1)
    """Tokens of a text at most; the switch is uniform on its places."""
    share: Annotated[float, Flag(panel=SCHEDULE)] = Field(default=SHARE, ge=0, le=1)
    """lols: how often an iteration is ppo_pp's."""
    switch_at: Annotated[int, Flag(panel=SCHEDULE)] = Field(default=SWITCH_AT, ge=0)
    """d2lols: the first iteration of ppo_pp."""
    kl: float = Field(default=KL, ge=0)
    """Weight of the KL penalty on each token of the policy, where there is a reference."""
    texts: int = Field(default=1, ge=1, json_schema_extra={"fingerprint": False})
    """Texts to each prompt, each with a switch of its own."""
    seed: int = 0
    """Of switches, and of who rolls in."""
    rubric: Annotated[str, Flag(metavar="TEXT", panel=JUDGE)] = RUBRIC
    """What makes a text good, for a judge."""
    scale: Annotated[tuple[float, float], Flag(metavar="LOW,HIGH", panel=JUDGE)] = SCALE
    """A judge's lowest and highest score."""
    measures: Annotated[tuple[str, ...], Flag(metavar="NAME,...", panel=MEASURING)] = BESIDE
    """Told of each text beside its reward: coverage (of the row's concepts), length (in words), bleu, chrf, rouge1,
    rouge2, rougeL, meteor-exact-stem (against references)."""
    sampling: Annotated[Sampling, SamplingOf("solver")] = SAMPLING
    """Of the policy's turns; how many tokens a turn has is the switch's to say."""
    guiding: Annotated[Sampling, SamplingOf("guide")] = GUIDING
    """Of the guide's turns; the same."""
    judging: Annotated[Sampling, SamplingOf("reward")] = JUDGING
    """Of scores."""

    @model_validator(mode="after")
    def _can_be(self) -> Collecting:
        if any(one.max_tokens != DEFAULT_MAX_TOKENS for one in (self.sampling, self.guiding)):
            raise ValueError("max_tokens: turns are as long as the switch says; give horizon")
        if self.scale[0] >= self.scale[1]:
            raise ValueError("scale: the lowest score comes first")
        if unknown := [name for name in self.measures if name not in MEASURES]:
            raise ValueError(f"measures: there is no {unknown[0]!r}; there are {', '.join(MEASURES)}")
        return self


class Context(Collecting):
    """Who takes part, and the method's knobs."""

    model_config = CONTEXT

    solver: Annotated[Policy, Spec("dikast.graphs.rlgf.voices:load_policy", model=True)]
    """The policy: an engine that goes on from token ids and scores (transformers:, vllm:, a 'vllm serve')."""
    reference: Annotated[Policy, Spec("dikast.graphs.rlgf.voices:load_policy")] | None = None
    """What the policy is held to by the KL penalty, as a rule itself at the start; none for no penalty."""
    iteration: Annotated[int, Flag(panel=SCHEDULE)] = Field(default=0, ge=0)
    """Which iteration this is, from 0: decides lols and d2lols, and draws other switches."""


class Input(TypedDict):
    """A prompt, and a text that answers it well, for metrics and judges that look at one.

    `sample` counts the texts to one prompt: each has a switch and draws of its own. `others` are further references,
    `concepts` what the text is to speak of; both are for rewards and measures.
    """

    prompt: str
    reference: NotRequired[str]
    others: NotRequired[list[str]]
    concepts: NotRequired[list[str]]
    sample: NotRequired[int]
    id: NotRequired[str]


class Output(TypedDict):
    """A text that policy and guide wrote, token by token, and what it is worth.

    `collector` is the one that collected, `ppo_pp`, `aggrevated` or `ppo`. `reward` is the bare one; each token's holds
    the penalty. `kl`: the sum over the policy's tokens of log-probability less the reference's; `None` without one.
    `own`: the policy wrote all of it, so that the reward is its own. The row's `outcome` is `ok` if there is a reward,
    else what befell the call that failed, or the reward.
    """

    collector: str
    switch: Switch | None
    turns: list[Turned]
    tokens: list[Token]
    text: str
    reward: float | None
    said: str
    """A judge's own words."""
    measures: dict[str, float | None]
    """`Context.measures` of the text; `None` where there is nothing to measure by."""
    kl: float | None
    own: bool
    outcome: str
    reason: str


class State(Input):
    """What the nodes share; `written` is a `Written` as JSON."""

    written: dict[str, Any]
    tau: int
    switch: Switch | None
    turns: Annotated[list[Turned], operator.add]
    logprobs: list[float]
    held: list[float] | None
    text: str
    collector: str
    tokens: list[Token]
    reward: float | None
    said: str
    measures: dict[str, float | None]
    kl: float | None
    own: bool
    outcome: str
    reason: str


class Update(TypedDict, total=False):
    """What a node may write."""

    written: dict[str, Any]
    tau: int
    switch: Switch | None
    turns: list[Turned]
    logprobs: list[float]
    held: list[float] | None
    text: str
    collector: str
    tokens: list[Token]
    reward: float | None
    said: str
    measures: dict[str, float | None]
    kl: float | None
    own: bool
    outcome: str
    reason: str
