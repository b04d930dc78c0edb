"""DNO's plan for the loop of `dikast.training.rounds`: what is done in each stage.

| stage | what |
| --- | --- |
| collect | a job of `dikast.graphs.dno` over the round's part of the prompts, the current policy as student |
| rows | pairs of it, and of older rounds 30 %, 15 %, ... |
| train | DPO on them; the reference is the current policy, and so another one in each round |
| evaluate | a job: the new policy against the current one on held prompts, by the same judge, in both orders |

Whoever trains is given in the context, so that tests need no torch.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from dikast import jobs
from dikast.agents.models.cache import RequestCache
from dikast.agents.solver import load_solver
from dikast.disk import make_folder
from dikast.errors import UsageError
from dikast.files import write_jsonl
from dikast.graphs.dno.context import Collecting
from dikast.graphs.dno.context import Context as DnoContext
from dikast.graphs.dno.graph import graph
from dikast.graphs.dno.pairing import answers_of, residual_scores
from dikast.graphs.dno.report import ratio
from dikast.graphs.dno.rounds.context import Context
from dikast.graphs.dno.rounds.duel import Duel
from dikast.graphs.dno.rounds.duel import graph as duel
from dikast.graphs.dno.rounds.records import Collected, Measured, Mixed, Told, TrainedRecord
from dikast.graphs.dno.rounds.speakers import Mixture, speaking
from dikast.graphs.dno.rounds.splitting import VALIDATION, part_name, part_of, split_prompts
from dikast.graphs.dno.training import candidates
from dikast.graphs.method import Row
from dikast.jobs.exports import LeftOut
from dikast.jobs.keys import digest
from dikast.jobs.reading import Run
from dikast.records import Outcome
from dikast.rows import read_rows
from dikast.stats import bounded_mean
from dikast.training.exports import sift
from dikast.training.pairs import count_sources
from dikast.training.recipes import KEEPING
from dikast.training.replay import replay
from dikast.training.role import refuse_untrainable
from dikast.training.rounds import At, Decision, Policy, Stage, told
from dikast.training.stopping import train_stoppably

OWN, MIXTURE = "own.jsonl", "rows.jsonl"
TRAIN = (("train", 1),)
"""Prompts were split before they were asked: all rows of a round are for training."""
SAYING = ("samples", "seed", "sampling", "teaching", "judging")
PAIRING = ("least", "student_margin", "teacher_margin", "rule", "scores", "replay_first", "replay_ratio", "seed")


@dataclass(frozen=True)
class DnoPlan:
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
        """The prompts of each part, and those for validation."""
        context = self.context
        rows = context.prompts.rows
        lacking = next((row for row in rows if not row.get("gold")), None)
        if lacking is not None and context.teacher is None:
            hint = "give every row one, or --teacher SPEC, which writes what is missing"
            raise UsageError(f"prompt {lacking.get('id', '')!r} has no gold answer", hint=hint)
        return split_prompts(rows, context.parts, context.validation)

    def start(self) -> Policy:
        """The student; what is wrong with the prompts is told here, before anything is asked.

        Raises:
            DataError: There are too few prompts.
            UsageError: A prompt has no gold answer and nobody writes one, or the student cannot be trained.
        """
        spec = self.context.solver
        refuse_untrainable(self.context.trainer, spec)
        _ = self.parts
        return Policy(model=spec, digest=digest(dict(load_solver(spec).fingerprint())).hex(), round=0)

    def ground(self, stage: Stage, at: At) -> Mapping[str, Any]:
        """What a stage stands on, beside the policy and the stages before it."""
        context = self.context
        judged = {"judge": dict(context.judge.fingerprint()), "rubric": dict(context.rubric.fingerprint())}
        if stage == "collect":
            teacher = dict(context.teacher.fingerprint()) if context.teacher else None
            speakers = [one["digest"] for one in self.speakers(at)]
            return {**self.knobs(*SAYING), **judged, "teacher": teacher, "rows": self.hash_of(at), "by": speakers}
        if stage == "rows":
            return self.knobs(*PAIRING)
        if stage == "train":
            return {"recipe": context.recipe.model_dump(mode="json", exclude=set(KEEPING)), **self.trainer_is()}
        return {**self.knobs("sampling", "judging"), **judged, "rows": digest(self.parts[VALIDATION]).hex()}

    def knobs(self, *names: str) -> dict[str, Any]:
        """Fields of the context, as JSON."""
        return self.context.model_dump(mode="json", include=set(names))

    def trainer_is(self) -> dict[str, Any]:
        """What the trainer says of itself."""
        return {"trainer": dict(self.context.trainer.fingerprint())}

    def part(self, at: At) -> int:
        """The part of the prompts that this round asks."""
        return part_of(at.round, self.context.parts)

    def hash_of(self, at: At) -> str:
        """Of the round's prompts."""
        return digest(self.parts[part_name(self.part(at))]).hex()

    def speakers(self, at: At) -> list[Policy]:
        """Whose answers this round collects."""
        return at.iterates if self.context.policy == "average" else [at.policy]

    async def collect(self, at: At, folder: Path) -> Told:
        """The students' answers to the round's prompts, scored beside the gold ones."""
        context, speakers = self.context, self.speakers(at)
        async with speaking(context.sampler, speakers) as solvers:
            solver = solvers[0] if len(solvers) == 1 else Mixture(solvers)
            shared = {name: getattr(context, name) for name in Collecting.model_fields}
            made = DnoContext(**shared, solver=solver, iteration=at.round)
            rows = self.parts[part_name(self.part(at))]
            result = told(await jobs.run(graph, rows, made, folder, cache=cache_of(at, "collect")))
        return dict(
            Collected(
                part=self.part(at),
                asked=result["asked"],
                speakers=[one["digest"] for one in speakers],
                outcomes=result["outcomes"],
                usage=result["usage"],
            )
        )

    async def rows(self, at: At, folder: Path) -> Told:
        """Pairs of this round, and some of the rounds before."""
        return await asyncio.to_thread(self.make_rows, at, folder)

    def make_rows(self, at: At, folder: Path) -> Told:
        """Write the round's own rows, and the mixture that is trained on."""
        context, left_out = self.context, Counter[str]()
        shared = {name: getattr(context, name) for name in Collecting.model_fields}
        rule = DnoContext(**shared, solver=load_solver(context.solver), iteration=at.round)
        own: list[dict[str, Any]] = []
        run = Run.open(at.folder_of("collect"))
        for one in sift(candidates("preference", run.rows, rule), "preference", shares=TRAIN):
            if isinstance(one, LeftOut):
                left_out[one.why] += 1
            else:
                own.append(dict(one[1]))
        older = [read_own(at, round_) for round_ in range(at.round - 1, 0, -1)]
        first, again = context.replay_first, context.replay_ratio
        mixed = replay(own, older, seed=context.seed, first=first, ratio=again) if own else None
        make_folder(folder)
        write_jsonl(folder / OWN, own)
        write_jsonl(folder / MIXTURE, [row for _, row in mixed.rows] if mixed else [])
        lengths = [sum(row[name] for row in own) for name in ("length_chosen", "length_rejected")]
        return dict(
            Mixed(
                rows=len(mixed.rows) if mixed else 0,
                own=len(own),
                kinds=count_sources(own),
                replayed=mixed.counts[1:] if mixed else [],
                left_out=dict(left_out),
                digest=digest([row for _, row in mixed.rows] if mixed else []).hex(),
                slope=slope_of(run) if context.scores == "residual" else 0.0,
                chosen_to_rejected=ratio(*lengths),
            )
        )

    async def train(self, at: At, folder: Path) -> Told:
        """The next policy; a loop that is broken off stops the training after its step."""
        rows, context = at.folder_of("rows") / MIXTURE, self.context
        train, model, out = context.trainer.train, at.policy["model"], folder.resolve()
        done = await train_stoppably(lambda on_step: train(context.recipe, rows, model, out, on_step=on_step))
        return dict(
            TrainedRecord(
                model=done.model,
                digest=done.digest,
                reference=at.policy["digest"],
                rows=done.rows,
                left_out=dict(done.left_out),
                steps=done.steps,
                tokens=done.tokens,
                loss=done.loss,
                first_loss=done.first_loss,
            )
        )

    async def evaluate(self, at: At, folder: Path) -> Told:
        """The new policy against the current one, on prompts that no round trains on."""
        context = self.context
        async with speaking(context.sampler, [at.made, at.policy]) as (new, old):
            made = Duel(
                new=new,
                old=old,
                judge=context.judge,
                rubric=context.rubric,
                sampling=context.sampling,
                judging=context.judging,
            )
            rows = [{"prompt": row["prompt"]} for row in self.parts[VALIDATION]]
            summary = await jobs.run(duel, rows, made, folder, cache=cache_of(at, "evaluate"))
        slope = at.result("rows")["slope"] if context.scores == "residual" else 0.0
        return dict(measured(list(Run.open(folder).rows()), told(summary), slope))

    def decide(self, at: At) -> Decision:
        """Whether the new policy takes the current one's place."""
        result, context = at.result("evaluate"), self.context
        rate = result["win_rate"]
        said = (
            "nothing could be compared"
            if rate is None
            else f"wins {rate:.3f} [{result['low']:.3f}, {result['high']:.3f}]"
        )
        if context.policy != "best":
            return Decision(True, f"{said}; policy {context.policy!r} takes every one")
        if rate is None:
            return Decision(False, said)
        return Decision(rate >= context.gate, f"{said}, {context.gate:g} wanted")


