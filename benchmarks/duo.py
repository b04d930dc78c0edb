"""How far is a trained router from an oracle, inside a small model whose texts differ in what they need?

    python benchmarks/duo.py --json [--full] [--seeds 5]

A model of four layers (width 16, feed-forward modules of 256 and of 4 neurons) is trained on random routes, then its
routers; texts that it has not seen are measured. Needs the extra `train`; everything is done by `dikast.decoding.duo`
and `dikast.graphs.duo.study`.

Texts that are measured, and those of the prior, are none that was trained on; see `duo_world.py`.

`all_big_diff`: logits with all routes big, less those of the model before it was taken apart. `enumeration_equal`: the
oracle over four layers against trying each route on each text on its own, one at a time. `searches`: over six layers
and at half the budget, what each search finds (`recall`, `over_fixed`, `hits`: see `recalls`) and spends, in routes, in
layers that are run (a layer, once, for one text) and in FLOPs of feed-forward modules, and these as shares of trying
each of 729 routes; `spent` has what it costs to try all, those within the budget, and those with beginnings shared.
`beam_recall`, `beam_cost`, `guided_recall`, `guided_cost` are recall and share of routes of two of them. The guided
search begins with a prior: all routes of other texts, which is not in its cost and is paid once.

`recovered.{loss,distilled}`: routers trained by loss and budget, or on the oracle's routes. `gain` is nats a token over
the best fixed routes, chosen on other texts and mixed to the routers' own cost; `share` is that over what the
cross-fitted oracle gains at this cost; `share_of_oracle` the same of the oracle that chooses by the loss it is scored
on, which nobody can reach; `share_of_kinds` of two routes, one for easy and one for hard texts. `flops_at_equal_loss`:
the share of all big's feed-forward FLOPs at which routers have all big's loss, read off between targets (`fixed_`: the
same of fixed routes); null where a seed has none. `null`: the oracle where no route suits a text.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.duo_searches import searched, searches_of
from benchmarks.duo_world import BATCH, BUDGET, HARD, RATE, ROWS, SMALL, apart, backbone, losses_of, texts
from benchmarks.machine import facts
from dikast.decoding.duo import BIG, Duo, Mixed, Routing, Search, distil, every_route, train_mixed, train_routers
from dikast.graphs.duo.study import Losses
from dikast.stats import bootstrap

torch: Any = import_module("torch")

LAYERS = 4
HELD, ORACLE_ROWS = 256, 512
STEPS, ROUTER_STEPS = 1_400, 400
TARGETS = (0.3, 0.45, 0.6)
TARGET = 0.3
"""Where `recovered` is told."""


def identities(seed: int) -> dict[str, Any]:
    """What must hold whatever is learnt."""
    model, ids = backbone(4, seed), texts(6, seed)
    with torch.no_grad():
        before = model(ids).logits
        duo = Duo.of(model, SMALL, seed)
        with duo.using((BIG,) * 4):
            after = duo.model(ids).logits
    train_mixed(duo, ids, Mixed(steps=20, batch=6, seed=seed))
    equal = True
    for budget in (0.25, 0.5, 1.0):
        found = Search(duo, ids).exhaustive(budget)
        for row in range(len(ids)):
            losses: list[float] = []
            for route in product(range(3), repeat=4):
                cost = sum(duo.costs()[one] for one in route) / (4 * duo.costs()[BIG])
                if cost <= budget + 1e-9:
                    with torch.no_grad(), duo.using(route):
                        losses.append(float(duo.losses(ids[row : row + 1]).mean()))
            equal = equal and abs(min(losses) - float(found.loss[row])) < 1e-5
    return {"all_big_diff": float((after - before).abs().max()), "enumeration_equal": equal}


def routed(duo: Duo, ids: Any) -> tuple[list[float], float]:
    """Losses of the routers' routes by text, and their cost."""
    unit = torch.tensor([one / duo.costs()[BIG] for one in duo.costs()])
    with torch.no_grad(), duo.routed():
        found = duo.losses(ids).mean(1).tolist()
        cost = float(unit[duo.taken()].mean())
    return found, cost


