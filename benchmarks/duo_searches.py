"""What `duo.py` says of searches: over six layers, what each finds of what all 729 routes have, and what it spends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.duo_world import BATCH, BUDGET, LENGTH, RATE, ROWS, SMALL, apart, backbone, losses_of, texts
from dikast.decoding.duo import BIG, Duo, FlopMeter, Mixed, Prior, Search, train_mixed
from dikast.decoding.duo.model import decoder_layers
from dikast.decoding.duo.search import MOST, Found

DEEP, DEEP_STEPS, DEEP_ROWS, PRIOR_ROWS = 6, 150, 64, 64
"""The training is short; texts of the prior are apart from those that are searched."""
SHARED = (36, 50, 72)
"""Routes that the guided search tries where beginnings are computed once."""


class Spending:
    """Counts layers that are run, a sequence each, and FLOPs of feed-forward modules, while it is open.

    Args:
        duo: The model.
        sequences: What is counted is a sequence's.
    """

    def __init__(self, duo: Duo, sequences: int) -> None:
        self._duo, self._meter, self._sequences = duo, FlopMeter(duo), sequences
        self._hooks: list[Any] = []
        self._runs = 0

    def __enter__(self) -> Spending:
        def see(layer: Any, given: Any, output: Any) -> None:
            del layer, output
            self._runs += int(given[0].shape[0])

        self._hooks = [one.register_forward_hook(see) for one in decoder_layers(self._duo.model)]
        self._meter.__enter__()
        return self

    def __exit__(self, *ended: object) -> None:
        self._meter.__exit__(*ended)
        for one in self._hooks:
            one.remove()

    def told(self) -> dict[str, float]:
        """What was counted, by its name."""
        return {"layer_runs": self._runs / self._sequences, "ffn_flops": self._meter.total / self._sequences}


def searches_of(seed: int) -> dict[str, Any]:
    """What searches find of what there is, and what they spend on it."""
    duo, ids = Duo.of(backbone(DEEP, seed), SMALL, seed), texts(ROWS, seed)
    held = apart(DEEP_ROWS, 10_000 + seed, ids)
    others = apart(PRIOR_ROWS, 20_000 + seed, ids, held)
    train_mixed(duo, ids, Mixed(steps=DEEP_STEPS, batch=BATCH, learning_rate=RATE, seed=seed))
    with Spending(duo, DEEP_ROWS) as spending:
        losses = losses_of(duo, held)
    every = {"routes": 3**DEEP, **spending.told()}
    allowed = losses.within(BUDGET)
    within = losses.a_token()[:, allowed]
    spent: dict[str, dict[str, float]] = {"every_route": every}
    with Spending(duo, DEEP_ROWS) as spending:
        best = Search(duo, held, keep=True).exhaustive(BUDGET)
    spent["within_budget_shared"] = {"routes": best.tried, **spending.told()}
    flops = float(losses.costs[allowed].sum()) * DEEP * duo.costs()[BIG] * LENGTH
    spent["within_budget"] = {"routes": best.tried, "layer_runs": best.tried * DEEP, "ffn_flops": flops}
    prior = Prior.of(Search(duo, others).losses())  # costs every route of these texts
    ways: dict[str, tuple[bool, Callable[[Search], Found]]] = {
        "beam": (False, lambda search: search.beam(BUDGET)),
        "beam_3x": (False, lambda search: search.beam(BUDGET, most=3 * MOST)),
        "coordinate": (False, lambda search: search.coordinate(BUDGET)),
        "guided": (False, lambda search: search.guided(BUDGET, prior)),
        **{f"guided_shared_{most}": (True, guided(prior, most)) for most in SHARED},
    }
    found: dict[str, Any] = {}
    for name, (keep, way) in ways.items():
        with Spending(duo, DEEP_ROWS) as spending:
            told = way(Search(duo, held, keep=keep))
        found[name] = {**recalls(within, told.loss), "routes": told.tried, **spending.told()}
    return {"spent": spent, "found": found}


def guided(prior: Prior, most: int) -> Callable[[Search], Found]:
    return lambda search: search.guided(BUDGET, prior, most)


def recalls(within: Any, loss: Any) -> dict[str, float]:
    """A search's losses beside those of all routes within the budget, (sequences, routes).

    `recall` is the share of what the best routes gain over the mean route, `over_fixed` of what they gain over the one
    route that is best for all these sequences; `hits`, of the sequences whose best route was found.
    """
    best, fixed = within.min(axis=1), within[:, within.mean(axis=0).argmin()]
    return {
        "recall": float((within.mean() - loss.mean()) / (within.mean() - best.mean())),
        "over_fixed": float((fixed.mean() - loss.mean()) / (fixed.mean() - best.mean())),
        "hits": float((loss <= best + 1e-5).mean()),
    }


def searched(seeds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The means over seeds, and costs as shares of trying every route, without keeping anything."""
    means = {
        part: {
            name: {key: float(np.mean([one[part][name][key] for one in seeds])) for key in figures}
            for name, figures in seeds[0][part].items()
        }
        for part in ("spent", "found")
    }
    every = means["spent"]["every_route"]
    for figures in means["found"].values():
        figures |= {f"{key}_share": figures[key] / every[key] for key in every}
    return {
        "beam_recall": means["found"]["beam"]["recall"],
        "beam_cost": means["found"]["beam"]["routes_share"],
        "guided_recall": means["found"]["guided"]["recall"],
        "guided_cost": means["found"]["guided"]["routes_share"],
        "searches": means,
    }
