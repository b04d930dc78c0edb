"""A `RoutedModel` over a folder that `dikast duo train` wrote. torch is loaded when it is first asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dikast.agents.models.transformers.loading import import_libraries
from dikast.errors import DataError
from dikast.graphs.duo.records import Fixed, Routed, Searched
from dikast.graphs.duo.roles import Way

if TYPE_CHECKING:
    from collections.abc import Callable

    from dikast.decoding.duo import Duo

T = TypeVar("T")
FILES = ("model.safetensors", "duo.safetensors", "duo.json")
QUARTERS = 4


class TorchDuo:
    """A model in this process; one pass at a time.

    Args:
        folder: Where it lies.
        duo: The model, where it is open already; with its tokenizer.
        tokenizer: Splits texts.
    """

    def __init__(self, folder: str, duo: Duo | None = None, tokenizer: Any = None) -> None:
        self.spec = folder
        self._duo, self._tokenizer = duo, tokenizer
        self._one = asyncio.Lock()

    def fingerprint(self) -> Mapping[str, object]:
        """Hashes of the weights.

        Raises:
            DataError: There are none.
        """
        from dikast.agents.models.weights import weights_hash

        found: dict[str, object] = {}
        for name in FILES:
            path = Path(self.spec) / name
            if not path.is_file():
                raise DataError("no model with two modules a layer", path=path, hint="'dikast duo train' makes one")
            stat = path.stat()
            found[name] = weights_hash(path.resolve(), stat.st_size, stat.st_mtime_ns)
        return found

    async def _do(self, work: Callable[[Any], T]) -> T:
        async with self._one:
            return await asyncio.to_thread(lambda: work(self._open()))

    def _open(self) -> Any:
        if self._duo is None:
            _, transformers = import_libraries()
            duo: Any = import_module("dikast.decoding.duo").Duo
            self._duo = duo.open(Path(self.spec))
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(
                self.spec, local_files_only=True, trust_remote_code=False
            )
        return self._duo

    async def shape(self) -> tuple[int, float]:
        """See `RoutedModel.shape`."""

        def look(duo: Any) -> tuple[int, float]:
            _, small, big = duo.costs()
            return duo.depth, small / big

        return await self._do(look)

    async def read(self, text: str, most: int) -> tuple[list[int], bool]:
        """See `RoutedModel.read`."""

        def split(duo: Any) -> tuple[list[int], bool]:
            del duo
            ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
            return ids[:most], len(ids) > most

        return await self._do(split)

    async def fixed(self, tokens: Sequence[int]) -> Fixed:
        """See `RoutedModel.fixed`."""

        def measure(duo: Any) -> Fixed:
            torch: Any = import_module("torch")
            ids = torch.tensor([list(tokens)])
            found: list[float] = []
            for route in (2, 1, 0):
                with torch.no_grad(), duo.using((route,) * duo.depth):
                    found.append(float(duo.losses(ids).mean()))
            return Fixed(big=found[0], small=found[1], skip=found[2])

        return await self._do(measure)

    async def search(self, tokens: Sequence[int], budget: float, way: Way) -> Searched:
        """See `RoutedModel.search`."""

        def find(duo: Any) -> Searched:
            torch: Any = import_module("torch")
            search: Any = import_module("dikast.decoding.duo").Search(duo, torch.tensor([list(tokens)]))
            losses: list[tuple[float, float]] | None = None
            if way == "exhaustive":
                table = search.table()[:, 0]
                losses = list(zip(table[:, ::2].sum(1).tolist(), table[:, 1::2].sum(1).tolist(), strict=True))
            found = getattr(search, way)(budget)
            tried = len(losses) if losses else round(found.tried)
            return Searched(
                route=found.routes[0].tolist(),
                loss=float(found.loss[0]),
                cost=float(found.cost[0]),
                tried=tried,
                losses=losses,
            )

        return await self._do(find)

    async def route(self, tokens: Sequence[int]) -> Routed:
        """See `RoutedModel.route`."""

        def follow(duo: Any) -> Routed:
            torch: Any = import_module("torch")
            meter: Any = import_module("dikast.decoding.duo").FlopMeter(duo)
            ids = torch.tensor([list(tokens)])
            with torch.no_grad(), meter, duo.routed():
                loss = float(duo.losses(ids).mean())
                taken = duo.taken()[0]
            big = (taken == 2).float()
            quarters = [float(one.mean()) for one in torch.tensor_split(big, QUARTERS) if len(one)]
            return Routed(
                loss=loss,
                cost=meter.total / (len(tokens) * duo.depth * duo.costs()[-1]),
                flops=meter.total,
                big=big.mean(0).tolist(),
                skipped=(taken == 0).float().mean(0).tolist(),
                by_place=quarters,
            )

        return await self._do(follow)


def load_duo(source: str) -> TorchDuo:
    """A model from its folder; it is opened at first use."""
    return TorchDuo(source)
