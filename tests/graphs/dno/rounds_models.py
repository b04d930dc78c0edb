"""Policies without weights for tests of the rounds: the level of a policy is how good its answers are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dikast.agents.models.request import Request
from dikast.agents.models.scripted import scripted
from dikast.training.recipes import Recipe
from dikast.training.stopping import OnStep
from dikast.training.trainer import Trained

HERE = "scripted:tests.graphs.dno.rounds_models"
GOLD = "level 3 of gold, and longer"


def answer(request: Request, level: int) -> str:
    """An answer of a level, or for every other sample one below."""
    return f"level {level - (request.sampling.seed or 0) % 2} of mine"


@scripted
def policy_0(request: Request) -> str:
    return answer(request, 1)


@scripted
def policy_1(request: Request) -> str:
    return answer(request, 3)


@scripted
def policy_2(request: Request) -> str:
    return answer(request, 5)


@scripted
def policy_3(request: Request) -> str:
    return answer(request, 6)


@scripted
def worse(request: Request) -> str:
    return answer(request, 0)


@scripted
def judge(request: Request) -> str:
    """Points are levels, twice that of gold."""
    shown = re.findall(r"<answer_\d+-[0-9a-f]+>\n(.*)\n</", request.messages[-1]["content"])
    points = [6 if "gold" in text else max(0, int(text.split()[1])) for text in shown]
    return json.dumps({"reasoning": "", **{f"answer_{n}": one for n, one in enumerate(points, start=1)}})


@scripted
def placed(request: Request) -> str:
    """Always the first."""
    shown = re.findall(r"<answer_\d+-[0-9a-f]+>\n", request.messages[-1]["content"])
    return json.dumps({f"answer_{n}": 6 if n == 1 else 0 for n in range(1, len(shown) + 1)})


@dataclass
class Fake:
    """A trainer that names the next policy; it notes what it was given.

    Args:
        names: Of the policies that it makes, in their order.
        breaks: Trainings, from 0, that raise this once.
    """

    names: list[str]
    breaks: dict[int, BaseException] = field(default_factory=dict[int, BaseException])
    given: list[tuple[str, int, Path]] = field(default_factory=list[tuple[str, int, Path]])
    spec: str = "fake"

    def fingerprint(self) -> Mapping[str, object]:
        return {"fake": 1}

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
        count = len(rows.read_text().splitlines())
        self.given.append((model, count, out))
        if error := self.breaks.pop(len(self.given) - 1, None):
            raise error
        on_step({"step": 1, "steps": 1, "loss": 0.5})
        out.mkdir(parents=True, exist_ok=True)
        number = int(out.parent.name.split("-")[1]) - 1
        name = f"{HERE}:{self.names[number]}"
        return Trained(out, name, f"digest of {self.names[number]}", count, {}, 1, 10, 0.1, 0.5, 0.7)
