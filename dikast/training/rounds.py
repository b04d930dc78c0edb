"""The loop that methods with rounds share: collect, make rows, train, evaluate, then promote or roll back.

    class MyPlan:                                   # satisfies `Plan`
        async def collect(self, at, folder): ...    # a job: what the policy says, and what is thought of it
        async def rows(self, at, folder): ...       # training rows out of it
        async def train(self, at, folder): ...      # {"model": spec of the new policy, "digest": ..., ...}
        async def evaluate(self, at, folder): ...   # by what `decide` tells whether it is promoted

`dikast.graphs.looping` makes a graph of a plan. Here is what its nodes do: each stage has a folder of its own and a
stamp beside it (`round-02/train`, `round-02/train.json`). A stage with a stamp that says "finished" is not run again;
one that was begun and broken off is called again with its folder as it is, and goes on by its own means (a job by its
journal, a training by its checkpoints). A stage whose ground has changed since (other settings, another policy, an
earlier stage that came out otherwise) is moved aside, and run anew. To run one stage once more, remove its stamp and
its folder.

The policy that a round ends with is either the new one or the one it began with: nothing is overwritten, so that to
roll back is to go on with the older.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, cast, get_args

from typing_extensions import TypedDict

from dikast.disk import make_folder, told_if_refused
from dikast.errors import DataError, LimitReached, UsageError
from dikast.files import write_json
from dikast.jobs.keys import digest
from dikast.jobs.stopping import INTERRUPTED
from dikast.jobs.summary import Summary
from dikast.json_text import read_json

LOG = logging.getLogger("dikast")
Stage = Literal["collect", "rows", "train", "evaluate"]
STAGES: tuple[Stage, ...] = get_args(Stage)
Result = dict[str, Any]
"""What a stage tells, JSON. Names that the loop knows: `rows` (how many), `usage` (role -> spent), `model` and `digest`
(of a training: the new policy)."""


Usages = dict[str, dict[str, float]]
"""Role -> what it spent, as `dikast.records.Usage` names it."""


class Policy(TypedDict):
    """A model at a point of the loop."""

    model: str
    """Its spec."""
    digest: str
    """Of its weights, so that two policies of one name differ."""
    round: int
    """Which round made it; 0 is the start."""


class StageRecord(TypedDict):
    """A stage that is finished."""

    folder: str
    """Relative to the loop's."""
    seconds: float
    """Over all attempts that ended; what a killed attempt took is not known."""
    attempts: int
    result: Result


class RoundRecord(TypedDict):
    """A round that is over."""

    round: int
    before: Policy
    after: Policy
    promoted: bool
    reason: str
    """Why it was promoted or not."""
    stages: dict[str, StageRecord]


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a round's new policy takes the old one's place, and why."""

    promoted: bool
    reason: str


@dataclass(frozen=True, slots=True)
class At:
    """Where a loop stands.

    Args:
        folder: Of the loop.
        round: From 1.
        policy: The current one, which the round begins with.
        stages: This round's stages that are finished.
        past: The rounds before, the first one first.
    """

    folder: Path
    round: int
    policy: Policy
    stages: Mapping[str, StageRecord] = field(default_factory=dict[str, StageRecord])
    past: Sequence[RoundRecord] = ()

    @property
    def place(self) -> Path:
        """The round's folder."""
        return self.folder / round_name(self.round)

    def folder_of(self, stage: Stage, round_: int | None = None) -> Path:
        """A stage's folder, of this round or of an earlier one."""
        return self.folder / round_name(round_ or self.round) / stage

    def result(self, stage: Stage) -> Result:
        """What a finished stage of this round told."""
        return self.stages[stage]["result"]

    @property
    def made(self) -> Policy:
        """The policy that this round's training made."""
        trained = self.result("train")
        return Policy(model=trained["model"], digest=trained["digest"], round=self.round)

    def measured(self, policy: Policy) -> Any:
        """What an earlier round's evaluation measured of a policy, as the method wrote it; `None` if none did."""
        for one in self.past:
            if "evaluate" in one["stages"]:
                result = one["stages"]["evaluate"]["result"]
                for name in ("before", "after"):
                    if result[name]["digest"] == policy["digest"]:
                        return result[name]
        return None

    @property
    def iterates(self) -> list[Policy]:
        """Every policy that was current up to now, the start first."""
        found = [one["before"] for one in self.past] + [self.policy]
        return [one for at, one in enumerate(found) if one not in found[:at]]


