"""Transfer Q*'s knobs and actors (`Context`), and what goes into its graph and comes out.

Light on purpose: the command line reads the flags of `dikast transfer-q run` off this file, so it loads no engine.
"""

from __future__ import annotations

import operator
from typing import Annotated, Any, Literal, NotRequired, TypeAlias

from pydantic import BaseModel, Field, model_validator
from typing_extensions import TypedDict

from dikast.agents.models.request import DEFAULT_MAX_TOKENS, MethodSampling, Sampling
from dikast.flags import Flag, SamplingOf
from dikast.graphs.rewarding import Reward
from dikast.graphs.transfer_q.records import Piece, Problem, Rolled, Sample, Spent, Step
from dikast.graphs.transfer_q.roles import TextEncoder, Writer
from dikast.wire import CONTEXT, Spec

Decoder: TypeAlias = Literal["transfer_q", "controlled", "soft", "args", "best_of_n", "plain"]
CANDIDATES = 10
"""The paper's k."""
WEIGHT = 1.0
"""The paper's alpha is 1."""
HORIZON = 128
"""The authors' program writes at most so many tokens."""
ROLLOUTS = 4
"""The authors' program has one; with one, importance weights are no weights."""
BLOCK = 8
"""A choice every 8 tokens costs an eighth of the paper's rollouts; what that loses: docs/results.md."""
BETA = 0.1
"""TRL's default in direct preference optimisation, by which baselines are usually aligned."""
LEAST_ESS = 0.3
"""Of the completions; see `dikast.graphs.transfer_q.values`."""
SAMPLING = MethodSampling(temperature=1.0, seed=0)
"""What is drawn from the solver is the solver as it is."""
JUDGING = Sampling(max_tokens=1024, seed=0)
"""Greedy."""
RUBRIC = "It does what the task asks for, and reads as if one person had written it."
SCALE = (1.0, 5.0)
VALUE, BUDGET, JUDGE = "Value", "Budget", "Judge"
"""Headings of flags."""


