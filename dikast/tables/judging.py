"""How strictly a user's own answers, and those of gold queries, are judged: tolerance of numbers, and order.

    Judging(rel_tol=0.01)            numbers within a hundredth of the larger one are the same
    Judging(order="same")            items and rows stand in the gold answer's order
    Judging(order="question")        they do where the question says so: a field `ordered`, or ORDER BY in the gold SQL

Without a tolerance numbers are the same as people write them (`dikast.tables.own`); with one, they are the same if they
are no further apart (`math.isclose`), and rounding is no excuse any more: 0.67 is 2/3 within 0.01 and not within 0.001.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from dikast.errors import UsageError

Order = Literal["any", "same", "question"]
TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Judging:
    """The rules that a user may set.

    Args:
        rel_tol: How far apart two numbers may be that are the same, as a share of the larger, below 1.
        abs_tol: The same as a difference; of both, what allows more.
        order: Whether order counts, and with it repeats; `None` for the rule of the questions' shape: `any` for
            a user's own, `question` for Spider's, `any` for BIRD's.

    Raises:
        UsageError: A value is not one of these.
    """

    rel_tol: float | None = None
    abs_tol: float | None = None
    order: Order | None = None

    def __post_init__(self) -> None:
        if self.rel_tol is not None and not 0 <= self.rel_tol < 1:
            raise UsageError(f"rel_tol={self.rel_tol!r} is no share", hint="from 0 to below 1")
        if self.abs_tol is not None and not 0 <= self.abs_tol < math.inf:
            raise UsageError(f"abs_tol={self.abs_tol!r} is no difference", hint="0 or more")
        if self.order is not None and self.order not in get_args(Order):
            raise UsageError(f"order={self.order!r:.40} is unknown", hint=f"one of {', '.join(get_args(Order))}")

    @classmethod
    def of(cls, options: Mapping[str, str]) -> Judging:
        """Read options that are text, as a spec holds them.

        Raises:
            UsageError: A value is not one of its kind.
        """
        try:
            found: dict[str, Any] = {
                name: value if name == "order" else float(value) for name, value in options.items()
            }
        except ValueError as error:
            raise UsageError(f"judging: {error}", hint="rel_tol and abs_tol are numbers") from error
        return cls(**found)

    @property
    def has_tolerance(self) -> bool:
        """Whether numbers are compared by a tolerance that was told."""
        return self.rel_tol is not None or self.abs_tol is not None

    def close(self, one: float, other: float) -> bool:
        """Whether two numbers are the same by the tolerance that was told."""
        return math.isclose(one, other, rel_tol=self.rel_tol or 0.0, abs_tol=self.abs_tol or 0.0)

    def as_options(self) -> dict[str, Any]:
        """What differs from the defaults."""
        return {name: value for name, value in asdict(self).items() if value != getattr(DEFAULT, name)}


DEFAULT = Judging()
NAMES = ("rel_tol", "abs_tol", "order")


def ordered(value: object) -> bool | None:
    """What a question's field `ordered` says; `None` if it is neither yes nor no."""
    if value is None or value == "":
        return False
    return value if isinstance(value, bool) else TRUTH.get(str(value).strip().casefold())
