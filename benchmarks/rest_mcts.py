"""ReST-MCTS*: the answer check on recorded solutions, the arithmetic of tree and values, and searches at equal tokens.

    .venv/bin/python benchmarks/rest_mcts.py --data ../shared/data/reasoning --json
    .venv/bin/python benchmarks/rest_mcts.py --data ../shared/data/reasoning --full --json     # five seeds
    .venv/bin/python benchmarks/rest_mcts.py --rounds --full --json    # rounds[] alone: needs the extra train

No language model but in `rounds[]`, which `benchmarks/rest_mcts_rounds.py` describes: the world of the searches is
multi-step arithmetic. A question is a start and so many numbers to add; the policy writes one running sum a step, right
with probability .7, else 1 to 9 too much, so that no error makes good another, and goes on from its own sums; a step is
10 tokens. The critic gives what the paper's recursion says of the true distance, with Gaussian noise (.2) of one draw
for each partial solution, clipped to [0, 1], and spends no token. All searches run in the shipped graph with its own
defaults, under one budget: the tokens of 20 whole solutions. `mcts` has no gate, so that it spends its budget as
best-of-N does; `mcts_gate` ends at a value of .9, the graph's default.

`accuracy`, `tokens`, `gains` (of mcts over each other search, points, 95 %, paired by question) are of questions of 8
steps; `by_steps` has 4, 6, 8 and 10, `by_noise` (with --full) other critics, of one seed. `answer_check`: labels that
the check gives back, of those recorded; `without_mark`: of solutions whose line with the answer was removed.
`value_max_diff`: to k / K and to 1/16; `back_up_max_diff`: to the visit-weighted mean, recomputed. `uct_treequest`:
selections equal to TreeQuest's standard MCTS on the same tree, its priors set to 1 (null where treequest is not
installed). `critic_calls_saved`: partial solutions that a critic who values every step of every solution anew would be
asked for, over those that reached it. `async_speedup`: sequential over concurrent time with a server that takes 20 ms a
call. `spearman`: inferred values against those of the recursion with the true distances, over all steps of mcts' trees
that have one (this world has one right way, so that a tree that found it knows all); `spearman_chance`: against the
policy's chance of a right answer from there, which is another quantity. `recoverable`: the same two in a world where an
error is made good with .3 a step, on trees of 60 random expansions: a right answer may be near and not found.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.machine import facts
from dikast.agents.ledger import recording
from dikast.agents.models.cache import RequestCache
from dikast.agents.models.request import Reply, Request, Sampling
from dikast.agents.models.scripted import ScriptedModel
from dikast.graphs import rest_mcts
from dikast.graphs.rest_mcts.checks import load_check
from dikast.graphs.rest_mcts.critics import HeadCritic
from dikast.graphs.rest_mcts.inference import infer, step_value
from dikast.graphs.rest_mcts.roles import Appraisal, Partial, Proposal
from dikast.graphs.rest_mcts.solvers import ModelStepSolver
from dikast.graphs.rest_mcts.tree import Node, add, back_up, children, leaves, root, select, steps, uct
from dikast.stats import bootstrap

STEPS, RIGHT, OFF, STEP_TOKENS = 8, 0.7, 9, 10
ALL_STEPS, NOISES = (4, 6, 8, 10), (0.0, 0.1, 0.4)
NOISE = 0.2
SOLUTIONS = 20
"""Whole ones that the budget holds."""
QUESTIONS = 40
"""Of 8 steps, a seed; half as many of the others."""
SEEDS = 5
NAMES = ("greedy", "best_of_n", "self_consistency", "beam", "tot", "mcts_gate", "mcts")
NO_GATE = 2.0
SERVER_SECONDS = 0.02
EXACT = 1e-12
CANARY = "918273645"


def chance(*what: object) -> float:
    """A number in [0, 1) that depends on these alone."""
    return int.from_bytes(hashlib.sha256(repr(what).encode()).digest()[:8], "big") / 2**64


def question_of(seed: int, number: int, count: int = STEPS) -> tuple[str, str]:
    """A question of so many steps, and its answer."""
    numbers = [10 + int(90 * chance("number", seed, number, at)) for at in range(count + 1)]
    return " ".join(map(str, numbers)), str(sum(numbers))


def next_step(question: str, steps: Sequence[str], draw: object) -> str:
    """The running sum after one more number; the last step says the answer."""
    numbers = list(map(int, question.split()))
    total = int(steps[-1].split()[-1]) if steps else numbers[0]
    at = len(steps) + 1
    drawn = chance("step", question, tuple(steps), draw)
    wrong = 0
    if drawn >= RIGHT:
        wrong = 1 + int((drawn - RIGHT) / (1 - RIGHT) * OFF)
    total += numbers[at] + wrong
    return f"#### {total}" if at == len(numbers) - 1 else f"plus {numbers[at]} is {total}"


def right_steps(question: str, solution: str) -> tuple[int, int]:
    """How many steps are right before the first wrong one, and how many there are."""
    numbers, lines = list(map(int, question.split())), solution.splitlines()
    for at, line in enumerate(lines):
        if int(line.split()[-1]) != sum(numbers[: at + 2]):
            return at, len(lines)
    return len(lines), len(lines)


def true_value(question: str, solution: str) -> float:
    """What the paper's recursion says where the true distance is known: a wrong sum is never made good."""
    (good, count), whole = right_steps(question, solution), len(question.split()) - 1
    value = good / whole
    for _ in range(count - good):
        value = step_value(value, whole - good, right=False)
    return value


