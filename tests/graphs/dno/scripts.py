"""Who takes part in tests of DNO: a student, a teacher and a judge without models, which note what they were asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dikast.agents.models.request import Message, Request, Sampling, Structured
from dikast.agents.models.scripted import scripted
from dikast.agents.prompt import Prompt
from dikast.agents.roles import Solution
from dikast.graphs import dno
from dikast.graphs.dno.roles import Listing, Scores
from dikast.records import Outcome, Provenance, Usage

ROW: dno.Input = {"id": "r", "prompt": "Name a prime.", "gold": "Seven is one."}
Said = str | Exception | Outcome


def solution_of(said: Said, spec: str, prompt: str, seed: int | None, sample: int) -> Solution:
    if isinstance(said, Exception):
        raise said
    outcome = said if isinstance(said, Outcome) else Outcome.OK
    text, reason = ("", "as scripted") if isinstance(said, Outcome) else (said, "")
    return Solution(text, outcome, reason, Usage(calls=1), Provenance(spec, prompt, seed, sample, "stop", False))


@dataclass
class Student:
    """Says the text of each sample; those asked first answer last."""

    texts: Sequence[Said]
    asked: list[tuple[tuple[Message, ...], int]] = field(default_factory=list[tuple[tuple[Message, ...], int]])
    spec: str = "python:student"

    def fingerprint(self) -> Mapping[str, object]:
        return {"student": 1}

    async def solve(
        self,
        prompt: Prompt,
        fields: Mapping[str, str],
        *,
        sampling: Sampling,
        structured: Structured | None = None,
        sample: int = 0,
    ) -> Solution:
        self.asked.append((prompt.render(fields), sample))
        await asyncio.sleep(0.001 * (len(self.texts) - sample))
        return solution_of(self.texts[sample], self.spec, prompt.id, sampling.seed, sample)


@dataclass
class Writer:
    """A teacher with one answer to everything."""

    text: Said = "The teacher's own."
    asked: list[tuple[Message, ...]] = field(default_factory=list[tuple[Message, ...]])
    spec: str = "python:writer"

    def fingerprint(self) -> Mapping[str, object]:
        return {"writer": 1}

    async def answer(self, messages: Sequence[Message], *, sampling: Sampling) -> Solution:
        self.asked.append(tuple(messages))
        return solution_of(self.text, self.spec, "dno/answer", sampling.seed, 0)


@dataclass
class Scorer:
    """Gives each answer the points that a function says, or fails as it says."""

    points: Callable[[Listing], Sequence[float] | Outcome | Exception]
    shown: list[Listing] = field(default_factory=list[Listing])
    spec: str = "python:scorer"

    def fingerprint(self) -> Mapping[str, object]:
        return {"scorer": 1}

    async def score(self, listing: Listing, *, sampling: Sampling) -> Scores:
        self.shown.append(listing)
        said = self.points(listing)
        if isinstance(said, Exception):
            raise said
        provenance = Provenance(self.spec, listing.rubric.id, sampling.seed, 0, "stop", False)
        if isinstance(said, Outcome):
            return Scores((), "hm", said, "as scripted", Usage(calls=1), provenance)
        return Scores(tuple(map(float, said)), "points", Outcome.OK, "", Usage(calls=1), provenance)


def by_text(points: Mapping[str, float]) -> Scorer:
    """By the text alone, wherever it is shown."""
    return Scorer(lambda listing: [points[text] for text in listing.answers])


def context(texts: Sequence[Said], judge: Scorer, **knobs: Any) -> dno.Context:
    return dno.Context(solver=Student(texts), judge=judge, samples=max(1, len(texts)), **knobs)


async def run(made: dno.Context, row: Any = ROW) -> dno.Output:
    return (await dno.graph.ainvoke(row, context=made, version="v2")).value


async def record(made: dno.Context, row: Any = ROW, key: str = "k") -> dict[str, Any]:
    """The line of a journal that this row would be."""
    output = await run(made, row)
    return {"row": 1, "key": key, "input": row, "output": output, "outcome": output["outcome"]}


@scripted
def fair(request: Request) -> str:
    """A judge that finds two answers equally good."""
    del request
    return '{"reasoning": "", "answer_1": 3, "answer_2": 3}'
