"""RLGF's plan for the loop of `dikast.training.rounds`: what is done in each stage.

| stage | what |
| --- | --- |
| collect | a job of `dikast.graphs.rlgf` over the round's part of the prompts, by the current policy and the guide |
| rows | its texts, token by token, with owners and rewards less the KL penalty to the start |
| train | PPO on the policy's own tokens, with the current policy's value head |
| evaluate | jobs: the new and the current policy write alone on held-back prompts, by the same reward |

Whoever trains is given in the context, so that tests need no torch.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from math import fsum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dikast import jobs
from dikast.agents.models.cache import RequestCache
from dikast.agents.models.request import Sampling
from dikast.disk import make_folder
from dikast.errors import UsageError
from dikast.files import write_jsonl
from dikast.graphs.method import Row
from dikast.graphs.rlgf.context import Collecting
from dikast.graphs.rlgf.context import Context as RlgfContext
from dikast.graphs.rlgf.graph import graph, uniforms_of
from dikast.graphs.rlgf.rounds.context import Context
from dikast.graphs.rlgf.rounds.records import Collected, Gathered, Measured, Standing, Told, mean, standing_of
from dikast.graphs.rlgf.rounds.texts import texts_of
from dikast.graphs.rlgf.schedules import Schedule
from dikast.graphs.rlgf.turns import Kind
from dikast.graphs.rlgf.voices import ModelPolicy, load_policy
from dikast.jobs.exports import LeftOut
from dikast.jobs.keys import digest
from dikast.jobs.reading import Run
from dikast.stats import bootstrap
from dikast.training.parts import VALIDATION, part_name, part_of, split_parts
from dikast.training.rounds import At, Decision, Policy, Stage, summed, told
from dikast.training.serving import serve
from dikast.training.splits import digest_of
from dikast.training.stopping import train_stoppably

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

TEXTS = "texts.jsonl"
WRITING = ("horizon", "beta", "kl", "seed", "rubric", "scale", "measures", "sampling", "guiding", "judging")
SCHEDULING = ("collector", "share", "switch_at", "switch_reward")
ALONE = ("horizon", "seed", "rubric", "scale", "measures", "sampling", "judging", "held_texts")


@dataclass(frozen=True)
class RlgfPlan:
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
        return split_parts(
            context.prompts.rows, lambda row: digest_of(row["prompt"]), context.parts, context.validation
        )

    def start(self) -> Policy:
        """The policy as it is given; what is wrong with the prompts is told here, before anything is asked.

        Raises:
            DataError: There are too few prompts.
            UsageError: The policy cannot be trained.
        """
        spec = self.context.solver
        if self.context.trainer.spec == "ppo" and not spec.startswith("transformers:"):
            raise UsageError(f"{spec}: only transformers: models are trained", hint="--sampler may be another engine")
        _ = self.parts
        return self.first

    @cached_property
    def first(self) -> Policy:
        """The policy as it is given, to which the KL penalty holds."""
        spec = self.context.solver
        return Policy(model=spec, digest=digest(dict(load_policy(spec).fingerprint())).hex(), round=0)

    def kind(self, at: At) -> Kind:
        """Whose turn it is to collect."""
        context = self.context
        schedule = Schedule(context.collector, context.share, context.switch_at, context.switch_reward)
        for one in at.past:
            measured: Mapping[str, Any] = one["stages"]["evaluate"]["result"]
            schedule.measure(measured["after" if one["promoted"] else "before"]["reward"])
        return schedule.kind(at.round - 1, uniforms_of(context.seed, at.round - 1, "an iteration")[0])

    def ground(self, stage: Stage, at: At) -> Mapping[str, Any]:
        """What a stage stands on, beside the policy and the stages before it."""
        context = self.context
        if stage == "collect":
            guide = dict(context.guide.fingerprint())
            return {**self.knobs(*WRITING, "texts"), **self.rewarded(), "by": self.kind(at), "guide": guide,
                    "rows": digest(self.part(at)).hex()}  # fmt: skip
        if stage == "rows":
            return self.knobs("horizon")
        if stage == "train":
            recipe = context.recipe.model_dump(mode="json", exclude={"at_once"})
            trainer = dict(context.trainer.fingerprint())
            return {"recipe": recipe, "trainer": trainer, "seed": context.seed, **self.knobs("sampling")}
        return {**self.knobs(*ALONE), **self.rewarded(), "rows": digest(self.parts[VALIDATION]).hex()}

    def knobs(self, *names: str) -> dict[str, Any]:
        """Fields of the context, as JSON."""
        return self.context.model_dump(mode="json", include=set(names))

    def rewarded(self) -> dict[str, Any]:
        """What says what texts are worth."""
        return {"reward": dict(self.context.reward.fingerprint())}

    def part(self, at: At) -> list[Row]:
        """The prompts that this round asks."""
        return self.parts[part_name(part_of(at.round, self.context.parts))]

    def shared(self, round_: int, kind: Kind) -> dict[str, Any]:
        """The fields of a collection; policy and guide draw otherwise in each round."""
        context = self.context
        found: dict[str, Any] = {name: getattr(context, name) for name in Collecting.model_fields}
        drawing = {name: seeded(found[name], round_) for name in ("sampling", "guiding")}
        return found | drawing | {"collector": kind}

    async def collect(self, at: At, folder: Path) -> Told:
        """Texts of policy and guide to the round's prompts, with rewards."""
        context, kind = self.context, self.kind(at)
        async with speaking(context.sampler, [at.policy, self.first] if context.kl else [at.policy]) as opened:
            made = RlgfContext(
                **self.shared(at.round, kind),
                solver=opened[0],
                reference=opened[-1] if context.kl else None,
                iteration=at.round - 1,
            )
            rows = copies(self.part(at), context.texts)
            result = told(await jobs.run(graph, rows, made, folder, cache=cache_of(at, "collect")))
        return dict(
            Collected(
                part=part_of(at.round, context.parts),
                collector=kind,
                asked=result["asked"],
                outcomes=result["outcomes"],
                usage=result["usage"],
            )
        )

    async def rows(self, at: At, folder: Path) -> Told:
        """The texts to learn from."""
        return await asyncio.to_thread(self.make_rows, at, folder)

    def make_rows(self, at: At, folder: Path) -> Told:
        """Write the round's texts."""
        left_out, kept = Counter[str](), list[dict[str, Any]]()
        run = Run.open(at.folder_of("collect"))
        for one in texts_of(run.rows(), self.context.horizon):
            if isinstance(one, LeftOut):
                left_out[one.why] += 1
            else:
                kept.append(one)
        kept.sort(key=lambda one: one["key"])  # a journal is in the order in which its rows ended
        make_folder(folder)
        write_jsonl(folder / TEXTS, kept)
        rewards = {row["key"]: row["output"]["reward"] for row in run.rows() if row["output"]}
        owners = Counter[str](owner for one in kept for owner in one["owners"])
        return dict(
            Gathered(
                rows=len(kept),
                left_out=dict(left_out),
                digest=digest(kept).hex(),
                reward=mean([rewards[one["key"]] for one in kept]),
                tokens={owner: owners[owner] for owner in ("policy", "guide")},
                masked_share=masked_share(run),
            )
        )

    async def train(self, at: At, folder: Path) -> Told:
        """The next policy; a loop that is broken off stops the training after its step."""
        context, rows = self.context, at.folder_of("rows") / TEXTS
        train, model, out = context.trainer.train, at.policy["model"], folder.resolve()
        critic = at.folder_of("train", at.policy["round"]) if at.policy["round"] else None
        done = await train_stoppably(
            lambda on_step: train(
                context.recipe,
                rows,
                model,
                out,
                critic=critic,
                temperature=context.sampling.temperature,
                seed=context.seed + at.round,
                on_step=on_step,
            )
        )
        return {**asdict(done), "left_out": dict(done.left_out)}

    async def evaluate(self, at: At, folder: Path) -> Told:
        """Both policies alone, on prompts that no round trains on; one that was measured before is read again."""
        usage, standings = dict[str, dict[str, float]](), list[Standing]()
        for name, policy in (("before", at.policy), ("after", at.made)):
            known: Standing | None = at.measured(policy)
            if known is None:
                known, spent = await self.measure(at, policy, folder / name, name)
                usage = summed([usage, spent])
            standings.append(known)
        return {**compare(at, *standings), "usage": usage}

    async def measure(self, at: At, policy: Policy, folder: Path, name: str) -> tuple[Standing, dict[str, Any]]:
        """A policy's texts to the held-back prompts; what they cost."""
        context = self.context
        async with speaking(context.sampler, [policy, self.first]) as (solver, held):
            made = RlgfContext(**self.shared(0, "ppo"), solver=solver, reference=held)
            rows = copies(self.parts[VALIDATION], context.held_texts)
            result = told(await jobs.run(graph, rows, made, folder, cache=cache_of(at, name)))
        place = str(folder.relative_to(at.folder))
        return standing_of(list(Run.open(folder).rows()), policy["digest"], place), result["usage"]

    def decide(self, at: At) -> Decision:
        """Whether the new policy takes the current one's place."""
        result, context = at.result("evaluate"), self.context
        gain = result["gain"]
        if gain is None:
            said = "no held-back text has a reward from both policies"
        else:
            interval = "" if result["low"] is None else f", 95 % interval {result['low']:+.3f} to {result['high']:+.3f}"
            said = f"reward of {result['rows']} held-back texts rose by {gain:+.3f}{interval}"
        if context.policy == "last":
            return Decision(True, f"{said}; policy 'last' takes every one")
        return Decision(gain is not None and gain >= context.margin, said)


