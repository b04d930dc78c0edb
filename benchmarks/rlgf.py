"""RLGF's collectors on a combination lock, and on a small language model (`--language`).

    python benchmarks/rlgf.py --json                       # seconds: a lock of 8, one seed
    python benchmarks/rlgf.py --json --full                # locks of 8 and 12, five seeds: minutes
    python benchmarks/rlgf.py --json --language            # where the extra `train` is installed; see rlgf_language.py

A lock has one secret token of four at each place, and pays 1 for the whole secret. The guide knows each token with .8:
it opens a lock of 8 once in six times, whoever guesses once in 65,536. All collectors have the same episodes, the same
update and the same learning rate; they are those of `dikast.graphs.rlgf`, as is the update.

`lock.H.COLLECTOR`: how likely the trained policy opens the lock, its exact probability, mean of seeds; PPO's lucky
episodes are in `lucky`. `defect_b`: AggreVaTeD on the lock of 8 with switches on 1..H-1, as the official program
draws them: the last token is never trained, and 1/4 remains. `masked_share`: of the tokens that a guide said, those
that the mask leaves out of training; counted where the guide speaks.

The gradient is plain and the advantages are as they are (`normalise=False`): brought to one spread, a single lucky text
in 100,000 would move the policy as far as a thousand of them, and whether PPO learns is a matter of the seed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

import numpy as np

from benchmarks.machine import facts
from dikast.graphs.rlgf.advantages import Ppo
from dikast.graphs.rlgf.collecting import Speaker, collect, own_reward, schedule_plans
from dikast.graphs.rlgf.schedules import Collector, Schedule
from dikast.graphs.rlgf.table import TableLearner, TablePolicy, TableSpeaker, combination_lock

ACTIONS, KNOWN = 4, 0.8
BETA = {"ppo_pp": 0.8, "aggrevated": 1.0, "d2lols": 0.8, "ppo": 0.0}
RATE = 20.0
COLLECTORS: tuple[Collector, ...] = ("ppo", "ppo_pp", "aggrevated", "d2lols")


@dataclass(frozen=True)
class Size:
    """How much is run."""

    lengths: tuple[int, ...]
    seeds: int
    episodes: int
    iterations: int

    @property
    def switch_at(self) -> int:
        """D2LOLS: its first iteration of PPO++."""
        return self.iterations * 3 // 8


SHORT, FULL = Size((8,), 1, 256, 60), Size((8, 12), 5, 512, 400)


@dataclass
class Witness:
    """A speaker that counts what it says."""

    inner: Speaker
    said: int = 0

    def go_on(self, prefixes: Sequence[Sequence[int]], counts: Sequence[int]) -> Sequence[Sequence[int]]:
        """See `Speaker`."""
        found = self.inner.go_on(prefixes, counts)
        self.said += sum(map(len, found))
        return found


@dataclass
class Trained:
    """A policy after its training, and what its texts were made of."""

    opened: float
    lucky: int
    guide_tokens: int
    masked: int
    curve: list[float] = field(default_factory=list[float])


def train(collector: Collector, length: int, seed: int, size: Size, *, official: bool = False) -> Trained:
    """A policy, trained on one lock."""
    world = combination_lock(length, ACTIONS, seed)
    policy = TablePolicy(world, seed + 1000)
    guide = Witness(TableSpeaker(world, world.guide(KNOWN), np.random.default_rng(seed + 2000)))
    draws = np.random.default_rng(seed + 3000)
    schedule = Schedule(collector, switch_at=size.switch_at)
    learner = TableLearner(policy, Ppo(learning_rate=RATE, kl=0.0, batch=size.episodes, normalise=False), seed=seed)
    found = Trained(0.0, 0, 0, 0)
    for iteration in range(size.iterations):
        plans = schedule_plans(
            schedule,
            iteration,
            size.episodes,
            horizon=length,
            beta=BETA[collector],
            uniform=lambda: float(draws.random()),
            official=official,
        )
        texts = collect(policy, guide, [()] * len(plans), plans)
        rewards = [world.reward(text.tokens) for text in texts]
        schedule.measure(own_reward(texts, rewards))
        learner.learn(texts, rewards)
        found.lucky += int(sum(rewards)) if collector == "ppo" else 0
        found.masked += sum(text.mask.count(0) for text in texts)
        found.curve.append(world.opened(policy.probabilities))
    found.opened, found.guide_tokens = found.curve[-1], guide.said
    return found


def locks(size: Size) -> dict[str, Any]:
    """Every collector on every lock."""
    told: dict[str, Any] = {"lock": {}, "half_at": {}, "lucky": {}}
    guide_tokens = masked = 0
    for length in size.lengths:
        runs = {name: [train(name, length, seed, size) for seed in range(size.seeds)] for name in COLLECTORS}
        told["lock"][str(length)] = {name: mean(one.opened for one in found) for name, found in runs.items()}
        told["half_at"][str(length)] = {name: [half(one.curve) for one in found] for name, found in runs.items()}
        told["lucky"][str(length)] = [one.lucky for one in runs["ppo"]]
        print(length, told["lock"][str(length)], file=sys.stderr)
        for found in runs.values():
            guide_tokens += sum(one.guide_tokens for one in found)
            masked += sum(one.masked for one in found)
    short = [train("aggrevated", 8, seed, size, official=True).opened for seed in range(size.seeds)]
    told |= {"defect_b": mean(short), "masked_share": masked / guide_tokens}
    return told | {"episodes": size.episodes * size.iterations, "seeds": size.seeds}


def half(curve: Sequence[float]) -> int | None:
    """The first iteration after which the lock is opened every other time; `None` for never."""
    return next((at for at, opened in enumerate(curve, start=1) if opened >= 0.5), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON alone")
    parser.add_argument("--full", action="store_true", help="locks of 8 and 12, five seeds")
    parser.add_argument("--language", action="store_true", help="the small language model, too")
    told = parser.parse_args()
    figures = locks(FULL if told.full else SHORT)
    if told.language:
        from benchmarks.rlgf_language import measure

        figures["tiny_lm"] = measure(full=told.full)
    figures |= facts("numpy", *(("torch", "transformers", "trl") if told.language else ()))
    print(json.dumps(figures, indent=None if told.json else 2))


if __name__ == "__main__":
    main()