def exact_chance(question: str, solution: str) -> float:
    """The chance that the policy comes to the right answer from here."""
    good, count = right_steps(question, solution)
    return RIGHT ** (len(question.split()) - 1 - good) if good == count else 0.0


@dataclass
class Arithmetic:
    """The policy; greedy decoding has one draw of its own."""

    spec: str = "python:arithmetic"
    most_calls: int = 1

    def fingerprint(self) -> Mapping[str, object]:
        """Nothing is kept."""
        return {}

    async def propose(self, partial: Partial, *, whole: bool, sampling: Sampling, sample: int) -> Proposal:
        """See `StepSolver.propose`."""
        draw = "greedy" if sampling.temperature == 0 else (sample, whole)
        steps = list(partial.steps)
        while not steps or not steps[-1].startswith("####"):
            steps.append(next_step(partial.question, steps, draw))
            if not whole:
                break
        said = steps[len(partial.steps) :]
        most = sampling.max_tokens // STEP_TOKENS
        if len(said) > most:
            return Proposal("\n".join(said[:most]) or "plus", cut=True, tokens=sampling.max_tokens)
        return Proposal("\n".join(said), tokens=STEP_TOKENS * len(said))


@dataclass
class Noisy:
    """The critic."""

    noise: float
    seed: int = 0
    asked: int = 0
    spec: str = "python:noisy"
    most_tokens: int = 0
    most_calls: int = 1

    def fingerprint(self) -> Mapping[str, object]:
        """Nothing is kept."""
        return {}

    async def appraise(self, question: str, solutions: Sequence[str], *, ending: str) -> list[Appraisal]:
        """See `StepCritic.appraise`."""
        self.asked += len(solutions)
        return [Appraisal(self.value(question, one), 0, 1) for one in solutions]

    def value(self, question: str, solution: str) -> float:
        """The true value with its noise."""
        drawn = random.Random(repr((self.seed, question, solution))).gauss(0.0, self.noise)
        return min(max(true_value(question, solution) + drawn, 0.0), 1.0)


def context_of(noise: float, seed: int, count: int = STEPS, **given: Any) -> rest_mcts.Context:
    """The graph's own defaults, with room for the budget."""
    fields: dict[str, Any] = {
        "solver": Arithmetic(),
        "critic": Noisy(noise, seed),
        "searches": tuple(name for name in NAMES if name != "mcts_gate"),
        "tokens": SOLUTIONS * count * STEP_TOKENS,
        "iterations": 1_000,
        "solution_tokens": count * STEP_TOKENS,
        "sampling": Sampling(max_tokens=STEP_TOKENS, temperature=0.7, seed=0),
    }
    return rest_mcts.Context(**{**fields, **given})


