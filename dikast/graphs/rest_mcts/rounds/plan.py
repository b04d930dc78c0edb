"""ReST-MCTS*'s plan for the loop of `dikast.training.rounds`: what is done in each stage.

| stage | what |
| --- | --- |
| collect | a job of `dikast.graphs.rest_mcts` over the round's part of the questions, by current policy and critic |
| rows | right solutions for the policy, partial ones with inferred values for the critic, some of these to measure by |
| train | the policy by SFT from where it is, the critic by least squares from where it is (at first: from the policy) |
| evaluate | jobs: the new and the current policy answer held-back questions greedily |

The trees are those of the policy that the round begins with. So a new critic is right for that policy too, and is taken
or not by its own measure, whatever becomes of the new policy. Whoever trains is given in the context, so that tests
need no torch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dikast import jobs
from dikast.agents.models.cache import RequestCache
from dikast.agents.models.load import split_prefix
from dikast.agents.models.request import Sampling
from dikast.disk import make_folder
from dikast.graphs.method import Row
from dikast.graphs.rest_mcts.context import VALUELESS, Searching
from dikast.graphs.rest_mcts.context import Context as SearchContext
from dikast.graphs.rest_mcts.critics import HEAD, load_critic
from dikast.graphs.rest_mcts.graph import graph
from dikast.graphs.rest_mcts.roles import StepCritic
from dikast.graphs.rest_mcts.rounds.context import Context
from dikast.graphs.rest_mcts.rounds.measuring import compare
from dikast.graphs.rest_mcts.rounds.records import Collected, Standing, Taught, Told, standing_of
from dikast.graphs.rest_mcts.rounds.rows import HELD, SOLUTIONS, VALUES, gather
from dikast.graphs.rest_mcts.solvers import PREFIXES, ModelStepSolver, load_step_solver
from dikast.jobs.keys import digest
from dikast.jobs.reading import Run
from dikast.training.parts import VALIDATION, part_name, part_of, split_parts
from dikast.training.recipes import KEEPING
from dikast.training.role import refuse_untrainable
from dikast.training.rounds import At, Decision, Policy, Stage, summed, told
from dikast.training.serving import serve
from dikast.training.splits import digest_of
from dikast.training.stopping import train_stoppably

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from dikast.training.trainer import Trained

SEARCHING = (
    *("searches", "choice", "unit", "branch", "exploration", "unvisited", "gate", "beam", "prune", "roll_steps"),
    *("roll_branch", "alpha", "tokens", "calls", "nodes", "iterations", "depth", "solution_tokens", "sampling"),
)
ALONE = ("unit", "tokens", "calls", "nodes", "depth", "solution_tokens", "sampling")
TAUGHT = ("model", "digest", "rows", "steps", "tokens", "loss", "first_loss")
"""What is kept of what a training tells, beside what it left out."""


@dataclass(frozen=True)
class RestPlan:
    """The plan; see `dikast.training.rounds.Plan`.

    Args:
        context: The loop's.
    """

    context: Context

    @property
    def rounds(self) -> int:
        """How many rounds at most."""
        return self.context.rounds

    @cached_property
    def parts(self) -> Mapping[str, list[Row]]:
        """The questions of each part, and those for validation."""
        context = self.context
        rows = context.questions.rows
        return split_parts(rows, lambda row: digest_of(row["question"]), context.parts, context.validation)

    @cached_property
    def form(self) -> str:
        """How steps are asked for: the prefix of the solver's spec."""
        return split_prefix(self.context.solver, PREFIXES)[0]

    @property
    def valued(self) -> bool:
        """Whether any search asks the critic."""
        return any(one not in VALUELESS for one in self.context.searches)

    def start(self) -> Policy:
        """The policy as it is given; what is wrong with the questions is told here, before anything is asked.

        Raises:
            DataError: There are too few questions, or one has no answer.
            UsageError: The policy cannot be trained.
        """
        spec = self.context.solver.removeprefix(self.form)
        refuse_untrainable(self.context.trainer, spec)
        _ = self.parts
        return Policy(model=spec, digest=digest(dict(load_step_solver(spec).fingerprint())).hex(), round=0)

    def ground(self, stage: Stage, at: At) -> Mapping[str, Any]:
        """What a stage stands on, beside the policy and the stages before it."""
        context = self.context
        checked = {"check": dict(context.check.fingerprint()), "form": self.form}
        if stage == "collect":
            return {**self.knobs(*SEARCHING), **checked, **self.judging_of(at), "rows": digest(self.part(at)).hex()}
        if stage == "rows":
            return self.knobs("least_value", "critic_validation")
        if stage == "train":
            recipes = [one.model_dump(mode="json", exclude=set(KEEPING)) for one in self.recipes(at)]
            return {"recipes": recipes, "trainer": dict(context.trainer.fingerprint())}
        return {**self.knobs(*ALONE), **checked, "rows": digest(self.parts[VALIDATION]).hex()}

    def judging_of(self, at: At) -> Mapping[str, Any]:
        """What values depend on, beside the policy."""
        taken = critic_of(at)
        critic = {"digest": taken["digest"]} if taken else dict(self.context.critic.fingerprint())
        return {"critic": critic} if self.valued else {}

    @property
    def counted_critic(self) -> StepCritic:
        """By whom calls are counted before anything runs: as if the first critic valued in all rounds."""
        return self.context.critic

    def critic_for(self, at: At, solver: ModelStepSolver) -> AbstractAsyncContextManager[StepCritic]:
        """Who values in a round, open."""
        del solver
        return valuing(self.context.critic, critic_of(at))

    def knobs(self, *names: str) -> dict[str, Any]:
        """Fields of the context, as JSON."""
        return self.context.model_dump(mode="json", include=set(names))

    def recipes(self, at: At) -> tuple[Any, ...]:
        """The policy's and the critic's, shuffling otherwise in each round."""
        made = (self.context.recipe, self.context.critic_recipe)
        policy, critic = (one.model_copy(update={"seed": one.seed + at.round - 1}) for one in made)
        return policy, critic

    def part(self, at: At) -> list[Row]:
        """The questions that this round searches."""
        return self.parts[part_name(part_of(at.round, self.context.parts))]

    def asked(self, rows: Sequence[Row]) -> list[Row]:
        """A row for each question and search."""
        searches = self.context.searches
        return [{**row, "search": one} if len(searches) > 1 else row for row in rows for one in searches]

    def searching(self, solver: ModelStepSolver, **other: Any) -> SearchContext:
        """The context of a search, with some fields otherwise."""
        shared: dict[str, Any] = {name: getattr(self.context, name) for name in Searching.model_fields}
        return SearchContext(**{**shared, **other}, solver=solver)

    async def collect(self, at: At, folder: Path) -> Told:
        """Trees of the round's questions, verified."""
        sampling = seeded(self.context.sampling, at.round)
        taken = critic_of(at)
        async with self.speaking(at.policy) as solver, self.critic_for(at, solver) as critic:
            made = self.searching(solver, critic=critic, sampling=sampling)
            rows = self.asked(self.part(at))
            result = told(await jobs.run(graph, rows, made, folder, cache=cache_of(at, "collect")))
        outputs = (row["output"] for row in Run.open(folder).rows())
        return dict(
            Collected(
                part=part_of(at.round, self.context.parts),
                critic=taken["digest"] if taken else "",
                asked=result["asked"],
                solved=sum(any(node["right"] for node in one["nodes"]) for one in outputs if one is not None),
                outcomes=result["outcomes"],
                usage=result["usage"],
            )
        )

    async def rows(self, at: At, folder: Path) -> Told:
        """What policy and critic learn from."""
        solver = load_step_solver(self.form + at.policy["model"])
        made = self.searching(solver, sampling=seeded(self.context.sampling, at.round))
        held = self.context.critic_validation if self.valued else None
        return dict(await asyncio.to_thread(gather, at.folder_of("collect"), folder, made, held))

    async def train(self, at: At, folder: Path) -> Told:
        """The next policy and critic; a loop that is broken off stops the training after its step."""
        gathered, rows = at.result("rows"), at.folder_of("rows")
        ours, critics = self.recipes(at)
        train, out = self.context.trainer.train, folder.resolve()
        made = await train_stoppably(
            lambda on_step: train(ours, rows / SOLUTIONS, at.policy["model"], out / "policy", on_step=on_step)
        )
        taught: Taught | None = None
        if self.valued and gathered["values"]:
            held = rows / HELD if gathered["held"] else None
            first = self.critic_before(at)
            done = await train_stoppably(
                lambda on_step: train(critics, rows / VALUES, first, out / "critic", held=held, on_step=on_step)
            )
            better = is_better(done.held_loss, gathered["critic_error"])
            taught = Taught(**kept(done), error=done.held_loss, taken=better)
        return {**kept(made), "critic": taught}

    def critic_before(self, at: At) -> str:
        """What a new critic begins with: the current one if it is a value head of `transformers:`, else the policy."""
        taken = critic_of(at)
        spec = taken["model"] if taken else self.context.critic.spec
        head = spec.removeprefix(HEAD)
        trainable = taken is not None or (spec.startswith(HEAD) and head.startswith("transformers:"))
        return head if trainable else at.policy["model"]

    async def evaluate(self, at: At, folder: Path) -> Told:
        """Both policies on questions that no round trains on; one that was measured before is read again."""
        usage, standings = dict[str, dict[str, float]](), list[Standing]()
        for name, policy in (("before", at.policy), ("after", at.made)):
            known: Standing | None = at.measured(policy)
            if known is None:
                known, spent = await self.measure(at, policy, folder / name, name)
                usage = summed([usage, spent])
            standings.append(known)
        return {**compare(at, *standings), "usage": usage}

    async def measure(self, at: At, policy: Policy, folder: Path, name: str) -> tuple[Standing, dict[str, Any]]:
        """A policy's greedy answers to the held-back questions; what they cost."""
        async with self.speaking(policy) as solver:
            made = self.searching(solver, searches=("greedy",))
            result = told(await jobs.run(graph, self.parts[VALIDATION], made, folder, cache=cache_of(at, name)))
        place = str(folder.relative_to(at.folder))
        return standing_of(Run.open(folder).rows(), policy["digest"], place), result["usage"]

    def decide(self, at: At) -> Decision:
        """Whether the new policy takes the current one's place."""
        result, context = at.result("evaluate"), self.context
        gain, after = result["gain"], result["after"]
        interval = "" if result["low"] is None else f", 95 % interval {result['low']:+.3f} to {result['high']:+.3f}"
        said = f"{after['right']} of {after['asked']} held-back questions right, accuracy rose by {gain:+.3f}{interval}"
        if context.policy == "last":
            return Decision(True, f"{said}; policy 'last' takes every one")
        return Decision(gain >= context.margin, said)

    @asynccontextmanager
    async def speaking(self, policy: Policy) -> AsyncGenerator[ModelStepSolver]:
        """A policy as one that writes; its model is closed afterwards, so that a training finds room."""
        solver = load_step_solver(self.form + await serve(self.context.sampler, policy))
        try:
            yield solver
        finally:
            await close(solver)


