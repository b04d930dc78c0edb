"""FLOPs as they are spent: counted by hooks on every matrix of the feed-forward modules and routers.

with FlopMeter(duo) as meter, duo.using(routes):
duo.model(ids)
meter.total, meter.tokens       # FLOPs; (layer, "big") -> tokens that went through it
"""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from typing import Any

from dikast.decoding.duo.model import Duo

PARTS = ("small", "big", "router")


class FlopMeter:
    """Counts while it is open.

    Args:
        duo: The model.
    """

    def __init__(self, duo: Duo) -> None:
        self._duo = duo
        self._hooks: list[Any] = []
        self.flops: Counter[str] = Counter()
        self.tokens: Counter[tuple[int, str]] = Counter()

    @property
    def total(self) -> int:
        """FLOPs of the feed-forward modules; those of routers are in `flops["router"]`."""
        return self.flops["small"] + self.flops["big"]

    def __enter__(self) -> FlopMeter:
        """Hang hooks on every matrix."""
        torch: Any = import_module("torch")
        for layer in self._duo.layers:
            for part in PARTS:
                module = getattr(layer, part)
                matrices = [one for one in module.modules() if isinstance(one, torch.nn.Linear)]
                self._hooks += [one.register_forward_hook(self._count(part)) for one in matrices]
                self._hooks.append(module.register_forward_pre_hook(self._pass(layer.layer, part)))
        return self

    def _count(self, part: str) -> Any:
        def count(matrix: Any, inputs: tuple[Any, ...], output: Any) -> None:
            del output
            rows = inputs[0].numel() // inputs[0].shape[-1]
            self.flops[part] += 2 * rows * matrix.weight.numel()

        return count

    def _pass(self, layer: int, part: str) -> Any:
        def count(module: Any, inputs: tuple[Any, ...]) -> None:
            del module
            self.tokens[layer, part] += inputs[0].numel() // inputs[0].shape[-1]

        return count

    def __exit__(self, *ended: object) -> None:
        """Take the hooks away."""
        for one in self._hooks:
            one.remove()
        self._hooks.clear()
