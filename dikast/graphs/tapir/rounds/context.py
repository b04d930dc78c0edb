"""The knobs of TAPIR's rounds (`Context`): who takes part, how rows are chosen, and the training's recipe.

Light on purpose: the command line reads the flags of `dikast tapir rounds` off this file, so it loads no engine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from dikast.agents.models.request import Sampling
from dikast.flags import Flag, NoFlag, SamplingOf
from dikast.graphs.tapir.context import ANSWERING, CLASSIFYING, JUDGING, RUBRIC, TEACHING, Tasks
from dikast.graphs.tapir.expand.context import EXPANDING, MOST, NEAR
from dikast.graphs.tapir.options import THRESHOLD
from dikast.graphs.tapir.roles import PairScorer, TaskClassifier, Teacher
from dikast.training.recipes import SftRecipe
from dikast.wire import CONTEXT, Spec

ROUNDS, HARD, HARD_STEP, REPEATS = 3, 0.3, 0.2, 4
"""Rounds are those that second-hand sources name; the others are those of `dikast.training.mixture`, held by a test."""
HELD = 20
"""Percent of the instructions, by their hash: what a round is measured on."""
TRAINING = "Training"


class Context(Tasks, SftRecipe):
    """Who takes part, how a round's rows are chosen, and how the student is trained on them.

    The fields of `dikast.training.recipes.SftRecipe` are this context's own, and so its flags.
    """

    model_config = CONTEXT
    only_here: ClassVar[str] = "its stages are jobs of their own, in folders of this machine"

    folder: Annotated[Path, NoFlag("the run folder")] = Field(json_schema_extra={"fingerprint": False})
    """Where the rounds' stages lie."""
    instructions: Annotated[Path, NoFlag("an option")] = Field(json_schema_extra={"fingerprint": False})
    """The file of instructions; its content counts, not its place."""
    columns: Annotated[str | None, NoFlag("an option")] = None
    """Our names of the file's columns."""
    solver: Annotated[str, Flag(metavar="SPEC")]
    """The student, which is trained: transformers:FOLDER, perhaps with an adapter to go on with."""
    sampler: Annotated[str, Flag(metavar="SPEC")] = ""
    """An engine with the same base model that answers for the student: vllm: or server:; itself without."""
    judge: Annotated[PairScorer, Spec("dikast.graphs.tapir.judge:load_pair_scorer", model=True)]
    """Scores both answers in one call; 'free+SPEC' for an engine that takes no JSON schema."""
    classifier: Annotated[TaskClassifier, Spec("dikast.graphs.tapir.classifier:load_classifier", model=True)] | None = (
        None
    )
    """Names the task of rows that do not say it, and of new instructions."""
    teacher: Annotated[Teacher, Spec("dikast.graphs.tapir.teacher:load_teacher", model=True)] | None = None
    """Answers the rows that have no answer, and writes new instructions."""
    rounds: int = Field(default=ROUNDS, ge=1)
    """How many rounds."""
    rubric: Annotated[str, Flag(metavar="TEXT")] = RUBRIC
    """What makes an answer good."""
    threshold: float = Field(default=THRESHOLD, ge=-9, le=9)
    """Instructions at least so hard are the hard ones."""
    weights: Annotated[tuple[float, ...] | None, Flag(metavar="W,W,...")] = None
    """The share that each of --tasks should have; EasyDistill's for its own tasks, else all the same."""
    hard_share: float = Field(default=HARD, ge=0, le=1)
    """The first round's share of hard rows, within each task."""
    hard_step: float = Field(default=HARD_STEP, ge=0, le=1)
    """What each further round adds to it."""
    repeats: int = Field(default=REPEATS, ge=1)
    """How often a hard row may come in a round, while its task has other rows."""
    rows: int = Field(default=0, ge=0)
    """Training rows of a round; 0 for as many as there are different ones."""
    count: int = Field(default=0, ge=0, le=MOST)
    """New instructions that the teacher writes of each hard one, every round; 0 for none."""
    near: float = Field(default=NEAR, gt=0, le=1)
    """New instructions at least so similar to others are left out."""
    held: int = Field(default=HELD, ge=1, le=90)
    """Percent of the instructions that are held out, by their hash, to measure rounds on."""
    margin: float = Field(default=0.0, ge=0)
    """By how many points the mean difficulty on held-out instructions has to fall, or the round is rolled back."""
    answering: Annotated[Sampling, SamplingOf("solver")] = ANSWERING
    """Of the student's answers."""
    teaching: Annotated[Sampling, SamplingOf("teacher")] = TEACHING
    """Of the teacher's answers to rows that have none."""
    judging: Annotated[Sampling, SamplingOf("judge")] = JUDGING
    """Of the judge's replies."""
    expanding: Annotated[Sampling, NoFlag("as in 'dikast tapir expand'")] = EXPANDING
    """Of new instructions and their answers."""
    classifying: Annotated[Sampling, NoFlag("a name out of a list is chosen greedily")] = CLASSIFYING
    """Of the classifier's replies."""

    @model_validator(mode="after")
    def _can_be(self) -> Context:
        if self.count and (self.teacher is None or self.classifier is None):
            raise ValueError("count: new instructions need a teacher and a classifier")
        return self

    @property
    def recipe(self) -> SftRecipe:
        """The training's part of these knobs."""
        return SftRecipe(**{name: getattr(self, name) for name in SftRecipe.model_fields})
