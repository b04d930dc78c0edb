"""Self-Rewarding as a rival of ReST-MCTS*'s rounds: the policy is trained on what it prefers of its own answers.

| stage | what differs from `dikast.graphs.rest_mcts.rounds.plan` |
| --- | --- |
| collect | whole solutions, each marked several times by the policy itself (`dikast.graphs.rest_mcts.judging`) |
| rows | a question's best solution against its worst, by these marks alone; no verdict is looked at |
| train | the policy by DPO from where it is, which is the reference too; no critic |

Budgets, questions, what is measured and what is taken are the same, so that the rounds compare. The trees hold the
check's verdicts all the same: how often the preferred solution is the right one is told, and used for nothing.

Paper: Yuan et al.: Self-Rewarding Language Models, arXiv 2401.10020. Not here: new questions that the policy makes up,
and the evaluation examples on which the paper's first policy learns to judge.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dikast.agents.prompt import load_prompt
from dikast.disk import make_folder
from dikast.files import write_jsonl
from dikast.graphs.rest_mcts.context import Context as SearchContext
from dikast.graphs.rest_mcts.critics import Nobody
from dikast.graphs.rest_mcts.judging import PROMPT, JudgeCritic
from dikast.graphs.rest_mcts.preferring import Pair, best_and_worst
from dikast.graphs.rest_mcts.roles import StepCritic
from dikast.graphs.rest_mcts.rounds.context import Context
from dikast.graphs.rest_mcts.rounds.plan import RestPlan, kept, seeded
from dikast.graphs.rest_mcts.rounds.records import Gathered, Judged, Told
from dikast.graphs.rest_mcts.rounds.rows import sifted
from dikast.graphs.rest_mcts.solvers import ModelStepSolver, load_step_solver
from dikast.graphs.rest_mcts.tree import Node, is_whole
from dikast.jobs.keys import digest
from dikast.jobs.reading import Run
from dikast.training.rounds import At, Stage
from dikast.training.stopping import train_stoppably

PAIRS = "pairs.jsonl"


@dataclass(frozen=True)
class SelfRewardingPlan(RestPlan):
    """The plan; see `dikast.training.rounds.Plan`."""

    @property
    def valued(self) -> bool:
        """No critic is trained."""
        return False

    @property
    def counted_critic(self) -> StepCritic:
        """As many calls and tokens as the policy's as its own judge, whose engine is not opened for that."""
        times = self.context.judgements
        return Nobody(most_tokens=times * self.context.judging.max_tokens, most_calls=times)

    def own_critic(self, solver: ModelStepSolver, round_: int) -> JudgeCritic:
        """A policy as its own judge."""
        return JudgeCritic(solver.model, self.context.judgements, seeded(self.context.judging, round_))

    def judging_of(self, at: At) -> Mapping[str, Any]:
        """What the marks depend on, beside the policy."""
        prompt = dict(load_prompt(PROMPT).fingerprint())
        return {"judge": {**self.knobs("judgements", "judging"), "prompt": prompt}}

    def critic_for(self, at: At, solver: ModelStepSolver) -> AbstractAsyncContextManager[StepCritic]:
        """The solver's own model, which is closed with it."""
        return nullcontext(self.own_critic(solver, at.round))

    def ground(self, stage: Stage, at: At) -> Mapping[str, Any]:
        """What a stage stands on, beside the policy and the stages before it."""
        return {"pairs": "best against worst"} if stage == "rows" else super().ground(stage, at)

    def recipes(self, at: At) -> tuple[Any, ...]:
        """How pairs are trained on, shuffling otherwise in each round."""
        made = self.context.pair_recipe
        return (made.model_copy(update={"seed": made.seed + at.round - 1}),)

    async def rows(self, at: At, folder: Path) -> Told:
        """What the policy prefers."""
        solver = load_step_solver(self.form + at.policy["model"])
        critic, sampling = self.own_critic(solver, at.round), seeded(self.context.sampling, at.round)
        made = self.searching(solver, critic=critic, sampling=sampling)
        return dict(await asyncio.to_thread(gather_pairs, at.folder_of("collect"), folder, made))

    async def train(self, at: At, folder: Path) -> Told:
        """The next policy; a loop that is broken off stops the training after its step."""
        [recipe], rows = self.recipes(at), at.folder_of("rows") / PAIRS
        train, out = self.context.trainer.train, folder.resolve() / "policy"
        made = await train_stoppably(lambda on_step: train(recipe, rows, at.policy["model"], out, on_step=on_step))
        return {**kept(made), "critic": None}


def gather_pairs(trees: Path, folder: Path, context: SearchContext) -> Gathered:
    """Write a round's pairs.

    Raises:
        DataError: The folder cannot be written.
    """
    run, left_out = Run.open(trees), Counter[str]()
    pairs = list(sifted("preference", run, context, left_out))
    make_folder(folder)
    write_jsonl(folder / PAIRS, pairs)
    return Gathered(
        rows=len(pairs),
        values=0,
        held=0,
        left_out={"preference": dict(left_out)},
        digest=digest(pairs).hex(),
        critic_error=None,
        critic_read=0,
        judged=judged((row["output"]["nodes"] for row in run.rows() if row["output"] is not None), context),
    )


def judged(trees: Iterable[list[Node]], context: SearchContext) -> Judged:
    """How the policy's marks turned out, over all solutions of a round."""
    told = Judged(drawn=0, whole=0, valued=0, in_part=0, unread={}, pairs=0, tied=0, agreement={})
    unread, agreement = Counter[str](), Counter[str]()
    for nodes in trees:
        told["drawn"] += len(nodes) - 1
        for node in filter(is_whole, nodes):
            told["whole"] += 1
            told["valued"] += node["appraised"] is not None
            told["in_part"] += node["appraised"] is not None and bool(node["reason"])
            unread[node["outcome"]] += node["appraised"] is None
        pair = best_and_worst(nodes, context.unit)
        if isinstance(pair, Pair):
            told["pairs"] += 1
            told["tied"] += pair.tied
            agreement[f"{rightness(nodes[pair.chosen])} over {rightness(nodes[pair.rejected])}"] += 1
    told["unread"], told["agreement"] = dict(+unread), dict(agreement)
    return told


def rightness(node: Node) -> str:
    """What the check says of a solution."""
    return {True: "right", False: "wrong", None: "unchecked"}[node["right"]]


def plan_for(context: Context) -> RestPlan:
    """The plan of a context: ReST-MCTS*'s own, or the rival's."""
    return SelfRewardingPlan(context) if context.rival == "self_rewarding" else RestPlan(context)
