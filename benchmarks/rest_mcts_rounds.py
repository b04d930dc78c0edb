"""Two rounds of self-training with a tiny model, for `benchmarks/rest_mcts.py --rounds`: ours beside ReST-EM.

The world is addition modulo 5, a running sum a line: `3 4 2` -> `+4=2`, `+2=4`, `#### 4`. A Llama of so many
parameters learns it from scratch for a while, and is stopped while its greedy answers are often wrong: the start. Then
`rest_mcts.rounds` trains it on its own right solutions to questions whose answers alone are known, and measures it on
others: `mcts` with a trained critic (the first round's says .5 to everything), `rest_em` the same command with whole
samples and no critic, at the same budget of tokens a question and the same training steps.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from dikast.agents.models.load import close_models
from dikast.agents.models.request import Sampling
from dikast.agents.prompt import load_prompt
from dikast.graphs.rest_mcts import rounds
from dikast.graphs.rest_mcts.checks import load_check
from dikast.graphs.rest_mcts.critics import valuing
from dikast.graphs.rest_mcts.rounds.roles import QuestionFile
from dikast.training.recipes import SftRecipe, ValueRecipe
from dikast.training.rows import as_conversation, said_by_assistant
from dikast.training.trainer import train

BASE, NUMBERS, WIDTH, LAYERS = 5, 5, 64, 2
"""The modulus; numbers of a question; of the model."""
LESSONS, LESSON_STEPS = 1_500, 520
"""Solved questions that the start learns from, and for how many steps of 32."""
QUESTIONS, VALIDATION = 300, 40
"""Whose answers alone are known; percent of them that only measure."""
STEPS, TOKENS = 60, 160
"""Of a round's training; of a question's search: six whole solutions."""
END, PAD, START, UNKNOWN = "<|im_end|>", "<|endoftext|>", "<|im_start|>", "<|unknown|>"
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' }}{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>' }}{% endif %}"
)


@valuing
def half(question: str, solution: str) -> float:
    """The first round's critic knows nothing."""
    return 0.5


def solution_of(numbers: Sequence[int]) -> str:
    """The right solution."""
    total, lines = numbers[0], list[str]()
    for number in numbers[1:]:
        total = (total + number) % BASE
        lines.append(f"+{number}={total}")
    return "\n".join([*lines, f"#### {total}"])


def drawn(seed: int, count: int) -> list[list[int]]:
    """So many different questions."""
    draw, found = random.Random(seed), dict[str, list[int]]()
    while len(found) < count:
        numbers = [draw.randrange(BASE) for _ in range(NUMBERS)]
        found[str(numbers)] = numbers
    return list(found.values())


def make_model(folder: Path, seed: int) -> None:
    """A model that knows nothing, and its tokenizer: characters of the world, one token for any other word."""
    torch: Any = import_module("torch")
    transformers: Any = import_module("transformers")
    tokenizers: Any = import_module("tokenizers")
    words = [PAD, START, END, UNKNOWN, "\n", " ", "####", "+", "=", *map(str, range(BASE))]
    model = tokenizers.models.WordLevel({word: at for at, word in enumerate(words)}, unk_token=UNKNOWN)
    inner = tokenizers.Tokenizer(model)
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex(r"####|[\n +=0-9]|[^\n +=0-9]+"), "isolated")
    inner.decoder = tokenizers.decoders.Fuse()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        eos_token=END,
        pad_token=PAD,
        unk_token=UNKNOWN,
        additional_special_tokens=[START],
        chat_template=TEMPLATE,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=256,
        tie_word_embeddings=False,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)


def lessons(seed: int) -> list[dict[str, Any]]:
    """Solved questions, as rows."""
    prompt, ending = load_prompt("rest_mcts/solve"), load_check("numeric").ending
    return [
        {
            "prompt": as_conversation(prompt.render({"question": " ".join(map(str, numbers)), "ending": ending})),
            "completion": said_by_assistant(solution_of(numbers)),
        }
        for numbers in drawn(seed, LESSONS)
    ]


def start_of(folder: Path, seed: int) -> str:
    """The policy that both begin with."""
    make_model(folder / "blank", seed)
    recipe = SftRecipe(
        steps=LESSON_STEPS,
        batch_size=32,
        learning_rate=3e-3,
        lora_rank=0,
        schedule="constant",
        seed=seed,
        save_every=9999,
    )
    return train(recipe, lessons(seed), f"transformers:{folder / 'blank'}", folder / "start").model


async def loop(folder: Path, start: str, questions: Path, seed: int, **knobs: Any) -> dict[str, Any]:
    """Two rounds; their accuracy, what they cost."""
    common: dict[str, Any] = {"steps": STEPS, "batch_size": 16, "save_every": 9999, "seed": seed, "dtype": "float32"}
    asked: Any = QuestionFile(questions, {})
    context = rounds.Context(
        folder=folder,
        questions=asked,
        solver=f"prefix+{start}",
        critic=half,
        recipe=SftRecipe(**common, lora_rank=0, learning_rate=5e-4),
        critic_recipe=ValueRecipe(**common, lora_rank=0, learning_rate=1e-3),
        rounds=2,
        validation=VALIDATION,
        critic_validation=20,
        policy="last",
        tokens=TOKENS,
        solution_tokens=40,
        sampling=Sampling(max_tokens=10, temperature=1.0, seed=seed),
        branch=3,
        depth=8,
        **knobs,
    )
    output: Any = (await rounds.graph.ainvoke({"id": "loop"}, context=context, version="v2")).value
    await close_models()
    told: dict[str, Any] = {"accuracy": [], "solved": [], "solutions": [], "critic_error": [], "new_critic_error": []}
    for one in output["rounds"]:
        stages = {name: stage["result"] for name, stage in one["stages"].items()}
        told["accuracy"] = [*(told["accuracy"] or [stages["evaluate"]["before"]["accuracy"]])]
        told["accuracy"].append(stages["evaluate"]["after"]["accuracy"])
        told["interval"] = [stages["evaluate"]["low"], stages["evaluate"]["high"]]
        told["held_back"] = stages["evaluate"]["after"]["asked"]
        told["solved"].append(stages["collect"]["solved"] / stages["collect"]["asked"])
        told["solutions"].append(stages["rows"]["rows"])
        told["critic_error"].append(stages["rows"]["critic_error"])
        told["new_critic_error"].append((stages["train"]["critic"] or {}).get("error"))
    told["gain"] = told["accuracy"][-1] - told["accuracy"][0]
    told["solver_tokens"] = output["usage"]["solver"]["output_tokens"]
    return told


async def self_training(folder: Path, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Each seed: the start, ours and ReST-EM.

    Args:
        folder: Where all of it lies.
        seeds: Of the start's weights and lessons, of the questions, of draws and trainings.
    """
    told: list[dict[str, Any]] = []
    for seed in seeds:
        place = folder / str(seed)
        place.mkdir(parents=True)
        start = start_of(place, seed)
        rows = [
            {"question": " ".join(map(str, one)), "answer": str(sum(one) % BASE)}
            for one in drawn(10_000 + seed, QUESTIONS)
        ]
        questions = place / "questions.jsonl"
        questions.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        found: dict[str, Any] = {"seed": seed}
        for name, knobs in (("mcts", {"gate": 2.0}), ("rest_em", {"searches": ("self_consistency",)})):
            found[name] = await loop(place / name, start, questions, seed, **knobs)
            print(seed, name, found[name], file=sys.stderr)
        told.append(found)
    return told
