"""What TAPIR does in each stage of a round: see `dikast.training.rounds` for the loop.

| stage | what |
| --- | --- |
| collect | a run of `dikast.graphs.tapir` over what may be trained on; one of its expansion over the hard ones |
| rows | the mix of tasks that is wanted, and within each task a growing share of hard rows |
| train | supervised fine-tuning on the teacher's answers |
| evaluate | runs over the held-out instructions, by the policy before and after |
| decide | promoted if their mean difficulty has fallen |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from dikast import jobs
from dikast.agents.models.engine import EngineModel
from dikast.agents.solver import ModelSolver, load_solver
from dikast.errors import DataError
from dikast.files import write_jsonl
from dikast.graphs.tapir import context as measuring
from dikast.graphs.tapir.expand import context as expansion
from dikast.graphs.tapir.expand.graph import graph as expanding
from dikast.graphs.tapir.expand.report import report as report_expanded
from dikast.graphs.tapir.graph import graph as measure
from dikast.graphs.tapir.report import report as report_measured
from dikast.graphs.tapir.rounds.choice import choose, expanded_rows, measured_rows
from dikast.graphs.tapir.rounds.context import Context
from dikast.graphs.tapir.rounds.pool import Pool, digest_of_file, read_pool
from dikast.graphs.tapir.rounds.records import Standing
from dikast.graphs.tapir.rounds.skills import compare, standing_of
from dikast.jobs.keys import digest
from dikast.records import FAILURES
from dikast.training.mixture import hard_share
from dikast.training.recipes import SftRecipe
from dikast.training.rounds import At, Decision, Policy, Result, Stage, summed, told
from dikast.training.serving import serve
from dikast.training.stopping import OnStep, train_stoppably

RUN, NEW, ROWS = "measured", "expanded", "rows.jsonl"
MOST_FAILED = 0.1
"""Of a job's rows, after a second try; beyond it what a round is made of is no sample of the instructions any more."""


class Made(Protocol):
    """What a trainer gives back; `dikast.training.trainer.Trained` is one."""

    @property
    def model(self) -> str:
        """The spec that opens it."""
        ...

    @property
    def digest(self) -> str:
        """Of the weights."""
        ...

    @property
    def loss(self) -> float:
        """Of the last step."""
        ...

    @property
    def first_loss(self) -> float:
        """Of the first step."""
        ...

    @property
    def steps(self) -> int:
        """Optimizer steps."""
        ...

    @property
    def tokens(self) -> int:
        """That the model read."""
        ...

    @property
    def rows(self) -> int:
        """Trained on."""
        ...

    @property
    def left_out(self) -> Mapping[str, int]:
        """Why -> rows that were not."""
        ...


Trainer = Callable[[SftRecipe, Path, str, Path, OnStep], Made]
"""(recipe, file of rows, model, folder, what is called after each step) -> what was made; called in a thread."""
Students = Callable[[str], Any]
"""The spec of a policy -> a solver that speaks as it."""


def train(recipe: SftRecipe, rows: Path, model: str, folder: Path, on_step: OnStep) -> Made:
    """The trainer that ships; see `dikast.training.trainer.train`."""
    from dikast.training import trainer

    return trainer.train(recipe, rows, model, folder, on_step=on_step)