async def search_all(
    context: rest_mcts.Context, seed: int, questions: int, count: int = STEPS
) -> dict[str, list[dict[str, Any]]]:
    """Every search of the context on every question, and mcts with its gate beside mcts without."""
    names = [name for name in NAMES if name in context.searches or (name == "mcts_gate" and "mcts" in context.searches)]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    without = context.model_copy(update={"gate": NO_GATE})
    for number in range(questions):
        question, answer = question_of(seed, number, count)
        for name in names:
            row: Any = {"question": question, "answer": answer, "search": name.removesuffix("_gate")}
            given = without if name == "mcts" else context
            found[name].append(await rest_mcts.graph.ainvoke(row, context=given))
    return found


def accuracy_and_tokens(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, float]]:
    """Means of each search."""
    right = {name: [float(bool(one["correct"])) for one in outputs] for name, outputs in found.items()}
    spent = {name: [float(one["spent"]["solver_tokens"]) for one in outputs] for name, outputs in found.items()}
    return {
        kind: {name: statistics.fmean(values) for name, values in of.items()}
        for kind, of in (("accuracy", right), ("tokens", spent))
    }


def gains(seeds: Sequence[Mapping[str, Sequence[Mapping[str, Any]]]]) -> dict[str, Any]:
    """What mcts answers rightly beyond each other search, in points, paired by question, over all seeds."""
    told: dict[str, Any] = {}
    for other in NAMES[:-1]:
        pairs = [
            100.0 * (bool(mine["correct"]) - bool(theirs["correct"]))
            for found in seeds
            for mine, theirs in zip(found["mcts"], found[other], strict=True)
        ]
        told[other] = {"points": statistics.fmean(pairs), "interval": list(bootstrap(pairs))}
    return told


async def answer_check(folder: Path) -> dict[str, Any]:
    """The recorded labels of `folder`, given back."""
    check = load_check("numeric")
    right = of = unmarked = unmarked_of = 0
    for record in read(folder / "recorded_solutions.jsonl"):
        verdict = await check.verify("", record["solution"], record["gold"])
        right += verdict.right == record["is_correct"]
        of += 1
        before, mark, _ = record["solution"].rpartition("\nA:")
        if mark:
            verdict = await check.verify("", before, record["gold"])
            unmarked += verdict.right == record["is_correct"]
            unmarked_of += 1
    return {"right": right, "of": of, "without_mark": {"right": unmarked, "of": unmarked_of}}


def read(path: Path) -> Iterator[dict[str, Any]]:
    """JSON lines."""
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def value_max_diff() -> float:
    """How far right paths are from k / K, and the wrong sibling after 1/4 at distance 3 from 1/16."""
    worst = 0.0
    for count in range(1, 33):
        nodes = [root()]
        for at in range(count):
            add(nodes, at, "", "step")
        nodes[-1]["right"] = True
        if count == 4:
            add(nodes, 1, "x", "step")["right"] = False
        infer(nodes)
        for at in range(count + 1):
            worst = max(worst, abs((nodes[at]["inferred"] or 0.0) - at / count))
        if count == 4:
            worst = max(worst, abs((nodes[-1]["inferred"] or 0.0) - 0.0625))
    return worst


def back_up_max_diff() -> float:
    """How far values are from the visit-weighted mean of the children, recomputed after 300 rounds."""
    draws, nodes = random.Random(0), [root()]
    for _ in range(300):
        leaf = select(nodes, exploration=0.4, unvisited=0.8)
        assert leaf is not None
        for _ in range(3):
            add(nodes, leaf, "", "step")["value"] = draws.random()
        back_up(nodes, max(children(nodes, leaf), key=lambda one: one["value"] or 0.0)["id"])
    worst = abs(nodes[0]["visits"] - 300.0)
    for node in nodes:
        below = [one for one in children(nodes, node["id"]) if one["visits"]]
        if below:
            mean = sum(one["visits"] * (one["value"] or 0.0) for one in below) / sum(one["visits"] for one in below)
            worst = max(worst, abs(mean - (node["value"] or 0.0)))
    return worst


