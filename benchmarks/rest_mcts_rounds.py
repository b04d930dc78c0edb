"""Two rounds of self-training with a tiny model, for `benchmarks/rest_mcts.py --rounds`: ours beside its rivals.

The world is addition modulo 10, a running sum a line: `3 4 9` -> `+4=7`, `+9=6`, `#### 6`. A Llama of so many
parameters learns it from a careless teacher, who has a habit of his own for every fourth sum: there he writes the same
wrong digit three times in five. So the start writes its likeliest solution wrongly wherever it meets such a sum, and
draws a right one often enough to be found. Two errors seldom cancel out, so that a right answer mostly has right steps.
It learns to judge as well, from solutions that somebody looked through, one for two of the teacher's (about the share
of Self-Rewarding's seed data): each right sum is written out, with the points up to there, a point for each right line.

Then `rest_mcts.rounds` trains it on questions whose answers alone are known, and measures its greedy answers to others:
`mcts` with a trained critic from the second round on (the first round's says .5 to everything), `rest_em` and
`self_rewarding` by the same command (`--rival`), on the same budget of tokens a question, judgements among them, and as
many training steps. Every new policy is taken.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from statistics import fmean
from typing import Any

from dikast.agents.models.load import close_models
from dikast.agents.models.request import Sampling
from dikast.agents.prompt import load_prompt
from dikast.fence import fence
from dikast.graphs.rest_mcts import rounds
from dikast.graphs.rest_mcts.checks import load_check
from dikast.graphs.rest_mcts.critics import valuing
from dikast.graphs.rest_mcts.rounds.measuring import correct_of
from dikast.graphs.rest_mcts.rounds.roles import QuestionFile
from dikast.jobs.reading import Run
from dikast.stats import bootstrap
from dikast.training.recipes import DpoRecipe, SftRecipe, ValueRecipe
from dikast.training.rows import as_conversation, said_by_assistant
from dikast.training.trainer import train

BASE, NUMBERS, WIDTH, LAYERS = 10, 5, 64, 2
"""The modulus; numbers of a question; of the model."""
HABITS, KNOWN = 0.25, 0.4
"""Of all sums the teacher has a habit for; how often he is right there."""
LESSONS, JUDGED, LESSON_STEPS, BATCH = 3_000, 1_500, 450, 64
"""Solved and judged questions that the start learns from; for how many steps, of how many."""
QUESTIONS, VALIDATION = 300, 40
"""Whose answers alone are known; percent of them that only measure."""
STEPS, TOKENS, JUDGEMENT = 60, 240, 36
"""Of a round's training; of a question: ten whole solutions; of a judgement at most."""
RATE, CRITIC_RATE, PAIR_RATE = 5e-4, 1e-3, 3e-5
"""Of the policy's training on solutions, of the critic's, of the policy's on pairs."""
ARMS: Mapping[str, Mapping[str, Any]] = {
    "mcts": {"gate": 2.0, "roll_steps": NUMBERS + 1},
    "rest_em": {"rival": "rest_em"},
    "self_rewarding": {"rival": "self_rewarding", "judgements": 1},
}
END, PAD, START, UNKNOWN = "<|im_end|>", "<|endoftext|>", "<|im_start|>", "<|unknown|>"
WORDS = r"####|\[\[|\]\]|<[^>\n]*>|[\n +=0-9]|[^\n +=0-9\[\]<#][^\n+=0-9\[\]<#]*"
"""What is a token: the world's characters; of anything else as much as stands together."""
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


def habits_of(seed: int) -> dict[tuple[int, int], int]:
    """Sum -> the wrong digit that the teacher is in the habit of writing."""
    draw = random.Random(f"habits {seed}")
    sums = [(first, second) for first in range(BASE) for second in range(BASE)]
    draw.shuffle(sums)
    return {one: (sum(one) + draw.randrange(1, BASE)) % BASE for one in sums[: round(HABITS * len(sums))]}


def solution_of(numbers: Sequence[int], habits: Mapping[tuple[int, int], int], draw: random.Random) -> list[str]:
    """What the teacher writes; the right solution if he has no habits."""
    total, lines = numbers[0], list[str]()
    for number in numbers[1:]:
        wrong = habits.get((total, number))
        total = (total + number) % BASE if wrong is None or draw.random() < KNOWN else wrong
        lines.append(f"+{number}={total}")
    return [*lines, f"#### {total}"]


def judgement_of(numbers: Sequence[int], solution: Sequence[str]) -> str:
    """The right sums, each with the points up to there; then the points."""
    points, said = 0, list[str]()
    for at, line in enumerate(solution_of(numbers, {}, random.Random(0))[:-1]):
        points += points == at and line == solution[at]
        said.append(f"{line} {points}")
    return "\n".join([*said, f"[[{points}]]"])


def drawn(seed: int, count: int) -> list[list[int]]:
    """So many different questions."""
    draw, found = random.Random(seed), dict[str, list[int]]()
    while len(found) < count:
        numbers = [draw.randrange(BASE) for _ in range(NUMBERS)]
        found[str(numbers)] = numbers
    return list(found.values())


