"""A Hugging Face decoder with a big and a small feed-forward module in each layer, or none, by token.

    duo = Duo.of(model, small=64)
    with duo.using(routes):                 # (layers,), (sequences, layers) or (sequences, tokens, layers)
        logits = duo.model(input_ids).logits
    with duo.routed():                      # by the routers
        ...

A layer's own `mlp` becomes the big module, and stays what it was: with all routes big, which is what holds outside of
the two, the model computes what it computed before. A token on another route never goes through the big module: tokens
are gathered by route, not masked. A skip leaves the residual stream as it is.

Routers read what the layer's modules read: the state of the token itself, which holds nothing of later ones.

Not here: mixtures of experts, and models whose layers hold their feed-forward weights in no module `mlp` that can be
made anew in another width from the configuration (Llama, Qwen, Mistral, GPT-NeoX, Phi and their like can).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from dikast.decoding.duo.routes import BIG, CHOICES, SKIP, SMALL
from dikast.errors import DataError, UsageError

torch: Any = import_module("torch")
Module: Any = torch.nn.Module

ABOUT, WEIGHTS = "duo.json", "duo.safetensors"
FORMAT = 1
PLAIN: dict[str, Any] = {"routes": None, "routed": False, "temperature": None, "watched": False}
"""All big, and nobody looks on."""
PROJECTIONS = ("gate_proj", "up_proj", "down_proj")
"""Of the feed-forward module that most decoders have."""


class Ways:
    """What the layers of a model share: where their tokens go, and where they went.

    Args:
        routes: The tensor of fixed routes; `None` for all big.
        routed: Whether the routers decide.
        temperature: Of a soft mixture of all three; `None` for one of them.
        taken: Layer -> routes of the last pass, (sequences, tokens).
        watched: Whether the routers' logits are kept, also where they do not decide.
        likely: Layer -> probabilities of the last pass, (sequences, tokens, 3), where a mixture was made.
        logits: Layer -> the routers' logits of the last pass, where they decide or are watched.
    """

    def __init__(self) -> None:
        self.routes: Any = None
        self.routed = False
        self.temperature: float | None = None
        self.watched = False
        self.taken: dict[int, Any] = {}
        self.likely: dict[int, Any] = {}
        self.logits: dict[int, Any] = {}


class DuoMLP(Module):
    """A layer's two modules and its router.

    Args:
        big: The layer's own feed-forward module.
        small: One of the same kind, narrower.
        router: Linear, from a token's state to three logits: skip, small, big.
        layer: Its number.
        ways: Shared by all layers.
    """

    def __init__(self, big: Any, small: Any, router: Any, layer: int, ways: Ways) -> None:
        super().__init__()
        self.big, self.small, self.router = big, small, router
        self.layer, self.ways = layer, ways

    def forward(self, states: Any) -> Any:
        """(sequences, tokens, width) -> what is added to the residual stream."""
        ways = self.ways
        if ways.routed or ways.watched:
            ways.logits[self.layer] = self.router(states)
        if ways.routed:
            logits = ways.logits[self.layer]
            if ways.temperature is not None:
                return self.soft(states, torch.softmax(logits / ways.temperature, -1))
            routes = logits.argmax(-1)
        elif ways.routes is None:
            return self.big(states)
        else:
            routes = self.fixed(states)
        ways.taken[self.layer] = routes
        return self.hard(states, routes)

    def fixed(self, states: Any) -> Any:
        """This layer's routes of the given tensor, (sequences, tokens)."""
        routes = self.ways.routes[..., self.layer]
        if routes.dim() == 1:
            routes = routes[:, None]
        return routes.to(states.device).expand(states.shape[:2])

    def hard(self, states: Any, routes: Any) -> Any:
        """Each token through the one module of its route, or none."""
        if bool((routes == BIG).all()):
            return self.big(states)
        flat, way = states.reshape(-1, states.shape[-1]), routes.reshape(-1)
        out = torch.zeros_like(flat)
        for route, module in ((SMALL, self.small), (BIG, self.big)):
            mine = (way == route).nonzero()[:, 0]
            if len(mine):
                out = out.index_copy(0, mine, module(flat[mine]).to(out.dtype))
        return out.view_as(states)

    def soft(self, states: Any, likely: Any) -> Any:
        """All modules, weighed: for training routers."""
        self.ways.likely[self.layer] = likely
        return likely[..., SMALL, None] * self.small(states) + likely[..., BIG, None] * self.big(states)