class Context(BaseModel):
    """Who takes part, and the method's knobs."""

    model_config = CONTEXT

    solver: Annotated[Writer, Spec("dikast.graphs.transfer_q.voices:load_writer", model=True)]
    """The reference model, which proposes: an engine that tells next tokens by ids (transformers:, vllm:, a
    'vllm serve')."""
    reward: Annotated[Reward, Spec("dikast.graphs.rewards:load_reward")]
    """What texts are worth: metric:NAME against the reference, judge:SPEC, head:SPEC (a reward model), or
    function:MODULE:NAME, marked with @rewarding."""
    baseline: Annotated[Writer, Spec("dikast.graphs.transfer_q.voices:load_writer")] | None = None
    """Who completes what the solver proposes: a model aligned to the reward, or to another one."""
    baseline_reward: Annotated[Reward, Spec("dikast.graphs.rewards:load_reward")] | None = None
    """What the baseline was aligned to, where that is not the reward; for --transfer indirect."""
    encoder: Annotated[TextEncoder, Spec("dikast.retrieval.encoders.encoder:load_encoder")] | None = None
    """Measures coherence, the cosine between prompt and text: server:URL#MODEL, local:all-minilm-l6-v2."""
    decoder: Decoder = "transfer_q"
    """transfer_q: values by the baseline's completions. Rivals: controlled and soft, by the solver's own; args, by
    the reward of what stands so far; best_of_n, among whole texts of the solver; plain, the solver alone."""
    transfer: Annotated[Literal["direct", "indirect"], Flag(panel=VALUE)] = "direct"
    """direct: the mean reward of completions; indirect: each weighs exp((reward - baseline_reward) / beta)."""
    compat: Annotated[Literal["none", "repo"], Flag(panel=VALUE)] = "none"
    """repo: the rule of the authors' program in place of indirect's, whose weights do not add up to 1; to compare."""
    beta: Annotated[float, Flag(panel=VALUE)] = Field(default=BETA, gt=0)
    """Weight of the KL term that the baseline was aligned with; of decoder soft, its temperature."""
    least_ess: Annotated[float, Flag(panel=VALUE)] = Field(default=LEAST_ESS, ge=0, le=1)
    """Share of the completions that the effective sample size may not fall below: weights are tempered to it, and
    that is told."""
    k: int = Field(default=CANDIDATES, ge=1)
    """Candidates of a choice; of best_of_n, whole texts."""
    rollouts: int = Field(default=ROLLOUTS, ge=1)
    """Completions of each candidate."""
    rollout_tokens: int | None = Field(default=None, ge=1)
    """Tokens of a completion at most; by default to the horizon. A shorter one is rewarded as it stands."""
    block: int = Field(default=BLOCK, ge=1)
    """Tokens of a choice: 1 chooses among the likeliest next tokens, as the paper does; more, among chunks that the
    solver draws."""
    horizon: int = Field(default=HORIZON, ge=1)
    """Tokens of a text at most."""
    weight: float = Field(default=WEIGHT, ge=0)
    """Of a value beside a log-probability, 1 / alpha; at 0 the solver decides alone."""
    pick: Literal["sample", "argmax"] = "sample"
    """Draw a candidate by its probability, or take the likeliest."""
    ends: tuple[int, ...] = ()
    """Ids of tokens that end a turn, where the engine does not tell them."""
    step_budget: Annotated[int | None, Flag(panel=BUDGET)] = Field(default=None, ge=1)
    """Choices of a text at most."""
    call_budget: Annotated[int | None, Flag(panel=BUDGET)] = Field(default=None, ge=1)
    """Calls of writers for a text at most; rewards are not counted."""
    token_budget: Annotated[int | None, Flag(panel=BUDGET)] = Field(default=None, ge=1)
    """Tokens of all completions of a text at most: a choice that might go beyond is not begun."""
    second_budget: Annotated[float | None, Flag(panel=BUDGET)] = Field(default=None, gt=0)
    """Seconds of work on a text after which no further choice is begun."""
    seed: int = 0
    """Of choices, and of all draws."""
    texts: int = Field(default=1, ge=1, json_schema_extra={"fingerprint": False})
    """Texts to each prompt, with draws of their own."""
    rubric: Annotated[str, Flag(metavar="TEXT", panel=JUDGE)] = RUBRIC
    """What makes a text good, for a judge."""
    scale: Annotated[tuple[float, float], Flag(metavar="LOW,HIGH", panel=JUDGE)] = SCALE
    """A judge's lowest and highest score."""
    sampling: Annotated[Sampling, SamplingOf("solver")] = SAMPLING
    """Of chunks, and of completions by the solver; how many tokens is block's and horizon's to say."""
    guiding: Annotated[Sampling, SamplingOf("baseline")] = SAMPLING
    """Of completions by the baseline; the same."""
    judging: Annotated[Sampling, SamplingOf("reward")] = JUDGING
    """Of scores."""

    @model_validator(mode="after")
    def _can_be(self) -> Context:
        if any(one.max_tokens != DEFAULT_MAX_TOKENS for one in (self.sampling, self.guiding)):
            raise ValueError("max_tokens: give block, horizon, rollout_tokens")
        if self.scale[0] >= self.scale[1]:
            raise ValueError("scale: the lowest score comes first")
        if self.decoder == "transfer_q" and self.baseline is None:
            raise ValueError("baseline: transfer_q needs a model that completes; decoder controlled needs none")
        if self.indirect and self.baseline_reward is None:
            raise ValueError("baseline_reward: say what the baseline was aligned to, or transfer direct")
        if self.indirect and self.rollouts < 2:  # one weight, divided by itself, is 1
            raise ValueError("rollouts: indirect needs at least 2, since one completion has nothing to weigh against")
        return self

    @property
    def indirect(self) -> bool:
        """Whether completions have importance weights."""
        return self.decoder == "transfer_q" and (self.transfer == "indirect" or self.compat == "repo")

    @property
    def step_tokens(self) -> int:
        """Tokens of a choice: of whole texts for those decoders that choose once."""
        return self.horizon if self.decoder in ("best_of_n", "plain") else min(self.block, self.horizon)

    @property
    def by_token(self) -> bool:
        """Whether candidates are the likeliest next tokens, and not chunks that are drawn."""
        return self.block == 1 and self.decoder not in ("best_of_n", "plain")

    @property
    def valued(self) -> bool:
        """Whether candidates are worth anything before the text is whole."""
        return self.decoder != "plain"

    @property
    def candidates(self) -> int:
        """Of a choice."""
        return 1 if self.decoder == "plain" else self.k

    @property
    def completions(self) -> int:
        """Of each candidate; none for those decoders that look at what stands."""
        return self.rollouts if self.decoder in ("transfer_q", "controlled", "soft") else 0

    @property
    def calls_of_step(self) -> int:
        """Calls of writers for a choice, at most."""
        return (1 if self.by_token else self.candidates) + self.candidates * self.completions

    def completion_tokens(self, written: int) -> int:
        """Tokens of a completion behind so many, at most."""
        left = self.horizon - written
        return max(0, left if self.rollout_tokens is None else min(left, self.rollout_tokens))