class TapirPlan:
    """A plan out of a context.

    Args:
        context: The knobs.
        trainer: What trains; another one in tests.
        students: What speaks as a policy; another one in tests.
    """

    def __init__(self, context: Context, trainer: Trainer = train, students: Students = load_solver) -> None:
        self.context, self.trainer, self.students = context, trainer, students

    @property
    def rounds(self) -> int:
        """How many at most."""
        return self.context.rounds

    @cached_property
    def pool(self) -> Pool:
        """The instructions."""
        return read_pool(self.context.instructions, self.context.columns, self.context.held)

    def start(self) -> Policy:
        """The student as it is given."""
        spec = self.context.solver
        return Policy(model=spec, digest=digest(dict(self.students(spec).fingerprint())).hex(), round=0)

    def ground(self, stage: Stage, at: At) -> Mapping[str, Any]:
        """What each stage stands on: the file's content, the actors, and the knobs that it looks at."""
        del at
        knobs: dict[Stage, tuple[str, ...]] = {
            "collect": ("held", "tasks", "step_tasks", "code_tasks", "rubric", "threshold", "count", "near", "sampler"),
            "rows": ("threshold", "weights", "hard_share", "hard_step", "repeats", "rows", "seed", "near"),
            "train": tuple(name for name in SftRecipe.model_fields),
            "evaluate": ("held", "rubric", "sampler"),
        }
        found = self.context.model_dump(mode="json", include=set(knobs[stage]))
        if stage in ("collect", "evaluate"):
            found["file"] = [digest_of_file(self.context.instructions), self.context.columns]
            actors = (self.context.judge, self.context.classifier, self.context.teacher)
            found["actors"] = [None if one is None else dict(one.fingerprint()) for one in actors]
        return found

    async def collect(self, at: At, folder: Path) -> Result:
        """Measure the instructions for the current student, and have more written like the hard ones."""
        summary = await self.measure(at.policy, self.pool.train, folder / RUN)
        found = told(summary)
        hard = [row for row in measured_rows(jobs.Run.open(folder / RUN), self.context.threshold) if row["hard"]]
        found |= {"hard": len(hard)}
        if not self.context.count or not hard:
            return found
        given = [{"id": row["id"], "instruction": row["prompt"], "task": row["task"]} for row in hard if row["task"]]
        if not given:
            return found
        ended = await job(expanding, given, self.expansion(at.round), folder / NEW, report_expanded, "tapir.expand")
        more = told(ended)
        return {**found, "usage": summed([found["usage"], more["usage"]]), "expanded": more["outcomes"]}

    async def rows(self, at: At, folder: Path) -> Result:
        """Choose this round's rows; those of earlier rounds' expansions are among the others."""
        context = self.context
        measured = list(measured_rows(jobs.Run.open(at.folder_of("collect") / RUN), context.threshold))
        new = [
            row
            for round_ in range(1, at.round + 1)
            if (place := at.folder_of("collect", round_) / NEW).is_dir()
            for row in expanded_rows(jobs.Run.open(place), context.near)
        ]
        share = hard_share(at.round, context.hard_share, context.hard_step)
        made, result = choose(measured, new, context, share, self.pool.held_digests, context.seed + at.round)
        folder.mkdir(parents=True, exist_ok=True)
        write_jsonl(folder / ROWS, made)
        return result

    async def train(self, at: At, folder: Path) -> Result:
        """Train the current student on the rows; a loop that is broken off stops the training after its step."""
        rows, model, recipe = at.folder_of("rows") / ROWS, at.policy["model"], self.context.recipe
        made = await train_stoppably(lambda on_step: self.trainer(recipe, rows, model, folder, on_step))
        kept = {
            name: getattr(made, name) for name in ("model", "digest", "rows", "steps", "tokens", "loss", "first_loss")
        }
        return {**kept, "left_out": dict(made.left_out)}

    async def evaluate(self, at: At, folder: Path) -> Result:
        """Measure the held-out instructions for both policies; one that an earlier round measured is read again."""
        usage: dict[str, dict[str, float]] = {}
        standings: list[Standing] = []
        for name, policy in (("before", at.policy), ("after", at.made)):
            known: Standing | None = at.measured(policy)
            if known is None:
                summary = await self.measure(policy, self.pool.held, folder / name)
                usage = summed([usage, told(summary)["usage"]])
                known = standing_of(jobs.Run.open(folder / name), policy["digest"], at.folder)
            standings.append(known)
        before, after = standings
        runs = [jobs.Run.open(at.folder / one["place"]) for one in standings]
        return {**compare(before, after, *runs), "usage": usage}

    def decide(self, at: At) -> Decision:
        """Whether the held-out instructions have become less hard."""
        found = at.result("evaluate")
        if found["fall"] is None:
            return Decision(False, "no held-out instruction could be measured for both policies")
        interval = "" if found["low"] is None else f", 95 % interval {found['low']:+.2f} to {found['high']:+.2f}"
        said = f"mean difficulty of {found['rows']} held-out instructions fell by {found['fall']:+.2f}{interval}"
        return Decision(found["fall"] > self.context.margin, said)

    async def measure(self, policy: Policy, rows: Iterable[Mapping[str, Any]], folder: Path) -> jobs.Summary:
        """A run of the method with a policy as its student."""
        context = self.context
        solver = self.students(await serve(context.sampler, policy))
        shared = set(measuring.Context.model_fields) & set(Context.model_fields) - {"solver"}
        made = measuring.Context(solver=solver, **{name: getattr(context, name) for name in shared})
        settings = {"threshold": context.threshold, "weights": context.weights}
        try:
            return await job(measure, list(rows), made, folder, report_measured, "tapir", settings)
        finally:
            if isinstance(solver, ModelSolver) and isinstance(solver.model, EngineModel):
                await solver.model.aclose()  # it holds the policy's weights

    def expansion(self, round_: int) -> expansion.Context:
        """The context of the expansion; each round has a seed of its own, so that it brings other instructions.

        Raises:
            DataError: There is no teacher; the context has refused that.
        """
        context = self.context
        if context.teacher is None or context.classifier is None:
            raise DataError("no teacher, or no classifier")
        sampling = context.expanding.model_copy(update={"seed": context.seed + round_})
        return expansion.Context(
            tasks=context.tasks, step_tasks=context.step_tasks, code_tasks=context.code_tasks,
            teacher=context.teacher, classifier=context.classifier, count=context.count, near=context.near,
            expanding=sampling, classifying=context.classifying,
        )  # fmt: skip


async def job(
    graph: Any,
    rows: Iterable[Mapping[str, Any]],
    context: Any,
    folder: Path,
    report: Callable[..., object],
    name: str,
    settings: Mapping[str, Any] | None = None,
) -> jobs.Summary:
    """A job to its end; rows that failed are tried once more, so that a stage that is called again tries them again.

    Raises:
        DataError: Too many rows fail all the same.
    """
    place = f"dikast.graphs.{name}.method:method"
    summary = await jobs.run(graph, rows, context, folder, settings=settings, report=report, method=place)
    if summary.failed and not summary.owed and not summary.stopped:
        summary = await jobs.retry(graph, context, folder, report=report)
    if not summary.stopped and summary.failed > MOST_FAILED * summary.finished:
        told = "; ".join(f"{count} of them: {reason}" for reason, count in reasons_of(jobs.Run.open(folder)))
        hint = "the same command tries them again"
        raise DataError(f"{summary.failed} of {summary.finished} rows failed: {told}", path=folder, hint=hint)
    return summary


def reasons_of(run: jobs.Run) -> list[tuple[str, int]]:
    """The commonest reason why rows failed, and how many did so."""
    failed = [outcome.value for outcome in FAILURES]
    return Counter(row["reason"] for row in run.rows(failed)).most_common(1)
