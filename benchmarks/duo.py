"""How far is a trained router from an oracle, inside a small model whose texts differ in what they need?

    python benchmarks/duo.py --json [--full] [--seeds 5]

A model of four layers (width 16, feed-forward modules of 256 and of 4 neurons) is trained on random routes, then its
routers; texts that it has not seen are measured. Needs the extra `train`; everything is done by `dikast.decoding.duo`
and `dikast.graphs.duo.study`.

Texts are of two kinds, by their first symbol: in easy ones each symbol is the successor of the one before; in hard ones
it is looked up in a table by the two symbols before it, which the feed-forward modules have to remember.

`all_big_diff`: logits with all routes big, less those of the model before it was taken apart. `enumeration_equal`: the
oracle over four layers against trying each route on each text on its own, one at a time. `beam_recall`: over six
layers, of what the best of all 729 routes gains over the mean route within the budget, the share that the beam finds;
`beam_cost`: the share of the routes that it tries; `beam_recall_3x`: with three times as many.

`recovered.{loss,distilled}`: routers trained by loss and budget, or on the oracle's routes. `gain` is nats a token over
the best fixed routes, chosen on other texts and mixed to the routers' own cost; `share` is that over what the
cross-fitted oracle gains at this cost; `share_of_oracle` the same of the oracle that chooses by the loss it is scored
on, which nobody can reach. `flops_at_equal_loss`: the share of all big's feed-forward FLOPs at which routers have all
big's loss, read off between targets; null where none of them has it. `null`: the oracle where no route suits a text.
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

from benchmarks.machine import facts
from dikast.decoding.duo import BIG, Duo, Mixed, Routing, Search, distil, every_route, train_mixed, train_routers
from dikast.decoding.duo.search import MOST
from dikast.graphs.duo.study import Losses
from dikast.stats import bootstrap

torch: Any = import_module("torch")
transformers: Any = import_module("transformers")

SYMBOLS, LENGTH = 24, 16
EASY, HARD = SYMBOLS, SYMBOLS + 1
LAYERS, WIDTH, WIDE, SMALL = 4, 16, 256, 4
DEEP, DEEP_STEPS, DEEP_ROWS = 6, 150, 32
"""The beam is tried over six layers, after a short training."""
ROWS, HELD, ORACLE_ROWS = 4_096, 256, 512
STEPS, ROUTER_STEPS = 1_400, 120
RATE, BATCH = 6e-3, 32
TARGETS = (0.3, 0.6, 0.85)
TARGET = 0.3
"""Where `recovered` is told."""
BUDGET = 0.5
"""Of the beam."""
SECRET = 7
"""Of the table, which is the same for all rows and seeds."""


def texts(rows: int, seed: int) -> Any:
    """Half easy, half hard."""
    random, secret = np.random.default_rng(seed), np.random.default_rng(SECRET)
    # A permutation of the symbol before the last for each last one: all pairs stay as frequent as they begin.
    table = np.stack([secret.permutation(SYMBOLS) for _ in range(SYMBOLS)], axis=1)
    said = np.empty((rows, LENGTH), np.int64)
    hard = random.random(rows) < 0.5
    said[:, 0] = np.where(hard, HARD, EASY)
    said[:, 1:3] = random.integers(SYMBOLS, size=(rows, 2))
    said[:, 2] = np.where(hard, said[:, 2], (said[:, 1] + 1) % SYMBOLS)
    for at in range(3, LENGTH):
        looked_up = table[said[:, at - 2], said[:, at - 1]]
        said[:, at] = np.where(hard, looked_up, (said[:, at - 1] + 1) % SYMBOLS)
    return torch.from_numpy(said)


def backbone(layers: int, seed: int) -> Any:
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=SYMBOLS + 2,
        hidden_size=WIDTH,
        intermediate_size=WIDE,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=LENGTH,
        initializer_range=0.1,
    )
    return transformers.LlamaForCausalLM(config).eval()


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


def losses_of(duo: Duo, ids: Any) -> Losses:
    """All routes on some texts."""
    search = Search(duo, ids)
    table = search.table()
    routes = every_route(duo.depth)
    halves = np.stack([table[:, :, ::2].sum(axis=2), table[:, :, 1::2].sum(axis=2)], axis=2)
    costs = np.asarray([search.cost(one) for one in routes.tolist()])
    return Losses(halves, search.tokens, costs, (routes == BIG).sum(axis=1), BUDGET)


def beam_of(seed: int) -> dict[str, float]:
    """What the beam finds of what there is."""
    duo, held = Duo.of(backbone(DEEP, seed), SMALL, seed), texts(DEEP_ROWS, 10_000 + seed)
    train_mixed(duo, texts(ROWS, seed), Mixed(steps=DEEP_STEPS, batch=BATCH, learning_rate=RATE, seed=seed))
    losses = losses_of(duo, held)
    within = losses.a_token()[:, losses.within(BUDGET)]
    found = Search(duo, held).beam(BUDGET)
    gap = within.mean() - within.min(axis=1).mean()
    longer = Search(duo, held).beam(BUDGET, most=3 * MOST)
    return {
        "beam_recall": float((within.mean() - found.loss.mean()) / gap),
        "beam_cost": found.tried / 3**DEEP,
        "beam_hits": sum((found.loss <= within.min(axis=1) + 1e-6).tolist()) / DEEP_ROWS,
        "beam_recall_3x": float((within.mean() - longer.loss.mean()) / gap),
    }


def routed(duo: Duo, ids: Any) -> tuple[list[float], float]:
    """Losses of the routers' routes by text, and their cost."""
    unit = torch.tensor([one / duo.costs()[BIG] for one in duo.costs()])
    with torch.no_grad(), duo.routed():
        found = duo.losses(ids).mean(1).tolist()
        cost = float(unit[duo.taken()].mean())
    return found, cost


