"""DNO: the game on a table, exactly; and a tiny language model against a judge that is a formula.

    python benchmarks/dno.py --json            # one seed; --full: five, whose figures are the ones to report

The table needs numpy alone. Where torch and transformers are there (extra `train`), a model of 97,000 parameters is
trained for three iterations: its answers and a gold one are scored side by side by a judge (`dno_world`), pairs,
residual scores and replay are the product's own (`dikast.training`), and the training is a loop of plain torch
(`dno_student` says why). Win rates are of each iterate against the one before it, on held prompts. Arms:

| arm | judge | scores | what differs |
| --- | --- | --- | --- |
| ours | likes length | residual | DNO-Prct |
| raw | likes length | raw | |
| unbiased | does not | raw | what length would be without the bias |
| ld_alpha, sigmoid_norm | likes length | raw | TRL's remedies |
| no_margin | likes length | residual | any two answers with other scores are a pair |
| teacher_only | likes length | residual | only gold answers are preferred (DNO-Restrictive) |
| offline | likes length | residual | all answers are the start's, which is the reference throughout |

`win_rates` are by the judge without its bias, which is what training is for; `biased_win_rates` by the one that scored.
`length_ratio`: growth of ours over the unbiased judge's. `ablations`: how often ours wins against the arm's last
policy, after equally many steps, by the judge without its bias.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING, Any

from dno_world import Judge, Words, gold, prompts, quality, text_of
from machine import facts

from dikast.errors import DikastError
from dikast.files import write_jsonl
from dikast.graphs.dno import nash
from dikast.stats import bootstrap
from dikast.training.pairs import DNO, Rule, Scored, count_sources, loops, pairs_of, row_of, without_length_slope
from dikast.training.replay import replay

if TYPE_CHECKING:
    import dno_student as student_module

    Loss = student_module.Loss

GAME = ((0.5, 0.9, 0.2), (0.1, 0.5, 0.8), (0.8, 0.2, 0.5))
"""Rock, paper, scissors, each with another margin."""
ETA, STEPS = 10.0, 4000
SAMPLES, ITERATIONS = 5, 3
PROMPTS, HELD, DRAWN = 160, 250, 3
"""Prompts of an iteration, held ones, answers to each of them that win rates are of."""
TAUGHT, TEACHING_RATE = 400, 3e-3
TRAINED, RATE = 60, 5e-4
"""Steps of an iteration; its learning rate."""
LIKES_LENGTH = 0.2
"""Log odds of a biased judge for each word more; 5 lie between an answer that is wholly right and a wrong one."""
SEEDS = 5


@dataclass(frozen=True, slots=True)
class Arm:
    """A way of doing DNO."""

    bias: float = LIKES_LENGTH
    residual: bool = True
    rule: Rule = DNO
    offline: bool = False
    loss: Mapping[str, Any] = field(default_factory=dict[str, Any])


ARMS: Mapping[str, Arm] = {
    "ours": Arm(),
    "raw": Arm(residual=False),
    "unbiased": Arm(bias=0.0, residual=False),
    "ld_alpha": Arm(residual=False, loss={"ld_alpha": 0.3}),
    "sigmoid_norm": Arm(residual=False, loss={"norm": True, "beta": 0.8}),
    "no_margin": Arm(rule=Rule(least=-100, student_margin=1e-9, teacher_margin=1e-9)),
    "teacher_only": Arm(rule=Rule(student_wins=False)),
    "offline": Arm(offline=True),
}
ABLATIONS = ("no_margin", "teacher_only", "offline")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="accepted for uniformity")
    parser.add_argument("--rows", type=Path, help="write a line for each seed, arm and iteration here")
    parser.add_argument("--full", action="store_true", help=f"{SEEDS} seeds in place of one")
    parser.add_argument("--json", action="store_true", help="only the last line on stdout (it always is one object)")
    args = parser.parse_args()
    found: dict[str, Any] = on_a_table()
    lines: list[dict[str, Any]] = []
    try:
        import dno_student
    except ImportError as error:
        tell(f"the language model is left out: {error}")
    else:
        for seed in range(SEEDS if args.full else 1):
            lines += one_seed(seed, dno_student)
        found |= summed_up(lines)
    if args.rows:
        write_jsonl(args.rows, lines)
    print(json.dumps({**found, **facts("numpy", "torch", "transformers")}))


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def on_a_table() -> dict[str, Any]:
    """Exact steps on an intransitive preference."""
    game = nash.play(GAME, (0.8, 0.1, 0.1), ETA, STEPS)
    return {
        "exploitability_average": game.exploitability("average"),
        "exploitability_last": game.exploitability("last"),
        "exploitability_best": game.exploitability("best"),
        "exact_win_rate_least": min(game.win_rates),
    }


def one_seed(seed: int, lm: Any) -> list[dict[str, Any]]:
    """All arms from one start."""
    started = time.perf_counter()
    lm.torch.set_num_threads(1)
    start = lm.make_model(seed)
    lm.teach(start, prompts(2000, seed), seed, TAUGHT, TEACHING_RATE)
    held = prompts(HELD, 1_000 + seed)
    before = held_answers(lm, start, held, seed)
    lines: list[dict[str, Any]] = []
    last: dict[str, list[list[Words]]] = {}
    for name, arm in ARMS.items():
        mine, last[name] = one_arm(lm, start, held, before, arm, seed)
        lines += [{"seed": seed, "arm": name, **one} for one in mine]
        tell(f"seed {seed}, {name}: {time.perf_counter() - started:.0f} s; " + told(mine))
    for name in ABLATIONS:
        value, low, high = win_rate(Judge(), held, last["ours"], last[name])
        lines.append({"seed": seed, "arm": name, "ours_wins": value, "low": low, "high": high})
        tell(f"seed {seed}, ours against {name}: {value:.3f} [{low:.3f}, {high:.3f}]")
    return lines


def told(lines: Sequence[Mapping[str, Any]]) -> str:
    form = "wins {win_rate:.3f} (biased {own_win_rate:.3f}), {length:.1f} words, quality {quality:.2f}"
    return "; ".join(form.format_map(one) for one in lines)


def one_arm(
    lm: Any, start: Any, held: Sequence[Words], before: list[list[Words]], arm: Arm, seed: int
) -> tuple[list[dict[str, Any]], list[list[Words]]]:
    """The iterations of an arm, and what its last policy says."""
    judge, lines, older = Judge(arm.bias), list[dict[str, Any]](), list[list[dict[str, Any]]]()
    policy, first, said = start, length_of(before), before
    how = lm.Loss(**arm.loss)
    for iteration in range(ITERATIONS):
        asked = prompts(PROMPTS, 10_000 * (seed + 1) + iteration)
        speaker = start if arm.offline else policy
        found, slope = pairs_at(lm, speaker, asked, judge, arm, 100 * seed + iteration)
        mixed = [row for _, row in replay(found, older[::-1], seed=seed).rows]
        older.append(found)
        after = deepcopy(policy)
        rows = [(one["prompt"], one["chosen_words"], one["rejected_words"]) for one in mixed]
        lm.train(after, speaker, rows, how, steps=TRAINED, rate=RATE, seed=seed)
        new = held_answers(lm, after, held, seed + 1 + iteration)
        value, low, high = win_rate(Judge(), held, new, said)
        by_arms_own, own_low, _ = win_rate(judge, held, new, said)
        lines.append(
            {
                "iteration": iteration + 1,
                "win_rate": value,
                "low": low,
                "high": high,
                "own_win_rate": by_arms_own,
                "own_low": own_low,
                "length": length_of(new),
                "length_growth": length_of(new) / first,
                "quality": fmean(quality(prompt, one) for prompt, some in zip(held, new, strict=True) for one in some),
                "loops": fmean(loops(text_of(one)) for some in new for one in some),
                "pairs": count_sources(found),
                "trained_on": len(mixed),
                "slope": slope,
            }
        )
        policy, said = after, new
    return lines, said


def pairs_at(
    lm: Any, policy: Any, asked: Sequence[Words], judge: Judge, arm: Arm, seed: int
) -> tuple[list[dict[str, Any]], float | None]:
    """The pairs of an iteration, by the product's rule."""
    random = Random(seed)
    many = [prompt for prompt in asked for _ in range(SAMPLES)]
    drawn = lm.answer(policy, many, seed, temperature=lm.TEMPERATURE, top_p=lm.TOP_P)
    shown = [[gold(prompt, random), *drawn[at * SAMPLES : (at + 1) * SAMPLES]] for at, prompt in enumerate(asked)]
    scores: list[list[float | None]] = [
        [*judge.points(prompt, answers)] for prompt, answers in zip(asked, shown, strict=True)
    ]
    slope = None
    if arm.residual:
        scores, slope = without_length_slope(scores, [[float(len(one)) for one in answers] for answers in shown])
    found: list[dict[str, Any]] = []
    for prompt, answers, points in zip(asked, shown, scores, strict=True):
        scored = [
            Scored(text_of(words), "student" if at else "teacher", score)
            for at, (words, score) in enumerate(zip(answers, points, strict=True))
        ]
        for pair in pairs_of(scored, arm.rule):
            words = {"chosen_words": answers[pair.chosen], "rejected_words": answers[pair.rejected]}
            found.append({**row_of(text_of(prompt), scored, pair), **words, "prompt": prompt})
    if not found:
        raise DikastError("no pair: the benchmark's world does not fit its student")
    return found, slope


