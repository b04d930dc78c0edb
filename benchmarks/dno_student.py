"""The student of the benchmark of DNO: a causal model of 97,000 parameters, and the two losses that it is trained by.

The training is a loop of plain torch, and not `dikast train dpo`, whose start alone takes longer than an iteration
here: fifty trainings and more are needed. The losses are TRL's, by their formulas: `sigmoid` (DNO's own), with the
small SFT term beside it; `sigmoid_norm` (each log ratio over its length); `ld_alpha` (words of the longer answer beyond
the shorter one's length count less). That TRL's trainer has the same is tested with `dikast.training.trainer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from random import Random
from typing import Any

from dno_world import ASKED, END, LONGEST, PAD, SEPARATOR, WORDS, Words, rough

torch: Any = import_module("torch")
functional: Any = import_module("torch.nn.functional")

WIDTH, INNER, LAYERS, HEADS = 64, 184, 2, 4
BATCH = 32
TEMPERATURE, TOP_P = 0.7, 0.95
"""DNO's, of all answers."""


@dataclass(frozen=True, slots=True)
class Loss:
    """How pairs are trained on.

    Args:
        beta: DPO's.
        norm: TRL's `sigmoid_norm`.
        ld_alpha: TRL's; 1 is plain DPO.
        sft: Weight of the chosen answer's own likelihood a word (DNO has 0.005; a model this small needs more).
    """

    beta: float = 0.1
    norm: bool = False
    ld_alpha: float = 1.0
    sft: float = 0.05


def make_model(seed: int) -> Any:
    """A Llama with random weights."""
    transformers: Any = import_module("transformers")
    transformers.logging.set_verbosity_error()  # a name that 5.24 deprecates, and 5.23 knows no other for
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=WORDS,
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS // 2,
        max_position_embeddings=64,
        tie_word_embeddings=True,
        pad_token_id=PAD,
        eos_token_id=END,
        bos_token_id=None,
    )
    return transformers.LlamaForCausalLM(config).train()


def teach(model: Any, prompts: Sequence[Words], seed: int, steps: int, rate: float) -> None:
    """Supervised training on rough answers."""
    random = Random(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    for _ in range(steps):
        asked = [random.choice(prompts) for _ in range(2 * BATCH)]
        logps, mask = log_probabilities(model, asked, [rough(prompt, random) for prompt in asked])
        step(optimizer, -(logps.sum() / mask.sum()), model)


def step(optimizer: Any, loss: Any, model: Any) -> None:
    """One step of an optimizer."""
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def log_probabilities(model: Any, prompts: Sequence[Words], answers: Sequence[Words]) -> tuple[Any, Any]:
    """Log-probability of each word of the answers and of their end, and a mask of what is there."""
    longest = max(map(len, answers)) + 1
    rows = [[*prompt, SEPARATOR, *answer, END] for prompt, answer in zip(prompts, answers, strict=True)]
    tokens = torch.tensor([row + [PAD] * (ASKED + 1 + longest - len(row)) for row in rows])
    logits = model(input_ids=tokens).logits[:, ASKED:-1].log_softmax(-1)
    said = tokens[:, ASKED + 1 :]
    mask = torch.tensor([[at <= len(answer) for at in range(longest)] for answer in answers])
    return logits.gather(-1, said.unsqueeze(-1)).squeeze(-1) * mask, mask


def weights(mine: Any, other: Any, ld_alpha: float) -> Any:
    """1 for words up to the shorter answer's length, `ld_alpha` for those beyond, 0 for what is not there."""
    longest = max(mine.shape[1], other.shape[1])
    mine = functional.pad(mine, (0, longest - mine.shape[1]))
    shared = torch.minimum(mine.sum(1), other.sum(1)).unsqueeze(1)
    return mine * torch.where(torch.arange(longest) < shared, 1.0, ld_alpha)


Rows = Sequence[tuple[Words, Words, Words]]
"""(prompt, chosen, rejected)."""


def losses(model: Any, rows: Rows, reference: tuple[Any, Any], how: Loss) -> Any:
    """The mean loss over pairs.

    Args:
        model: The policy.
        rows: The pairs.
        reference: Summed log-probabilities, weighted as the policy's, of chosen and rejected answers.
        how: Which loss.
    """
    chosen, rejected, counts, likelihood = summed(model, rows, how)
    ahead, behind = chosen - reference[0], rejected - reference[1]
    if how.norm:
        ahead, behind = ahead / counts[0], behind / counts[1]
    return -functional.logsigmoid(how.beta * (ahead - behind)).mean() - how.sft * likelihood


def summed(model: Any, rows: Rows, how: Loss) -> tuple[Any, Any, tuple[Any, Any], Any]:
    """Sums over each pair's words, how many these are, and the chosen ones' mean log-probability a word."""
    asked = [prompt for prompt, _, _ in rows]
    answers = [chosen for _, chosen, _ in rows] + [rejected for _, _, rejected in rows]
    logps, mask = log_probabilities(model, asked * 2, answers)
    half = len(rows)
    good, bad = mask[:half].float(), mask[half:].float()
    chosen = (logps[:half] * weights(good, bad, how.ld_alpha)).sum(1)
    rejected = (logps[half:] * weights(bad, good, how.ld_alpha)).sum(1)
    return chosen, rejected, (good.sum(1), bad.sum(1)), logps[:half].sum() / good.sum()


def train(model: Any, reference: Any, rows: Rows, how: Loss, *, steps: int, rate: float, seed: int) -> None:
    """So many steps over pairs, in batches drawn epoch by epoch."""
    random = Random(seed)
    with torch.no_grad():
        known = [summed(reference, rows[at : at + 256], how)[:2] for at in range(0, len(rows), 256)]
    before = (torch.cat([one for one, _ in known]), torch.cat([one for _, one in known]))
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    order: list[int] = []
    for _ in range(steps):
        while len(order) < min(BATCH, len(rows)):
            order += random.sample(range(len(rows)), len(rows))
        batch, order = order[:BATCH], order[BATCH:]
        at = torch.tensor(batch)
        step(optimizer, losses(model, [rows[one] for one in batch], (before[0][at], before[1][at]), how), model)


def answer(
    model: Any, prompts: Sequence[Words], seed: int, *, temperature: float = 1.0, top_p: float = 1.0
) -> list[Words]:
    """One answer to each prompt, drawn."""
    draw = torch.Generator().manual_seed(seed)
    tokens = torch.tensor([[*prompt, SEPARATOR] for prompt in prompts])
    said: list[Any] = []
    over = torch.zeros(len(prompts), dtype=torch.bool)
    with torch.no_grad():
        found = model(input_ids=tokens, use_cache=True)
        for at in range(LONGEST):
            logits = found.logits[:, -1] / temperature
            logits[:, [SEPARATOR, PAD]] = -torch.inf
            if not at:
                logits[:, END] = -torch.inf  # An answer has a word.
            ranked, places = logits.softmax(-1).sort(descending=True)
            ranked[ranked.cumsum(-1) - ranked >= top_p] = 0
            drawn = places.gather(1, torch.multinomial(ranked, 1, generator=draw)).squeeze(1)
            said.append(torch.where(over, END, drawn))
            over |= said[-1] == END
            if bool(over.all()):
                break
            found = model(input_ids=drawn.unsqueeze(1), past_key_values=found.past_key_values, use_cache=True)
    rows: list[list[int]] = torch.stack(said, 1).tolist()
    return [tuple(row[: row.index(END)] if END in row else row) for row in rows]
