"""The expansion's knobs and actors (`Context`), and what goes into its graph and comes out.

Light on purpose: the command line reads the flags of `dikast tapir expand` off this file, so it loads no engine.
"""

from __future__ import annotations

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from dikast.agents.models.request import Sampling
from dikast.flags import NoFlag, SamplingOf
from dikast.graphs.tapir.context import CLASSIFYING, Tasks
from dikast.graphs.tapir.expand.records import Failure, New
from dikast.graphs.tapir.roles import TaskClassifier, Teacher
from dikast.wire import Spec

EXPANDING = Sampling(max_tokens=2048, temperature=0.7, seed=0)
"""Instructions that differ need some chance; answers are drawn alike. Ours: the paper's value could not be read."""
COUNT = 2
MOST = 32
"""New instructions of one: a list that is longer begins to repeat itself."""
NEAR = 0.8
"""`dikast.evaluation.diversity.THRESHOLD`, whose module loads numbers; a test holds them to be the same."""


class Context(Tasks):
    """Who takes part, and the method's knobs."""

    teacher: Annotated[Teacher, Spec("dikast.graphs.tapir.teacher:load_teacher", model=True)]
    """Writes new instructions, and answers them."""
    classifier: Annotated[TaskClassifier, Spec("dikast.graphs.tapir.classifier:load_classifier", model=True)]
    """Says of each new instruction which task it is of; one whose task changed is left out."""
    count: int = Field(default=COUNT, ge=1, le=MOST)
    """New instructions to ask for, of each that is given."""
    near: float = Field(default=NEAR, gt=0, le=1)
    """Instructions at least so similar (Jaccard, of their 5-character shingles) are near-repeats, and left out."""
    expanding: Annotated[Sampling, SamplingOf("teacher")] = EXPANDING
    """Of the teacher's instructions and answers."""
    classifying: Annotated[Sampling, NoFlag("a name out of a list is chosen greedily")] = CLASSIFYING
    """Of the classifier's replies."""


class Input(TypedDict):
    """An instruction that the student finds hard, with its task where that is known."""

    instruction: str
    task: NotRequired[str]
    id: NotRequired[str]


class Output(TypedDict):
    """What came of it.

    `task` is that of the given instruction; `None` where nobody can say it, and then nothing is asked for. The row's
    `outcome` is the gravest failure (`error`, `timeout`, `limit`) that befell a call; else `ok` if new instructions
    could be read, kept or not; else what befell the first call.
    """

    task: str | None
    made: list[New]
    failures: list[Failure]
    outcome: str
    reason: str


class State(TypedDict):
    """What the nodes share; `task` is the row's own at first."""

    instruction: str
    id: NotRequired[str]
    task: str | None
    made: list[New]
    failures: list[Failure]
    outcome: str
    reason: str


class Update(TypedDict, total=False):
    """What a node may write."""

    task: str | None
    made: list[New]
    failures: list[Failure]
    outcome: str
    reason: str