class Plan(Protocol):
    """What a method does in each stage.

    A stage is a coroutine that may be broken off at any moment and is then called again with the same folder; what it
    returns is JSON. It raises `DataError` or `UsageError` for what a person has to mend, and the loop stops there.
    """

    @property
    def rounds(self) -> int:
        """How many rounds at most."""
        ...

    def start(self) -> Policy:
        """What the first round begins with."""
        ...

    def ground(self, stage: Stage, at: At) -> Mapping[str, Any]:
        """What a stage's result depends on, beside the policy and this round's stages before it: settings, files."""
        ...

    async def collect(self, at: At, folder: Path) -> Result:
        """Have the policy speak, and have it judged."""
        ...

    async def rows(self, at: At, folder: Path) -> Result:
        """Make training rows; `rows` tells how many. Without any, the loop ends here."""
        ...

    async def train(self, at: At, folder: Path) -> Result:
        """Make the next policy; `model` and `digest` tell which."""
        ...

    async def evaluate(self, at: At, folder: Path) -> Result:
        """Measure the new policy beside the old one, on what neither was trained on."""
        ...

    def decide(self, at: At) -> Decision:
        """Whether the new policy takes the old one's place, by what the stages told."""
        ...


def round_name(round_: int) -> str:
    """The folder of a round: names in the order of rounds."""
    return f"round-{round_:02}"


async def run_stage(plan: Plan, stage: Stage, at: At) -> StageRecord:
    """Do a stage, or take what it told when it was done.

    Raises:
        DataError: The folder cannot be written, a stamp is damaged, or the stage's own.
        UsageError: The stage's own.
    """
    place, folder = at.place / f"{stage}.json", at.folder_of(stage)
    wanted = fingerprint(plan, stage, at)
    stamp = read_stamp(place)
    if stamp and stamp["fingerprint"] != wanted:
        LOG.warning("%s: made on other ground; what is there is now %s", folder, move_aside(place, folder))
        stamp = {}
    name = str(folder.relative_to(at.folder))
    if stamp.get("finished"):
        return StageRecord(folder=name, seconds=stamp["seconds"], attempts=stamp["attempts"], result=stamp["result"])
    attempts, before = stamp.get("attempts", 0) + 1, stamp.get("seconds", 0.0)
    began = {"fingerprint": wanted, "finished": False, "attempts": attempts, "seconds": before}
    make_folder(at.place)
    write_json(place, began)
    started = time.perf_counter()
    try:
        result = await getattr(plan, stage)(at, folder)
    except BaseException:
        write_json(place, {**began, "seconds": since(started, before)})
        raise
    refuse_result(stage, result)
    record = StageRecord(folder=name, seconds=since(started, before), attempts=attempts, result=result)
    ended = {"finished": True, "seconds": record["seconds"], "result": result}
    write_json(place, {**began, **ended})
    return record


def since(started: float, before: float) -> float:
    """Seconds of this attempt and of those before it."""
    return round(before + time.perf_counter() - started, 3)


def fingerprint(plan: Plan, stage: Stage, at: At) -> str:
    """A hash of all that a stage stands on."""
    earlier = {name: at.stages[name]["result"] for name in STAGES[: STAGES.index(stage)]}
    return digest([stage, at.round, at.policy["digest"], dict(plan.ground(stage, at)), earlier]).hex()


