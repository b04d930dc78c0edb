"""A round's update, from a file of texts to a new policy: PPO on the policy's own tokens, in this process.

    done = update(PpoRecipe(), Path("texts.jsonl"), "transformers:MODEL", Path("train"), critic=None, temperature=1.0,
                  seed=1, on_step=told)
    done.model                      # "transformers:MODEL?lora=train/adapter"

    train/adapter/          or model/: the new policy         train/critic.safetensors    its value head
    train/losses.jsonl      a line a step                     train/update.json           what came of it

The folder of an update that is done has `update.json`, and the same call says what it says. One that was broken off or
killed is begun anew, to the same weights on a CPU: it is a few epochs over one round's texts. Needs the extra `train`;
nothing of it is imported before.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from dikast.disk import make_folder
from dikast.errors import DataError
from dikast.files import write_json
from dikast.graphs.rlgf.advantages import Ppo
from dikast.graphs.rlgf.rollout import ends_of
from dikast.graphs.rlgf.rounds.recipe import PpoRecipe
from dikast.graphs.rlgf.rounds.records import Updated
from dikast.graphs.rlgf.rounds.texts import made_of
from dikast.graphs.rlgf.torch_ppo import Learner, Stored
from dikast.graphs.rlgf.turns import Written
from dikast.json_text import read_json
from dikast.rows import read_rows
from dikast.training.backend.bases import Base, adapter_digest, base_of, context_of
from dikast.training.backend.libraries import check_installed, library, muted
from dikast.training.backend.opening import Start, open_start
from dikast.training.backend.running import explained
from dikast.training.backend.tokens import Speaker, prompt_columns
from dikast.training.backend.trainers import save_model
from dikast.training.backend.watching import LOSSES, refuse_diverged
from dikast.training.recipes import SftRecipe
from dikast.training.rows import PROBLEMS, as_conversation, said_by_assistant
from dikast.training.stopping import OnStep

ADAPTER, MODEL, CRITIC, DONE = "adapter", "model", "critic.safetensors", "update.json"


@dataclass(frozen=True, slots=True)
class Texts:
    """What is learnt from, as token ids; one of each a text."""

    prompts: Sequence[Sequence[int]]
    texts: Sequence[Written]
    paid: Sequence[Sequence[float]]
    references: Sequence[Sequence[int]]
    left_out: Mapping[str, int]


def update(
    recipe: PpoRecipe,
    rows: Path,
    model: str,
    out: Path,
    *,
    critic: Path | None,
    temperature: float,
    seed: int,
    on_step: OnStep,
) -> Updated:
    """See `dikast.graphs.rlgf.rounds.roles.Trainer.train`.

    Raises:
        MissingExtraError: The extra `train` is not installed.
        DataError: There is no text to learn from, or the folder cannot be written.
        ModelUnavailable: The model cannot be opened.
        TrainingError: It diverged, or memory ran out.
    """
    if (out / DONE).is_file():
        return Updated(**read_json(out / DONE))
    check_installed()
    base = base_of(model)
    make_folder(out)
    with explained(out), muted():
        start = open_start(base, opening(recipe, seed))
        policy = adapted(start)
        texts = read_texts(rows, Speaker(start.tokenizer, base.template), longest_of(recipe, base))
        settings = Ppo(
            **recipe.model_dump(include={"gamma", "lam", "clip", "value_clip", "epochs", "value_weight", "nll"}),
            batch=recipe.batch_size,
            learning_rate=recipe.learning_rate,
            normalise=recipe.normalise,
        )
        ends = ends_of(policy, start.tokenizer)
        learner = Learner(policy, settings, ends=ends, seed=seed, temperature=temperature, hold=False)
        if critic is not None:
            read_critic(learner, critic)
        lines = learn(learner, texts, recipe, out, on_step, arithmetic(start))
        made = save(learner, start, base, out, adapter=recipe.lora_rank > 0)
    own = sum(sum(text.mask) for text in texts.texts) * recipe.epochs
    done = told(lines, recipe.epochs, opens(base, made), adapter_digest(made), texts, own)
    write_json(out / DONE, asdict(done))
    return done


def opening(recipe: PpoRecipe, seed: int) -> SftRecipe:
    """How the model is opened: as for a training by the trainer."""
    shared = recipe.model_dump(include={"lora_rank", "lora_alpha", "lora_targets", "dtype"})
    return SftRecipe(**shared, lora_dropout=0.0, seed=seed)


def adapted(start: Start) -> Any:
    """The model on its device, with a new adapter where it has none to go on with."""
    model = start.model
    if start.new_adapter is not None:
        model = library("peft").get_peft_model(model, start.new_adapter)
    return model if start.on_cpu else model.to("cuda")


def arithmetic(start: Start) -> AbstractContextManager[Any]:
    """bfloat16 where the recipe and the device have it."""
    torch = library("torch")
    device = "cpu" if start.on_cpu else "cuda"
    return torch.autocast(device, torch.bfloat16) if start.half else nullcontext()


def longest_of(recipe: PpoRecipe, base: Base) -> int:
    """Tokens that prompt and text may have."""
    return min(recipe.max_length, context_of(base) or recipe.max_length)


def read_texts(rows: Path, speaker: Speaker, longest: int) -> Texts:
    """The file's texts; those that are too long counted, as are references that would be.

    Raises:
        DataError: None is left.
    """
    prompts, texts, paid = list[list[int]](), list[Written](), list[list[float]]()
    references, left_out = list[list[int]](), Counter[str]()
    for row in read_rows(rows):
        value: Mapping[str, Any] = row.values
        asked = as_conversation([{"role": "user", "content": value["prompt"]}])
        prompt = prompt_columns({"prompt": asked}, speaker)["input_ids"]
        if len(prompt) + len(value["tokens"]) > longest:
            left_out[PROBLEMS["long"]] += 1
            continue
        reference = speaker.pair(asked, said_by_assistant(value["reference"]))[1] if value["reference"] else []
        prompts.append(prompt)
        texts.append(made_of(value))
        paid.append(list(value["paid"]))
        references.append(reference if len(prompt) + len(reference) <= longest else [])
    if not texts:
        raise DataError("no text to learn from: all are too long", path=rows, hint="give a higher --max-length")
    return Texts(prompts, texts, paid, references, dict(left_out))


def learn(
    learner: Learner,
    texts: Texts,
    recipe: PpoRecipe,
    out: Path,
    on_step: OnStep,
    half: AbstractContextManager[Any],
) -> list[dict[str, Any]]:
    """All epochs; a line a step.

    Raises:
        TrainingError: It diverged.
    """
    lines: list[dict[str, Any]] = []
    with half, (out / LOSSES).open("w", encoding="utf-8") as file:
        stored = learner.store_paid(
            texts.prompts, texts.texts, texts.paid, texts.references if recipe.nll else (), at_once=recipe.at_once
        )
        steps = recipe.epochs * -(-len(stored) // recipe.batch_size)
        for epoch in range(recipe.epochs):
            for batch in learner.batches(stored):
                number = len(lines) + 1
                line = {"step": number, "epoch": epoch, **step(learner, batch, recipe.at_once)}
                refuse_diverged(line, number)
                lines.append(line)
                file.write(f"{json.dumps(line)}\n")
                file.flush()
                on_step({**line, "steps": steps})
    return lines


def step(learner: Learner, batch: Sequence[Stored], at_once: int) -> dict[str, float]:
    """One step's figures."""
    loss, value_loss, clipped = learner.step(batch, at_once=at_once)
    return {"loss": loss, "value_loss": value_loss, "clipped": clipped}


