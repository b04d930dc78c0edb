"""Who speaks when: a text that policy and guide write in turns, and whose each token is.

    plan = plan_of("ppo_pp", horizon=8, beta=0.8, uniforms=(0.1, 0.5, 0.0))
    text = Written(plan)
    while turn := text.turn:
        text = text.add(speak(turn.owner, text.tokens, turn.tokens))
    text.owners         # ("guide", "guide", "guide", "guide", "policy", ...)

A switch `tau` is a place of the text, uniform on 1..H, H being the horizon in tokens:

| | before | at tau | behind |
| --- | --- | --- | --- |
| PPO++ | the guide with probability beta, else the policy | the policy | the policy |
| AggreVaTeD | the policy with probability beta, else the guide | the policy | the guide |

So the policy has a token in every text: none is sampled for nothing. Where a guide ends its text before its turn is
over, the text is cut at a place of it, all of them equally likely, and the policy goes on from there.

Paper: Chang et al.: Learning to Generate Better Than Your LLM, arXiv 2306.11816, algorithms 1 and 2. Their program
(TRIL) draws switches on 1..H-1, so that AggreVaTeD never trains the last token, and has texts without any token of
the policy; the first can be had by `official=True`.

Not here: who speaks (`collecting.py`, `graph.py`), or which collector is whose turn (`schedules.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

Owner: TypeAlias = Literal["policy", "guide"]
Kind: TypeAlias = Literal["ppo", "ppo_pp", "aggrevated"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Uniforms: TypeAlias = tuple[float, float, float]
"""Three numbers in [0, 1): who rolls in, the switch, and where to cut a text that a guide ends early."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is, and how many tokens it may have."""

    owner: Owner
    tokens: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How a text comes about.

    Args:
        kind: The collector.
        horizon: Tokens of the text at most.
        tau: The switch, from 1.
        roll_in: Who writes what is before it.
        cut: In [0, 1): where a text is cut that a guide ends before the switch.
    """

    kind: Kind
    horizon: int
    tau: int
    roll_in: Owner
    cut: float = 0.0

    @property
    def roll_out(self) -> Owner:
        """Who writes what is behind the switch."""
        return "guide" if self.kind == "aggrevated" else "policy"

    def owner(self, place: int) -> Owner:
        """Whose the token at a place is, from 1."""
        if place == self.tau:
            return "policy"
        return self.roll_in if place < self.tau else self.roll_out

    def turn(self, written: int) -> Turn | None:
        """Who goes on behind so many tokens; `None` at the horizon."""
        if written >= self.horizon:
            return None
        owner = self.owner(written + 1)
        end = written + 1
        while end < self.horizon and self.owner(end + 1) == owner:
            end += 1
        return Turn(owner, end - written)


def plan_of(kind: Kind, *, horizon: int, beta: float, uniforms: Uniforms, official: bool = False) -> Plan:
    """A plan by three uniform numbers.

    Args:
        kind: The collector; `ppo` has the policy alone.
        horizon: Tokens of the text at most.
        beta: PPO++: how often the guide rolls in. AggreVaTeD: how often the policy does.
        uniforms: See `Uniforms`.
        official: Draw the switch on 1..H-1, as TRIL does: a defect, for comparison.

    Raises:
        ValueError: Horizon or beta are out of range.
    """
    if horizon < 1 or not 0 <= beta <= 1:
        raise ValueError(f"horizon {horizon} and beta {beta}: a horizon is 1 or more, beta within 0..1")
    places = max(1, horizon - 1) if official else horizon
    first, where, cut = uniforms
    tau = 1 + int(where * places)
    if kind == "ppo":
        return Plan("ppo", horizon, 1, "policy", cut)
    guided = first < beta if kind == "ppo_pp" else first >= beta
    return Plan(kind, horizon, tau, "guide" if guided else "policy", cut)


@dataclass(frozen=True, slots=True)
class Written:
    """A text under way, or done.

    Args:
        plan: How it comes about; with another switch where a guide ended early.
        tokens: Its tokens.
        owners: Whose each is.
        ended: Whether somebody ended it before the horizon.
        dropped: Tokens of a guide that were cut off.
    """

    plan: Plan
    tokens: tuple[int, ...] = ()
    owners: tuple[Owner, ...] = ()
    ended: bool = False
    dropped: int = 0

    @property
    def turn(self) -> Turn | None:
        """Who goes on; `None` when the text is done."""
        return None if self.ended else self.plan.turn(len(self.tokens))

    def add(self, said: Sequence[int], *, ended: bool | None = None) -> Written:
        """The text with what the one whose turn it is has said.

        Args:
            said: Token ids, the token that ends a text among them; what is beyond the turn is dropped.
            ended: Whether the text ends here; by default if the turn was not used up.

        Raises:
            ValueError: It is nobody's turn.
        """
        turn = self.turn
        if turn is None:
            raise ValueError("the text is done")
        new = tuple(said)[: turn.tokens]
        over = len(said) > turn.tokens
        ends = not over and (len(new) < turn.tokens if ended is None else ended)
        tokens, owners = (*self.tokens, *new), (*self.owners, *(turn.owner for _ in new))
        text = replace(
            self, tokens=tokens, owners=owners, ended=ends, dropped=self.dropped + max(0, len(said) - len(new))
        )
        return text.cut() if ends and turn.owner == "guide" and "policy" not in owners else text

    def cut(self) -> Written:
        """The text up to one of its places, all equally likely, from which on the policy writes."""
        tau = 1 + int(self.plan.cut * len(self.tokens))
        kept = tau - 1
        dropped = self.dropped + len(self.tokens) - kept
        plan = replace(self.plan, tau=tau)
        return Written(plan, self.tokens[:kept], self.owners[:kept], False, dropped)

    @property
    def mask(self) -> tuple[int, ...]:
        """1 for each token of the policy."""
        return tuple(int(owner == "policy") for owner in self.owners)

    @property
    def rolled_out(self) -> tuple[int, ...]:
        """1 for each token from which on whoever rolls out writes all the rest: a value is fitted there."""
        plan = self.plan
        alone = plan.roll_in == plan.roll_out == "policy"
        first = 1 if alone else plan.tau if plan.roll_out == "policy" else plan.tau + 1
        return tuple(int(place >= first) for place in range(1, len(self.tokens) + 1))

    def as_dict(self) -> dict[str, Any]:
        """JSON, for a graph's state."""
        plan = self.plan
        told = {"kind": plan.kind, "horizon": plan.horizon, "tau": plan.tau, "roll_in": plan.roll_in, "cut": plan.cut}
        return {
            "plan": told,
            "tokens": list(self.tokens),
            "owners": list(self.owners),
            "ended": self.ended,
            "dropped": self.dropped,
        }

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> Written:
        """What `as_dict` made into JSON."""
        tokens, owners = tuple(told["tokens"]), tuple(told["owners"])
        return cls(Plan(**told["plan"]), tokens, owners, told["ended"], told["dropped"])
