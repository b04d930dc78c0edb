"""What the model is asked for a row: the reference's tokens, its own ones in their place, an answer, two losses.

Every draw is a call behind a prefix of token ids, with a seed that the row, the epoch and the place decide; so any
engine that goes on from ids serves, and a row that is made again is the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dikast.agents.ask import Answer
from dikast.agents.models.request import Sampling
from dikast.agents.prompt import load_prompt
from dikast.errors import UsageError
from dikast.graphs.self_tokens.matching import Match, matches
from dikast.graphs.self_tokens.mixing import Places, draw, mix, runs_of
from dikast.graphs.self_tokens.records import Bash, Draft, Point, Read
from dikast.graphs.self_tokens.roles import TokenSolver
from dikast.graphs.together import all_of

PROMPT = "self_tokens/answer"
SEEDS = 2**31
"""Seeds are below it: every engine takes such ones."""


async def read(solver: TokenSolver, prompt: str, reference: str) -> Read:
    """The reference by the model's tokenizer, and how likely the model finds it."""
    answer = await solver.score(load_prompt(PROMPT), {"prompt": prompt}, reference)
    losses = [-one.logprob for one in answer.reply.logprobs or ()]
    return Read(tokens=list(ids_of(answer)), losses=losses)


async def speak(
    solver: TokenSolver, prompt: str, known: Read, p: float, draws: str, sampling: Sampling, stream: np.random.Generator
) -> Bash:
    """A row with own tokens, drawn as `draws` says."""
    labels = known["tokens"]
    where, seeds = draw(labels, p, stream), [int(one) for one in stream.integers(SEEDS, size=len(labels))]
    wanted = sampling.model_copy(update={"stop": ()})
    asked = Asked(solver, prompt, labels, wanted, seeds)
    own, ended, calls = await (asked.parallel(where) if draws == "parallel" else asked.sequential(where))
    mixed = mix(labels, labels, own, where & ~ended)
    return Bash(
        input_ids=mixed.input_ids,
        labels=mixed.labels,
        own=mixed.own,
        p=p,
        drawn=int(where.sum()),
        ended=int(ended.sum()),
        calls=calls,
    )


class Asked:
    """The model at one row: own tokens at places, given the tokens before.

    Args:
        solver: The model.
        prompt: The question.
        labels: The reference's tokens.
        sampling: Of the draws.
        seeds: One a place.
    """

    def __init__(
        self, solver: TokenSolver, prompt: str, labels: Sequence[int], sampling: Sampling, seeds: Sequence[int]
    ) -> None:
        self.solver, self.prompt, self.labels, self.sampling, self.seeds = solver, prompt, labels, sampling, seeds

    async def parallel(self, where: Places) -> tuple[list[int], Places, int]:
        """Own tokens, each after the reference's own tokens; where the model ended its turn; calls."""
        places = [int(one) for one in np.flatnonzero(where)]
        found = await all_of(self.go_on(self.labels[:place], place, 1) for place in places)
        own, ended = list(self.labels), np.zeros_like(where)
        for place, (tokens, _) in zip(places, found, strict=True):
            if tokens:
                own[place] = tokens[0]
            else:
                ended[place] = True
        return own, ended, len(places)

    async def sequential(self, where: Places) -> tuple[list[int], Places, int]:
        """The same, each after what the row has before it, own tokens among them."""
        own, ended, calls = list(self.labels), np.zeros_like(where), 0
        for first, count in runs_of(where):
            tokens, _ = await self.go_on(own[:first], first, count)
            own[first : first + len(tokens)] = tokens
            ended[first + len(tokens) : first + count] = True
            calls += 1
        return own, ended, calls

    async def go_on(self, prefix: Sequence[int], place: int, count: int) -> tuple[list[int], Answer]:
        """Up to so many tokens behind a prefix; fewer where the model ended its turn."""
        sampling = self.sampling.model_copy(update={"seed": self.seeds[place], "max_tokens": count})
        fields = {"prompt": self.prompt}
        answer = await self.solver.go_on(
            load_prompt(PROMPT), fields, sampling=sampling, prefix=tuple(prefix), tokens=True
        )
        return said_before_end(answer)[:count], answer


async def answer(
    solver: TokenSolver,
    prompt: str,
    reference: str,
    how: Match,
    sampling: Sampling,
    stream: np.random.Generator,
    *,
    tokens: bool,
    right: str = "",
) -> Draft:
    """The model's own answer; its ids where they are needed."""
    wanted = sampling.model_copy(update={"seed": int(stream.integers(SEEDS))})
    said = await solver.go_on(load_prompt(PROMPT), {"prompt": prompt}, sampling=wanted, tokens=tokens)
    return draft_of(said, reference, how, tokens=tokens, right=right)


def draft_of(said: Answer, reference: str, how: Match, *, tokens: bool = False, right: str = "") -> Draft:
    """An answer as a record."""
    return Draft(
        text=said.reply.text,
        tokens=said_before_end(said) if tokens else None,
        right=matches(said.reply.text, reference, how, right),
        outcome=said.outcome,
        reason=said.reason,
        usage=said.usage.as_dict(),
        provenance=said.provenance.as_dict(),
    )


async def measure(
    solver: TokenSolver, prompt: str, known: Read, own: Sequence[int], count: int
) -> tuple[list[Point], int]:
    """The reference's loss after the model's own tokens, at places spread evenly; how many lay beyond its answer."""
    labels = known["tokens"]
    places = sorted({round(float(one)) for one in np.linspace(0, len(labels) - 1, min(count, len(labels)))})
    there = [place for place in places if place <= len(own)]
    answers = await all_of(
        solver.score(load_prompt(PROMPT), {"prompt": prompt}, (labels[place],), prefix=tuple(own[:place]))
        for place in there
    )
    losses = [-one.logprob for answer in answers for one in answer.reply.logprobs or ()]
    points = [
        Point(place=place, forced=known["losses"][place], free=free) for place, free in zip(there, losses, strict=True)
    ]
    return points, len(places) - len(there)


def ids_of(answer: Answer) -> tuple[int, ...]:
    """The ids of a reply.

    Raises:
        UsageError: The model told none.
    """
    if answer.reply.tokens is None:
        raise UsageError(f"{answer.provenance.model} gives no token ids", hint="take one that does, or --no-bash")
    return answer.reply.tokens


def said_before_end(answer: Answer) -> list[int]:
    """The ids of what was said, without the token that ended it."""
    ids = list(ids_of(answer))
    return ids[:-1] if answer.reply.finish_reason == "stop" else ids
