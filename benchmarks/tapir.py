"""TAPIR on a world where everything is known: six skills, a skewed pool, a tiny student, equal tokens for all.

    python -m benchmarks.tapir --json            # one seed, where the extra `train` is installed
    python -m benchmarks.tapir --full --json     # five seeds: the figures to report

A row is a skill (copy, reverse, rotate, shift, swap, inc) and a list of symbols; the answer is known, so the teacher is
exact. The judge is not: its points are the share of right symbols on 1 to 10, with noise and a bonus for the answer
shown first. All strategies start from one warm student, and train for the same steps on rows of one length:

| strategy | a round's rows |
| --- | --- |
| `random` | drawn from the pool as it is |
| `uniform` | the same number of each skill, from the pool |
| `ours` | the uniform mix; within each skill a growing share of hard rows, the others new ones of the teacher's |
| `ours_pool` | the same without new rows: the others are the pool's |
| `apart` | as `ours`, with the hard rows in the uniform mix by themselves: another reading of the paper |
| `hard_only` | hard rows as they are found: the negative control |

Difficulty, hard set, mixtures and shares are `dikast.training.difficulty` and `dikast.training.mixture`; calls and AUC
are those of `dikast.graphs.tapir` itself, on part of the pool, with a student between the first round and the second.
The student trains in a plain torch loop, for speed: what a trainer adds is measured elsewhere. Held-out rows are in no
training row, checked by hash.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import asyncio
import copy
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from benchmarks.machine import facts
from dikast.agents.ledger import recording
from dikast.agents.models.request import Request
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.solver import ModelSolver
from dikast.files import write_jsonl
from dikast.graphs import tapir
from dikast.graphs.tapir.judge import ModelPairScorer
from dikast.training.difficulty import THRESHOLD, difficulty, hard
from dikast.training.mixture import Resampled, counts, draw, hard_share, mix_by_task, mix_hard, resample
from dikast.training.splits import Leaks, digest_of

SYMBOLS, LENGTH = 10, 4
SKILLS: Mapping[str, Callable[[list[int]], list[int]]] = {
    "copy": lambda row: row,
    "reverse": lambda row: row[::-1],
    "rotate": lambda row: [*row[1:], row[0]],
    "shift": lambda row: [0, *row[:-1]],
    "swap": lambda row: [row[at ^ 1] for at in range(len(row))],
    "inc": lambda row: [(one + 1) % SYMBOLS for one in row],
}
SHARES = (0.40, 0.25, 0.15, 0.10, 0.06, 0.04)
"""Of the pool. Which skill has which is drawn by the seed, so that rare skills are not always the same ones."""
UNIFORM: Mapping[str, float] = dict.fromkeys(SKILLS, 1.0)
POOL, HELD, WARM, ROUNDS, STEPS, BATCH = 2000, 100, 60, 3, 240, 32
"""Rows of the pool; held-out rows a skill; steps of the warm student; rounds; steps and rows of a step in each.

