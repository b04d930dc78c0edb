"""The tuning's knobs and actors (`Context`), and what goes into its graph and comes out.

Light on purpose: the command line reads the flags of `dikast tune METHOD` off this file, so it loads no engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NotRequired, cast

from pydantic import BaseModel, Field, SerializeAsAny, model_validator
from typing_extensions import TypedDict

from dikast.agents.models.request import Sampling
from dikast.agents.roles import Judge
from dikast.flags import Flag, NoFlag, SamplingOf
from dikast.graphs.zo_ranksgd.records import Held, Round, Trial
from dikast.graphs.zo_ranksgd.roles import Ranker
from dikast.wire import CONTEXT, Spec

KNOBS, RANKING, ALGORITHM = "Knobs", "Ranking", "Algorithm"
"""Panels of `dikast tune --help`."""
CANDIDATES, MU, ETA, STEPS = 3, 0.15, 0.4, 1
"""In shares of a knob's range. Chosen on random quadratics of 1 to 4 dimensions with 12, 24 and 40 trials, none of them
a method's: `benchmarks/zo.py --choose`. What matters is to spend few trials a round."""
GAMMA = 0.5
"""The paper's, in its experiments with pictures."""
RUBRIC = "It does what the input asks for, correctly and completely, and without anything that nobody asked for."
SCALE = (1.0, 5.0)
JUDGING = Sampling(max_tokens=1024, seed=0)
"""Greedy."""
SHOWN_CHARACTERS = 2000
"""Of an output, for whoever judges it."""


class Context(BaseModel):
    """What is tuned, who ranks, and how it is searched."""

    model_config = CONTEXT
    only_here: ClassVar[str] = "its trials are jobs of their own, in folders of this machine"

    method: Annotated[str, NoFlag("the command's first word")]
    """The method that is tuned: a name of dikast's, or MODULE:NAME."""
    base: Annotated[SerializeAsAny[BaseModel], NoFlag("made of the method's own flags")]
    """The method's context that it begins with."""
    facts: Annotated[Mapping[str, Any], NoFlag("made of the method's own flags")] = Field(
        default_factory=dict[str, Any]
    )
    """What each trial's manifest says beside its context: the files that measures are made with."""
    folder: Annotated[Path, NoFlag("the run's own folder")] = Field(json_schema_extra={"fingerprint": False})
    """Where trials and journal lie."""
    concurrency: Annotated[int, NoFlag("--concurrency")] = Field(
        default=16, ge=1, json_schema_extra={"fingerprint": False}
    )
    """Rows of a trial in flight at most."""
    knobs: Annotated[str, Flag(metavar="NAME,...", panel=KNOBS)] = Field(min_length=1)
    """Fields of the method's context: NAME where it has both bounds or is a choice, NAME=LOW:HIGH, NAME=LOW:HIGH:log,
    NAME=A|B|C; see docs/methods/zo_ranksgd.md."""
    measure: Annotated[str, Flag(metavar="NAME", panel=RANKING)] = ""
    """Rank by a number of the run: a measure of the method (nDCG@10, accuracy, ...), or output.FIELD of any."""
    judge: Annotated[Judge, Spec("dikast.agents.judge:load_judge", model=True), Flag(panel=RANKING)] | None = None
    """Rank by a judge of outputs: SPEC, json+SPEC, logprobs+SPEC."""
    human: Annotated[bool, Flag(panel=RANKING)] = False
    """Rank by asking you, row by row."""
    ranker: Annotated[Ranker, Spec("dikast.graphs.zo_ranksgd.rankers:load_ranker"), NoFlag("for Python")] | None = None
    """Rank by an object of your own."""
    goal: Annotated[Literal["highest", "lowest"], Flag(panel=RANKING)] = "highest"
    """Which number is best; for a measure."""
    compare: Annotated[Literal["pairs", "scores"], Flag(panel=RANKING)] = "pairs"
    """Whether a judge compares outputs two by two in both orders, or scores each."""
    rubric: Annotated[str, Flag(metavar="TEXT", panel=RANKING)] = RUBRIC
    """What makes an output good, for a judge or a person."""
    scale: Annotated[tuple[float, float], Flag(metavar="LOW,HIGH", panel=RANKING)] = SCALE
    """A judge's lowest and highest score."""
    judging: Annotated[Sampling, SamplingOf("judge")] = JUDGING
    """Of the judge's replies."""
    show: Annotated[tuple[str, ...], Flag(metavar="FIELD,...", panel=RANKING)] = ()
    """Fields of the output that a judge or a person sees, inner ones as turns.0.program; all of it without."""
    show_characters: Annotated[int, Flag(panel=RANKING)] = Field(default=SHOWN_CHARACTERS, ge=1)
    """Characters of an output that they see at most."""
    asked_rows: Annotated[int, Flag(panel=RANKING)] = Field(default=1, ge=1)
    """Rows that a person is asked about in each question, in turn."""
    algorithm: Annotated[Literal["zo", "cma", "random", "grid"], Flag(panel=ALGORITHM)] = "zo"
    """ZO-RankSGD, CMA-ES (needs the extra tune, and two knobs), points by chance, a grid; all with the same trials."""
    seed: int = 0
    """Of what is drawn."""
    candidates: Annotated[int, Flag(panel=ALGORITHM)] = Field(default=CANDIDATES, ge=2)
    """zo: settings of a probe, the paper's m."""
    best: Annotated[int | None, Flag(panel=ALGORITHM)] = Field(default=None, ge=1)
    """zo: how many of them are ranked, the paper's k; all of them without."""
    mu: Annotated[float, Flag(panel=ALGORITHM)] = Field(default=MU, gt=0, le=1)
    """zo: how far a probe lies, as a share of a knob's range."""
    eta: Annotated[float, Flag(panel=ALGORITHM)] = Field(default=ETA, gt=0)
    """zo: the longest step, in lengths of the estimate."""
    gamma: Annotated[float, Flag(panel=ALGORITHM)] = Field(default=GAMMA, gt=0, lt=1)
    """zo: how much shorter each step of the line search is."""
    steps: Annotated[int, Flag(panel=ALGORITHM)] = Field(default=STEPS, ge=1)
    """zo: steps of the line search."""
    antithetic: Annotated[bool, Flag(panel=ALGORITHM)] = False
    """zo: whether probes come in pairs, one on each side."""

    @model_validator(mode="before")
    @classmethod
    def _base_is_the_methods(cls, given: Any) -> Any:
        """Out of JSON, the base is the method's own kind of context again."""
        fields = cast(dict[str, Any], given) if isinstance(given, dict) else {}
        if isinstance(fields.get("base"), dict) and isinstance(fields.get("method"), str):
            from dikast.graphs.zo_ranksgd.finding import find_method

            return {**fields, "base": find_method(fields["method"]).context.model_validate(fields["base"])}
        return cast(Any, given)  # whatever it is, Pydantic says what is wrong

    @model_validator(mode="after")
    def _can_be(self) -> Context:
        from dikast.tuning.knobs import parse_knobs

        ways = (self.measure, self.judge, self.human, self.ranker)
        if sum(bool(one) for one in ways) != 1:
            told = "who ranks? one of a measure, a judge, a person (a method's own judge stands behind '--')"
            raise ValueError(f"measure: {told}")
        if self.scale[0] >= self.scale[1]:
            raise ValueError("scale: the lowest score comes first")
        if self.best is not None and self.best > self.candidates:
            raise ValueError(f"best: {self.best} of {self.candidates} candidates cannot be ranked")
        if self.goal == "lowest" and not self.measure:
            raise ValueError("goal: only a measure has a lowest number")
        parsed = parse_knobs(self.knobs, type(self.base))
        if self.algorithm == "cma" and len(parsed) < 2:
            raise ValueError("algorithm: cma moves two knobs at least")
        return self