def seeded(sampling: Sampling, round_: int) -> Sampling:
    """The same, drawing otherwise in each round; without a seed it does so anyway."""
    return sampling if sampling.seed is None else sampling.model_copy(update={"seed": sampling.seed + round_})


def copies(rows: Sequence[Row], texts: int) -> list[Row]:
    """Each prompt so often, with a sample of its own."""
    return [{**row, "sample": sample} if texts > 1 else row for row in rows for sample in range(texts)]


@asynccontextmanager
async def speaking(sampler: str, policies: Sequence[Policy]) -> AsyncGenerator[list[ModelPolicy]]:
    """Each policy as one that writes; their models are closed afterwards, so that a training finds room."""
    opened: dict[str, ModelPolicy] = {}
    try:
        for policy in policies:
            if policy["digest"] not in opened:
                opened[policy["digest"]] = load_policy(await serve(sampler, policy))
        yield [opened[policy["digest"]] for policy in policies]
    finally:
        for one in opened.values():
            close = getattr(one.model, "aclose", None)
            if close is not None:
                await close()


def cache_of(at: At, name: str) -> RequestCache:
    """Beside a stage's folder: what was answered before a kill is not asked again."""
    make_folder(at.place)
    return RequestCache(at.place / f"{name}.cache.sqlite")


def masked_share(run: Run) -> float | None:
    """Of the guide's tokens of a run, the share that is not trained on."""
    every = [one["trained"] for row in run.rows() if row["output"] for one in row["output"]["tokens"]
             if one["owner"] == "guide"]  # fmt: skip
    return 1 - sum(every) / len(every) if every else None


def compare(at: At, before: Standing, after: Standing) -> Measured:
    """By how much the reward rose, over the texts that have one from both policies."""
    there, now = (rewards_of(Run.open(at.folder / one["place"])) for one in (before, after))
    gains = [now[key] - there[key] for key in sorted(there) if key in now]
    interval = bootstrap(gains) if len(gains) > 1 else None
    return Measured(
        before=before,
        after=after,
        rows=len(gains),
        gain=fsum(gains) / len(gains) if gains else None,
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        usage={},
    )


def rewards_of(run: Run) -> dict[str, float]:
    """Key of a row -> its reward, where it has one."""
    found = ((row["key"], row["output"]["reward"]) for row in run.rows() if row["output"])
    return {key: value for key, value in found if value is not None}