Length and steps are those at which `uniform` was seen to learn all six skills; the others had no say in them."""
RATE = 2e-3
STRATEGIES = ("random", "uniform", "ours", "ours_pool", "apart", "hard_only")
NOISE, BONUS = 1, 1
"""Points by which a judge errs at most, and what it gives to the answer shown first."""
ASKED = 240
"""Rows on which the graph itself is run."""
RESAMPLES = 2000

SKILL_TOKENS = {name: SYMBOLS + at for at, name in enumerate(SKILLS)}
EQUALS = SYMBOLS + len(SKILLS)
END = EQUALS + 1
VOCABULARY = END + 1
PROMPT = LENGTH + 2


@dataclass(frozen=True, slots=True)
class Row:
    """A skill, and the symbols that it is put to."""

    skill: str
    symbols: tuple[int, ...]

    @property
    def answer(self) -> tuple[int, ...]:
        """What is right."""
        return tuple(SKILLS[self.skill](list(self.symbols)))

    @property
    def text(self) -> str:
        """The instruction."""
        return f"{self.skill} {spelled(self.symbols)}"


@dataclass
class World:
    """One seed's rows: what is trained on, and what is held out."""

    pool: list[Row]
    held: list[Row]
    leaks: Leaks = field(default_factory=Leaks)


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a strategy: whether each held row is right, distinct rows seen, and skills after each round."""

    right: list[bool]
    distinct: int
    rows: int
    skills: list[dict[str, float]]
    repeat_rate: float


def spelled(symbols: Sequence[int]) -> str:
    return " ".join(map(str, symbols))


def draw_row(skill: str, random: Random) -> Row:
    return Row(skill, tuple(random.randrange(SYMBOLS) for _ in range(LENGTH)))


def world_of(seed: int) -> World:
    """Held-out rows first; no row of the pool is one of them."""
    random = Random(seed)
    world = World([], [draw_row(skill, random) for skill in SKILLS for _ in range(HELD)])
    for row in world.held:
        world.leaks.admits("held", row.text)
    for skill, share in zip(random.sample(list(SKILLS), len(SKILLS)), SHARES, strict=True):
        world.pool += new_rows(world, {skill: round(share * POOL)}, random)
    random.shuffle(world.pool)
    return world


def new_rows(world: World, counts: Mapping[str, int], random: Random) -> list[Row]:
    """Rows that a teacher makes up, none of them held out."""
    made: list[Row] = []
    for skill, count in counts.items():
        mine: list[Row] = []
        while len(mine) < count:
            row = draw_row(skill, random)
            if world.leaks.admits("train", row.text):
                mine.append(row)
        made += mine
    return made


class Student:
    """A Llama of about 100,000 parameters, trained by AdamW on the answers' tokens alone."""

    def __init__(self, seed: int) -> None:
        self.torch: Any = import_module("torch")
        library: Any = import_module("transformers")
        self.torch.set_num_threads(1)
        self.torch.manual_seed(seed)
        self.model: Any = library.LlamaForCausalLM(
            library.LlamaConfig(
                vocab_size=VOCABULARY,
                hidden_size=64,
                intermediate_size=176,
                num_hidden_layers=2,
                num_attention_heads=4,
                max_position_embeddings=32,
                tie_word_embeddings=True,
                bos_token_id=None,
                eos_token_id=END,
            )
        )

    @property
    def parameters(self) -> int:
        """How many there are."""
        return sum(one.numel() for one in self.model.parameters())

    def train(self, rows: Sequence[Row], steps: int) -> float:
        """So many steps over the rows in their order; the last step's loss."""
        torch = self.torch
        rate = torch.optim.AdamW(self.model.parameters(), lr=RATE, weight_decay=0.01)
        self.model.train()
        loss = 0.0
        for step in range(steps):
            part = rows[step * BATCH : (step + 1) * BATCH]
            ids = torch.tensor([[*prompt_of(row), *row.answer, END] for row in part])
            logits = self.model(input_ids=ids).logits[:, PROMPT - 1 : -1]
            cost = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, PROMPT:].flatten())
            for group in rate.param_groups:
                group["lr"] = RATE * min(1.0, (step + 1) / 20)
            rate.zero_grad()
            cost.backward()
            rate.step()
            loss = float(cost.detach())
        return loss

    def answers(self, rows: Sequence[Row]) -> list[tuple[int, ...]]:
        """Greedy answers, each as long as it has to be."""
        torch = self.torch
        self.model.eval()
        found: list[tuple[int, ...]] = []
        with torch.no_grad():
            for start in range(0, len(rows), 500):
                ids = torch.tensor([prompt_of(row) for row in rows[start : start + 500]])
                for _ in range(LENGTH):
                    ids = torch.cat([ids, self.model(input_ids=ids).logits[:, -1].argmax(-1, keepdim=True)], 1)
                found += [tuple(one) for one in ids[:, PROMPT:].tolist()]
        return found

    def copy(self) -> Student:
        """Another student with the same weights."""
        made = copy.copy(self)
        made.model = copy.deepcopy(self.model)
        return made