def read_stamp(place: Path) -> dict[str, Any]:
    """A stage's stamp; empty if it was never begun.

    Raises:
        DataError: It is damaged.
    """
    with told_if_refused(place):
        if not place.exists():
            return {}
    stamp = read_json(place)
    if not isinstance(stamp, dict) or "fingerprint" not in stamp:
        raise DataError("no stamp of a stage", path=place, hint="remove it and its folder: the stage is then run anew")
    return cast(dict[str, Any], stamp)


def move_aside(place: Path, folder: Path) -> str:
    """Give a stage's folder and stamp another name; says which."""
    number = 1
    while (aside := folder.with_name(f"{folder.name}.before-{number}")).exists() or stamp_of(aside).exists():
        number += 1
    with told_if_refused(folder, "written", "folder"):
        if folder.exists():
            folder.rename(aside)
        place.rename(stamp_of(aside))
    return aside.name


def stamp_of(folder: Path) -> Path:
    """Where the stamp of a stage's folder stands."""
    return folder.with_name(f"{folder.name}.json")


def refuse_result(stage: Stage, result: object) -> None:
    """Refuse a result that the loop cannot go on with: a fault of the plan.

    Raises:
        TypeError: It is not JSON, or lacks what the loop needs.
    """
    needed = {"rows": ("rows",), "train": ("model", "digest")}.get(stage, ())
    told = cast(dict[str, Any], result) if isinstance(result, dict) else None
    if told is None or any(name not in told for name in needed):
        raise TypeError(f"stage {stage!r} has to return a dict with {', '.join(needed) or 'what it tells'}")
    json.dumps(told, allow_nan=False)


def conclude(plan: Plan, at: At) -> RoundRecord:
    """A round's end: the new policy, or the old one again."""
    decision = plan.decide(at)
    after = at.made if decision.promoted else at.policy
    return RoundRecord(
        round=at.round,
        before=at.policy,
        after=after,
        promoted=decision.promoted,
        reason=decision.reason,
        stages=dict(at.stages),
    )


def conclude_starved(at: At, reason: str) -> RoundRecord:
    """The end of a round that had nothing to train on: the policy stays."""
    return RoundRecord(
        round=at.round, before=at.policy, after=at.policy, promoted=False, reason=reason, stages=dict(at.stages)
    )


def told(summary: Summary) -> Result:
    """What a stage that is a job tells: rows by outcome, and what they cost.

    Raises:
        LimitReached: A limit stopped the job.
        UsageError: A signal did, or something else that is no error of its own.
        DataError: No row of it came to anything.
    """
    why = summary.stopped
    if why and why != INTERRUPTED and "limit" in why:
        raise LimitReached(f"{summary.folder}: {why}")
    if why or summary.owed:
        raise UsageError(f"{summary.folder}: {why or 'not finished'}", hint="the same command goes on where it stopped")
    if summary.unread or summary.failed == summary.finished:
        ends = ", ".join(f"{count} {outcome.value}" for outcome, count in summary.outcomes.items()) or "no row"
        hint = f"see 'dikast runs show {summary.folder}', then 'dikast runs retry'"
        raise DataError(f"nothing came of the job: {ends}", path=summary.folder, hint=hint)
    return {
        "asked": summary.asked,
        "outcomes": {outcome.value: count for outcome, count in summary.outcomes.items()},
        "usage": {role: spent.as_dict() for role, spent in summary.usage.items()},
    }


def spent(rounds: Sequence[RoundRecord]) -> Usages:
    """What rounds cost by role, over all their stages: the sums of `usage`."""
    return summed(stage["result"].get("usage", {}) for one in rounds for stage in one["stages"].values())


def summed(usages: Iterable[Mapping[str, Mapping[str, float]]]) -> Usages:
    """What several pieces of work spent, by role."""
    sums: Usages = {}
    for usage in usages:
        for role, amounts in usage.items():
            mine = sums.setdefault(role, {})
            for name, value in amounts.items():
                mine[name] = mine.get(name, 0) + value
    return sums


PlanOf = Callable[[Any, Mapping[str, Any]], Plan]
"""(context, input of the graph) -> the plan; called once a node, so that what is costly is kept in the context."""
