"""TAPIR's mixtures: so many rows of each task, and so many hard ones among them, exactly.

    counts({"maths": .5, "code": .3, "prose": .2}, 10)             # {"maths": 5, "code": 3, "prose": 2}
    resampled = resample(rows, task_of, DISTILQWEN2, 10_000, seed=0)
    hard_share(2)                                                   # 0.5

Paper: Yue et al., TAPIR (arXiv 2405.13448): the mix of tasks is rebalanced towards reasoning, mathematics and code, and
the share of hard rows grows from round to round. Counts are those of the largest remainder, so that each is
within one row of its share and all together are the number asked for. Rows that a task has too few of are repeated, and
how many are repeats is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor
from random import Random
from typing import Generic, TypeVar

from dikast.errors import UsageError
from dikast.training.replay import exact

T = TypeVar("T")

_BOOSTED = {"Math": 0.167, "Reasoning": 0.167, "Code Generation": 0.083, "Code Debug": 0.083}
_PLAIN = (
    *("Writing", "Computer Science", "Complex Format", "Common-Sense", "Counterfactual", "Multilingual", "Roleplay"),
    *("Biology", "Technology", "Ethics", "Sport", "Law", "Medicine", "Literature", "Entertainment", "Art", "Music"),
    *("Toxicity", "Economy", "Physics", "History", "Chemistry", "Philosophy", "Health", "Ecology", "Grammar"),
    "Paraphrase",
)
DISTILQWEN2: Mapping[str, float] = {**_BOOSTED, **dict.fromkeys(_PLAIN, 0.017), "Others": 0.041}
"""The mix that TAPIR's authors ship with their toolkit (EasyDistill 2.0, for DistilQwen2); sums to 1."""

HARD, HARD_STEP = 0.3, 0.2
"""The first round's share of hard rows, and what each round adds. Not confirmed in the paper's text."""


REPEATS = 4
"""Text that a language model sees up to four times teaches it nearly as much as new text: Muennighoff et al., Scaling
Data-Constrained Language Models (arXiv 2305.16264). Ours as a bound here; TAPIR names none."""


@dataclass(frozen=True, slots=True)
class Resampled(Generic[T]):
    """Rows in the numbers asked for.

    Args:
        rows: Shuffled.
        counts: Task -> rows.
        repeats: Task -> rows that are there once more; tasks without any are not named.
        lacking: Tasks of the mix without a row; their share went to the others.
        foreign: Rows whose task is not in the mix; none of them was taken.
    """

    rows: list[T]
    counts: Mapping[str, int]
    repeats: Mapping[str, int]
    lacking: tuple[str, ...]
    foreign: int

    @property
    def repeat_rate(self) -> float:
        """Repeats among all rows, 0..1."""
        return sum(self.repeats.values()) / len(self.rows) if self.rows else 0.0


def counts(mix: Mapping[str, float], total: int) -> dict[str, int]:
    """Rows of each task out of so many, by the largest remainder (Hamilton); equal remainders in the mix's order.

    Args:
        mix: Task -> weight; relative to their sum.
        total: Rows in all.

    Raises:
        UsageError: A weight is negative or no number, all are 0, or the total is negative.
    """
    weights = {task: exact(weight) for task, weight in mix.items() if weight >= 0 and weight < float("inf")}
    if len(weights) < len(mix) or sum(weights.values()) <= 0 or total < 0:
        raise UsageError(f"a mix of {dict(mix)} out of {total} rows", hint="weights from 0 up, one of them above")
    whole = sum(weights.values())
    shares = {task: weight * total / whole for task, weight in weights.items()}
    found = {task: floor(share) for task, share in shares.items()}
    for task in sorted(shares, key=lambda task: found[task] - shares[task])[: total - sum(found.values())]:
        found[task] += 1
    return found


def resample(
    rows: Iterable[T], task_of: Callable[[T], str], mix: Mapping[str, float], total: int, *, seed: int
) -> Resampled[T]:
    """Exactly so many rows, tasks in the shares of the mix; the same rows and seed give the same.

    A task with more rows than wanted gives each at most once; one with fewer gives all of them, evenly often.

    Args:
        rows: The pool.
        task_of: A row's task.
        mix: Task -> weight.
        total: Rows wanted.
        seed: Of the choice and the order.

    Raises:
        UsageError: As `counts`, or no row is of a task of the mix.
    """
    pools: dict[str, list[T]] = {task: [] for task in mix}
    foreign = 0
    for row in rows:
        task = task_of(row)
        if task in pools:
            pools[task].append(row)
        else:
            foreign += 1
    there = {task: weight for task, weight in mix.items() if pools[task]}
    if not there:
        raise UsageError("no row is of a task of the mix", hint=f"tasks: {', '.join(mix)}")
    random, wanted = Random(seed), counts(there, total)
    taken: list[T] = []
    for task, count in wanted.items():
        taken += draw(pools[task], count, random)
    random.shuffle(taken)
    repeats = {task: count - len(pools[task]) for task, count in wanted.items() if count > len(pools[task])}
    lacking = tuple(task for task in mix if task not in there and mix[task] > 0)
    return Resampled(taken, wanted, repeats, lacking, foreign)


