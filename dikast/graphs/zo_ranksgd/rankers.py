"""Who ranks runs: a measure, a judge, a person. `ranker_of` gives the one that a context names.

A measure and a judge's scores give each row a number, and a run their mean: such runs are compared across questions. A
judge of pairs and a person say only which of the runs before them is better. A run of which fewer rows have a number
is behind one of which more have.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NoReturn

from dikast.agents.prompt import load_prompt
from dikast.agents.roles import Case, Judge
from dikast.errors import UsageError
from dikast.graphs.method import Values
from dikast.graphs.zo_ranksgd.context import Context
from dikast.graphs.zo_ranksgd.finding import find_method
from dikast.graphs.zo_ranksgd.outputs import number_at, outputs_of, text_of
from dikast.graphs.zo_ranksgd.records import Trial
from dikast.graphs.zo_ranksgd.roles import Comparison, Ran, Ranked, Ranker
from dikast.jobs.reading import Run
from dikast.records import Outcome

FIELD = "output."
"""What a measure begins with that is a field of any graph's output."""
IN_FLIGHT = 16
"""Of a judge's calls."""


def ranker_of(context: Context) -> Ranker:
    """Who ranks, by a tuning's context.

    Raises:
        UsageError: The method has no such measure.
    """
    if context.ranker is not None:
        return context.ranker
    if context.measure:
        return MeasureRanker(measure_of(context), context.goal == "lowest")
    if context.judge is not None:
        return (
            JudgeOfScores(context, context.judge)
            if context.compare == "scores"
            else JudgeOfPairs(context, context.judge)
        )
    from dikast.graphs.zo_ranksgd.person import PersonRanker

    return PersonRanker(context)


def load_ranker(spec: str) -> NoReturn:
    """None is named by a string.

    Raises:
        UsageError: Always.
    """
    raise UsageError(f"{spec!r}: a ranker of one's own is an object", hint="give a measure, a judge, or human")


def measure_of(context: Context) -> Values:
    """What reads a measure off a run.

    Raises:
        UsageError: There is none of that name.
    """
    name = context.measure
    if name.startswith(FIELD):
        return lambda run, _: numbers_of(name.removeprefix(FIELD), run)
    found = find_method(context.method).measures
    if found is None:
        hint = f"{FIELD}FIELD takes a number of the output; or --judge SPEC, or --human"
        raise UsageError(f"{context.method} says no measures of its own", hint=hint)
    return found(name)


def numbers_of(field: str, run: Run) -> dict[str, float]:
    """Key of a row -> a field of its output, true and false as 1 and 0; without rows that failed or have no number.

    Raises:
        UsageError: No row's output has the field, or one holds something else.
    """
    found: dict[str, float] = {}
    outputs = [(row["key"], row["output"]) for row in run.rows() if not Outcome(row["outcome"]).failed]
    for key, output in outputs:
        number = number_at(output, field) if output is not None else None
        if number is not None and math.isfinite(number):
            found[key] = number
    return found


def order_of(trials: Sequence[Trial], *, lowest: bool = False) -> list[list[int]]:
    """Numbers of trials by how many rows have a value, then by their mean; equal ones in one group."""
    sign = 1 if lowest else -1

    def place(trial: Trial) -> tuple[float, float]:
        return -trial["scored"], math.inf if trial["value"] is None else sign * trial["value"]

    groups: dict[tuple[float, float], list[int]] = {}
    for trial in sorted(trials, key=place):
        groups.setdefault(place(trial), []).append(trial["trial"])
    return list(groups.values())


@dataclass(frozen=True)
class MeasureRanker:
    """Ranks by a number of each row.

    Args:
        read: What reads it.
        lowest: Whether less is better.
    """

    read: Values
    lowest: bool = False
    spec: str = "measure"

    def fingerprint(self) -> Mapping[str, object]:
        """Nothing: the context names the measure."""
        return {}

    async def values(self, ran: Ran) -> Mapping[str, float]:
        """The numbers, as they are."""
        if ran.folder is None:
            return {}
        return await asyncio.to_thread(self.read, Run.open(ran.folder), ran.context)

    async def rank(self, comparison: Comparison) -> Ranked:
        """By their means."""
        return Ranked(order_of([one.trial for one in comparison.ran], lowest=self.lowest))