def slope_of(run: Run) -> float:
    """What the judge gives for length alone, in points a character, over a collection."""
    return residual_scores(found for record in run.rows() if (found := answers_of(record)) is not None)[1]


def win_of(output: Mapping[str, Any], slope: float) -> float | None:
    """1 if the new policy's answer is better by its points less those for its length, 0 if the old one's, else 0.5."""
    if output["win"] is None or not slope or not output["orders"]:
        return output["win"]
    ahead = sum(one["new"] - one["old"] for one in output["orders"]) / len(output["orders"])
    ahead -= slope * (len(output["new"]["text"]) - len(output["old"]["text"]))
    return 0.5 if not ahead else float(ahead > 0)


def cache_of(at: At, stage: Stage) -> RequestCache:
    """Beside a stage's folder: what was answered before a kill is not asked again."""
    make_folder(at.place)
    return RequestCache(at.place / f"{stage}.cache.sqlite")


def read_own(at: At, round_: int) -> list[dict[str, Any]]:
    """The rows of an earlier round, without what it replayed itself."""
    path = at.folder_of("rows", round_) / OWN
    return [dict(row.values) for row in read_rows(path)] if path.stat().st_size else []


def measured(records: Sequence[Mapping[str, Any]], result: Mapping[str, Any], slope: float) -> Measured:
    """What the duels amount to.

    Args:
        records: Lines of their journal.
        result: What their job tells.
        slope: Points a character that the judge gives for length alone, which do not count.
    """
    outputs = [record["output"] for record in records if record["output"] is not None]
    wins = [win for output in outputs if (win := win_of(output, slope)) is not None]
    both = [one for one in outputs if one["new"]["outcome"] == one["old"]["outcome"] == Outcome.OK]
    interval = bounded_mean(wins, 0, 1, pseudo=2) if wins else None
    return Measured(
        prompts=len(records),
        read=len(wins),
        win_rate=sum(wins) / len(wins) if wins else None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        length_ratio=ratio(sum(len(one["new"]["text"]) for one in both), sum(len(one["old"]["text"]) for one in both)),
        loops=sum(one["new"]["loops"] for one in both),
        outcomes=result["outcomes"],
        usage=result["usage"],
    )
