"""Losses by route where a beginning that routes share is computed once: states behind it are kept.

    kept = Kept(duo, ids, mask)
    kept.token_losses([0, 0], [(2, 1, 0), (2, 1, 2)])   # four layers are run, not six

One layer is run at a time, inside the model's own forward pass: stand-ins for the layers before it hand on what is
kept, and one behind it ends the pass. Kept are (tokens, width) numbers for each beginning that was tried, so that this
is for short texts and a few dozen routes, or for few layers.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dikast.decoding.duo.model import Duo, decoder_layers

torch: Any = import_module("torch")
Module: Any = torch.nn.Module

Route = tuple[int, ...]


class EnoughError(Exception):
    """The layer that was asked for has been run; carries what it gave."""

    def __init__(self, states: Any) -> None:
        super().__init__()
        self.states: Any = states


class StandIn(Module):
    """In place of a layer that is not run.

    Args:
        layer: The layer; what a model asks of it beside its output is answered by it.
        states: What is handed on; `None` for what comes in.
        ends: Whether the pass ends here.
        several: Whether the model's layers give tuples.
    """

    def __init__(self, layer: Any, states: Any, *, ends: bool, several: bool) -> None:
        super().__init__()
        self.__dict__["stood_for"] = layer  # no submodule: it would be listed twice
        self.states: Any = states
        self.ends, self.several = ends, several

    def __getattr__(self, name: str) -> Any:
        """What a layer is asked for, such as the kind of its attention."""
        try:
            return Module.__getattr__(self, name)
        except AttributeError:
            return getattr(self.__dict__["stood_for"], name)

    def forward(self, states: Any, *others: Any, **more: Any) -> Any:
        """Hand on states, or end."""
        del others, more
        if self.ends:
            raise EnoughError(states)
        found = states if self.states is None else self.states
        return (found,) if self.several else found


class Kept:
    """Losses of a batch by route, with what beginnings of routes have in common computed once.

    Args:
        duo: The model.
        ids: (sequences, tokens).
        mask: The same shape, 1 for tokens and 0 for padding on the right.
        at_once: Tokens in one pass.
    """

    def __init__(self, duo: Duo, ids: Any, mask: Any, at_once: int) -> None:
        self.duo, self.ids, self.mask = duo, ids, mask
        self._width = max(1, at_once // ids.shape[1])
        self._layers: Any = duo.model.get_decoder().layers
        self._states: dict[tuple[int, Route], Any] = {}
        self._several = False

    def token_losses(self, rows: Sequence[int], routes: Sequence[Any]) -> NDArray[np.float64]:
        """Nats of each next token, (pairs, tokens - 1), of pairs of a sequence and a route."""
        pairs = [(row, tuple(int(one) for one in route)) for row, route in zip(rows, routes, strict=True)]
        for depth in range(1, self.duo.depth):
            wanted = dict.fromkeys((row, route[:depth]) for row, route in pairs)
            new = [one for one in wanted if one not in self._states]
            for start in range(0, len(new), self._width):
                part = new[start : start + self._width]
                self._states.update(zip(part, self._run(part), strict=True))
        found = [self._run(pairs[start : start + self._width]) for start in range(0, len(pairs), self._width)]
        return np.concatenate([losses.double().cpu().numpy() for losses in found])

    def _run(self, beginnings: Sequence[tuple[int, Route]]) -> Any:
        """One layer of some sequences: the last of each beginning. Its states; for a whole route, the losses."""
        place = len(beginnings[0][1]) - 1
        rows = torch.as_tensor([row for row, _ in beginnings], device=self.ids.device)
        ways = torch.tensor([[*route, *[0] * (self.duo.depth - 1 - place)] for _, route in beginnings])
        before: Any = None
        if place:
            before = torch.stack([self._states[row, route[:-1]] for row, route in beginnings])
        try:
            with torch.no_grad(), self.duo.using(ways), self._only(place, before):
                return self.duo.losses(self.ids[rows], self.mask[rows])
        except EnoughError as enough:
            return enough.states

    @contextmanager
    def _only(self, place: int, before: Any) -> Generator[None]:
        real = decoder_layers(self.duo.model)

        def see(layer: Any, given: Any, output: Any) -> None:
            del layer, given
            self._several = isinstance(output, tuple)

        hook = real[place].register_forward_hook(see)
        try:
            for number, layer in enumerate(real):
                if number != place:
                    states = before if number == place - 1 else None
                    self._layers[number] = StandIn(layer, states, ends=number > place, several=self._several)
            yield
        finally:
            hook.remove()
            for number, layer in enumerate(real):
                self._layers[number] = layer