def prompt_of(row: Row) -> list[int]:
    return [SKILL_TOKENS[row.skill], *row.symbols, EQUALS]


def points(row: Row, shown: tuple[Sequence[int], Sequence[int]]) -> tuple[int, int]:
    """What the judge gives two answers in the order in which it sees them; the same for the same."""
    random = Random(f"{row.text}|{shown[0]}|{shown[1]}")
    given: list[int] = []
    for place, answer in enumerate(shown):
        right = sum(one == other for one, other in zip(answer, row.answer, strict=False)) / LENGTH
        said = round(1 + 9 * right) + random.randint(-NOISE, NOISE) + (BONUS if place == 0 else 0)
        given.append(min(max(said, 1), 10))
    return given[0], given[1]


def difficulties(student: Student, rows: Sequence[Row]) -> dict[str, float | None]:
    """Row's text -> its difficulty, by the product's own rule; equal answers have 0 and are not judged."""
    found: dict[str, float | None] = {}
    for row, answer in zip(rows, student.answers(rows), strict=True):
        if answer == row.answer:
            found[row.text] = 0.0
            continue
        there, back = points(row, (row.answer, answer)), points(row, (answer, row.answer))
        found[row.text] = difficulty((there[0], there[1]), (back[1], back[0]))
    return found


def rows_of_round(strategy: str, student: Student, world: World, number: int, seed: int) -> Resampled[Row]:
    """A round's rows, always the same number of them."""
    total, random = STEPS * BATCH, Random(seed * 1000 + number)
    if strategy == "random":
        return Resampled(shuffled(draw(world.pool, total, random), random), {}, {}, (), 0)
    if strategy == "uniform":
        return resample(world.pool, skill_of, UNIFORM, total, seed=random.randrange(10**9))
    measured = difficulties(student, world.pool)
    texts = set(hard(measured, THRESHOLD))
    hard_rows = [row for row in world.pool if row.text in texts]
    if strategy == "hard_only":
        return Resampled(shuffled(draw(hard_rows or world.pool, total, random), random), {}, {}, (), 0)
    share = hard_share(number)
    others = world.pool
    if strategy in ("ours", "apart"):
        others = new_rows(world, counts(UNIFORM, total), random)
    seeded = random.randrange(10**9)
    if strategy == "apart" and hard_rows:
        return apart(hard_rows, others, total, share, seeded)
    easy = [row for row in others if row.text not in texts]
    made = mix_by_task(hard_rows, easy, skill_of, UNIFORM, total, share, seed=seeded)
    return Resampled([row for _, row in made.rows], made.counts, made.repeats, made.lacking, made.foreign)


def apart(hard_rows: Sequence[Row], others: Sequence[Row], total: int, share: float, seed: int) -> Resampled[Row]:
    """Hard rows in the uniform mix by themselves, then the others: who has hard rows takes the whole hard share."""
    wanted = round(share * total)
    mixed = resample(hard_rows, skill_of, UNIFORM, wanted, seed=seed).rows
    rest = resample(others, skill_of, UNIFORM, total - wanted, seed=seed).rows
    both = mix_hard(mixed, rest, total, share, seed=seed)
    return Resampled([row for _, row in both.rows], both.counts, both.repeats, both.lacking, both.foreign)


def skill_of(row: Row) -> str:
    return row.skill


def shuffled(rows: list[Row], random: Random) -> list[Row]:
    random.shuffle(rows)
    return rows


def right_of(student: Student, rows: Sequence[Row]) -> list[bool]:
    return [answer == row.answer for row, answer in zip(rows, student.answers(rows), strict=True)]


def by_skill(right: Sequence[bool]) -> dict[str, float]:
    return {skill: float(np.mean(right[at * HELD : (at + 1) * HELD])) for at, skill in enumerate(SKILLS)}