def beside(losses: Losses, found: Sequence[float], cost: float) -> dict[str, Any]:
    """Routers beside fixed routes and oracles of their own cost."""
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
    ids, held = texts(ROWS, seed), texts(HELD, 10_000 + seed)
    duo = Duo.of(backbone(LAYERS, seed), SMALL, seed)
    started = time.perf_counter()
    mixed = train_mixed(duo, ids, Mixed(steps=STEPS, batch=BATCH, learning_rate=RATE, seed=seed))
    print(f"seed {seed}: mixed {mixed[0]:.3f} -> {np.mean(mixed[-50:]):.3f}", file=sys.stderr)
    losses = losses_of(duo, held)
    every = losses.a_token()
    print(f"all big {every[:, -1].mean():.4f}, all small {every[:, every.shape[1] // 2].mean():.4f}", file=sys.stderr)
    found: dict[str, Any] = {
        "all_big": float(every[:, -1].mean()),
        "all_small": float(every[:, every.shape[1] // 2].mean()),
        **beam_of(seed),
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
    points: list[tuple[float, float]] = []
    for target in TARGETS:
        for layer in duo.layers:
            torch.nn.init.zeros_(layer.router.weight)
            torch.nn.init.zeros_(layer.router.bias)
        train_routers(duo, ids, Routing(target=target, steps=ROUTER_STEPS, batch=BATCH, seed=seed))
        told, cost = routed(duo, held)
        points.append((cost, float(np.mean(told))))
        if target == TARGET:
            found["recovered"]["loss"] = beside(losses, told, cost)
    found["curve"] = points
    found["flops_at_equal_loss"] = equal_loss(points, found["all_big"])
    learnt = losses_of(duo, ids[:ORACLE_ROWS])
    chosen = learnt.spend(-learnt.a_token(), TARGET)
    labels = every_route(LAYERS)[chosen]
    distil(duo, ids[:ORACLE_ROWS], labels, Routing(target=TARGET, steps=ROUTER_STEPS, batch=BATCH, seed=seed))
    found["recovered"]["distilled"] = beside(losses, *routed(duo, held))
    found["seconds"] = time.perf_counter() - started
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--full", action="store_true", help="five seeds")
    parser.add_argument("--seeds", type=int, help="how many; default 1, with --full 5")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--data", type=Path, help="not used: the texts are made here")
    parser.add_argument("--rows", type=Path, help="write each seed's figures as JSON lines")
    given = parser.parse_args()
    count = given.seeds or (5 if given.full else 1)
    seeds = range(given.first, given.first + count)
    told = [one_seed(seed) for seed in seeds]
    if given.rows:
        given.rows.write_text("".join(json.dumps(one) + "\n" for one in told), encoding="utf-8")
    reached = [one["flops_at_equal_loss"] for one in told]
    print(
        json.dumps(
            {
                **identities(given.first),
                "beam_recall": float(np.mean([one["beam_recall"] for one in told])),
                "beam_recall_3x": float(np.mean([one["beam_recall_3x"] for one in told])),
                "beam_cost": float(np.mean([one["beam_cost"] for one in told])),
                "recovered": {way: pooled([one["recovered"][way] for one in told]) for way in ("loss", "distilled")},
                "flops_at_equal_loss": None if None in reached else float(np.mean(reached)),
                "null": {name: float(np.mean([one["null"][name] for one in told])) for name in told[0]["null"]},
                "seeds": told,
                **facts(),
            }
        )
    )


def pooled(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The means over seeds, and each seed's gain."""
    names = ("cost", "loss", "gain", "cross_fitted_gain", "oracle_gain")
    means: dict[str, Any] = {name: float(np.mean([one[name] for one in found])) for name in names}
    return {
        **means,
        "share": means["gain"] / means["cross_fitted_gain"] if means["cross_fitted_gain"] > 0 else None,
        "share_of_oracle": means["gain"] / means["oracle_gain"] if means["oracle_gain"] > 0 else None,
        "gains": [one["gain"] for one in found],
        "intervals": [one["interval"] for one in found],
    }


if __name__ == "__main__":
    main()
