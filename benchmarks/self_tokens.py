"""What BASH and RAC do to the gap between training and inference, in two small worlds.

    python benchmarks/self_tokens.py --json [--full] [--seeds 5]

A model of 100,000 parameters is fine-tuned, then goes on in three ways for as many steps: by fine-tuning (sft), by
BASH (its own tokens in the context, drawn once an epoch), by RAC (its own answers corrected, half of the rows plain).
Needs the extra `train`. The rows are mixed by the product's own code (`dikast.graphs.self_tokens.mixing`); the loop
around the tiny models is plain torch, since a trainer's start takes longer than their training.

- `chain`: an answer of 16 symbols, each the successor of the one before; the prompt has every symbol of the answer,
  too, under a permutation that is the same for all rows. A model that looks at the symbol before is right while that
  one is, and wrong for good after its first mistake; one that looks at the prompt is not.
- `sum` (negative control): each symbol is the one before plus a digit of the prompt. Only all digits so far tell the
  sum otherwise, which so small a model does not learn: the gap may shrink, since the model grows unsure, the errors
  do not.

So small a model makes no mistakes in so small a world: while one speaks, a twentieth of its symbols is replaced by
random ones, as if its sampler slipped; where rows are made as well as where it is measured. No training can be better
than these slips: `token_errors` of 0.046 in `chain`, 0.033 in `sum`.

`gap`: loss of the reference's tokens after the model's own ones, less that after the reference's, nats a token;
`tf_nll_cost`: the second, less sft's. `token_errors`: symbols that the model says, and are not the reference's.
`rac.fixed` and `rac.broken`: of wrong symbols of a draft, those that the correction has right; of right ones, those
that it has wrong. `p0_loss_diff`: BASH's loss with p = 0 less that of fine-tuning.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import facts
from dikast.graphs.self_tokens.mixing import IGNORED, Mixed, correct, draw, mix, plain, stream_of

SYMBOLS, LENGTH = 12, 16
SEPARATOR, END, CUE = 2 * SYMBOLS, 2 * SYMBOLS + 1, 2 * SYMBOLS + 2
VOCABULARY = 2 * SYMBOLS + 3
"""Symbols of answers, those of prompts, separator, end, cue."""
DIGITS = 3
"""Of the world `sum`; with more of them the model learns no sum within a minute."""
SLIP = 0.05
"""Share of a speaking model's symbols that are replaced by random ones."""
P, SHARE = 0.25, 0.5
RATE, BATCH = 2e-3, 64
SECRET = 7
"""Of the permutation, which is the same for all rows and seeds."""


@dataclass(frozen=True)
class Size:
    """Rows to train on and to measure on; epochs of the first training, and of what follows it."""

    rows: int
    held: int
    first: int
    then: int


SIZES = {"chain": Size(1_024, 256, 8, 6), "sum": Size(1_024, 256, 24, 6)}

torch: Any = import_module("torch")


@dataclass(frozen=True)
class World:
    """Prompts and their references, as token ids; references end with `END`; how many symbols these are made of."""

    prompts: Any
    references: Any
    symbols: int


def chain(rows: int, draw_: np.random.Generator, secret: np.random.Generator) -> World:
    """Successors with jumps; the prompt has each symbol under a permutation."""
    order = secret.permutation(SYMBOLS)
    said = np.empty((rows, LENGTH), dtype=np.int64)
    said[:, 0] = draw_.integers(SYMBOLS, size=rows)
    for at in range(1, LENGTH):
        said[:, at] = (said[:, at - 1] + 1) % SYMBOLS
    return whole(SYMBOLS + order[said], said, SYMBOLS)


def running_sum(rows: int, draw_: np.random.Generator, secret: np.random.Generator) -> World:
    """Sums so far of the prompt's digits."""
    del secret
    digits = draw_.integers(DIGITS, size=(rows, LENGTH))
    return whole(SYMBOLS + digits, digits.cumsum(1) % DIGITS, DIGITS)