class Duo:
    """A decoder with two feed-forward modules in each layer.

    Args:
        model: The decoder, changed in place.
        layers: Its `DuoMLP`s.
        ways: Where tokens go.
        small: Width of the small modules.
    """

    def __init__(self, model: Any, layers: list[DuoMLP], ways: Ways, small: int) -> None:
        self.model, self.layers, self.ways, self.small = model, layers, ways, small

    @classmethod
    def of(cls, model: Any, small: int, seed: int = 0) -> Duo:
        """Put a small module and a router into each layer.

        Where the big module has gate, up and down projections the small one begins as its strongest neurons; else, as
        the model's own initialisation makes it. Routers begin at zero, so that they prefer nothing.

        Args:
            model: A Hugging Face decoder.
            small: Neurons of the small modules, at least 1 and fewer than the big ones have.
            seed: Of what is drawn.

        Raises:
            UsageError: The model cannot be taken apart so, or the width is none.
        """
        config = model.config.get_text_config(decoder=True)
        wide = getattr(config, "intermediate_size", None)
        inner = decoder_layers(model)
        if not isinstance(wide, int) or any(not hasattr(one, "mlp") for one in inner):
            raise UsageError(f"{type(model).__name__} has no layers with a module `mlp` and an intermediate size")
        if any(isinstance(one.mlp, DuoMLP) for one in inner):
            raise UsageError("this model's layers have two modules already")
        if not 1 <= small < wide:
            raise UsageError(f"small={small}: a small module has 1 to {wide - 1} neurons here")
        ways, made = Ways(), list[DuoMLP]()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for number, layer in enumerate(inner):
                weight = next(layer.mlp.parameters())
                little = narrowed(layer.mlp, config, small).to(weight.device, weight.dtype)
                router = torch.nn.Linear(config.hidden_size, CHOICES).to(weight.device, weight.dtype)
                torch.nn.init.zeros_(router.weight)
                torch.nn.init.zeros_(router.bias)
                layer.mlp = DuoMLP(layer.mlp, little, router, number, ways)
                made.append(layer.mlp)
        return cls(model, made, ways, small)

    @property
    def depth(self) -> int:
        """How many layers."""
        return len(self.layers)

    @contextmanager
    def using(self, routes: Any, *, watched: bool = False) -> Generator[None]:
        """Within it tokens go where a tensor of routes says.

        Args:
            routes: See above.
            watched: Whether the routers look on, so that their logits can be taught.

        Raises:
            UsageError: It has another number of layers, or holds something else than 0, 1, 2.
        """
        given = torch.as_tensor(routes)
        if given.shape[-1:] != (self.depth,) or given.dim() > 3 or bool(((given < SKIP) | (given > BIG)).any()):
            raise UsageError(f"routes have {self.depth} layers of 0, 1 or 2 here, not {tuple(given.shape)}")
        with self._under(routes=given, watched=watched):
            yield

    @contextmanager
    def routed(self, temperature: float | None = None) -> Generator[None]:
        """Within it the routers decide; with a temperature they mix all three."""
        with self._under(routed=True, temperature=temperature):
            yield

    @contextmanager
    def _under(self, **settings: Any) -> Generator[None]:
        before = {name: getattr(self.ways, name) for name in PLAIN}
        for kept in (self.ways.taken, self.ways.likely, self.ways.logits):
            kept.clear()
        try:
            for name, value in {**PLAIN, **settings}.items():
                setattr(self.ways, name, value)
            yield
        finally:
            for name, value in before.items():
                setattr(self.ways, name, value)

    def logits(self) -> Any:
        """The routers' logits of the last pass, (sequences, tokens, layers, 3)."""
        return torch.stack([self.ways.logits[one] for one in range(self.depth)], -2)

    def likely(self) -> Any:
        """The probabilities of the last mixture, (sequences, tokens, layers, 3)."""
        return torch.stack([self.ways.likely[one] for one in range(self.depth)], -2)

    def taken(self) -> Any:
        """The routes of the last pass, (sequences, tokens, layers)."""
        return torch.stack([self.ways.taken[one] for one in range(self.depth)], -1)

    def costs(self) -> tuple[int, int, int]:
        """FLOPs that a token costs a layer, by route: two a weight of its matrices."""
        first = self.layers[0]
        return 0, flops_of(first.small), flops_of(first.big)

    def losses(self, ids: Any, mask: Any = None) -> Any:
        """Nats of each next token, (sequences, tokens - 1); 0 where there is none to be said.

        Args:
            ids: (sequences, tokens).
            mask: The same shape, 1 for tokens and 0 for padding, which stands on the right.
        """
        logits = self.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        wanted = torch.nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1).float(), ids[:, 1:].flatten(), reduction="none"
        )
        found = wanted.view(ids.shape[0], -1)
        return found if mask is None else found * mask[:, 1:]

    def save(self, folder: Path) -> None:
        """Write a folder that `Duo.open` opens, and that transformers opens as the model with all routes big."""
        safetensors: Any = import_module("safetensors.torch")
        folder.mkdir(parents=True, exist_ok=True)
        inner = decoder_layers(self.model)
        try:
            for layer, mine in zip(inner, self.layers, strict=True):
                layer.mlp = mine.big
            self.model.save_pretrained(folder)
        finally:
            for layer, mine in zip(inner, self.layers, strict=True):
                layer.mlp = mine
        weights = {
            f"{number}.{name}": weight.detach().cpu().contiguous()
            for number, layer in enumerate(self.layers)
            for name, weight in layer.state_dict().items()
            if not name.startswith("big.")
        }
        safetensors.save_file(weights, str(folder / WEIGHTS))
        (folder / ABOUT).write_text(json.dumps({"format": FORMAT, "small": self.small}) + "\n", encoding="utf-8")

    @classmethod
    def open(cls, folder: Path) -> Duo:
        """Open what `save` wrote; nothing is fetched, and no code beside the weights is run.

        Raises:
            DataError: It is no such folder.
        """
        transformers, safetensors = import_module("transformers"), import_module("safetensors.torch")
        if not (folder / ABOUT).is_file():
            raise DataError("no model with two modules a layer", path=folder, hint="make one by 'dikast duo train'")
        try:
            about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
            format_, small = about["format"], about["small"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"cannot be read: {error!r:.80}", path=folder / ABOUT) from error
        if format_ != FORMAT:
            raise DataError(f"format {format_!r}; this version reads {FORMAT}", path=folder / ABOUT)
        opened: Any = transformers.AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, dtype="float32"
        )
        duo = cls.of(opened, small)
        weights: dict[str, Any] = safetensors.load_file(str(folder / WEIGHTS))
        for number, layer in enumerate(duo.layers):
            mine = {name.split(".", 1)[1]: one for name, one in weights.items() if name.startswith(f"{number}.")}
            missing, unknown = layer.load_state_dict(mine, strict=False)
            if unknown or any(not name.startswith("big.") for name in missing):
                raise DataError(f"weights of layer {number} do not fit the model", path=folder / WEIGHTS)
        opened.eval()
        return duo