def held_answers(lm: Any, model: Any, held: Sequence[Words], seed: int) -> list[list[Words]]:
    """Several answers to each held prompt, drawn as those that become pairs."""
    many = [prompt for prompt in held for _ in range(DRAWN)]
    drawn = lm.answer(model, many, 7_000_000 + seed, temperature=lm.TEMPERATURE, top_p=lm.TOP_P)
    return [drawn[at * DRAWN : (at + 1) * DRAWN] for at in range(len(held))]


def length_of(said: Sequence[Sequence[Words]]) -> float:
    """Mean words of an answer."""
    return fmean(len(one) for some in said for one in some)


def win_rate(
    judge: Judge, held: Sequence[Words], mine: Sequence[Sequence[Words]], other: Sequence[Sequence[Words]]
) -> tuple[float, float, float]:
    """How often one policy's answers are preferred to another's, expected, with a 95 % interval over prompts."""
    values = [
        fmean(judge.prefers(prompt, one, two) for one in some for two in those)
        for prompt, some, those in zip(held, mine, other, strict=True)
    ]
    interval = bootstrap(values, samples=2_000)
    return fmean(values), interval.low, interval.high


def summed_up(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means over seeds."""
    seeds = sorted({line["seed"] for line in lines})

    def of(arm: str, key: str, iteration: int) -> list[float]:
        return [line[key] for line in lines if line["arm"] == arm and line.get("iteration") == iteration]

    def each(arm: str, key: str) -> list[float]:
        return [fmean(of(arm, key, iteration + 1)) for iteration in range(ITERATIONS)]

    growth = {name: each(name, "length_growth") for name in ARMS}
    ablations = {
        name: {
            "ours_wins": fmean(line["ours_wins"] for line in lines if line["arm"] == name and "ours_wins" in line),
            "seeds_won": sum(line["ours_wins"] > 0.5 for line in lines if line["arm"] == name and "ours_wins" in line),
        }
        for name in ABLATIONS
    }
    return {
        "seeds": len(seeds),
        "win_rates": each("ours", "win_rate"),
        "win_rates_low": each("ours", "low"),
        "win_rates_least_low": min(low for it in range(ITERATIONS) for low in of("ours", "low", it + 1)),
        "biased_win_rates": each("ours", "own_win_rate"),
        "length_ratio": growth["ours"][-1] / growth["unbiased"][-1],
        "length_ratio_of": {name: growth[name][-1] / growth["unbiased"][-1] for name in ARMS},
        "length_growth": growth,
        "quality": {name: each(name, "quality") for name in ARMS},
        "win_rates_of": {name: each(name, "win_rate") for name in ARMS},
        "own_judges_win_rates_of": {name: each(name, "own_win_rate") for name in ARMS},
        "ablations": ablations,
    }


if __name__ == "__main__":
    main()