def draw(pool: Sequence[T], count: int, random: Random) -> list[T]:
    """So many rows of a pool that is not empty, none of them twice before each was there once."""
    rounds, rest = divmod(count, len(pool))
    return [*(row for _ in range(rounds) for row in pool), *random.sample(pool, rest)]


def hard_share(round_: int, first: float = HARD, step: float = HARD_STEP) -> float:
    """The share of hard rows in a round, counted from 1: first, first + step, ... within 0..1.

    Raises:
        UsageError: The round is below 1.
    """
    if round_ < 1:
        raise UsageError(f"round {round_}", hint="rounds are counted from 1")
    return float(min(max(exact(first) + (round_ - 1) * exact(step), exact(0)), exact(1)))


def mix_hard(
    hard: Sequence[T], others: Sequence[T], total: int, share: float, *, seed: int
) -> Resampled[tuple[bool, T]]:
    """A round's rows: exactly so many, that share of them hard; (is it hard, row).

    Where one of the two is empty its share goes to the other, and is told (`lacking`).

    Raises:
        UsageError: The share is not within 0..1, or there is no row.
    """
    if not 0 <= share <= 1:
        raise UsageError(f"a share of {share} of hard rows", hint="give one within 0..1")
    pool = [(True, row) for row in hard] + [(False, row) for row in others]
    parts = {"hard": share, "other": float(1 - exact(share))}
    return resample(pool, lambda one: "hard" if one[0] else "other", parts, total, seed=seed)


def mix_by_task(
    hard: Sequence[T],
    others: Sequence[T],
    task_of: Callable[[T], str],
    mix: Mapping[str, float],
    total: int,
    share: float,
    *,
    seed: int,
    most: int = REPEATS,
) -> Resampled[tuple[bool, T]]:
    """A round's rows: exactly so many, tasks in the shares of the mix, and within each task that share of hard ones.

    So the mix is that of all rows together: a task of which few rows are hard does not take the hard rows' place of
    the other tasks. Where a task has too few hard rows for the share, though each comes `most` times, its others make
    up for them; the share of hard rows is then lower than asked for, as `rows` shows.

    Args:
        hard: Hard rows.
        others: Other rows.
        task_of: A row's task.
        mix: Task -> weight; the share of a task without a row goes to the others, and is told (`lacking`).
        total: Rows wanted.
        share: Of hard rows, 0..1.
        seed: Of the choice and the order.
        most: How often a hard row may come, while its task has other rows.

    Raises:
        UsageError: As `resample` and `mix_hard`, or `most` is below 1.
    """
    if most < 1:
        raise UsageError(f"hard rows {most} times each at most", hint="give 1 or more")
    parts = {task: ([one for one in hard if task_of(one) == task], [one for one in others if task_of(one) == task])
             for task in mix}  # fmt: skip
    there = {task: weight for task, weight in mix.items() if any(parts[task])}
    if not there:
        raise UsageError("no row is of a task of the mix", hint=f"tasks: {', '.join(mix)}")
    random, wanted = Random(seed), counts(there, total)
    rows: list[tuple[bool, T]] = []
    repeats: dict[str, int] = {}
    for task, count in wanted.items():
        mine, rest = parts[task]
        bound = 1.0 if not rest else min(share, most * len(mine) / count) if count else 0.0
        made = mix_hard(mine, rest, count, bound, seed=random.getrandbits(32))
        rows += made.rows
        if made.repeats:
            repeats[task] = sum(made.repeats.values())
    random.shuffle(rows)
    lacking = tuple(task for task in mix if task not in there and mix[task] > 0)
    foreign = sum(task_of(one) not in parts for one in (*hard, *others))
    return Resampled(rows, wanted, repeats, lacking, foreign)


def without_near_repeats(rows: Iterable[T], text_of: Callable[[T], str], threshold: float | None = None) -> list[T]:
    """The rows whose text nearly repeats no earlier one's; see `dikast.evaluation.diversity.NearDuplicates`.

    Raises:
        MissingExtraError: `datasketch` is not installed.
        UsageError: The threshold is not above 0 and at most 1.
    """
    from dikast.evaluation.diversity import THRESHOLD, NearDuplicates

    seen = NearDuplicates(THRESHOLD if threshold is None else threshold)
    return [row for at, row in enumerate(rows) if seen.add(str(at), text_of(row)) is None]
