"""Who takes part in TAPIR's tests: models that are functions, and note what they were asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dikast.agents.models.request import Reply, Request
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.solver import ModelSolver
from dikast.graphs import tapir
from dikast.graphs.tapir.classifier import ModelTaskClassifier
from dikast.graphs.tapir.judge import ModelPairScorer
from dikast.graphs.tapir.teacher import ModelTeacher

Said = str | Reply | Exception
Points = Callable[[str, str], Said]
"""(answer shown first, answer shown second) -> what the judge says."""
ANSWER = re.compile(r"<(first|second)_answer-([0-9a-f]{12})>\n(.*?)\n</\1_answer-\2>", re.DOTALL)
ROW: tapir.Input = {"instruction": "Name a prime.", "answer": "seven", "task": "Math"}


@dataclass
class Scripted:
    """A model that says what a function says, and keeps the requests."""

    say: Callable[[Request], Said]
    requests: list[Request] = field(default_factory=list[Request])

    @property
    def model(self) -> ScriptedModel:
        return ScriptedModel(self.answer, spec="scripted:cast:model")

    def answer(self, request: Request) -> str | Reply:
        self.requests.append(request)
        said = self.say(request)
        if isinstance(said, Exception):
            raise said
        return said


def shown(request: Request) -> tuple[str, str]:
    """The two answers that a judge was shown, in their order."""
    found = {one[1]: one[3] for one in ANSWER.finditer(request.messages[-1]["content"])}
    return found["first"], found["second"]


def points(first: int, second: int) -> str:
    return json.dumps({"reason": "so", "first": first, "second": second})


def judging(say: Points) -> Scripted:
    return Scripted(lambda request: say(*shown(request)))


def saying(said: Said) -> Scripted:
    return Scripted(lambda request: said)


@dataclass
class Cast:
    """A context's actors by name, and the context."""

    solver: Scripted = field(default_factory=lambda: saying("eight"))
    judge: Scripted = field(
        default_factory=lambda: judging(lambda a, b: points(9, 3) if a == "seven" else points(3, 9))
    )
    classifier: Scripted = field(default_factory=lambda: saying("Math"))
    teacher: Scripted = field(default_factory=lambda: saying("seven"))

    def context(self, **knobs: Any) -> tapir.Context:
        made: dict[str, Any] = {
            "solver": ModelSolver(self.solver.model),
            "judge": ModelPairScorer(self.judge.model),
            "classifier": ModelTaskClassifier(self.classifier.model),
            "teacher": ModelTeacher(self.teacher.model),
        }
        return tapir.Context(**{**made, **knobs})


async def run(context: tapir.Context, row: Any = ROW) -> tapir.Output:
    return (await tapir.graph.ainvoke(row, context=context, version="v2")).value