def play(strategy: str, warm: Student, world: World, seed: int) -> Ended:
    """All rounds of one strategy."""
    student, seen, skills, asked = warm.copy(), set[str](), list[dict[str, float]](), 0
    for number in range(1, ROUNDS + 1):
        rows = rows_of_round(strategy, student, world, number, seed).rows
        leaked = [row for row in rows if not world.leaks.admits("train", row.text)]
        if leaked or len(rows) != STEPS * BATCH:
            raise RuntimeError(f"{strategy}: {len(leaked)} held-out rows among {len(rows)} of training")
        seen.update(digest_of(row.text) for row in rows)
        asked += len(rows)
        student.train(rows, STEPS)
        skills.append(by_skill(right_of(student, world.held)))
    return Ended(right_of(student, world.held), len(seen), asked, skills, 1 - len(seen) / asked)


async def through_the_graph(student: Student, rows: Sequence[Row]) -> dict[str, Any]:
    """The graph itself on some rows: calls of the judge, calls when it is asked again, how well difficulty ranks."""
    by_text = {row.text: row for row in rows}
    answers = dict(zip(by_text, student.answers(list(by_text.values())), strict=True))

    def solve(request: Request) -> str:
        return spelled(answers[request.messages[-1]["content"]])

    def judge(request: Request) -> str:
        lines = request.messages[-1]["content"].splitlines()
        asked, *shown = (lines[lines.index(name) + 2] for name in MARKS)
        one, two = (list(map(int, text.split())) for text in shown)
        first, second = points(by_text[asked], (one, two))
        return json.dumps({"reason": "", "first": first, "second": second})

    context = tapir.Context(solver=ModelSolver(ScriptedModel(solve)), judge=ModelPairScorer(ScriptedModel(judge)))
    values: dict[str, float | None] = {}
    with recording() as ledger:
        for row in by_text.values():
            given: tapir.Input = {"instruction": row.text, "answer": spelled(row.answer), "task": row.skill}
            output = (await tapir.graph.ainvoke(given, context=context, version="v2")).value
            values[row.text] = output["difficulty"]
    if unread := [text for text, value in values.items() if value is None]:
        raise RuntimeError(f"{len(unread)} rows without a difficulty, though the judge is a function: {unread[0]}")
    wrong = {text: answers[text] != row.answer for text, row in by_text.items()}
    return {
        "judge_calls_per_row": round(ledger.usage_by_role["judge"].calls / len(by_text), 3),
        "mfd_auc": auc({text: value or 0.0 for text, value in values.items()}, wrong),
        "rows": len(by_text),
        "wrong": sum(wrong.values()),
    }


MARKS = ("The instruction:", "The first answer:", "The second answer:")


def auc(values: Mapping[str, float], positive: Mapping[str, bool]) -> float | None:
    """P(a positive row is harder than a negative one); ties count one half. `None` where one kind is missing."""
    high = np.array([values[name] for name in values if positive[name]])
    low = np.array([values[name] for name in values if not positive[name]])
    if not high.size or not low.size:
        return None
    above = (high[:, None] > low).mean() + 0.5 * (high[:, None] == low).mean()
    return round(float(above), 4)


def interval(ours: Sequence[Sequence[bool]], theirs: Sequence[Sequence[bool]]) -> list[float]:
    """95 % of the difference in macro accuracy: seeds are drawn, and within each its held rows, in pairs, by skill."""
    differences = np.array(ours, float) - np.array(theirs, float)
    cells = differences.reshape(len(differences), len(SKILLS), HELD)
    random = np.random.default_rng(0)
    means: list[float] = []
    for _ in range(RESAMPLES):
        drawn = cells[random.integers(0, len(cells), len(cells))]
        at = random.integers(0, HELD, drawn.shape)
        means.append(float(np.take_along_axis(drawn, at, 2).mean()))
    return [round(float(one), 4) for one in np.percentile(means, [2.5, 97.5])]


