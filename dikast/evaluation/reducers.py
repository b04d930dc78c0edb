"""What several values of one row come to, where each row was asked several times (`--epochs`).

    for reducer in parse_reducers("mean,at_least_2,pass@3"):
        reducer([1.0, 0.0, 1.0])

| name | what |
| --- | --- |
| `mean`, `median`, `max` | of the values |
| `mode` | the commonest value; of several, the one that came first |
| `at_least_K` | 1 where at least K values are successes, else 0 |
| `pass@K` | the chance that of K of the values at least one is a success: unbiased (Chen et al. 2021, formula 1) |

The names are those of Inspect AI's reducers, its `pass_at_K` among them. A success is a value of at least 1; of at
least X with `pass@3>=X`. A reducer has no value for a row that has fewer values than it needs (`needs`): such rows are
the caller's to count.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from statistics import fmean, median

from dikast.errors import UsageError

SUCCESS = 1.0
"""What a value is at least, if it is a success; Inspect AI's."""
KNOWN = "mean, median, mode, max, at_least_K, pass@K"
COUNTED = re.compile(r"(at_least_|pass@|pass_at_)(\d{1,6})(?:>=(-?[0-9.]{1,20}))?")


@dataclass(frozen=True, slots=True)
class Reducer:
    """One way to make a number of a row's values.

    Args:
        name: As it was asked for.
        needs: Values that a row has to have at least.
        reduce: Makes the number.
        bounded: Whether the number is within 0..1 whatever the values are.
    """

    name: str
    needs: int
    reduce: Callable[[Sequence[float]], float]
    bounded: bool = False

    def __call__(self, values: Sequence[float]) -> float:
        """The number; `len(values)` is at least `needs`."""
        return self.reduce(values)


def commonest(values: Sequence[float]) -> float:
    """The commonest value; of several, the one that came first."""
    return Counter(values).most_common(1)[0][0]


PLAIN: Mapping[str, Callable[[Sequence[float]], float]] = {
    "mean": fmean,
    "median": median,
    "mode": commonest,
    "max": max,
}


def parse_reducers(text: str) -> tuple[Reducer, ...]:
    """Read `mean,at_least_2,pass@3`; a name that stands there twice counts once.

    Raises:
        UsageError: A name is none, or its number is 0; or there is no name.
    """
    names = dict.fromkeys(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise UsageError("no reducer is named", hint=f"known: {KNOWN}")
    return tuple(parse_reducer(name) for name in names)


def parse_reducer(name: str) -> Reducer:
    """One of them.

    Raises:
        UsageError: It is none.
    """
    if name in PLAIN:
        return Reducer(name, 1, PLAIN[name])
    found = COUNTED.fullmatch(name)
    count = int(found[2]) if found else 0
    least = number_of(found[3]) if found and found[3] else SUCCESS
    if found is None or count < 1 or least is None:
        hint = f"known: {KNOWN}, K from 1; a success of at least X: pass@K>=X"
        raise UsageError(f"no reducer is called {name!r}", hint=hint)
    if found[1] == "at_least_":
        return Reducer(name, count, lambda values: float(successes(values, least) >= count), bounded=True)
    return Reducer(name, count, lambda values: pass_at_k(len(values), successes(values, least), count), bounded=True)


def number_of(text: str) -> float | None:
    """The finite number that a text is."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def successes(values: Sequence[float], least: float) -> int:
    """How many values are at least this."""
    return sum(value >= least for value in values)


def pass_at_k(n: int, c: int, k: int) -> float:
    """The chance that of k samples, drawn from n of which c succeed, at least one does: unbiased (Chen et al. 2021).

    Raises:
        UsageError: Not 0 <= c <= n, or not 1 <= k <= n.
    """
    if not 0 <= c <= n or not 1 <= k <= n:
        raise UsageError(f"pass@{k} of {c} successes in {n} samples: cannot be")
    return 1.0 - prod((n - c - i) / (n - i) for i in range(k)) if n - c >= k else 1.0