def make_model(folder: Path, seed: int) -> None:
    """A model that knows nothing, and its tokenizer."""
    torch: Any = import_module("torch")
    transformers: Any = import_module("transformers")
    tokenizers: Any = import_module("tokenizers")
    words = [PAD, START, END, UNKNOWN, "\n", " ", "####", "+", "=", "[[", "]]", *map(str, range(10))]
    model = tokenizers.models.WordLevel({word: at for at, word in enumerate(words)}, unk_token=UNKNOWN)
    inner = tokenizers.Tokenizer(model)
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex(WORDS), "isolated")
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
    """The teacher's solutions, some of them judged, as rows."""
    solve, judge = load_prompt("rest_mcts/solve"), load_prompt("rest_mcts/judge")
    ending, habits, draw = load_check("numeric").ending, habits_of(seed), random.Random(f"lessons {seed}")
    rows: list[dict[str, Any]] = []
    for at, numbers in enumerate(drawn(seed, LESSONS)):
        question, lines = " ".join(map(str, numbers)), solution_of(numbers, habits, draw)
        solution = "\n".join(lines)
        asked = solve.render({"question": question, "ending": ending})
        rows.append({"prompt": as_conversation(asked), "completion": said_by_assistant(solution)})
        if at < JUDGED:
            asked = judge.render({"question": fence(question, "problem"), "solution": fence(solution, "solution")})
            said = said_by_assistant(judgement_of(numbers, lines))
            rows.append({"prompt": as_conversation(asked), "completion": said})
    return rows


def start_of(folder: Path, seed: int) -> str:
    """The policy that all begin with."""
    make_model(folder / "blank", seed)
    recipe = SftRecipe(
        steps=LESSON_STEPS, batch_size=BATCH, learning_rate=3e-3, lora_rank=0, seed=seed, save_every=9999
    )
    return train(recipe, lessons(seed), f"transformers:{folder / 'blank'}", folder / "start").model


async def loop(folder: Path, start: str, questions: Path, seed: int, **knobs: Any) -> dict[str, Any]:
    """Two rounds; their accuracy, what they learnt from, what they cost; `right`: question -> 1 or 0, by round."""
    common: dict[str, Any] = {"steps": STEPS, "batch_size": 16, "save_every": 9999, "seed": seed, "dtype": "float32"}
    asked: Any = QuestionFile(questions, {})
    context = rounds.Context(
        folder=folder,
        questions=asked,
        solver=f"prefix+{start}",
        critic=half,
        recipe=SftRecipe(**common, lora_rank=0, learning_rate=RATE),
        critic_recipe=ValueRecipe(**common, lora_rank=0, learning_rate=CRITIC_RATE),
        pair_recipe=DpoRecipe(**common, lora_rank=0, learning_rate=PAIR_RATE),
        rounds=2,
        validation=VALIDATION,
        critic_validation=20,
        policy="last",
        tokens=TOKENS,
        solution_tokens=40,
        sampling=Sampling(max_tokens=10, temperature=1.0, seed=seed),
        judging=Sampling(max_tokens=JUDGEMENT, temperature=0.7, top_p=0.9, seed=seed),
        branch=3,
        depth=8,
        **knobs,
    )
    output: Any = (await rounds.graph.ainvoke({"id": "loop"}, context=context, version="v2")).value
    await close_models()
    told: dict[str, Any] = {"accuracy": [], "solved": [], "rows": [], "critic_error": [], "new_critic_error": []}
    told |= {"agreement": [], "right": []}
    for one in output["rounds"]:
        stages = {name: stage["result"] for name, stage in one["stages"].items()}
        standings = [stages["evaluate"][name] for name in ("before", "after") if "evaluate" in stages]
        for standing in standings[bool(told["accuracy"]) :]:
            told["accuracy"].append(standing["accuracy"])
            told["right"].append(correct_of(Run.open(folder / "loop" / standing["place"])))
        told["solved"].append(stages["collect"]["solved"] / stages["collect"]["asked"])
        told["rows"].append(stages["rows"]["rows"])
        told["critic_error"].append(stages["rows"]["critic_error"])
        told["new_critic_error"].append((stages.get("train", {}).get("critic") or {}).get("error"))
        told["agreement"].append(stages["rows"].get("judged", {}).get("agreement"))
    told["tokens"] = {role: usage.get("output_tokens", 0) for role, usage in output["usage"].items()}
    return told


async def self_training(folder: Path, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Each seed: the start, ours and its rivals; then all seeds together.

    Args:
        folder: Where all of it lies.
        seeds: Of the start's weights and lessons, of the questions, of draws and trainings.
    """
    told: list[dict[str, Any]] = []
    right: dict[str, list[list[float]]] = {name: [] for name in ARMS}
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
        for name, knobs in ARMS.items():
            found[name] = await loop(place / name, start, questions, seed, **knobs)
            each = found[name].pop("right")
            right[name] += [[one[key] for one in each] for key in sorted(each[0])]
            print(seed, name, found[name], file=sys.stderr)
        told.append(found)
    return [*told, {"seed": "all", "questions": len(right["mcts"]), **together(right)}]


def together(right: Mapping[str, Sequence[Sequence[float]]]) -> dict[str, Any]:
    """All seeds: mean accuracy by round, and differences paired by question with 95 % intervals, in points.

    Args:
        right: Arm -> question -> 1 or 0 by round, the start first; questions in one order.
    """
    found: dict[str, Any] = {}
    for name, questions in right.items():
        found[name] = {
            "accuracy": [fmean(one[at] for one in questions) for at in range(len(questions[0]))],
            "gain": points([one[-1] - one[0] for one in questions]),
            "mcts_over": points([mine[-1] - one[-1] for mine, one in zip(right["mcts"], questions, strict=True)]),
        }
    return found


def points(differences: Sequence[float]) -> list[float]:
    """Mean and 95 % interval of differences in accuracy, in points."""
    interval = bootstrap(differences)
    return [round(100 * one, 1) for one in (fmean(differences), interval.low, interval.high)]