def summary(ended: Mapping[str, Sequence[Ended]]) -> dict[str, Any]:
    """The figures by strategy: means over seeds, and paired intervals against `ours`."""
    macro = {name: [float(np.mean(one.right)) for one in all_] for name, all_ in ended.items()}
    worst = {name: [min(by_skill(one.right).values()) for one in all_] for name, all_ in ended.items()}
    found: dict[str, Any] = {name: round(float(np.mean(each)), 4) for name, each in macro.items()}
    found["by_seed"] = {name: [round(one, 4) for one in each] for name, each in macro.items()}
    found["worst"] = {name: round(float(np.mean(each)), 4) for name, each in worst.items()}
    found["worst_by_seed"] = {name: [round(one, 4) for one in each] for name, each in worst.items()}
    right = {name: [one.right for one in all_] for name, all_ in ended.items()}
    found["intervals"] = {
        **{f"ours-{name}": interval(right["ours"], right[name]) for name in right if name != "ours"},
        "hard_only-random": interval(right["hard_only"], right["random"]),
    }
    found["distinct"] = {name: round(float(np.mean([one.distinct for one in all_]))) for name, all_ in ended.items()}
    found["repeat_rate"] = {
        name: round(float(np.mean([one.repeat_rate for one in all_])), 4) for name, all_ in ended.items()
    }
    found["skills"] = {
        name: {
            skill: [round(float(np.mean([one.skills[at][skill] for one in all_])), 3) for at in range(ROUNDS)]
            for skill in SKILLS
        }
        for name, all_ in ended.items()
    }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="accepted for uniformity: the world is made")
    parser.add_argument("--rows", type=Path, help="write every held row's result here")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds")
    parser.add_argument("--full", action="store_true", help="five seeds")
    parser.add_argument("--json", action="store_true", help="only the last line on stdout (it always is one object)")
    args = parser.parse_args()
    seeds = 5 if args.full else args.seeds
    ended: dict[str, list[Ended]] = {name: [] for name in STRATEGIES}
    graph: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    warm_skills: list[dict[str, float]] = []
    started, parameters = time.perf_counter(), 0
    for seed in range(seeds):
        world, warm = world_of(seed), Student(seed)
        parameters = warm.parameters
        warm.train(draw(world.pool, WARM * BATCH, Random(seed)), WARM)
        warm_skills.append(by_skill(right_of(warm, world.held)))
        middle = warm.copy()
        middle.train(rows_of_round("uniform", warm, world, 1, seed).rows, STEPS)
        graph.append(asyncio.run(through_the_graph(middle, world.pool[:ASKED])))
        for name in STRATEGIES:
            one = play(name, warm, world, seed)
            ended[name].append(one)
            rows += [
                {"seed": seed, "strategy": name, "skill": row.skill, "row": row.text, "right": right}
                for row, right in zip(world.held, one.right, strict=True)
            ]
            shown = " ".join(f"{skill} {value:.2f}" for skill, value in one.skills[-1].items())
            print(f"seed {seed} {name}: {np.mean(one.right):.3f} ({shown})", file=sys.stderr, flush=True)
    if args.rows:
        write_jsonl(args.rows, rows)
    found = {
        "seeds": seeds,
        **summary(ended),
        "warm": {skill: round(float(np.mean([one[skill] for one in warm_skills])), 3) for skill in SKILLS},
        "mfd_auc": mean_of([one["mfd_auc"] for one in graph]),
        "judge_calls_per_row": max(one["judge_calls_per_row"] for one in graph),
        "graph": graph,
        "budget": {
            "rounds": ROUNDS,
            "steps": STEPS,
            "batch": BATCH,
            "tokens": ROUNDS * STEPS * BATCH * (PROMPT + LENGTH + 1),
        },
        "parameters": parameters,
        "seconds": round(time.perf_counter() - started, 1),
    }
    print(json.dumps({**found, **facts("torch", "transformers", "numpy")}))


def mean_of(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(float(np.mean(known)), 4) if known else None


if __name__ == "__main__":
    main()