def by_kind(learnt: Losses, seen: Any, losses: Losses, ids: Any, cost: float) -> float:
    """Mean loss of one route for easy texts and one for hard ones, chosen on texts that were trained on.

    Args:
        learnt: Of texts that were trained on.
        seen: These.
        losses: Of the texts that are measured.
        ids: These.
        cost: Of the two routes together at most.
    """
    hard, known = (seen[:, 0] == HARD).numpy(), learnt.a_token()
    level = (1 - hard.mean()) * known[~hard].mean(axis=0)[:, None] + hard.mean() * known[hard].mean(axis=0)[None]
    costs = (1 - hard.mean()) * losses.costs[:, None] + hard.mean() * losses.costs[None]
    easy_route, hard_route = divmod(int(np.where(costs <= cost, level, np.inf).argmin()), len(losses.costs))
    here, mine = losses.a_token(), (ids[:, 0] == HARD).numpy()
    return float(np.where(mine, here[:, hard_route], here[:, easy_route]).mean())


def beside(losses: Losses, found: Sequence[float], cost: float, kinds: float) -> dict[str, Any]:
    """Routers beside fixed routes and oracles of their own cost, and two routes by kind."""
    fixed, crossed, oracle = (one(cost)[0] for one in (losses.fixed, losses.cross_fitted, losses.oracle))
    gains = [one - other for one, other in zip(fixed, found, strict=True)]
    interval = bootstrap(gains)
    heads = [float(np.mean(fixed) - np.mean(one)) for one in (crossed, oracle)]
    gain = float(np.mean(gains))
    return {
        "cost": cost,
        "loss": float(np.mean(found)),
        "gain": gain,
        "interval": [interval.low, interval.high],
        "cross_fitted_gain": heads[0],
        "oracle_gain": heads[1],
        "kind_gain": float(np.mean(fixed)) - kinds,
        "share": gain / heads[0] if heads[0] > 0 else None,
        "share_of_oracle": gain / heads[1] if heads[1] > 0 else None,
    }


def equal_loss(points: Sequence[tuple[float, float]], wanted: float) -> float | None:
    """The cost at which a line through points of cost and loss falls to a loss."""
    ordered = sorted(points)
    if ordered[0][1] <= wanted:
        return ordered[0][0]
    for (cheap, high), (dear, low) in pairwise(ordered):
        if low <= wanted < high:
            return cheap + (dear - cheap) * (high - wanted) / (high - low)
    return None