def decoder_layers(model: Any) -> list[Any]:
    """The layers of a Hugging Face decoder, in order.

    Raises:
        UsageError: They are not found.
    """
    inner = model.get_decoder() if hasattr(model, "get_decoder") else getattr(model, "base_model", None)
    layers = getattr(inner, "layers", None)
    if layers is None or not len(layers):
        raise UsageError(f"{type(model).__name__}: no layers were found in its decoder")
    return list(layers)


def narrowed(big: Any, config: Any, width: int) -> Any:
    """A module of the same kind with fewer neurons."""
    other = copy.deepcopy(config)
    other.intermediate_size = width
    try:
        small = type(big)(other)
    except TypeError as error:
        raise UsageError(f"{type(big).__name__} cannot be made from a configuration: {error}") from error
    if all(hasattr(big, name) for name in PROJECTIONS):
        with torch.no_grad():
            gate, up, down = (getattr(big, name).weight for name in PROJECTIONS)
            strength = gate.float().norm(dim=1) * up.float().norm(dim=1) * down.float().norm(dim=0)
            best = strength.topk(width).indices.sort().values
            small.gate_proj.weight.copy_(gate[best])
            small.up_proj.weight.copy_(up[best])
            small.down_proj.weight.copy_(down[:, best])
    return small


def flops_of(module: Any) -> int:
    """FLOPs of a token through a module's matrices."""
    return sum(2 * one.weight.numel() for one in module.modules() if isinstance(one, torch.nn.Linear))
