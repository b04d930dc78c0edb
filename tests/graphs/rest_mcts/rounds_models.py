"""Policies and critics without weights for tests of the rounds: adders of growing skill, and heads of growing sense."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dikast.agents.models.request import Reply, Request
from dikast.agents.models.scripted import scripted
from dikast.graphs.rest_mcts.critics import valuing
from dikast.training.recipes import Recipe
from dikast.training.stopping import OnStep
from dikast.training.trainer import Trained
from tests.graphs.rest_mcts.scripts import is_right_so_far, prefix_reply, question_of

HERE = "scripted:tests.graphs.rest_mcts.rounds_models"
asked: list[tuple[str, Request]] = []
"""Who was asked what, since a test cleared it."""


def spoken(name: str, request: Request, right: float) -> Reply:
    asked.append((name, request))
    marking = request.messages[0]["content"].startswith("You mark solutions")
    return marked(request) if marking else prefix_reply(request, right)


def marked(request: Request) -> Reply:
    """Points by how long a solution goes well: a judge that knows sums. Of some questions it says nothing."""
    text = request.messages[-1]["content"]
    question = question_of(text)
    lines = [line for line in text.splitlines() if line.startswith(("plus ", "#### "))]
    good = sum(is_right_so_far(question, "\n".join(lines[: at + 1])) for at in range(len(lines)))
    first, draw = int(question.split()[0]), request.sampling.seed or 0
    if first % 5 == 1 or (first % 5 == 2 and draw % 3 == 0):
        return Reply("Hard to say.", "stop", 10, 3)
    return Reply(f"It goes well for {good} lines.\n[[{3 if first % 5 == 3 else min(good, 5)}]]", "stop", 10, 8)


@scripted
def policy_a(request: Request) -> Reply:
    return spoken("policy_a", request, 0.7)


@scripted
def policy_b(request: Request) -> Reply:
    return spoken("policy_b", request, 0.9)


@scripted
def policy_c(request: Request) -> Reply:
    return spoken("policy_c", request, 1.0)


@scripted
def policy_never(request: Request) -> Reply:
    return spoken("policy_never", request, 0.0)


def valued(name: str, request: Request) -> Reply:
    asked.append((name, request))
    question, solution = question_of(request.messages[-1]["content"]), str(request.completion)
    done = len(solution.splitlines()) / len(question.split())
    return Reply(solution, "scored", 3, 0, value=done if is_right_so_far(question, solution) else 0.1)


@scripted
def head_1(request: Request) -> Reply:
    return valued("head_1", request)


@scripted
def head_2(request: Request) -> Reply:
    return valued("head_2", request)


@valuing
def half(question: str, solution: str) -> float:
    """The first critic: knows nothing."""
    return 0.5


@dataclass
class Fake:
    """A trainer that names the next policy and the next critic; it notes what it was given.

    Args:
        names: Of the policies that it makes, by round.
        errors: Of the critics that it makes, on held rows, by round.
        breaks: Trainings, from 0, that raise this once.
    """

    names: list[str]
    errors: list[float] = field(default_factory=lambda: [0.01, 0.001, 0.0001])
    breaks: dict[int, BaseException] = field(default_factory=dict[int, BaseException])
    given: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    spec: str = "fake"

    def fingerprint(self) -> Mapping[str, object]:
        return {"fake": 1}

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The trainings of policies (`sft`) or critics (`value`)."""
        return [one for one in self.given if one["kind"] == kind]

    def train(
        self,
        recipe: Recipe,
        rows: Path,
        model: str,
        out: Path,
        *,
        on_step: OnStep,
        held: Path | None = None,
    ) -> Trained:
        lines = [json.loads(line) for line in rows.read_text().splitlines()]
        apart = [json.loads(line) for line in held.read_text().splitlines()] if held else []
        given = {"kind": recipe.kind, "model": model, "rows": lines, "held": apart, "out": out, "seed": recipe.seed}
        self.given.append(given)
        if error := self.breaks.pop(len(self.given) - 1, None):
            raise error
        on_step({"step": 1, "steps": 1, "loss": 0.5})
        number = int(out.parent.parent.name.split("-")[1]) - 1
        critic = recipe.kind == "value"
        name = f"head_{number + 1}" if critic else self.names[number]
        error_ = self.errors[number] if critic and apart else None
        return Trained(out, f"{HERE}:{name}", f"digest of {name}", len(lines), {}, 5, 50, 0.1, 0.5, 0.7, error_)