@dataclass(frozen=True)
class JudgeOfScores:
    """Ranks by the mean of a judge's scores.

    Args:
        context: The tuning's.
        judge: Who scores.
    """

    context: Context
    judge: Judge

    @property
    def spec(self) -> str:
        """The judge's."""
        return self.judge.spec

    def fingerprint(self) -> Mapping[str, object]:
        """The judge's."""
        return {"judge": dict(self.judge.fingerprint())}

    async def values(self, ran: Ran) -> Mapping[str, float]:
        """Key of a row -> its score; without rows that failed, or whose score cannot be read."""
        outputs = outputs_of(ran)

        async def score(key: str) -> float | None:
            given, output = outputs[key]
            case = Case(
                instruction_of(given), (text_of(output, self.context),), self.context.rubric, scale=self.context.scale
            )
            return (await self.judge.judge(case, sampling=self.context.judging)).score

        scores = await some_at_once([score(key) for key in outputs])
        return {key: found for key, found in zip(outputs, scores, strict=True) if found is not None}

    async def rank(self, comparison: Comparison) -> Ranked:
        """By their means."""
        return Ranked(order_of([one.trial for one in comparison.ran]))


@dataclass(frozen=True)
class JudgeOfPairs:
    """Ranks by how often a judge prefers a run's output to the others', in both orders.

    Args:
        context: The tuning's.
        judge: Who compares.
    """

    context: Context
    judge: Judge

    @property
    def spec(self) -> str:
        """The judge's."""
        return self.judge.spec

    def fingerprint(self) -> Mapping[str, object]:
        """The judge's."""
        return {"judge": dict(self.judge.fingerprint())}

    async def values(self, ran: Ran) -> None:
        """Nothing: it only compares."""
        del ran

    async def rank(self, comparison: Comparison) -> Ranked:
        """By the share of comparisons that a run wins, ties half."""
        outputs = {one.trial["trial"]: outputs_of(one) for one in comparison.ran}
        keys = list(dict.fromkeys(key for found in outputs.values() for key in found))
        pairs = [(key, *pair) for key in keys for pair in combinations(outputs, 2)]
        said = Counter[str]()
        shares = await some_at_once([self.prefer(outputs[one], outputs[two], key, said) for key, one, two in pairs])
        won = dict.fromkeys(outputs, 0.0)
        for (_, one, two), share in zip(pairs, shares, strict=True):
            won[one] += share
            won[two] += 1 - share
        groups: dict[float, list[int]] = {}
        for trial in sorted(won, key=lambda trial: (-won[trial], trial)):
            groups.setdefault(won[trial], []).append(trial)
        each = len(keys) * (len(outputs) - 1)
        return Ranked(list(groups.values()), dict(said), {one: share / each for one, share in won.items() if each})

    async def prefer(self, one: Mapping[str, Any], two: Mapping[str, Any], key: str, said: Counter[str]) -> float:
        """How far the first is better on a row: 1, 0, or 0.5 for a tie, a contradiction and what cannot be read.

        Args:
            one: Outputs of a run by key.
            two: Those of the other.
            key: The row's.
            said: Is counted up.
        """
        if key not in one or key not in two:
            said["only one has an output"] += 1
            return 0.5 if key in one and key in two else float(key in one)
        given, first = one[key]
        texts = text_of(first, self.context), text_of(two[key][1], self.context)
        if texts[0] == texts[1]:
            said["equal outputs"] += 1
            return 0.5
        instruction, total = instruction_of(given), 0.0
        for order in (texts, texts[::-1]):
            case = Case(instruction, order, self.context.rubric, ties=True)
            side = (await self.judge.judge(case, sampling=self.context.judging)).side
            said["asked"] += 1
            said["unread"] += side is None
            share = {"first": 1.0, "second": 0.0}.get(side or "", 0.5)
            total += share if order is texts else 1 - share
        return total / 2


def instruction_of(given: Mapping[str, Any]) -> str:
    """What a judge is told that a row asked for."""
    from dikast.graphs.zo_ranksgd.outputs import as_json

    return load_prompt("zo_ranksgd/task").render({"input": as_json(given)})[-1]["content"]


async def some_at_once(work: Sequence[Any]) -> list[Any]:
    """Await some coroutines, not more than `IN_FLIGHT` at a time."""
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def one(coroutine: Any) -> Any:
        async with gate:
            return await coroutine

    return list(await asyncio.gather(*(one(coroutine) for coroutine in work)))
