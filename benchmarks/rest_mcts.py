"""ReST-MCTS*: the answer check on recorded solutions, the arithmetic of tree and values, and searches at equal tokens.

    .venv/bin/python benchmarks/rest_mcts.py --data ../shared/data/reasoning --json
    .venv/bin/python benchmarks/rest_mcts.py --data ../shared/data/reasoning --full --json     # five seeds

No language model: the world of the searches is multi-step arithmetic. A question is a start and `STEPS` numbers to add;
the policy writes one running sum a step, right with probability .7, else 1 to 9 too much, so that no error makes another
one good, and goes on from its own sums; a step is 10 tokens. So a whole solution is right with .7 ** 6 = .118. The critic gives what the paper's
recursion says of the true distance, with Gaussian noise of a fixed draw for each partial solution, clipped to [0, 1],
and spends no token. All searches run in the shipped graph with its own defaults, under one budget of generated tokens.

`answer_check`: labels that the check gives back, of those recorded; `without_mark`: of solutions whose line with the
answer was removed. `value_max_diff`: to k / K and to 1/16; `back_up_max_diff`: to the visit-weighted mean, recomputed.
`uct_treequest`: selections equal to TreeQuest's standard MCTS on the same tree, its priors set to 1 (null where
treequest is not installed). `critic_calls_saved`: partial solutions that a critic who values every step of every
solution anew would be asked for, over those that reached it. `async_speedup`: sequential over concurrent time with a
server that takes 20 ms a call. `spearman`: inferred values against exact ones, over all steps of mcts' trees that have one: by the
recursion with the true distances; `spearman_chance`: against the policy's chance of a right answer from there.
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

STEPS, RIGHT, OFF, STEP_TOKENS = 6, 0.7, 9, 10
NOISE = 0.2
BUDGET = 600
"""Ten whole solutions of six steps."""
QUESTIONS = 100
SEEDS = 5
NAMES = {
    "greedy": "greedy",
    "best_of_n": "best_of_n",
    "self_consistency": "self_consistency",
    "beam": "beam",
    "tot": "tot",
    "mcts": "mcts",
}
SERVER_SECONDS = 0.02
CANARY = "918273645"


def chance(*what: object) -> float:
    """A number in [0, 1) that depends on these alone."""
    return int.from_bytes(hashlib.sha256(repr(what).encode()).digest()[:8], "big") / 2**64


def question_of(seed: int, number: int) -> tuple[str, str]:
    """A question and its answer."""
    numbers = [10 + int(90 * chance("number", seed, number, at)) for at in range(STEPS + 1)]
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
    good, count = right_steps(question, solution)
    value = good / STEPS
    for _ in range(count - good):
        value = step_value(value, STEPS - good, right=False)
    return value


def exact_chance(question: str, solution: str) -> float:
    """The chance that the policy comes to the right answer from here."""
    good, count = right_steps(question, solution)
    return RIGHT ** (STEPS - good) if good == count else 0.0


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


def context_of(noise: float, budget: int, seed: int, **given: Any) -> rest_mcts.Context:
    """The graph's own defaults, with room for the budget."""
    fields: dict[str, Any] = {
        "solver": Arithmetic(),
        "critic": Noisy(noise, seed),
        "searches": tuple(NAMES),
        "tokens": budget,
        "iterations": 1_000,
        "solution_tokens": STEPS * STEP_TOKENS,
        "sampling": Sampling(max_tokens=STEP_TOKENS, temperature=0.7, seed=0),
    }
    return rest_mcts.Context(**{**fields, **given})


