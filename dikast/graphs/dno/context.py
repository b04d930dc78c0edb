"""DNO's knobs and actors (`Context`), and what goes into its graph and comes out.

Light on purpose: the command line reads the flags of `dikast dno run` off this file, so it loads no engine.
"""

from __future__ import annotations

import operator
from typing import Annotated, Any, Literal, NotRequired

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from dikast.agents.models.request import MethodSampling, Sampling
from dikast.agents.prompt import Prompt, load_prompt
from dikast.agents.roles import Solver
from dikast.flags import Flag, SamplingOf
from dikast.graphs.dno.records import Answer, Judged, Lengths, Pairing
from dikast.graphs.dno.roles import ListJudge, Teacher
from dikast.wire import CONTEXT, Spec

SAMPLES = 5
"""Answers of the student a prompt (the paper's K)."""
MOST_SAMPLES = 16
"""A judge is shown all of them at once."""
SAMPLING = MethodSampling(max_tokens=1024, temperature=0.7, top_p=0.95, seed=0)
"""The paper's: temperature 0.7, top_p 0.95."""
TEACHING = MethodSampling(max_tokens=1024, temperature=0.7, top_p=0.95, seed=0)
"""As the student; the paper's gold answers came with its data."""
JUDGING = Sampling(max_tokens=1024, seed=0)
"""Greedy: six scores behind a few sentences."""
PAIRS = "Pairs"
"""The heading of the rule's flags."""

Scoring = Literal["raw", "residual"]


class Collecting(BaseModel):
    """The knobs of a collection: those of `dikast dno run` that `dikast dno rounds` has, too."""

    model_config = CONTEXT

    judge: Annotated[ListJudge, Spec("dikast.graphs.dno.judge:load_list_judge", model=True)]
    """Scores all answers to a prompt side by side; text+SPEC for an engine that takes no JSON schema."""
    teacher: Annotated[Teacher, Spec("dikast.graphs.dno.teacher:load_teacher")] | None = None
    """Writes the gold answer of rows that bring none."""
    samples: int = Field(default=SAMPLES, ge=1, le=MOST_SAMPLES)
    """The student's answers to each prompt."""
    rubric: Annotated[Prompt, Spec(load_prompt)] = Field(default_factory=lambda: load_prompt("dno/rubric"))
    """What gives points: a prompt file with the fields prompt, answers and form."""
    least: Annotated[float, Flag(panel=PAIRS)] = Field(default=5.0, ge=0, le=6)
    """Points that the better answer of a pair has at least, of 6."""
    student_margin: Annotated[float, Flag(panel=PAIRS)] = Field(default=1.0, gt=0)
    """Points that it is ahead at least, where it is the student's."""
    teacher_margin: Annotated[float, Flag(panel=PAIRS)] = Field(default=2.0, gt=0)
    """The same, where it is the teacher's."""
    rule: Annotated[Literal["all", "teacher"], Flag(panel=PAIRS)] = "all"
    """Whose answers may be the better ones: anybody's, or only the teacher's (DNO-Restrictive)."""
    scores: Annotated[Scoring, Flag(panel=PAIRS)] = Field(default="raw", json_schema_extra={"fingerprint": False})
    """What report and training rows make pairs of: the judge's points, or these less what it gives for length alone, by
    one slope fitted over all rows of the run. A row's record keeps the judge's own points and the pairs by them."""
    seed: int = 0
    """Of the order in which a judge is shown the answers; another prompt has another order."""
    sampling: Annotated[Sampling, SamplingOf("solver")] = SAMPLING
    """Of the student's answers; each sample raises the seed by one."""
    teaching: Annotated[Sampling, SamplingOf("teacher")] = TEACHING
    """Of gold answers."""
    judging: Annotated[Sampling, SamplingOf("judge")] = JUDGING
    """Of scores."""


class Context(Collecting):
    """Who takes part, and the method's knobs."""

    solver: Annotated[Solver, Spec("dikast.agents.solver:load_solver", model=True)]
    """The student: the policy that is trained."""
    iteration: int = Field(default=1, ge=1)
    """The iteration of DNO that this run is for; a column of its training rows."""


class Input(TypedDict):
    """A prompt, and the gold answer to it unless a teacher writes one.

    `prompt` is a text, or a list of messages with `role` and `content` that ends with the user's turn.
    """

    prompt: str | list[dict[str, Any]]
    gold: NotRequired[str]
    id: NotRequired[str]


class Output(TypedDict):
    """Answers, scores and pairs.

    `answers` holds the gold answer first, then the student's in the order of their samples, also those that did not
    come. `pairs` are those that qualify by the judge's own points, `counts` how many there are of each kind. `judged`
    is `None` where there were not two different answers to compare. The row's `outcome` is the worst failure (`error`,
    `timeout`, `limit`) that befell a call, else how the judge's reply ended; without one, `ok` if all answers came,
    else what befell the first that did not.
    """

    answers: list[Answer]
    judged: Judged | None
    pairs: list[Pairing]
    counts: dict[str, int]
    lengths: Lengths
    outcome: str
    reason: str


class State(Input):
    """What the nodes share; `drafts` are answers in the order in which they came."""

    drafts: Annotated[list[Answer], operator.add]
    answers: list[Answer]
    judged: Judged | None
    pairs: list[Pairing]
    counts: dict[str, int]
    lengths: Lengths
    outcome: str
    reason: str


class Update(TypedDict, total=False):
    """What a node may write."""

    drafts: list[Answer]
    answers: list[Answer]
    judged: Judged | None
    pairs: list[Pairing]
    counts: dict[str, int]
    lengths: Lengths
    outcome: str
    reason: str