def uct_treequest(rounds: int = 200) -> dict[str, Any] | None:
    """Selections beside TreeQuest's, on its own tree as it grows."""
    try:
        library: Any = import_module("treequest")
    except ImportError:
        return None
    weight, draws = 1.3, random.Random(1)

    def speak(before: object) -> tuple[str, float]:
        del before
        return "s", draws.random()

    theirs: Any = library.StandardMCTS(samples_per_action=2, exploration_weight=weight)
    state: Any = theirs.init_tree()
    equal, worst = 0, 0.0
    for _ in range(rounds):
        nodes = mirrored(state)
        chosen: int = theirs._select(state).expand_idx
        equal += select(nodes, exploration=weight / 2**0.5, unvisited=0.0) == chosen + 1
        parents: list[Any] = state.tree.get_nodes()
        for parent in parents:
            offspring: list[Any] = parent.children
            for child in offspring:
                at, above = int(child.expand_idx) + 1, int(parent.expand_idx) + 1
                score = score_of(nodes[at], nodes[above], weight / 2**0.5)
                worst = max(worst, abs(score - theirs._uct_score(state, child, parent)))
        for _ in range(2):
            state = theirs.step(state, {"step": speak})
            state.priors.clear()
    return {"equal": equal, "of": rounds, "max_diff": worst}


def score_of(node: Node, parent: Node, exploration: float) -> float:
    """UCT as the graph has it."""
    return uct(node["value"] or 0.0, node["visits"], parent["visits"], exploration=exploration, unvisited=0.0)


def mirrored(state: Any) -> list[Node]:
    """TreeQuest's tree as a table: its nodes by the order in which they came, the root first."""
    nodes = [root()]
    for node in state.tree.get_nodes()[1:]:
        mine = add(nodes, node.parent.expand_idx + 1, str(node.expand_idx), "step")
        mine["visits"] = state.visit_counts[node.expand_idx]
        mine["value"] = state.value_sums[node.expand_idx] / mine["visits"]
    nodes[0]["visits"] = state.visit_counts.get(-1, 0)
    return nodes


def spearman(outputs: Sequence[Mapping[str, Any]], questions: Sequence[str]) -> dict[str, Any]:
    """Inferred values beside exact ones: the recursion's with the true distances, and the chances of a right answer."""
    stats: Any = import_module("scipy.stats")
    known = [
        (node["inferred"], question, "\n".join(steps(output["nodes"], node["id"])))
        for output, question in zip(outputs, questions, strict=True)
        for node in output["nodes"][1:]
        if node["inferred"] is not None
    ]
    inferred = [value for value, _, _ in known]
    told: dict[str, Any] = {"steps": len(known)}
    for name, of in (("value", true_value), ("chance", exact_chance)):
        found: Any = stats.spearmanr(inferred, [of(question, solution) for _, question, solution in known])
        told[name] = float(found.statistic)
    return told


def recoverable(trees: int = 200, whole: int = 5, deepest: int = 10, made_good: float = 0.3) -> dict[str, Any]:
    """Inferred values in a world whose errors can be made good; a state is (steps left, in error or not)."""

    @cache
    def chance_of(left: int, error: bool, depth: int) -> float:
        if not left and not error:
            return 1.0
        if depth == deepest:
            return 0.0
        good = made_good if error else RIGHT
        return good * chance_of(left if error else left - 1, False, depth + 1) + (1 - good) * chance_of(
            left, True, depth + 1
        )

    draws, found = random.Random(0), list[tuple[float, float, float]]()
    for _ in range(trees):
        nodes, states, exact = [root()], [(whole, False)], [0.0]
        for _ in range(60):
            going = [one["id"] for one in nodes if not one["end"] and not children(nodes, one["id"])]
            if not going:
                break
            at = draws.choice(going)
            for _ in range(3):
                left, error = states[at]
                good = draws.random() < (made_good if error else RIGHT)
                node = add(nodes, at, "", "step")
                states.append((left - (good and not error), not good))
                distance = states[-1][0] + states[-1][1]
                exact.append(step_value(exact[at], distance, right=good))
                if states[-1] == (0, False) or node["depth"] == deepest:
                    node["end"], node["right"] = "answer", states[-1] == (0, False)
        infer(nodes)
        found += [
            (node["inferred"], exact[node["id"]], chance_of(*states[node["id"]], node["depth"]))
            for node in nodes[1:]
            if node["inferred"] is not None
        ]
    stats: Any = import_module("scipy.stats")
    inferred, values, chances = zip(*found, strict=True)
    return {
        "steps": len(found),
        "value": float(stats.spearmanr(inferred, values).statistic),
        "chance": float(stats.spearmanr(inferred, chances).statistic),
    }


