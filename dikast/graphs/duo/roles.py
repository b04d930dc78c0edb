"""Who takes part in the study inside a model: one that can send its tokens on any route.

duo = dikast.graphs.duo.torch_duo.load_duo("runs/duo/duo")      # a folder that `dikast duo train` wrote
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from dikast.graphs.duo.records import Fixed, Routed, Searched

Way: TypeAlias = Literal["exhaustive", "beam", "coordinate"]


@runtime_checkable
class RoutedModel(Protocol):
    """A decoder with a big and a small feed-forward module in each layer."""

    @property
    def spec(self) -> str:
        """The string that stands for this model in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its losses."""
        ...

    async def shape(self) -> tuple[int, float]:
        """How many layers it has, and what a small module costs, as a share of a big one."""
        ...

    async def read(self, text: str, most: int) -> tuple[list[int], bool]:
        """A text's tokens, `most` of them at most, and whether there were more."""
        ...

    async def fixed(self, tokens: Sequence[int]) -> Fixed:
        """Losses on the plainest routes."""
        ...

    async def search(self, tokens: Sequence[int], budget: float, way: Way) -> Searched:
        """The oracle's route within a budget.

        Raises:
            UsageError: There are too many layers to try all routes.
        """
        ...

    async def route(self, tokens: Sequence[int]) -> Routed:
        """What the routers do, and what comes of it."""
        ...
