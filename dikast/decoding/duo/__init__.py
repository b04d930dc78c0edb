"""Duo-LLM: a decoder whose feed-forward layers are big, small or skipped, a token and a layer at a time.

    from dikast.decoding.duo import Duo, train_mixed, train_routers

    duo = Duo.of(model, small=64)                   # a Hugging Face decoder; its own layers become the big ones
    train_mixed(duo, batches, Mixed())              # stage 1: random routes, so that any mixture works
    losses = Search(duo, batch).exhaustive(0.5)     # stage 2: the oracle under a budget of FLOPs
    prior = Prior.of(Search(duo, others).losses())      # or, at a twentieth of the cost, with what others have cost
    losses = Search(duo, batch).guided(0.5, prior)
    train_routers(duo, batches, Routing(target=0.5))    # stage 3
    duo.save(folder); Duo.open(folder)

Paper: Alizadeh et al., arXiv 2410.10846. Nothing heavy is imported before a name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dikast.lazy import open_package

if TYPE_CHECKING:
    from dikast.decoding.duo.flops import FlopMeter
    from dikast.decoding.duo.model import Duo
    from dikast.decoding.duo.prior import Prior
    from dikast.decoding.duo.routes import BIG, SKIP, SMALL, every_route, index_of, route_of
    from dikast.decoding.duo.search import Found, Search
    from dikast.decoding.duo.training import Mixed, Routing, distil, train_mixed, train_routers

PLACES = {
    **dict.fromkeys(("BIG", "SKIP", "SMALL", "every_route", "index_of", "route_of"), "routes"),
    "Duo": "model",
    "Prior": "prior",
    "FlopMeter": "flops",
    **dict.fromkeys(("Found", "Search"), "search"),
    **dict.fromkeys(("Mixed", "Routing", "distil", "train_mixed", "train_routers"), "training"),
}

__all__ = [
    "BIG",
    "SKIP",
    "SMALL",
    "Duo",
    "FlopMeter",
    "Found",
    "Mixed",
    "Prior",
    "Routing",
    "Search",
    "distil",
    "every_route",
    "index_of",
    "route_of",
    "train_mixed",
    "train_routers",
]

open_package(__name__, PLACES)