async def critic_calls(questions: int, folder: Path) -> dict[str, Any]:
    """Partial solutions valued without tree and cache, beside those that reached the critic."""
    reached = 0

    def head(request: Request) -> Reply:
        nonlocal reached
        reached += 1
        question = request.messages[-1]["content"].splitlines()[0]
        return Reply(
            str(request.completion), "scored", 1, 0, value=Noisy(NOISE).value(question, str(request.completion))
        )

    context = context_of(NOISE, 0, critic=HeadCritic(ScriptedModel(head)), searches=("mcts", "beam", "tot"))
    anew = asked = 0
    with recording(cache=RequestCache(folder / "values.sqlite")):
        found = await search_all(context, 0, questions)
    for outputs in found.values():
        for output in outputs:
            anew += sum(one["depth"] for one in leaves(output["nodes"]) if one["appraised"] is not None)
            asked += output["spent"]["critic_calls"]
    return {"anew": anew, "asked": asked, "reached": reached}


async def async_speedup(questions: int) -> dict[str, float]:
    """Sequential over concurrent seconds: eight trees at once, and one tree alone."""

    def policy(lock: asyncio.Semaphore) -> ModelStepSolver:
        async def speak(request: Request) -> Reply:
            async with lock:
                await asyncio.sleep(SERVER_SECONDS)
            question = request.messages[-1]["content"].splitlines()[0]
            steps = str(request.prefix or "").splitlines()
            return Reply(next_step(question, steps, request.sampling.seed), "stop", 20, STEP_TOKENS)

        return ModelStepSolver(ScriptedModel(speak), "prefix")

    async def seconds(width: int, count: int) -> tuple[float, list[Any]]:
        solver = policy(asyncio.Semaphore(width))
        context = context_of(NOISE, 0, solver=solver, searches=("mcts",), gate=2.0, tokens=300)
        rows: list[Any] = [
            dict(zip(("question", "answer"), question_of(7, number), strict=True)) for number in range(count)
        ]
        began = time.perf_counter()
        outputs = await asyncio.gather(*(rest_mcts.graph.ainvoke(row, context=context) for row in rows))
        return time.perf_counter() - began, [output["nodes"] for output in outputs]

    told: dict[str, float] = {}
    for name, count in (("trees", questions), ("one_tree", 1)):
        (slow, first), (fast, second) = await seconds(1, count), await seconds(10_000, count)
        assert first == second
        told[name] = slow / fast
    return told


async def canary(questions: int) -> dict[str, int]:
    """Messages to policy and critic that hold the gold answer: none may."""

    def policy(request: Request) -> Reply:
        question = next(line for line in request.messages[-1]["content"].splitlines() if line[:1].isdigit())
        return Reply(next_step(question, str(request.prefix or "").splitlines(), 0), "stop", 20, STEP_TOKENS)

    def critic(request: Request) -> str:
        return json.dumps({"reason": "", "value": 0.5})

    context = context_of(
        NOISE,
        0,
        tokens=3_000,
        solver=ModelStepSolver(ScriptedModel(policy), "prefix"),
        critic=load_model_critic(critic),
        searches=("mcts", "beam", "tot"),
    )
    with recording() as ledger:
        for number in range(questions):
            for search in context.searches:
                row: Any = {"question": question_of(3, number)[0], "answer": CANARY, "search": search}
                await rest_mcts.graph.ainvoke(row, context=context)
    told = [json.dumps(call.messages) for call in ledger.calls]
    return {"messages": len(told), "leaks": sum(CANARY in one for one in told)}


