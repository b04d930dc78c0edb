"""Who takes part in tests of ReST-MCTS*: a policy that adds numbers step by step, and a critic that knows sums."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dikast.agents.models.request import Reply, Request, Sampling
from dikast.agents.models.scripted import scripted
from dikast.graphs import rest_mcts
from dikast.graphs.rest_mcts.roles import Appraisal, Partial, Proposal

ROW: rest_mcts.Input = {"id": "r", "question": "3 4 5 6", "answer": "18"}
BITS = 2**64


def drawn(*what: object) -> float:
    """A number in [0, 1) that depends on these alone."""
    return int.from_bytes(hashlib.sha256(repr(what).encode()).digest()[:8], "big") / BITS


def next_line(question: str, steps: Sequence[str], sample: object, right: float) -> str:
    """The running sum after one more number, perhaps off by some; behind the last one the answer."""
    numbers = [int(word) for word in question.split()]
    total = int(steps[-1].split()[-1]) if steps else numbers[0]
    at = len(steps) + 1
    if at >= len(numbers):
        return f"#### {total}"
    chance = drawn(question, steps, sample)
    return f"plus {numbers[at]} is {total + numbers[at] + (0 if chance < right else 1 + int(chance * 100) % 7)}"


def is_right_so_far(question: str, solution: str) -> bool:
    """Whether every running sum is right."""
    numbers = [int(word) for word in question.split()]
    lines = solution.splitlines()
    return all(line.split()[-1] == str(sum(numbers[: min(at + 2, len(numbers))])) for at, line in enumerate(lines))


@dataclass
class Adder:
    """Adds; each step is right so often. `says` speaks in its place."""

    right: float = 0.7
    says: Callable[[Partial, int], Any] | None = None
    tokens: int = 4
    asked: list[tuple[Partial, int, int]] = field(default_factory=list[tuple[Partial, int, int]])
    spec: str = "python:adder"
    most_calls: int = 1

    def fingerprint(self) -> Mapping[str, object]:
        return {"adder": self.right}

    async def propose(self, partial: Partial, *, whole: bool, sampling: Sampling, sample: int) -> Proposal:
        self.asked.append((partial, sampling.max_tokens, sample))
        if self.says is not None:
            said = self.says(partial, sample)
            if isinstance(said, Exception):
                raise said
            if isinstance(said, Proposal):
                return said
            return Proposal(said, tokens=min(self.tokens, sampling.max_tokens))
        who = 0 if sampling.temperature == 0 else (sample, "drawn")
        steps = list(partial.steps)
        while True:
            steps.append(next_line(partial.question, steps, who, self.right))
            if not whole or steps[-1].startswith("####"):
                break
        new = steps[len(partial.steps) :]
        wanted = self.tokens * len(new)
        if wanted > sampling.max_tokens:
            return Proposal(new[0][:3], cut=True, tokens=sampling.max_tokens)
        return Proposal("\n".join(new), tokens=wanted)


@dataclass
class Knows:
    """Values by whether the sums are right so far, with some noise; `says` speaks in its place."""

    says: Callable[[str], Any] | None = None
    noise: float = 0.2
    most_tokens: int = 2
    most_calls: int = 1
    seen: list[str] = field(default_factory=list[str])
    spec: str = "python:knows"

    def fingerprint(self) -> Mapping[str, object]:
        return {"knows": self.noise}

    async def appraise(self, question: str, solutions: Sequence[str], *, ending: str) -> list[Appraisal]:
        self.seen += solutions
        return [self.value(question, one) for one in solutions]

    def value(self, question: str, solution: str) -> Appraisal:
        if self.says is not None:
            said = self.says(solution)
            return said if isinstance(said, Appraisal) else Appraisal(said, 2, 1)
        done = len(solution.splitlines()) / len(question.split())
        noise = self.noise * (drawn(question, solution) - 0.5)
        value = done if is_right_so_far(question, solution) else 0.2 * done
        return Appraisal(min(max(value + noise, 0.0), 1.0), 2, 1)


def context(**given: Any) -> rest_mcts.Context:
    actors: dict[str, Any] = {"solver": Adder(), "critic": Knows()}
    return rest_mcts.Context(**{**actors, **given})


async def run(made: rest_mcts.Context, row: Any = ROW) -> rest_mcts.Output:
    return (await rest_mcts.graph.ainvoke(row, context=made, version="v2")).value


async def record(made: rest_mcts.Context, row: Any = ROW, key: str = "k") -> dict[str, Any]:
    """The line of a journal that this row would be."""
    output = await run(made, row)
    return {"row": 1, "key": key, "input": row, "output": output, "outcome": output["outcome"]}


def question_of(text: str) -> str:
    """The first line of digits in a message."""
    return next(line for line in text.splitlines() if line and all(word.isdigit() for word in line.split()))


def prefix_reply(request: Request, right: float = 0.7) -> Reply:
    """A reply of the adder as an engine that goes on from a prefix."""
    prefix = request.prefix if isinstance(request.prefix, str) else ""
    question = question_of(request.messages[-1]["content"])
    steps = [line for line in prefix.splitlines() if line.strip()]
    if "\n" in request.sampling.stop:
        text = next_line(question, steps, request.sampling.seed, right)
    else:
        while not steps or not steps[-1].startswith("####"):
            steps.append(next_line(question, steps, request.sampling.seed, right))
        text = "\n".join(steps)
    words = text.split()
    if len(words) > request.sampling.max_tokens:
        return Reply(" ".join(words[: request.sampling.max_tokens]), "length", 10, request.sampling.max_tokens)
    return Reply(text, "stop", 10, len(words))


@scripted
def adder(request: Request) -> Reply:
    """The adder as a model."""
    return prefix_reply(request)
