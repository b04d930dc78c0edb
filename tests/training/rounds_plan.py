"""A plan of rounds without any model: it counts what is called, and breaks where it is told to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dikast.training.rounds import At, Decision, Policy, Result, Stage


@dataclass
class CountingPlan:
    """Each training adds one to a number; a round is promoted unless it is in `worse`.

    Args:
        rounds: How many.
        settings: What the ground of all stages is.
        rows_in: Round -> training rows; 2 where it is not named.
        worse: Rounds whose policy is worse.
        breaks: (round, stage) -> what is raised there, once.
    """

    rounds: int = 3
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    rows_in: Mapping[int, int] = field(default_factory=dict[int, int])
    worse: frozenset[int] = frozenset()
    breaks: dict[tuple[int, str], BaseException] = field(default_factory=dict[tuple[int, str], BaseException])
    called: Counter[tuple[int, str]] = field(default_factory=Counter[tuple[int, str]])

    def start(self) -> Policy:
        return Policy(model="scripted:0", digest="0", round=0)

    def ground(self, stage: Stage, at: At) -> Mapping[str, Any]:
        del at
        return {"stage": stage, **self.settings}

    def _count(self, at: At, stage: str, folder: Path) -> None:
        self.called[at.round, stage] += 1
        folder.mkdir(exist_ok=True)
        with (folder / "calls").open("a") as file:
            file.write(f"{at.policy['model']}\n")
        if error := self.breaks.pop((at.round, stage), None):
            raise error

    async def collect(self, at: At, folder: Path) -> Result:
        self._count(at, "collect", folder)
        return {"usage": {"solver": {"calls": 2, "output_tokens": 10}, "judge": {"calls": 1}}}

    async def rows(self, at: At, folder: Path) -> Result:
        self._count(at, "rows", folder)
        return {"rows": self.rows_in.get(at.round, 2)}

    async def train(self, at: At, folder: Path) -> Result:
        self._count(at, "train", folder)
        number = int(at.policy["digest"]) * 10 + at.round
        return {"model": f"scripted:{number}", "digest": str(number)}

    async def evaluate(self, at: At, folder: Path) -> Result:
        self._count(at, "evaluate", folder)
        return {"wins": 0 if at.round in self.worse else 1, "usage": {"judge": {"calls": 3}}}

    def decide(self, at: At) -> Decision:
        wins = at.result("evaluate")["wins"]
        return Decision(bool(wins), f"{wins} wins")
