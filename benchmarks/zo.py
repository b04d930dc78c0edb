"""ZO-RankSGD: its identities; beside its authors' weights and CMA-ES; under noise; a policy; GenQR's knobs.

    python benchmarks/zo.py [--data ../shared/data/retrieval] [--full] [--rows FOLDER] --json

| key | what |
| --- | --- |
| `weights_diff` | largest difference between the closed form and the sum over edges |
| `monotone_diff`, `permutation_diff` | what a monotone transform, and another order of the points, change: nothing |
| `quadratic_d20` | f / f0 after 400 rounds, m = k = 15, the paper's mu and eta, five steps |
| `vs_repo` | queries to f / f0 = 1e-3 with the published program's weights over ours, by m = k and d; seeds paired |
| `vs_cma` | ours over CMA-ES's queries to the same; below 1 ours needs fewer. The ellipsoid is where it needs more |
| `noisy` | with that chance neighbours in the ranking change places: queries over those without, and f / f0 reached |
| `policy` | steps that a pole stays up (of 200) by a policy of 37 parameters that saw rankings of episodes alone |
| `tune` | nDCG@10 on held queries of settings that `dikast tune genqr` found over recorded reformulations |

Ours has one setting (`OURS`) for all functions, chosen on starts of other seeds than the reported ones; CMA-ES is given
the best of three first standard deviations for each function. Needs the extra `tune`; the key `tune` needs `--data`.

`--choose` does what chose the defaults of `dikast tune`: random quadratics of 1 to 4 dimensions, none a method's.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any, cast

import numpy as np
from machine import facts
from zo_tune import tune
from zo_worlds import (
    PARAMETERS,
    Function,
    Pole,
    best_within,
    ellipsoid,
    random_quadratic,
    sphere,
    start_of,
    told,
    tried,
)

from dikast.stats import bootstrap
from dikast.tuning.asking import Algorithm, Box, Question
from dikast.tuning.estimator import Floats, estimate, estimate_by_edges
from dikast.tuning.oracles import Noisy, Oracle, ValueOracle, rank_values
from dikast.tuning.rivals import CmaEs, drawn, grid, levels_for
from dikast.tuning.zo import ZoRankSGD, ZoSettings

SEEDS, FULL_SEEDS = 5, 20
TUNING_SEEDS, FULL_TUNING_SEEDS = 1, 5
FIRST_SEED = 100
"""Settings were looked at on seeds below."""
PAPER = ZoSettings(candidates=15, mu=0.01, eta=0.25, gamma=0.5, steps=5)
OURS = ZoSettings(candidates=15, mu=0.01, eta=1.0, gamma=0.5, steps=5)
SIGMAS = (0.3, 1.0, 1.6)
TARGET = 1e-3
MOST = 60_000
"""Queries after which a run is given up; it then counts as so many."""
POLICY = ZoSettings(candidates=5, mu=0.3, eta=1.0, steps=3, adaptive=True, floor=0.1)
POLICY_QUERIES = 400


def identities() -> dict[str, float]:
    """Over random rankings with ties, of all or of some points."""
    random = np.random.default_rng(0)
    found = {"weights_diff": 0.0, "monotone_diff": 0.0, "permutation_diff": 0.0}
    for _ in range(500):
        count = int(random.integers(2, 16))
        offsets, values = random.standard_normal((count, 5)), random.standard_normal(count).round(1)
        best, order = int(random.integers(1, count + 1)), random.permutation(count)
        ranking = rank_values(values.tolist(), best)
        whole = rank_values(values.tolist())
        ours = estimate(offsets, ranking, 0.1)
        pairs = {
            "weights_diff": (ours, estimate_by_edges(offsets, ranking, 0.1)),
            "monotone_diff": (ours, estimate(offsets, rank_values(np.exp(values).tolist(), best), 0.1)),
            "permutation_diff": (
                estimate(offsets, whole, 0.1),
                estimate(offsets[order], rank_values(values[order].tolist()), 0.1),
            ),
        }
        for name, (one, two) in pairs.items():
            found[name] = max(found[name], float(np.abs(one - two).max()))
    return found


def queries(algorithm: Algorithm, value: Function, start: Floats, oracle: Oracle | None = None) -> tuple[float, float]:
    """Points that are ranked until `TARGET` is reached, and how far it came."""
    first, asked, asking = value(start), 0, oracle or ValueOracle(value)
    while asked < MOST:
        question = cast(Question, algorithm.ask())
        algorithm.tell(asking.rank(question.points, question.best))
        asked += len(question.points)
        middle = algorithm.mean if isinstance(algorithm, CmaEs) else algorithm.best
        if min(value(algorithm.best), value(middle)) <= TARGET * first:
            break
    return float(asked), value(algorithm.best) / first


def quadratic(seeds: Sequence[int]) -> dict[str, Any]:
    found: list[float] = []
    for seed in seeds:
        start, algorithm = start_of(20, seed), ZoRankSGD(start_of(20, seed), PAPER, seed=seed)
        while algorithm.rounds < 400:
            question = cast(Question, algorithm.ask())
            algorithm.tell(ValueOracle(sphere).rank(question.points, question.best))
        found.append(sphere(algorithm.best) / sphere(start))
    return told(found)


def beside_repository(seeds: Sequence[int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for candidates, dimensions in product((6, 15), (20, 30, 100)):
        asked: dict[str, list[float]] = {"paper": [], "repo": []}
        for compat in ("paper", "repo"):
            settings = ZoSettings(candidates=candidates, mu=OURS.mu, eta=OURS.eta, steps=OURS.steps, compat=compat)
            for seed in seeds:
                start = start_of(dimensions, seed)
                asked[compat].append(queries(ZoRankSGD(start, settings, seed=seed), sphere, start)[0])
        logs = np.log(asked["repo"]) - np.log(asked["paper"])
        low, high = bootstrap(logs.tolist())
        found[f"m{candidates}_d{dimensions}"] = {
            "ratio": round(float(np.exp(logs.mean())), 3),
            "interval": [round(float(np.exp(low)), 3), round(float(np.exp(high)), 3)],
            "paper": float(np.median(asked["paper"])),
            "repo": float(np.median(asked["repo"])),
        }
        say("vs_repo", candidates, dimensions, found[f"m{candidates}_d{dimensions}"])
    return found


def beside_cma(seeds: Sequence[int]) -> dict[str, Any]:
    functions: dict[str, tuple[int, Function]] = {
        "sphere_d20": (20, sphere),
        "sphere_d30": (30, sphere),
        "sphere_d100": (100, sphere),
        "ellipsoid": (20, ellipsoid(20)),
    }
    found: dict[str, Any] = {"queries": {}}
    for name, (dimensions, value) in functions.items():
        starts = {seed: start_of(dimensions, seed) for seed in seeds}
        ours = [queries(ZoRankSGD(start, OURS, seed=seed), value, start)[0] for seed, start in starts.items()]
        theirs = {
            sigma: float(np.median([queries(CmaEs(at, sigma, seed=seed), value, at)[0] for seed, at in starts.items()]))
            for sigma in SIGMAS
        }
        best = min(theirs, key=theirs.__getitem__)
        found[name] = round(float(np.median(ours)) / theirs[best], 3)
        found["queries"][name] = {"ours": told(ours), "cma": theirs[best], "sigma": best}
        say("vs_cma", name, found[name], found["queries"][name])
    return found


def noisy(seeds: Sequence[int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    exact: list[float] = []
    for swaps in (0.0, 0.1, 0.2, 0.4):
        pairs: list[tuple[float, float]] = []
        for seed in seeds:
            start = start_of(20, seed)
            oracle = Noisy(ValueOracle(sphere), swaps=swaps, seed=seed)
            pairs.append(queries(ZoRankSGD(start, OURS, seed=seed), sphere, start, oracle))
        asked = [one for one, _ in pairs]
        exact = exact or asked
        reached = sum(one < MOST for one in asked)
        ratio = round(float(np.median(asked)) / float(np.median(exact)), 3)
        found[f"{swaps:g}"] = {
            "ratio": ratio,
            "reached": f"{reached} of {len(asked)}",
            "f": told([f for _, f in pairs]),
        }
        say("noisy", swaps, found[f"{swaps:g}"])
    return found


def policy(seeds: Sequence[int]) -> dict[str, Any]:
    """The paper's RL case, small: each question's policies are ranked by the lengths of their episodes."""
    lengths: dict[str, list[float]] = {"start": [], "ours": [], "cma": []}
    makers: dict[str, Callable[[Floats, int], Algorithm]] = {
        "ours": lambda at, seed: ZoRankSGD(at, POLICY, seed=seed),
        "cma": lambda at, seed: CmaEs(at, 0.3, seed=seed),
    }
    for seed in seeds:
        start = 0.1 * np.random.default_rng([seed, 2]).standard_normal(PARAMETERS)
        lengths["start"].append(tried(start, seed))
        for name, make in makers.items():
            algorithm, oracle = make(start, seed), Pole(seed)
            while oracle.asked < POLICY_QUERIES:
                question = cast(Question, algorithm.ask())
                algorithm.tell(oracle.rank(question.points, question.best))
            middle = algorithm.mean if isinstance(algorithm, CmaEs) else algorithm.best
            lengths[name].append(tried(middle, seed))
    return {
        "parameters": PARAMETERS,
        "queries": POLICY_QUERIES,
        **{name: told(found) for name, found in lengths.items()},
    }


def choose() -> dict[str, Any]:
    """The defaults of `dikast tune`, by the mean of what is left of the start's value."""
    random, unit = np.random.default_rng(987654), Box(0.0, 1.0)
    problems = [random_quadratic(random, dimensions) for dimensions in (1, 2, 3, 4) for _ in range(60)]

    def left(make: Callable[[Floats, int, int], Algorithm]) -> list[float]:
        return [
            round(
                fmean(
                    best_within(make(start, seed, trials), value, start, trials) / max(value(start), 0.02)
                    for seed, (value, start) in enumerate(problems)
                ),
                4,
            )
            for trials in (12, 24, 40)
        ]

    def levels(start: Floats, trials: int) -> list[list[float]]:
        counts = levels_for(trials - 1, [None] * len(start))
        return [[at / (count - 1) for at in range(count)] if count > 1 else [0.5] for count in counts]

    found: dict[str, Any] = {
        "random": left(lambda at, seed, trials: drawn(at, trials, seed=seed, box=unit)),
        "grid": left(lambda at, seed, trials: grid(at, levels(at, trials), seed=seed)),
    }
    for candidates, mu, eta, steps in product((3, 4, 6), (0.1, 0.15, 0.2, 0.3), (0.2, 0.4, 0.8), (1, 2, 3)):
        settings = ZoSettings(candidates=candidates, mu=mu, eta=eta, steps=steps, adaptive=True, elite=True, floor=0.25)
        name = f"candidates={candidates} mu={mu} eta={eta} steps={steps}"
        found[name] = left(lambda at, seed, _, made=settings: ZoRankSGD(at, made, seed=seed, box=unit))
    best = sorted(found, key=lambda name: fmean(found[name]))
    return {name: found[name] for name in dict.fromkeys([*best[:10], "random", "grid"])}


