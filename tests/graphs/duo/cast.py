"""Who takes part in tests of tiers: models whose skill is a function of the question, and a journal's rows of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dikast.agents.models.request import Sampling
from dikast.graphs.duo import tiers
from dikast.graphs.duo.tiers.roles import Said
from dikast.records import Outcome

ROW: tiers.Input = {"id": "r", "question": "2 + 2?", "answer": "4"}
Says = Callable[[str, str | None, int], str | Exception | Outcome]
"""(question, draft, sample) -> what is said."""


@dataclass
class Tier:
    """Says what a function says; each reply has 10 tokens and reads 10."""

    says: Says
    name: str = "small"
    logprob: Callable[[str], float] = lambda text: -0.5
    asked: list[tuple[str, str | None, int]] = field(default_factory=list[tuple[str, str | None, int]])

    @property
    def spec(self) -> str:
        return f"python:{self.name}"

    def fingerprint(self) -> Mapping[str, object]:
        return {"tier": self.name}

    async def answer(
        self, question: str, draft: str | None, ending: str, *, sampling: Sampling, sample: int, confidence: bool
    ) -> Said:
        self.asked.append((question, draft, sample))
        said = self.says(question, draft, sample)
        if isinstance(said, Exception):
            raise said
        outcome = said if isinstance(said, Outcome) else Outcome.OK
        text = "" if isinstance(said, Outcome) else said
        sure = self.logprob(text) if confidence else None
        provenance = {"model": self.spec, "finish_reason": "stop"}
        return Said(text, 10, 10, sure, sure, outcome, "", {"calls": 1}, provenance)


def always(text: str, name: str = "small") -> Tier:
    return Tier(lambda question, draft, sample: text, name)


def failing(said: Exception | Outcome) -> Tier:
    """A big model that only ever does this."""
    return Tier(lambda question, draft, sample: said, "big")


def context(small: Tier, big: Tier, **knobs: Any) -> tiers.Context:
    return tiers.Context.model_validate({"small": small, "big": big, "samples": 1, **knobs})


async def run(made: tiers.Context, row: Any = ROW) -> tiers.Output:
    return (await tiers.graph.ainvoke(row, context=made, version="v2")).value


async def record(made: tiers.Context, row: Any = ROW) -> dict[str, Any]:
    """The line of a journal that this row would be."""
    output = await run(made, row)
    return {"row": 1, "key": row.get("id", ""), "input": row, "output": output, "outcome": output["outcome"]}
