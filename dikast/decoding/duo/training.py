"""Training a decoder of two modules a layer: first any mixture works, then routers choose one.

    train_mixed(duo, ids, Mixed(steps=400))             # stage 1: each token and layer on a route drawn at random
    train_routers(duo, ids, Routing(target=0.4))        # stage 3: language loss and budget, a soft mixture grown hard
    distil(duo, ids, found.routes, Routing(target=0.4)) # stage 3: the oracle's routes as labels

After either way of stage 3 the routers' preference for the dear modules is set so that the tokens that they learnt on
cost the target at most when one module is taken for each (`calibrate`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from dikast.decoding.duo.model import Duo
from dikast.decoding.duo.routes import CHOICES
from dikast.errors import UsageError

torch: Any = import_module("torch")

RANDOM = (0.2, 0.4, 0.4)
"""Skip, small, big. The paper draws big and small evenly; how often it skips could not be read."""
STEEP, CLOSE = 30, 1e-4
"""Halvings at most of the interval in which the calibrated preference is looked for, and when it is close enough."""
FARTHEST = 1e9
"""Beyond, no preference changes anything: all is skipped."""


@dataclass(frozen=True, slots=True)
class Mixed:
    """Stage 1.

    Args:
        steps: Of AdamW.
        batch: Sequences a step.
        learning_rate: Falls linearly to a tenth.
        shares: How often a token's layer is skipped, small, big.
        only_small: Whether the backbone stays as it is: all big then remains the model that it was.
        seed: Of batches and routes.
    """

    steps: int = 400
    batch: int = 16
    learning_rate: float = 1e-3
    shares: tuple[float, float, float] = RANDOM
    only_small: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Routing:
    """Stage 3.

    Args:
        target: What the feed-forward modules cost on average, as a share of all big.
        steps: Of AdamW.
        batch: Sequences a step.
        learning_rate: Constant.
        weight: Of the squared distance to the target in the loss.
        hot: Temperature of the mixture at the start.
        cold: At the end; it falls geometrically.
        seed: Of batches.
    """

    target: float = 0.5
    steps: int = 200
    batch: int = 16
    learning_rate: float = 1e-2
    weight: float = 20.0
    hot: float = 1.0
    cold: float = 0.1
    seed: int = 0


def train_mixed(duo: Duo, ids: Any, recipe: Mixed, mask: Any = None) -> list[float]:
    """Train on random routes, so that any mixture works.

    Returns:
        Nats a token of each step's batch.

    Raises:
        UsageError: The shares are none.
    """
    if min(recipe.shares) < 0 or abs(sum(recipe.shares) - 1) > 1e-6:
        raise UsageError(f"shares {recipe.shares}: give three that add up to 1")
    weights = [
        weight
        for name, weight in duo.model.named_parameters()
        if ".router." not in name and (not recipe.only_small or ".mlp.small." in name)
    ]
    draw = torch.Generator().manual_seed(recipe.seed)
    shares = torch.tensor(recipe.shares)

    def loss_of(mine: Any, step: int) -> Any:
        del step
        count, length = ids[mine].shape
        drawn = torch.multinomial(shares, count * length * duo.depth, replacement=True, generator=draw)
        with duo.using(drawn.view(count, length, duo.depth)):
            return mean_loss(duo, ids, mask, mine)

    return descend(duo, weights, loss_of, recipe.steps, recipe.batch, recipe.learning_rate, draw, len(ids), falls=True)


def train_routers(duo: Duo, ids: Any, recipe: Routing, mask: Any = None) -> list[float]:
    """Train the routers alone, by the language loss of a soft mixture and the distance of its cost to the target.

    Returns:
        The loss of each step's batch, budget and all.
    """
    unit = unit_costs(duo)

    def loss_of(mine: Any, step: int) -> Any:
        temperature = recipe.hot * (recipe.cold / recipe.hot) ** (step / max(1, recipe.steps - 1))
        with duo.routed(temperature):
            loss = mean_loss(duo, ids, mask, mine)
            spent = (duo.likely() * unit.to(ids.device)).sum(-1).mean(-1)
        return loss + recipe.weight * budget_loss(weigh(spent, mask, mine), recipe.target)

    return learn(duo, ids, mask, recipe, loss_of)


def distil(duo: Duo, ids: Any, routes: Any, recipe: Routing, mask: Any = None) -> list[float]:
    """Train the routers alone, to say what an oracle says.

    Args:
        duo: The model.
        ids: (sequences, tokens).
        routes: The oracle's, (sequences, layers) or (sequences, tokens, layers).
        recipe: How; its temperatures and weight are not used.
        mask: As for `Duo.losses`.

    Returns:
        Nats a decision of each step's batch.
    """
    labels = torch.as_tensor(routes)
    labels = (labels[:, None] if labels.dim() == 2 else labels).expand(*ids.shape, duo.depth)

    def loss_of(mine: Any, step: int) -> Any:
        del step
        with duo.using(labels[mine], watched=True):
            duo.model(input_ids=ids[mine], attention_mask=None if mask is None else mask[mine], use_cache=False)
            logits = duo.logits()
        wanted = labels[mine].to(logits.device)
        wrong = torch.nn.functional.cross_entropy(logits.reshape(-1, CHOICES), wanted.reshape(-1), reduction="none")
        return weigh(wrong.view(wanted.shape).mean(-1), mask, mine)

    return learn(duo, ids, mask, recipe, loss_of)


def learn(duo: Duo, ids: Any, mask: Any, recipe: Routing, loss_of: Callable[[Any, int], Any]) -> list[float]:
    """Move the routers alone, then keep their budget.

    Raises:
        UsageError: The target is no share.
    """
    if not 0 <= recipe.target <= 1:
        raise UsageError(f"target {recipe.target}: a share of what all big costs, 0 to 1")
    weights = [weight for layer in duo.layers for weight in layer.router.parameters()]
    draw = torch.Generator().manual_seed(recipe.seed)
    told = descend(duo, weights, loss_of, recipe.steps, recipe.batch, recipe.learning_rate, draw, len(ids), falls=False)
    calibrate(duo, ids, recipe.target, mask)
    return told


def descend(
    duo: Duo,
    weights: list[Any],
    loss_of: Callable[[Any, int], Any],
    steps: int,
    batch: int,
    rate: float,
    draw: Any,
    rows: int,
    *,
    falls: bool,
) -> list[float]:
    """Move some weights of a model down a loss; all others stay, and are as trainable afterwards as before.

    Raises:
        UsageError: The loss is no number any more.
    """
    before = [(weight, weight.requires_grad) for weight in duo.model.parameters()]
    moved = {id(weight) for weight in weights}
    for weight, _ in before:
        weight.requires_grad_(id(weight) in moved)
    adam = torch.optim.AdamW(weights, lr=rate, weight_decay=0.0)
    told: list[float] = []
    was_training = duo.model.training
    duo.model.train()
    try:
        for step in range(steps):
            for group in adam.param_groups:
                group["lr"] = rate * (1 - 0.9 * step / steps if falls else 1)
            loss = loss_of(torch.randint(rows, (batch,), generator=draw), step)
            if not bool(torch.isfinite(loss)):
                raise UsageError(f"the loss of step {step + 1} is no number", hint="a lower learning rate")
            adam.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            adam.step()
            told.append(float(loss.detach()))
    finally:
        duo.model.train(was_training)
        adam.zero_grad(set_to_none=True)
        for weight, trained in before:
            weight.requires_grad_(trained)
    return told


def mean_loss(duo: Duo, ids: Any, mask: Any, mine: Any) -> Any:
    """Nats a token of some sequences."""
    seen = None if mask is None else mask[mine]
    losses = duo.losses(ids[mine], seen)
    return losses.mean() if seen is None else losses.sum() / seen[:, 1:].sum().clamp(min=1)


def weigh(values: Any, mask: Any, mine: Any) -> Any:
    """The mean over tokens that are no padding."""
    if mask is None:
        return values.mean()
    seen = mask[mine].to(values.dtype)
    return (values * seen).sum() / seen.sum()


def budget_loss(cost: Any, target: float) -> Any:
    """0 at the target: one budget for all tokens and layers together, not one each."""
    return (cost - target) ** 2


def unit_costs(duo: Duo) -> Any:
    """What skip, small and big cost, as shares of big."""
    costs = duo.costs()
    return torch.tensor([one / costs[-1] for one in costs])


def calibrate(duo: Duo, ids: Any, target: float, mask: Any = None) -> float:
    """Shift all routers' logits by one number times a route's cost, so that hard routes cost the target at most.

    Returns:
        What they cost then, as a share of all big. Routers that cost less already are left as they are.
    """
    unit = unit_costs(duo).to(ids.device)
    biases = [layer.router.bias.detach().clone() for layer in duo.layers]

    def cost_at(shift: float) -> float:
        with torch.no_grad():
            for layer, bias in zip(duo.layers, biases, strict=True):
                layer.router.bias.copy_(bias - shift * unit.to(bias.device, bias.dtype))
        return hard_cost(duo, ids, mask)

    here = cost_at(0.0)
    if here <= target:
        return here
    low, high = 0.0, 1.0
    while cost_at(high) > target and high < FARTHEST:
        low, high = high, 2 * high
    for _ in range(STEEP):
        middle = (low + high) / 2
        low, high = (low, middle) if cost_at(middle) <= target else (middle, high)
        if high - low < CLOSE * high:
            break
    return cost_at(high)


def hard_cost(duo: Duo, ids: Any, mask: Any = None) -> float:
    """What the routers' hard routes cost on average, as a share of all big."""
    with torch.no_grad(), duo.routed():
        duo.model(input_ids=ids, attention_mask=mask, use_cache=False)
        spent = unit_costs(duo).to(ids.device)[duo.taken()].mean(-1)
    return float(weigh(spent, mask, slice(None)))