class Input(TypedDict):
    """A tuning."""

    id: str
    """The name of its folder within the run's."""
    rows: list[dict[str, Any]]
    """Inputs of the method's graph, on which each settings are run."""
    held: NotRequired[list[dict[str, Any]]]
    """Others, on which what came of it is compared with what it began with."""
    budget: int
    """How many settings are run at most, the first ones included."""


class Output(TypedDict):
    """What came of it.

    `settings` are those to use, by the knobs' names, `start` those that it began with; `value` and `start_value` are
    means over the tuned rows, `None` where those who rank give no numbers; `comparison` is over held rows. `outcome` is
    `ok`, or `empty` where no settings came to anything.
    """

    outcome: str
    reason: str
    settings: dict[str, Any]
    start: dict[str, Any]
    value: float | None
    start_value: float | None
    chosen: int
    trials: list[Trial]
    rounds: list[Round]
    comparison: Held | None
    usage: dict[str, dict[str, float]]


class Question(TypedDict):
    """What the algorithm asks at present."""

    room: int
    about: str
    best: int
    points: list[list[float]]


class State(Input, Output):
    """What goes through the graph; `question` is `None` where nothing is left to ask, `asked` its points' trials."""

    question: Question | None
    asked: list[int]


class Update(TypedDict, total=False):
    """What a node may write."""

    question: Question | None
    asked: list[int]
    outcome: str
    reason: str
    settings: dict[str, Any]
    start: dict[str, Any]
    value: float | None
    start_value: float | None
    chosen: int
    trials: list[Trial]
    rounds: list[Round]
    comparison: Held | None
    usage: dict[str, dict[str, float]]