def say(*words: object) -> None:
    print(*words, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with reformulations/, for `tune`")
    parser.add_argument("--rows", type=Path, help="folder for the tunings behind the figures")
    parser.add_argument("--full", action="store_true", help=f"{FULL_SEEDS} seeds, {FULL_TUNING_SEEDS} tunings a file")
    parser.add_argument("--choose", action="store_true", help="print what would choose the defaults of dikast tune")
    parser.add_argument("--json", action="store_true", help="accepted for uniformity: the last line is JSON anyway")
    options = parser.parse_args()
    seeds = range(FIRST_SEED, FIRST_SEED + (FULL_SEEDS if options.full else SEEDS))
    found: dict[str, Any] = (
        {"choice": choose()}
        if options.choose
        else {
            **identities(),
            "quadratic_d20": quadratic(seeds),
            "vs_repo": beside_repository(seeds),
            "vs_cma": beside_cma(seeds),
            "noisy": noisy(seeds),
            "policy": policy(seeds),
            "seeds": len(seeds),
        }
    )
    if options.data is not None and not options.choose:
        tuned = range(FIRST_SEED, FIRST_SEED + (FULL_TUNING_SEEDS if options.full else TUNING_SEEDS))
        found["tune"] = tune(options.data, tuned, options.rows)
    print(json.dumps(found | facts("dikast", "numpy", "cma")))


if __name__ == "__main__":
    main()