class Input(TypedDict):
    """A prompt, and a text that answers it well, for metrics and judges that look at one.

    `sample` counts the texts to one prompt.
    """

    prompt: str
    reference: NotRequired[str]
    sample: NotRequired[int]
    id: NotRequired[str]


class Output(TypedDict):
    """A text, how it came about, and what it is worth.

    `logprob` is under the solver, nats; `coherence` the cosine of prompt and text, with an encoder;
    `kl` the sum over steps. `shared`: solver and baseline have one vocabulary, so
    that token ids are passed; else texts are. `seam`: the pieces that rewards saw do not add up to the text. `best`
    and `worst`: of all completions that were rewarded. `ended`: `stop`, `horizon`, or the budget that was spent.
    """

    text: str
    tokens: list[int]
    reward: float | None
    said: str
    """A judge's own words of the whole text."""
    logprob: float | None
    coherence: float | None
    kl: float
    steps: list[Step]
    spent: Spent
    shared: bool
    seam: bool
    best: Sample | None
    worst: Sample | None
    unrewarded: Problem
    ended: str
    provenance: dict[str, Any] | None
    outcome: str
    reason: str


class State(Input):
    """What the nodes share."""

    text: str
    tokens: list[int]
    ends: list[int]
    seconds: Annotated[float, operator.add]
    """That nodes took, whoever ran them."""
    pieces: list[Piece]
    rolled: list[Rolled]
    lost: list[int]
    rolling: Spent
    pending: Step
    reward: float | None
    said: str
    logprob: float | None
    coherence: float | None
    kl: float
    steps: Annotated[list[Step], operator.add]
    spent: Spent
    shared: bool
    seam: bool
    best: Sample | None
    worst: Sample | None
    unrewarded: Problem
    ended: str
    provenance: dict[str, Any] | None
    outcome: str
    reason: str


class Update(TypedDict, total=False):
    """What a node may write."""

    text: str
    tokens: list[int]
    ends: list[int]
    seconds: float
    pieces: list[Piece]
    rolled: list[Rolled]
    lost: list[int]
    rolling: Spent
    pending: Step
    reward: float | None
    said: str
    logprob: float | None
    coherence: float | None
    kl: float
    steps: list[Step]
    spent: Spent
    shared: bool
    seam: bool
    best: Sample | None
    worst: Sample | None
    unrewarded: Problem
    ended: str
    provenance: dict[str, Any] | None
    outcome: str
    reason: str