async def search_all(context: rest_mcts.Context, seed: int, questions: int) -> dict[str, list[dict[str, Any]]]:
    """Every search on every question."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in context.searches}
    for number in range(questions):
        question, answer = question_of(seed, number)
        for search in context.searches:
            row = {"question": question, "answer": answer, "search": search}
            found[search].append(await rest_mcts.graph.ainvoke(row, context=context))
    return found


def accuracy_and_tokens(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, float]]:
    """Means of each search."""
    return {
        kind: {NAMES[name]: statistics.fmean(of(one) for one in outputs) for name, outputs in found.items()}
        for kind, of in (
            ("accuracy", lambda one: float(bool(one["correct"]))),
            ("tokens", lambda one: one["spent"]["solver_tokens"] + one["spent"]["critic_tokens"]),
        )
    }


def gains(seeds: Sequence[Mapping[str, Sequence[Mapping[str, Any]]]], other: str) -> dict[str, Any]:
    """What mcts answers rightly beyond another search, in points, paired by question, over all seeds."""
    pairs = [
        100.0 * (bool(mine["correct"]) - bool(theirs["correct"]))
        for found in seeds
        for mine, theirs in zip(found["mcts"], found[other], strict=True)
    ]
    return {"points": statistics.fmean(pairs), "interval": list(bootstrap(pairs))}


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
        from treequest import StandardMCTS  # pyright: ignore
    except ImportError:
        return None
    weight, draws = 1.3, random.Random(1)
    theirs: Any = StandardMCTS(samples_per_action=2, exploration_weight=weight)
    state: Any = theirs.init_tree()
    equal, worst = 0, 0.0
    for _ in range(rounds):
        nodes = mirrored(state)
        chosen = theirs._select(state)
        equal += select(nodes, exploration=weight / 2**0.5, unvisited=0.0) == chosen.expand_idx + 1
        for parent in state.tree.get_nodes():
            for child in parent.children:
                mine, above = nodes[child.expand_idx + 1], nodes[parent.expand_idx + 1]
                score = uct(
                    mine["value"] or 0.0, mine["visits"], above["visits"], exploration=weight / 2**0.5, unvisited=0.0
                )
                worst = max(worst, abs(score - theirs._uct_score(state, child, parent)))
        for _ in range(2):
            state = theirs.step(state, {"step": lambda _: ("s", draws.random())})
            state.priors.clear()
    return {"equal": equal, "of": rounds, "max_diff": worst}


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
    from scipy.stats import spearmanr

    known = [
        (node["inferred"], question, "\n".join(steps(output["nodes"], node["id"])))
        for output, question in zip(outputs, questions, strict=True)
        for node in output["nodes"][1:]
        if node["inferred"] is not None
    ]
    inferred = [value for value, _, _ in known]
    told: dict[str, Any] = {"steps": len(known)}
    for name, of in (("value", true_value), ("chance", exact_chance)):
        found: Any = spearmanr(inferred, [of(question, solution) for _, question, solution in known])
        told[name] = float(found.statistic)
    return told


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

    context = context_of(NOISE, BUDGET, 0, critic=HeadCritic(ScriptedModel(head)), searches=("mcts", "beam", "tot"))
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
        context = context_of(NOISE, 300, 0, solver=solver, searches=("mcts",), gate=2.0)
        rows = [dict(zip(("question", "answer"), question_of(7, number), strict=True)) for number in range(count)]
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
        3_000,
        0,
        solver=ModelStepSolver(ScriptedModel(policy), "prefix"),
        critic=load_model_critic(critic),
        searches=("mcts", "beam", "tot"),
    )
    with recording() as ledger:
        for number in range(questions):
            for search in context.searches:
                row = {"question": question_of(3, number)[0], "answer": CANARY, "search": search}
                await rest_mcts.graph.ainvoke(row, context=context)
    told = [json.dumps(call.messages) for call in ledger.calls]
    return {"messages": len(told), "leaks": sum(CANARY in one for one in told)}


def load_model_critic(function: Any) -> Any:
    """A language model's critic over a function."""
    from dikast.graphs.rest_mcts.critics import load_critic

    return load_critic(ScriptedModel(function))


async def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures."""
    seeds = range(args.first_seed, args.first_seed + (args.seeds or (SEEDS if args.full else 1)))
    found: list[dict[str, list[dict[str, Any]]]] = []
    for seed in seeds:
        found.append(await search_all(context_of(NOISE, BUDGET, seed), seed, args.questions))
        print(seed, accuracy_and_tokens(found[-1]), file=sys.stderr)
    together = {name: [one for seed in found for one in seed[name]] for name in NAMES}
    questions = [question_of(seed, number)[0] for seed in seeds for number in range(args.questions)]
    correlations = spearman(together["mcts"], questions)
    calls = await critic_calls(min(args.questions, 20), folder)
    speed = await async_speedup(8)
    told: dict[str, Any] = {
        "benchmark": "rest_mcts",
        "answer_check": await answer_check(args.data) if args.data else None,
        "value_exact": value_max_diff() < 1e-12,
        "value_max_diff": value_max_diff(),
        "back_up_max_diff": back_up_max_diff(),
        "uct_treequest": uct_treequest(),
        **accuracy_and_tokens(together),
        "gains": {name: gains(found, name) for name in NAMES if name != "mcts"},
        "seeds": [accuracy_and_tokens(one)["accuracy"] for one in found],
        "questions": args.questions,
        "critic_calls_saved": calls["anew"] / calls["reached"],
        "critic_calls": calls,
        "async_speedup": speed["trees"],
        "async_speedup_one_tree": speed["one_tree"],
        "spearman": correlations["value"],
        "spearman_chance": correlations["chance"],
        "spearman_steps": correlations["steps"],
        "canary": await canary(3),
        "rounds": [],
    }
    if args.full:
        told["sweep"] = [
            {
                "noise": noise,
                "budget": budget,
                **accuracy_and_tokens(await search_all(context_of(noise, budget, seeds[0]), seeds[0], args.questions)),
            }
            for noise, budget in (
                (0.0, BUDGET),
                (0.1, BUDGET),
                (0.4, BUDGET),
                (NOISE, BUDGET // 3),
                (NOISE, 3 * BUDGET),
            )
        ]
    return told


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
    parser.add_argument("--json", action="store_true", help="only the last line on stdout (it always is one object)")
    args = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        told = asyncio.run(measure(args, Path(folder)))
    told |= {"seconds": round(time.perf_counter() - began, 1), **facts("langgraph", "numpy", "scipy", "treequest")}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