def load_model_critic(function: Any) -> Any:
    """A language model's critic over a function."""
    from dikast.graphs.rest_mcts.critics import load_critic

    return load_critic(ScriptedModel(function))


async def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures, or with --rounds those of the rounds alone."""
    seeds = range(args.first_seed, args.first_seed + (args.seeds or (SEEDS if args.full else 1)))
    if args.rounds:
        from benchmarks.rest_mcts_rounds import self_training

        return {"benchmark": "rest_mcts", "rounds": await self_training(folder, seeds)}
    by_steps: dict[int, list[dict[str, list[dict[str, Any]]]]] = {count: [] for count in ALL_STEPS}
    for seed in seeds:
        for count, found in by_steps.items():
            questions = args.questions if count == STEPS else -(-args.questions // 2)
            found.append(await search_all(context_of(NOISE, seed, count), seed, questions, count))
            print(seed, count, accuracy_and_tokens(found[-1])["accuracy"], file=sys.stderr)
    together = {name: [one for seed in by_steps[STEPS] for one in seed[name]] for name in NAMES}
    texts = [question_of(seed, number)[0] for seed in seeds for number in range(args.questions)]
    correlations = spearman(together["mcts"], texts)
    calls = await critic_calls(min(args.questions, 20), folder)
    speed = await async_speedup(8)
    return {
        "benchmark": "rest_mcts",
        "answer_check": await answer_check(args.data) if args.data else None,
        "value_exact": value_max_diff() < EXACT,
        "value_max_diff": value_max_diff(),
        "back_up_max_diff": back_up_max_diff(),
        "uct_treequest": uct_treequest(),
        **accuracy_and_tokens(together),
        "gains": gains(by_steps[STEPS]),
        "by_steps": {str(count): summary(found) for count, found in by_steps.items()},
        "by_noise": {str(noise): await one_noise(noise, seeds[0], args.questions) for noise in NOISES if args.full},
        "seeds": [accuracy_and_tokens(one)["accuracy"] for one in by_steps[STEPS]],
        "questions": args.questions,
        "critic_calls_saved": calls["anew"] / calls["reached"],
        "critic_calls": calls,
        "async_speedup": speed["trees"],
        "async_speedup_one_tree": speed["one_tree"],
        "spearman": correlations["value"],
        "spearman_chance": correlations["chance"],
        "spearman_steps": correlations["steps"],
        "recoverable": recoverable(),
        "canary": await canary(3),
        "rounds": [],
    }


async def one_noise(noise: float, seed: int, questions: int) -> dict[str, Any]:
    """The searches beside one another with another critic."""
    return summary([await search_all(context_of(noise, seed), seed, questions)])


def summary(seeds: Sequence[Mapping[str, Sequence[Mapping[str, Any]]]]) -> dict[str, Any]:
    """A world's figures, over all seeds."""
    return {
        **accuracy_and_tokens({name: [one for seed in seeds for one in seed[name]] for name in NAMES}),
        "gains": gains(seeds),
    }


def main() -> None:
    """One JSON object."""
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with recorded_solutions.jsonl")
    parser.add_argument("--questions", type=int, default=QUESTIONS, help="of each seed")
    parser.add_argument("--seeds", type=int, help="how many; 1, or 5 with --full")
    parser.add_argument(
        "--first-seed", type=int, default=100, help="seeds below 100 were looked at while this was written"
    )
    parser.add_argument("--full", action="store_true", help="five seeds, and other noises and budgets")
    parser.add_argument("--rounds", action="store_true", help="only rounds[]: two of self-training with a tiny model")
    parser.add_argument("--json", action="store_true", help="only the last line on stdout (it always is one object)")
    args = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        told = asyncio.run(measure(args, Path(folder)))
    told |= {"seconds": round(time.perf_counter() - began, 1), **facts("langgraph", "numpy", "scipy", "treequest")}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
