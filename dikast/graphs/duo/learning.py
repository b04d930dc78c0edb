"""From a decoder to one with two modules a layer and routers: Duo-LLM's stages 1 and 3, with stage 2 between them.

    told = learn(texts, "transformers:smollm2-135m", Recipe(small=96), Path("runs/duo"))

`OUT/mixed` is the model after random routing, `OUT/duo` the one with routers, both folders that `dikast duo run --duo`
takes. A stage whose folder is there, with the same recipe, is not done again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from dikast.agents.models.transformers.loading import folder_of, import_libraries
from dikast.errors import DataError, UsageError
from dikast.files import write_text
from dikast.jobs.keys import digest

PREFIX = "transformers:"
RECIPE, MIXED, DUO = "recipe.json", "mixed", "duo"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is made.

    Args:
        small: Neurons of the small modules.
        target: What routers may spend, as a share of all big.
        steps: Of random routing; the learning rate is 1e-3, or 1e-4 of a whole pretrained model's.
        router_steps: Of the routers.
        learning_rate: Of random routing.
        only_small: Whether the backbone stays as it is.
        teach: `loss` trains routers by language loss and budget; `oracle` by the routes of an oracle.
        tokens: Of a text at most.
        batch: Texts a step.
        seed: Of everything drawn.
    """

    small: int = 64
    target: float = 0.5
    steps: int = 400
    router_steps: int = 200
    learning_rate: float = 1e-3
    only_small: bool = False
    teach: Literal["loss", "oracle"] = "loss"
    tokens: int = 256
    batch: int = 16
    seed: int = 0


def learn(
    texts: Sequence[str], model: str, recipe: Recipe, out: Path, say: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Train a model of two modules a layer, and its routers.

    Args:
        texts: What is trained on.
        model: transformers:PATH.
        recipe: How.
        out: Where the folders go.
        say: Told what happens.

    Returns:
        Losses of the first and last steps, what routers cost, and where the model is.

    Raises:
        UsageError: The model is no transformers: one, or cannot be taken apart; another recipe's model lies there.
        DataError: There is no text of two tokens.
    """
    if not model.startswith(PREFIX) or "?" in model:
        raise UsageError(f"{model!r}: only transformers:PATH is taken apart", hint="transformers:smollm2-135m")
    torch, transformers = import_libraries()
    duo: Any = import_module("dikast.decoding.duo")
    source = folder_of(model.removeprefix(PREFIX))
    mine = json.dumps({**asdict(recipe), "model": model, "texts": digest(list(texts)).hex()}, sort_keys=True)
    refuse_other(out, mine)
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(source, local_files_only=True, trust_remote_code=False)
    ids, mask = batch_of(torch, tokenizer, texts, recipe.tokens)
    told: dict[str, Any] = {"texts": len(ids), "tokens": int(mask.sum())}
    if (out / MIXED).is_dir():
        say(f"random routing is done already: {out / MIXED}")
        made = duo.Duo.open(out / MIXED)
    else:
        opened = transformers.AutoModelForCausalLM.from_pretrained(
            source, local_files_only=True, trust_remote_code=False, dtype="float32"
        )
        made = duo.Duo.of(opened, recipe.small, recipe.seed)
        say(f"random routing: {recipe.steps} steps of {recipe.batch} texts")
        mixed = duo.Mixed(
            recipe.steps, recipe.batch, recipe.learning_rate, only_small=recipe.only_small, seed=recipe.seed
        )
        told["mixed"] = ends(duo.train_mixed(made, ids, mixed, mask))
        put(made, tokenizer, out / MIXED)
    routing = duo.Routing(recipe.target, recipe.router_steps, recipe.batch, seed=recipe.seed)
    if recipe.teach == "oracle":
        search = duo.Search(made, ids, mask)
        shallow = made.depth <= import_module("dikast.decoding.duo.routes").MOST_LAYERS
        say("the oracle looks for routes")
        found = search.exhaustive(recipe.target) if shallow else search.beam(recipe.target)
        told["oracle"] = {"loss": float(found.loss.mean()), "cost": float(found.cost.mean()), "tried": found.tried}
        told["routers"] = ends(duo.distil(made, ids, found.routes, routing, mask))
    else:
        say(f"routers: {recipe.router_steps} steps")
        told["routers"] = ends(duo.train_routers(made, ids, routing, mask))
    told["cost"] = import_module("dikast.decoding.duo.training").hard_cost(made, ids, mask)
    put(made, tokenizer, out / DUO)
    return {**told, "duo": str(out / DUO)}


def refuse_other(out: Path, recipe: str) -> None:
    """Refuse to go on with another recipe's model.

    Raises:
        UsageError: Another lies there.
    """
    place = out / RECIPE
    if place.is_file() and place.read_text(encoding="utf-8").strip() != recipe:
        raise UsageError(f"{out} holds a model of another recipe or other texts", hint="another folder: -o FOLDER")
    out.mkdir(parents=True, exist_ok=True)
    write_text(place, recipe + "\n")


def batch_of(torch: Any, tokenizer: Any, texts: Sequence[str], most: int) -> tuple[Any, Any]:
    """Token ids and mask, padded on the right.

    Raises:
        DataError: No text has two tokens.
    """
    split = [tokenizer(text, add_special_tokens=False)["input_ids"][:most] for text in texts]
    kept = [one for one in split if len(one) > 1]
    if not kept:
        raise DataError("no text has two tokens", hint="there is nothing to learn from")
    width = max(map(len, kept))
    ids, mask = (torch.zeros((len(kept), width), dtype=torch.long) for _ in range(2))
    for row, one in enumerate(kept):
        ids[row, : len(one)] = torch.tensor(one)
        mask[row, : len(one)] = 1
    return ids, mask


def put(made: Any, tokenizer: Any, folder: Path) -> None:
    """Write a folder as a whole, or not at all."""
    aside = folder.with_name(f".{folder.name}")
    for old in (aside, folder):
        shutil.rmtree(old, ignore_errors=True)
    made.save(aside)
    tokenizer.save_pretrained(aside)
    aside.rename(folder)


def ends(losses: Sequence[float]) -> dict[str, float]:
    """The means of the first and of the last losses."""
    count = max(1, len(losses) // 10)
    return {"first": sum(losses[:count]) / count, "last": sum(losses[-count:]) / count, "steps": len(losses)}
