"""Which collector an iteration has: one and the same, LOLS's mixture, or D2LOLS's switch from one to the other.

    schedule = Schedule("d2lols", switch_at=20)
    schedule.kind(iteration=0, uniform=0.3)                 # "aggrevated"
    schedule = Schedule("d2lols", switch_reward=0.5)
    schedule.measure(0.61)                                  # of the texts that the policy wrote alone
    schedule.kind(iteration=1, uniform=0.3)                 # "ppo_pp"

D2LOLS switches once, and never back: by iteration (the paper's), or when the policy's own reward has reached a bound.
A switch that comes while the policy has found no reward leaves it without any: see docs/methods/rlgf.md.

Paper: arXiv 2306.11816, section 4 (D2LOLS); Chang et al., Learning to Search Better than Your Teacher, 2015 (LOLS).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from dikast.graphs.rlgf.turns import Kind

Collector: TypeAlias = Literal["ppo", "ppo_pp", "aggrevated", "lols", "d2lols"]
COLLECTORS: tuple[Collector, ...] = get_args(Collector)

SHARE = 0.8
"""LOLS: the share of iterations that PPO++ has. TRIL's value."""
SWITCH_AT = 20
"""D2LOLS: iterations of AggreVaTeD. TRIL's value for IMDB; 100 and 200 for longer trainings."""


@dataclass(slots=True)
class Schedule:
    """Which collector is whose turn.

    Args:
        collector: The method's name for it.
        share: LOLS: how often an iteration is PPO++'s.
        switch_at: D2LOLS: the first iteration of PPO++, from 0; without a reward to switch by.
        switch_reward: D2LOLS: the policy's own mean reward from which on PPO++ collects; `None` to go by iteration.
        switched: Whether D2LOLS's reward was reached.
    """

    collector: Collector
    share: float = SHARE
    switch_at: int = SWITCH_AT
    switch_reward: float | None = None
    switched: bool = False

    def kind(self, iteration: int, uniform: float) -> Kind:
        """The collector of an iteration.

        Args:
            iteration: From 0.
            uniform: In [0, 1), one for the whole iteration.
        """
        if self.collector == "lols":
            return "ppo_pp" if uniform < self.share else "aggrevated"
        if self.collector == "d2lols":
            late = self.switched if self.switch_reward is not None else iteration >= self.switch_at
            return "ppo_pp" if late else "aggrevated"
        return self.collector

    def measure(self, reward: float | None) -> None:
        """Hear the policy's own mean reward, of texts without a guide's token; `None` where there was no such text."""
        if self.switch_reward is not None and reward is not None and reward >= self.switch_reward:
            self.switched = True