def one_seed(seed: int) -> dict[str, Any]:
    ids = texts(ROWS, seed)
    held = apart(HELD, 10_000 + seed, ids)
    duo = Duo.of(backbone(LAYERS, seed), SMALL, seed)
    started = time.perf_counter()
    mixed = train_mixed(duo, ids, Mixed(steps=STEPS, batch=BATCH, learning_rate=RATE, seed=seed))
    print(f"seed {seed}: mixed {mixed[0]:.3f} -> {np.mean(mixed[-50:]):.3f}", file=sys.stderr)
    losses = losses_of(duo, held)
    every = losses.a_token()
    print(f"all big {every[:, -1].mean():.4f}, all small {every[:, every.shape[1] // 2].mean():.4f}", file=sys.stderr)
    found: dict[str, Any] = {
        "seed": seed,
        "all_big": float(every[:, -1].mean()),
        "all_small": float(every[:, every.shape[1] // 2].mean()),
        "searches": searches_of(seed),
        "null": {
            "budget": BUDGET,
            "oracle": float(np.mean(losses.oracle(BUDGET)[0])),
            "cross_fitted": float(np.mean(losses.cross_fitted(BUDGET)[0])),
            "fixed": float(np.mean(losses.fixed(BUDGET)[0])),
            "null": losses.null(seed),
        },
        "by_count": losses.by_count(),
        "recovered": {},
    }
    learnt = losses_of(duo, ids[:ORACLE_ROWS])

    def told_of(told: Sequence[float], cost: float) -> dict[str, Any]:
        return beside(losses, told, cost, by_kind(learnt, ids[:ORACLE_ROWS], losses, held, cost))

    points: list[tuple[float, float]] = []
    for target in TARGETS:
        for layer in duo.layers:
            torch.nn.init.zeros_(layer.router.weight)
            torch.nn.init.zeros_(layer.router.bias)
        train_routers(duo, ids, Routing(target=target, steps=ROUTER_STEPS, batch=BATCH, seed=seed))
        told, cost = routed(duo, held)
        points.append((cost, float(np.mean(told))))
        if target == TARGET:
            found["recovered"]["loss"] = told_of(told, cost)
    found["curve"] = points
    found["flops_at_equal_loss"] = equal_loss(points, found["all_big"])
    fixed = [(losses.fixed(one)[1], float(np.mean(losses.fixed(one)[0]))) for one in np.linspace(0.05, 1, 20).tolist()]
    found["fixed_flops_at_equal_loss"] = equal_loss(fixed, found["all_big"])
    chosen = learnt.spend(-learnt.a_token(), TARGET)
    labels = every_route(LAYERS)[chosen]
    distil(duo, ids[:ORACLE_ROWS], labels, Routing(target=TARGET, steps=ROUTER_STEPS, batch=BATCH, seed=seed))
    found["recovered"]["distilled"] = told_of(*routed(duo, held))
    found["seconds"] = time.perf_counter() - started
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--full", action="store_true", help="five seeds")
    parser.add_argument("--seeds", type=int, help="how many; default 1, with --full 5")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--data", type=Path, help="not used: the texts are made here")
    parser.add_argument(
        "--rows", type=Path, help="write each seed's figures as JSON lines; those there are not done again"
    )
    given = parser.parse_args()
    count = given.seeds or (5 if given.full else 1)
    seeds = range(given.first, given.first + count)
    known: dict[int, dict[str, Any]] = {}
    if given.rows and given.rows.is_file():
        known = {one["seed"]: one for one in map(json.loads, given.rows.read_text(encoding="utf-8").splitlines())}
    told: list[dict[str, Any]] = []
    for seed in seeds:
        told.append(known.get(seed) or one_seed(seed))
        if given.rows and seed not in known:
            with given.rows.open("a", encoding="utf-8") as file:
                file.write(json.dumps(told[-1]) + "\n")
    equal = {name: [one[name] for one in told] for name in ("flops_at_equal_loss", "fixed_flops_at_equal_loss")}
    print(
        json.dumps(
            {
                **identities(given.first),
                **searched([one["searches"] for one in told]),
                "recovered": {way: pooled([one["recovered"][way] for one in told]) for way in ("loss", "distilled")},
                **{name: None if None in reached else float(np.mean(reached)) for name, reached in equal.items()},
                "null": {name: float(np.mean([one["null"][name] for one in told])) for name in told[0]["null"]},
                "seeds": told,
                **facts(),
            }
        )
    )


def pooled(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The means over seeds, and each seed's gain."""
    names = ("cost", "loss", "gain", "cross_fitted_gain", "oracle_gain", "kind_gain")
    means: dict[str, Any] = {name: float(np.mean([one[name] for one in found])) for name in names}
    return {
        **means,
        "share": means["gain"] / means["cross_fitted_gain"] if means["cross_fitted_gain"] > 0 else None,
        "share_of_oracle": means["gain"] / means["oracle_gain"] if means["oracle_gain"] > 0 else None,
        "share_of_kinds": means["gain"] / means["kind_gain"] if means["kind_gain"] > 0 else None,
        "gains": [one["gain"] for one in found],
        "intervals": [one["interval"] for one in found],
    }


if __name__ == "__main__":
    main()