@asynccontextmanager
async def valuing(given: StepCritic, taken: Mapping[str, Any] | None) -> AsyncGenerator[StepCritic]:
    """The critic that was trained, or the given one; closed afterwards."""
    critic = load_critic(HEAD + taken["model"]) if taken else given
    try:
        yield critic
    finally:
        await close(critic)


async def close(actor: object) -> None:
    """Have an actor's model give up its engine, if it has one; the next call opens it again."""
    closing = getattr(getattr(actor, "model", None), "aclose", None)
    if closing is not None:
        await closing()


def critic_of(at: At) -> Mapping[str, Any] | None:
    """The critic of this round, as the training told of it; `None` for the one that was given."""
    for one in reversed(at.past):
        taught = one["stages"]["train"]["result"]["critic"]
        if taught is not None and taught["taken"]:
            return taught
    return None


def is_better(new: float | None, old: float | None) -> bool:
    """Whether a new critic is taken: its error is no higher, or there is nothing to compare."""
    return new is None or old is None or new <= old


def kept(done: Trained) -> dict[str, Any]:
    """What a training tells, as JSON."""
    return {**{name: getattr(done, name) for name in TAUGHT}, "left_out": dict(done.left_out)}


def seeded(sampling: Sampling, round_: int) -> Sampling:
    """The same, drawing otherwise in each round; without a seed it does so anyway."""
    return sampling if sampling.seed is None else sampling.model_copy(update={"seed": sampling.seed + round_ - 1})


def cache_of(at: At, name: str) -> RequestCache:
    """Beside a stage's folder: what was answered before a kill is not asked again."""
    make_folder(at.place)
    return RequestCache(at.place / f"{name}.cache.sqlite")