def read_critic(learner: Learner, folder: Path) -> None:
    """Go on with the value head of the training that made the policy.

    Raises:
        DataError: It is not there.
    """
    path = folder / CRITIC
    if not path.is_file():
        raise DataError("the policy's value head is gone", path=path, hint="start over with --force-new")
    learner.head.load_state_dict(library("safetensors.torch").load_file(str(path)))


def save(learner: Learner, start: Start, base: Base, out: Path, *, adapter: bool) -> Path:
    """Write policy and value head; the policy beside its place, then there."""
    weights = {name: weight.detach().cpu().contiguous() for name, weight in learner.head.state_dict().items()}
    library("safetensors.torch").save_file(weights, str(out / CRITIC))
    place = out / (ADAPTER if adapter else MODEL)
    new = place.with_name(f"{place.name}.new")
    for folder in (new, place):
        rmtree(folder, ignore_errors=True)
    save_model(learner.model, start.tokenizer, True, new, base.weights)
    new.rename(place)
    return place


def opens(base: Base, made: Path) -> str:
    """The spec of what was trained, with the options that the model's had."""
    query = base.spec.partition("?")[2]
    kept = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != "lora"]
    adapter = made.name == ADAPTER
    options = [("lora", str(made)), *kept] if adapter else kept
    asked = urlencode(options, quote_via=quote, safe="/:,")
    return f"transformers:{base.target if adapter else made}" + (f"?{asked}" if asked else "")


def told(
    lines: Sequence[Mapping[str, Any]], epochs: int, model: str, digest: str, texts: Texts, tokens: int
) -> Updated:
    """The update's figures."""

    def of(name: str, epoch: int) -> float:
        values = [float(line[name]) for line in lines if line["epoch"] == epoch]
        return sum(values) / len(values)

    return Updated(
        model=model,
        digest=digest,
        rows=len(texts.texts),
        left_out=dict(texts.left_out),
        steps=len(lines),
        tokens=tokens,
        loss=of("loss", epochs - 1),
        first_loss=of("loss", 0),
        value_loss=of("value_loss", epochs - 1),
        clipped=of("clipped", epochs - 1),
    )
