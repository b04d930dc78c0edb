"""TAPIR's knobs and actors (`Context`), and what goes into its graph and comes out.

Light on purpose: the command line reads the flags of `dikast tapir run` off this file, so it loads no engine.
"""

from __future__ import annotations

import operator
from typing import Annotated, NotRequired

from pydantic import BaseModel, Field, model_validator
from typing_extensions import TypedDict

from dikast.agents.models.request import Sampling
from dikast.agents.roles import Solver
from dikast.flags import Flag, NoFlag, SamplingOf
from dikast.graphs.tapir.records import Answer, Scores
from dikast.graphs.tapir.roles import PairScorer, Style, TaskClassifier, Teacher
from dikast.wire import CONTEXT, Spec

RUBRIC = (
    "Does it do what the instruction asks, is what it says correct, is it complete, and is it clear to read?"
    " A longer answer is not a better one."
)
"""Ours: the paper's judge scores by helpfulness, relevance, accuracy and level of detail; length is no merit here."""

ANSWERING = Sampling(max_tokens=1024, seed=0)
"""Greedy, so that a student's difficulty with an instruction is a property of the student."""
TEACHING = Sampling(max_tokens=2048, seed=0)
JUDGING = Sampling(max_tokens=512, seed=0)
CLASSIFYING = Sampling(max_tokens=64, seed=0)
"""The longest of the names that ship has five tokens; a name is chosen, not sampled."""

TASKS = (
    *("Math", "Reasoning", "Code Generation", "Code Debug", "Writing", "Computer Science", "Complex Format"),
    *("Common-Sense", "Counterfactual", "Multilingual", "Roleplay", "Biology", "Technology", "Ethics", "Sport", "Law"),
    *("Medicine", "Literature", "Entertainment", "Art", "Music", "Toxicity", "Economy", "Physics", "History"),
    *("Chemistry", "Philosophy", "Health", "Ecology", "Grammar", "Paraphrase", "Others"),
)
"""The categories of `dikast.training.mixture.DISTILQWEN2`, in its order; a test holds them to be the same."""
STEP_TASKS = ("Math", "Reasoning")
CODE_TASKS = ("Code Generation", "Code Debug")

Name = Annotated[str, Field(min_length=1)]


class Tasks(BaseModel):
    """The tasks that there are, and how the teacher answers each; what every job of the method has."""

    model_config = CONTEXT

    tasks: Annotated[tuple[Name, ...], Flag(metavar="A,B,...")] = Field(default=TASKS, min_length=2)
    """The tasks that there are; EasyDistill's categories without."""
    step_tasks: Annotated[tuple[str, ...], Flag(metavar="A,B,...")] = STEP_TASKS
    """Tasks that the teacher answers step by step."""
    code_tasks: Annotated[tuple[str, ...], Flag(metavar="A,B,...")] = CODE_TASKS
    """Tasks that the teacher answers with commented code; all others with structured prose."""

    @model_validator(mode="after")
    def _are_different(self) -> Tasks:
        folded = [" ".join(task.casefold().split()) for task in self.tasks]
        if len(set(folded)) < len(folded) or not all(folded):
            raise ValueError("tasks: each needs a name of its own")
        return self

    def style_of(self, task: str | None) -> Style:
        """How the teacher answers an instruction of that task."""
        return "steps" if task in self.step_tasks else "code" if task in self.code_tasks else "prose"


class Context(Tasks):
    """Who takes part, and the method's knobs."""

    solver: Annotated[Solver, Spec("dikast.agents.solver:load_solver", model=True)]
    """The student: whose difficulty with an instruction is measured."""
    judge: Annotated[PairScorer, Spec("dikast.graphs.tapir.judge:load_pair_scorer", model=True)]
    """Scores both answers in one call; 'free+SPEC' for an engine that takes no JSON schema."""
    classifier: Annotated[TaskClassifier, Spec("dikast.graphs.tapir.classifier:load_classifier", model=True)] | None = (
        None
    )
    """Names the task of rows that do not say it."""
    teacher: Annotated[Teacher, Spec("dikast.graphs.tapir.teacher:load_teacher", model=True)] | None = None
    """Answers the rows that have no answer."""
    rubric: Annotated[str, Flag(metavar="TEXT")] = RUBRIC
    """What makes an answer good."""
    answering: Annotated[Sampling, SamplingOf("solver")] = ANSWERING
    """Of the student's answers."""
    teaching: Annotated[Sampling, SamplingOf("teacher")] = TEACHING
    """Of the teacher's answers."""
    judging: Annotated[Sampling, SamplingOf("judge")] = JUDGING
    """Of the judge's replies."""
    classifying: Annotated[Sampling, NoFlag("a name out of a list is chosen greedily")] = CLASSIFYING
    """Of the classifier's replies."""


class Input(TypedDict):
    """An instruction, with the teacher's answer and the task where they are known."""

    instruction: str
    answer: NotRequired[str]
    task: NotRequired[str]
    id: NotRequired[str]


class Output(TypedDict):
    """What was measured.

    `difficulty` is the teacher's points minus the student's, the mean of both orders, -9 to 9; `None` where an answer
    or a reading of a judge's reply is missing. Two answers that are the same have a difficulty of 0 and cost no call
    of the judge. The row's `outcome` is the gravest failure (`error`, `timeout`, `limit`) that befell a call; else
    `ok` with a difficulty and a task; else what befell the first call whose result is missing.
    """

    teacher: Answer
    student: Answer
    scores: list[Scores]
    difficulty: float | None
    task: str | None
    outcome: str
    reason: str


class Named(TypedDict):
    """The row's task, and how it came about."""

    task: str | None
    outcome: str
    reason: str


class State(Input):
    """What the nodes share."""

    answers: Annotated[list[Answer], operator.add]
    scores: Annotated[list[Scores], operator.add]
    named: Named
    teacher: Answer
    student: Answer
    difficulty: float | None
    outcome: str
    reason: str


class Update(TypedDict, total=False):
    """What a node may write."""

    answers: list[Answer]
    scores: list[Scores]
    named: Named
    task: str | None
    teacher: Answer
    student: Answer
    difficulty: float | None
    outcome: str
    reason: str
