"""The oracle: which route has the lowest loss under a budget, found by trying routes.

    search = Search(duo, ids, mask)
    search.exhaustive(0.5)      # all 3 ** layers routes of each sequence
    search.beam(0.5)            # layer by layer, then changes of the best: a few dozen
    search.coordinate(0.5)      # one layer after the other
    search.guided(0.5, prior)   # where other sequences' losses promise most (`prior.py`)
    search.by_token(0.5)        # a route for each token, from left to right

A budget is the most (<=) that a route's feed-forward modules cost, as a share of all big. A route here is a sequence's,
the same for all its tokens, but in `by_token`. The oracle reads what it predicts: its loss is a bound, and part of it
is luck. `tables.py` says how much.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dikast.decoding.duo.model import Duo
from dikast.decoding.duo.prefixes import Kept
from dikast.decoding.duo.prior import Guess, Prior
from dikast.decoding.duo.routes import BIG, CHOICES, MOST_LAYERS, SKIP, SMALL, every_route, index_of, route_of
from dikast.errors import UsageError

torch: Any = import_module("torch")

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Route = tuple[int, ...]

AT_ONCE = 4096
"""Tokens in one pass."""
WIDTH, MOST = 3, 36
"""Of the beam, and routes that it and the guided search try at most: 36 of 729 are 5 % at six layers."""
SWEEPS = 3
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Found:
    """The oracle's routes.

    Args:
        routes: (sequences, layers), or (sequences, tokens, layers).
        loss: Nats a token of each sequence.
        cost: Share of all big that each sequence costs.
        tried: Routes tried a sequence, on average.
    """

    routes: Ints
    loss: Floats
    cost: Floats
    tried: float


class Search:
    """Losses of a batch by route; each is measured once.

    Args:
        duo: The model.
        ids: (sequences, tokens).
        mask: The same shape, 1 for tokens and 0 for padding on the right; `None` where there is none.
        keep: Whether states behind beginnings of routes are kept, so that a beginning is computed once (`prefixes.py`);
            not by `table` and `by_token`.

    Raises:
        UsageError: A sequence has no token to predict.
    """

    def __init__(self, duo: Duo, ids: Any, mask: Any = None, *, keep: bool = False) -> None:
        self.duo = duo
        self.ids: Any = ids
        self.mask: Any = torch.ones_like(ids) if mask is None else mask
        self.tokens: Floats = self.mask[:, 1:].sum(1).cpu().numpy().astype(float)
        if ids.shape[1] < 2 or self.tokens.min() < 1:
            raise UsageError("a sequence of fewer than two tokens has no loss")
        self._kept = Kept(duo, ids, self.mask, AT_ONCE) if keep else None
        self._known: list[dict[Route, float]] = [{} for _ in range(len(ids))]
        skip, small, big = duo.costs()
        self._unit = (skip / big, small / big, 1.0)

    def cost(self, route: Sequence[int]) -> float:
        """A route's cost as a share of all big."""
        return sum(self._unit[one] for one in route) / len(route)

    def fits(self, route: Sequence[int], budget: float) -> bool:
        """Whether a route is within the budget."""
        return self.cost(route) <= budget + ROUNDING

    def token_losses(self, rows: Sequence[int], routes: Sequence[Any]) -> Floats:
        """Nats of each next token, (pairs, tokens - 1), of pairs of a sequence and a route."""
        width = max(1, AT_ONCE // self.ids.shape[1])
        found: list[Floats] = []
        for start in range(0, len(rows), width):
            mine = torch.as_tensor(list(rows[start : start + width]), device=self.ids.device)
            way = torch.as_tensor(np.asarray(routes[start : start + width]))
            with torch.no_grad(), self.duo.using(way):
                losses = self.duo.losses(self.ids[mine], self.mask[mine])
            found.append(losses.double().cpu().numpy())
        return np.concatenate(found)

    def ask(self, wanted: Sequence[Iterable[Route]]) -> None:
        """Measure routes of each sequence, unless they are known."""
        pairs = [
            (row, route)
            for row, routes in enumerate(wanted)
            for route in dict.fromkeys(routes)
            if route not in self._known[row]
        ]
        if not pairs:
            return
        measure = self.token_losses if self._kept is None else self._kept.token_losses
        losses = measure([row for row, _ in pairs], [route for _, route in pairs]).sum(axis=1)
        for (row, route), loss in zip(pairs, losses, strict=True):
            self._known[row][route] = float(loss) / float(self.tokens[row])

    def table(self) -> Floats:
        """Nats of each next token under every route, (3 ** layers, sequences, tokens - 1).

        Raises:
            UsageError: There are too many layers to try all.
        """
        self.refuse_deep()
        rows = range(len(self.ids))
        return np.stack([self.token_losses(rows, [route] * len(rows)) for route in every_route(self.duo.depth)])

    def refuse_deep(self) -> None:
        """Refuse what would try too many routes.

        Raises:
            UsageError: It would.
        """
        if self.duo.depth > MOST_LAYERS:
            count = CHOICES**self.duo.depth
            raise UsageError(f"{count:,} routes of {self.duo.depth} layers are not all tried", hint="search by beam")

    def exhaustive(self, budget: float) -> Found:
        """Every route within the budget.

        Raises:
            UsageError: There are too many layers to try all.
        """
        self.refuse_deep()
        within = [tuple(route) for route in every_route(self.duo.depth).tolist() if self.fits(route, budget)]
        self.ask([within] * len(self.ids))
        return self.best(budget)

    def best(self, budget: float) -> Found:
        """The best that is known, within the budget; of equal ones the cheapest, then the first."""
        chosen = [
            min(((loss, self.cost(one), index_of(one)) for one, loss in known.items() if self.fits(one, budget)))
            for known in self._known
        ]
        routes = [route_of(index, self.duo.depth) for _, _, index in chosen]
        return Found(
            np.asarray(routes, np.int64),
            np.asarray([loss for loss, _, _ in chosen]),
            np.asarray([cost for _, cost, _ in chosen]),
            float(np.mean([len(known) for known in self._known])),
        )

    def filled(self, budget: float) -> Route:
        """What layers do that are not decided yet: all small, if that is within the budget; else skip."""
        small = (SMALL,) * self.duo.depth
        return small if self.fits(small, budget) else (SKIP,) * self.duo.depth

    def beam(self, budget: float, width: int = WIDTH, most: int = MOST) -> Found:
        """Decide layer by layer, from the first to the last, keeping the best few; then change the best.

        Args:
            budget: Share of all big.
            width: Routes that are kept.
            most: Routes that are tried a sequence at most.
        """
        start = self.filled(budget)
        beams: list[list[Route]] = [[start] for _ in self._known]
        self.ask(beams)
        for layer in range(self.duo.depth):
            wanted = [
                [one for route in beam for one in self.changes(route, [layer], budget)][: most - len(known)]
                for beam, known in zip(beams, self._known, strict=True)
            ]
            self.ask(wanted)
            beams = [
                sorted({*beam, *more}, key=lambda route, known=known: (known[route], route))[:width]
                for beam, more, known in zip(beams, wanted, self._known, strict=True)
            ]
        return self.climb(budget, most)

    def climb(self, budget: float, most: int) -> Found:
        """Try changes of the best known route, and of the next best, until nothing is new or enough was tried."""
        while True:
            wanted: list[list[Route]] = []
            for known in self._known:
                within = sorted(
                    (one for one in known if self.fits(one, budget)), key=lambda one, k=known: (k[one], one)
                )
                new = (
                    one
                    for route in within
                    for one in self.changes(route, range(self.duo.depth), budget)
                    if one not in known
                )
                room = min(self.duo.depth, most - len(known))
                wanted.append([one for one, _ in zip(dict.fromkeys(new), range(room), strict=False)])
            if not any(wanted):
                return self.best(budget)
            self.ask(wanted)

    def changes(self, route: Route, layers: Iterable[int], budget: float) -> list[Route]:
        """The route with one layer changed; where that is too dear, with others made cheaper for it.

        That is another big layer made small, or all small layers skipped.
        """
        found: list[Route] = []
        for layer in layers:
            for other in (BIG, SMALL, SKIP):
                if other == route[layer]:
                    continue
                one = (*route[:layer], other, *route[layer + 1 :])
                if self.fits(one, budget):
                    found.append(one)
                elif other == BIG:
                    swapped = [
                        (*one[:place], SMALL, *one[place + 1 :])
                        for place, kind in enumerate(route)
                        if kind == BIG and place != layer
                    ]
                    swapped.append(tuple(SKIP if kind == SMALL else kind for kind in one))
                    found += [one for one in swapped if self.fits(one, budget)]
        return found

    def coordinate(self, budget: float, sweeps: int = SWEEPS) -> Found:
        """Change one layer after the other for the better, until a sweep changes nothing."""
        here = [self.filled(budget) for _ in self._known]
        self.ask([[one] for one in here])
        for _ in range(sweeps):
            before = list(here)
            for layer in range(self.duo.depth):
                wanted = [self.changes(route, [layer], budget) for route in here]
                self.ask(wanted)
                here = [
                    min([route, *more], key=lambda one, known=known: (known[one], self.cost(one), one))
                    for route, more, known in zip(here, wanted, self._known, strict=True)
                ]
            if here == before:
                break
        return self.best(budget)

    def guided(self, budget: float, prior: Prior, most: int = MOST) -> Found:
        """Try the routes that promise most by what others have cost: other sequences' routes, and this one's so far.

        Args:
            budget: Share of all big.
            prior: From sequences of which all routes were tried, and which are none of these.
            most: Routes that are tried a sequence at most.

        Raises:
            UsageError: The prior is of another number of layers, or there are too many layers to try all.
        """
        self.refuse_deep()
        routes: list[Route] = [tuple(one) for one in every_route(self.duo.depth).tolist()]
        if len(prior.mean) != len(routes):
            raise UsageError(f"a prior of {len(prior.mean):,} routes; {self.duo.depth} layers have {len(routes):,}")
        within = np.asarray([place for place, one in enumerate(routes) if self.fits(one, budget)], np.int64)
        guess, best = Guess(prior, within, len(self._known)), None
        for _ in range(min(most, len(within))):
            places = guess.next(best)
            numbers: list[int] = within[places].tolist()
            chosen = [routes[number] for number in numbers]
            self.ask([[one] for one in chosen])
            losses = np.asarray([known[one] for known, one in zip(self._known, chosen, strict=True)])
            guess.learn(places, losses)
            best = losses if best is None else np.minimum(best, losses)
        return self.best(budget)

    def losses(self) -> Floats:
        """Nats a token of each sequence under every route, (3 ** layers, sequences): what a prior is made of.

        Raises:
            UsageError: There are too many layers to try all.
        """
        return self.table().sum(axis=2) / self.tokens

    def by_token(self, budget: float, candidates: Sequence[Route] | None = None) -> Found:
        """A route for each token within the budget: that which predicts its next token best, from left to right.

        A token's loss depends on the routes up to its own and no later ones, so that the losses are those of all
        routes together. The last token predicts nothing and takes the cheapest.

        Args:
            budget: Of each token.
            candidates: Routes that are tried; all within the budget without.

        Raises:
            UsageError: There are too many layers to try all.
        """
        if candidates is None:
            self.refuse_deep()
            candidates = [tuple(one) for one in every_route(self.duo.depth).tolist()]
        within = sorted((one for one in candidates if self.fits(one, budget)), key=lambda one: (self.cost(one), one))
        count, length = len(self.tokens), int(self.ids.shape[1])
        routes = np.tile(np.asarray(within[0], np.int64), (count, length, 1))
        losses = np.zeros((count, length - 1))
        rows = [row for row in range(count) for _ in within]
        whole, whole_mask = self.ids, self.mask
        try:
            for token in range(length - 1):
                self.ids, self.mask = whole[:, : token + 2], whole_mask[:, : token + 2]
                tried = np.repeat(routes[:, : token + 2], len(within), axis=0)
                tried[:, token] = np.tile(np.asarray(within), (count, 1))
                found = self.token_losses(rows, list(tried))[:, token].reshape(count, len(within))
                best = found.argmin(axis=1)
                routes[:, token], losses[:, token] = np.asarray(within)[best], found[np.arange(count), best]
        finally:
            self.ids, self.mask = whole, whole_mask
        seen = self.mask.cpu().numpy()
        costs = np.asarray(self._unit)[routes].mean(axis=2) * seen
        return Found(routes, losses.sum(1) / self.tokens, costs.sum(1) / seen.sum(1), float(len(within) * (length - 1)))
