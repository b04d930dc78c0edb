"""Policies without weights for tests of the rounds: each writes one letter, and a text is worth its letters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dikast.agents.models.request import Reply, Request
from dikast.agents.models.scripted import scripted
from dikast.graphs.rewards import rewarding
from dikast.graphs.rlgf.rounds.recipe import PpoRecipe
from dikast.graphs.rlgf.rounds.records import Updated
from dikast.training.stopping import OnStep
from tests.graphs.rlgf.scripts import letters

HERE = "scripted:tests.graphs.rlgf.rounds_models"
VALUES = {"a": 0.0, "b": 1.0, "c": 2.0, "d": 3.0, "g": 4.0}


@scripted
def policy_a(request: Request) -> Reply:
    return letters(request, "a")


@scripted
def policy_b(request: Request) -> Reply:
    return letters(request, "b")


@scripted
def policy_c(request: Request) -> Reply:
    return letters(request, "c")


@scripted
def policy_d(request: Request) -> Reply:
    return letters(request, "d")


@scripted
def guide(request: Request) -> Reply:
    return letters(request, "g")


@rewarding
def worth(prompt: str, text: str, reference: str) -> float:
    """The mean of the letters."""
    return sum(VALUES[one] for one in text) / len(text) if text else 0.0


@rewarding
def own_alone(prompt: str, text: str, reference: str) -> float:
    """Cannot be read where the guide has written."""
    return float("nan") if "g" in text else 0.0


@dataclass
class Fake:
    """A trainer that names the next policy; it notes what it was given.

    Args:
        names: Of the policies that it makes, by round.
        breaks: Trainings, from 0, that raise this once.
    """

    names: list[str]
    breaks: dict[int, BaseException] = field(default_factory=dict[int, BaseException])
    given: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    spec: str = "fake"

    def fingerprint(self) -> Mapping[str, object]:
        return {"fake": 1}

    def train(
        self,
        recipe: PpoRecipe,
        rows: Path,
        model: str,
        out: Path,
        *,
        critic: Path | None,
        temperature: float,
        seed: int,
        on_step: OnStep,
    ) -> Updated:
        texts = [json.loads(line) for line in rows.read_text().splitlines()]
        self.given.append({"model": model, "texts": texts, "critic": critic, "seed": seed, "temperature": temperature})
        if error := self.breaks.pop(len(self.given) - 1, None):
            raise error
        on_step({"step": 1, "steps": 1, "loss": 0.5})
        number = int(out.parent.name.split("-")[1]) - 1
        name = f"{HERE}:{self.names[number]}"
        return Updated(name, f"digest of {self.names[number]}", len(texts), {}, 5, 50, 0.5, 0.7, 0.1, 0.0)
