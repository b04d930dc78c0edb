"""Plans: at each step the small tier is asked, the big one, or nobody, so that the answer so far stands.

    plans(2)                                    # (("skip", "skip"), ("skip", "small"), ..., ("big", "big"))
    calls_of(("small", "skip", "big"), True)    # ("s", "sb"): the big tier is shown the small one's answer
    calls_of(("small", "skip", "big"), False)   # ("s", "b"): it is asked the question alone

A state is named by the tiers whose answers it comes of, `sb`; the empty name is the answer that the row brought from a
cache, or none. A skipped step leaves the state as it is, so that 3 ** steps plans need far fewer calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Literal, TypeAlias, get_args

Route: TypeAlias = Literal["skip", "small", "big"]
Plan: TypeAlias = tuple[Route, ...]
Tier: TypeAlias = Literal["small", "big"]
ROUTES: tuple[Route, ...] = get_args(Route)
LETTERS: dict[Route, str] = {"skip": "", "small": "s", "big": "b"}
TIERS: dict[str, Tier] = {"s": "small", "b": "big"}


def plans(steps: int) -> list[Plan]:
    """Every plan; the place in the list is the plan's number in base 3, its first step the highest digit."""
    return list(product(ROUTES, repeat=steps))


def after(state: str, route: Route, revise: bool) -> str:
    """The state that a route leads to."""
    if route == "skip":
        return state
    return (state if revise else "") + LETTERS[route]


def calls_of(plan: Sequence[Route], revise: bool) -> tuple[str, ...]:
    """The states that a plan's calls lead to, in order: what is paid for; the last one's answer is the plan's."""
    made: list[str] = []
    state = ""
    for route in plan:
        state = after(state, route, revise)
        if route != "skip":
            made.append(state)
    return tuple(made)


def states_at(step: int, revise: bool) -> list[str]:
    """The states in which a step (from 0) can begin."""
    if not step:
        return [""]
    if not revise:
        return ["", "s", "b"]
    return ["", *("".join(one) for length in range(1, step + 1) for one in product("sb", repeat=length))]


def words(plan: Sequence[Route]) -> str:
    """A plan as a table tells it."""
    return ", ".join(plan)