def whole(shown: Any, said: Any, symbols: int) -> World:
    """With separator and end."""
    column = np.ones((len(said), 1), dtype=np.int64)
    return World(np.hstack([shown, column * SEPARATOR]), np.hstack([said, column * END]), symbols)


WORLDS: dict[str, Callable[..., World]] = {"chain": chain, "sum": running_sum}


def new_model(seed: int) -> Any:
    transformers: Any = import_module("transformers")
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=END,
        pad_token_id=END,
    )
    return transformers.LlamaForCausalLM(config)


def loss_of(model: Any, ids: Any, labels: Any) -> Any:
    """Mean over the labels, each said by the place before it."""
    logits = model(ids, attention_mask=torch.ones_like(ids)).logits[:, :-1]
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED)


def batches(rows: Sequence[Mixed], order: Sequence[int]) -> Any:
    """Rows as tensors, padded on the right; padding has no label and nothing looks back from it."""
    longest = max(len(rows[at].labels) for at in order)
    ids = [rows[at].input_ids + [END] * (longest - len(rows[at].labels)) for at in order]
    labels = [rows[at].labels + [IGNORED] * (longest - len(rows[at].labels)) for at in order]
    return torch.tensor(ids), torch.tensor(labels)


def train(model: Any, epochs: Sequence[Sequence[Mixed]], seed: int, rate: float = RATE) -> None:
    """One pass over each epoch's rows."""
    steps = sum(len(rows) // BATCH for rows in epochs)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps + 1, pct_start=0.1)
    shuffle = np.random.default_rng(seed)
    for rows in epochs:
        order: list[int] = shuffle.permutation(len(rows)).tolist()
        for first in range(0, len(rows) - BATCH + 1, BATCH):
            loss = loss_of(model, *batches(rows, order[first : first + BATCH]))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()


def walk(
    model: Any, prompts: Any, references: Any, where: Any, seed: int, *, greedy: bool = False, slips: int = 0
) -> tuple[Any, Any]:
    """Go along the references, at `where` with the model's own token as context: its tokens, and the references' loss.

    With `where` everywhere it is the model's own generation, whatever the reference. `slips`: out of how many symbols
    the random ones are taken; 0 for none.
    """
    drawn = torch.Generator().manual_seed(seed)
    references, where = torch.as_tensor(references), torch.as_tensor(where)
    own, losses, past, given = torch.empty_like(references), [], None, torch.as_tensor(prompts)
    with torch.no_grad():
        for at in range(references.shape[1]):
            out = model(given, cache=past, use_cache=True)
            past, logs = out.past_key_values, torch.log_softmax(out.logits[:, -1], -1)
            losses.append(-logs.gather(1, references[:, at : at + 1])[:, 0])
            said = logs.argmax(-1) if greedy else torch.multinomial(logs.exp(), 1, generator=drawn)[:, 0]
            if slips:
                wrong = torch.rand(len(said), generator=drawn) < SLIP
                said = torch.where(wrong, torch.randint(slips, said.shape, generator=drawn), said)
            own[:, at] = said
            given = torch.where(where[:, at], own[:, at], references[:, at])[:, None]
    return own.numpy(), torch.stack(losses, 1).numpy()


def sft_rows(world: World) -> list[Mixed]:
    return [plain(one.tolist(), other.tolist()) for one, other in zip(world.prompts, world.references, strict=True)]


def bash_rows(model: Any, world: World, p: float, epoch: int, seed: int, how: str) -> list[Mixed]:
    """The product's draw and mix; own tokens of all rows at once."""
    rows = sft_rows(world)
    wheres = [draw(row.labels, p, stream_of(seed=seed, key=str(at), epoch=epoch), END) for at, row in enumerate(rows)]
    behind = world.prompts.shape[1]
    taken = np.array([where[behind:] for where in wheres])
    context = taken if how == "sequential" else np.zeros_like(taken)  # parallel: each place after the true prefix
    own, _ = walk(model, world.prompts, world.references, context, seed * 1_000 + epoch, slips=world.symbols)
    return [
        mix(row.input_ids, row.labels, [0] * behind + said.tolist(), where)
        for row, said, where in zip(rows, own, wheres, strict=True)
    ]


def rac_rows(model: Any, world: World, epoch: int, seed: int) -> list[Mixed]:
    """Corrections of the model's own answers, and plain rows: half and half."""
    everywhere = np.ones(world.references.shape, dtype=bool)
    own, _ = walk(model, world.prompts, world.references, everywhere, seed * 1_000 + epoch, slips=world.symbols)
    parts = zip(world.prompts, own, world.references, strict=True)
    made = [correct(one.tolist(), said.tolist(), [CUE], other.tolist()) for one, said, other in parts]
    pick = stream_of(seed=seed, key="share", epoch=epoch).random(len(made)) < SHARE
    return [one if taken else other for one, other, taken in zip(made, sft_rows(world), pick, strict=True)]


def measure(model: Any, world: World, seed: int) -> dict[str, Any]:
    """Teacher-forced and free-running loss by place, and the errors of what it says."""
    nowhere, everywhere = (np.full(world.references.shape, value) for value in (False, True))
    _, forced = walk(model, world.prompts, world.references, nowhere, seed)
    own, free = walk(model, world.prompts, world.references, everywhere, seed, slips=world.symbols)
    wrong = own[:, :LENGTH] != world.references[:, :LENGTH]
    return {
        "gap": float(free.mean() - forced.mean()),
        "tf_nll": float(forced.mean()),
        "token_errors": float(wrong.mean()),
        "by_place": {"forced": forced.mean(0).tolist(), "free": free.mean(0).tolist()},
    }


def corrections(model: Any, world: World, seed: int) -> dict[str, float]:
    """What a second pass does to a first: drafts are sampled, corrections are the likeliest."""
    everywhere = np.ones(world.references.shape, dtype=bool)
    drafts, _ = walk(model, world.prompts, world.references, everywhere, seed, slips=world.symbols)
    cue = np.full((len(drafts), 1), CUE)
    prompts = np.hstack([world.prompts, drafts, cue])
    again, _ = walk(model, prompts, world.references, everywhere, seed, greedy=True)
    before, after = (one[:, :LENGTH] == world.references[:, :LENGTH] for one in (drafts, again))
    return {
        "draft_errors": float((~before).mean()),
        "fixed": float(after[~before].mean()) if (~before).any() else float("nan"),
        "broken": float((~after)[before].mean()),
    }


def p0_loss_diff(model: Any, world: World, seed: int) -> float:
    """BASH with p = 0 against fine-tuning, on the same rows."""
    with torch.no_grad():
        order = range(min(BATCH, len(world.prompts)))
        mixed = loss_of(model, *batches(bash_rows(model, world, 0.0, 0, seed, "parallel"), order))
        return abs(float(mixed - loss_of(model, *batches(sft_rows(world), order))))


def one(name: str, seed: int, size: Size, *, full: bool) -> dict[str, Any]:
    """One world, one seed: fine-tuned, then three ways on."""
    world, held = (
        WORLDS[name](rows, np.random.default_rng([seed, part]), np.random.default_rng(SECRET))
        for part, rows in ((1, size.rows), (2, size.held))
    )
    first = new_model(seed)
    train(first, [sft_rows(world)] * size.first, seed)
    start = {key: value.clone() for key, value in first.state_dict().items()}
    found: dict[str, Any] = {"base": measure(first, held, seed), "p0_loss_diff": p0_loss_diff(first, world, seed)}
    ways: dict[str, Callable[[int], list[Mixed]]] = {
        "sft": lambda _: sft_rows(world),
        "bash": lambda epoch: bash_rows(first, world, P, epoch, seed, "parallel"),
        "bash_sequential": lambda epoch: bash_rows(first, world, P, epoch, seed, "sequential"),
        "rac": lambda epoch: rac_rows(first, world, epoch, seed),
    }
    for way, rows in ways.items():
        if way == "bash_sequential" and not full:
            continue
        model = new_model(seed)
        model.load_state_dict(start)
        train(model, [rows(epoch) for epoch in range(size.then)], seed + 100, RATE / 2)
        found[way] = measure(model, held, seed)
        if way == "rac":
            found["corrections"] = corrections(model, held, seed)
        print(f"{name} {seed} {way}: {summary(found[way])}", file=sys.stderr)
    return found


def summary(found: dict[str, Any]) -> str:
    """A line of progress."""
    return " ".join(f"{key} {found[key]:.4f}" for key in ("gap", "tf_nll", "token_errors"))


def figures(seeds: Sequence[dict[str, Any]], *, corrected: bool) -> dict[str, Any]:
    """Means over seeds, the seeds' own figures beside them."""
    ways = [way for way in ("sft", "bash", "bash_sequential", "rac") if way in seeds[0]]
    told: dict[str, Any] = {
        name: {way: mean([one[way][name] for one in seeds]) for way in ways}
        for name in ("gap", "token_errors", "tf_nll")
    }
    told["tf_nll_cost"] = {way: told["tf_nll"][way] - told["tf_nll"]["sft"] for way in ways if way != "sft"}
    told["gap_cut"] = 1 - told["gap"]["bash"] / told["gap"]["sft"]
    told["errors_cut"] = 1 - told["token_errors"]["bash"] / told["token_errors"]["sft"]
    if corrected:
        told["rac"] = {key: mean([one["corrections"][key] for one in seeds]) for key in seeds[0]["corrections"]}
    told["seeds"] = [{way: summary(one[way]) for way in ways} for one in seeds]
    return told


def mean(values: Sequence[float]) -> float:
    """Their mean."""
    return sum(values) / len(values)


def draw_gap(found: dict[str, Any], path: Path) -> None:
    """The gap by place, of one seed: free-running losses of sft and BASH over the teacher-forced one."""
    from dikast.retrieval.plots import curves, save

    losses: dict[str, list[float]] = {
        "sft, free-running": found["sft"]["by_place"]["free"],
        "BASH, free-running": found["bash"]["by_place"]["free"],
        "sft, teacher-forced": found["sft"]["by_place"]["forced"],
    }
    lines = {name: [(float(at), value) for at, value in enumerate(values, start=1)] for name, values in losses.items()}
    save(curves(lines, "loss, nats a token", "place in the reference", "The gap in the world chain"), path)


def main() -> None:
    """Both worlds, and one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, help="how many; 1, or 5 with --full")
    parser.add_argument("--full", action="store_true", help="five seeds, and sequential draws beside parallel ones")
    parser.add_argument("--figure", type=Path, help="write the gap by place here, as .svg or .png")
    parser.add_argument("--json", action="store_true", help="only the last line on stdout (it always is one object)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    began, seeds = time.perf_counter(), range(args.seeds or (5 if args.full else 1))
    found = {name: [one(name, seed, size, full=args.full) for seed in seeds] for name, size in SIZES.items()}
    if args.figure:
        draw_gap(found["chain"][0], args.figure)
    chain_ = figures(found["chain"], corrected=True)
    told = {
        "benchmark": "self_tokens",
        "p0_loss_diff": max(one["p0_loss_diff"] for name in SIZES for one in found[name]),
        **chain_,
        "control": figures(found["sum"], corrected=True),
        "by_place": {way: found["chain"][0][way]["by_place"] for way in ("sft", "bash", "rac")},
        "seconds": round(time.perf_counter() - began, 1),
        **facts("torch", "transformers", "numpy"),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
