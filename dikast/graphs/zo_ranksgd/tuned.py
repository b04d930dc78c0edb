"""The method that is tuned, run with some settings: a trial is a run folder like any other.

    tuned = Tuned.of(context)
    trial = await tuned.run(number, settings, rows, ranker)

Nothing here knows a method: its graph runs its context over its rows by `dikast.jobs.run`, and a request that was made
before costs nothing, since the trials share the request cache of the run around them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from pydantic import BaseModel

from dikast import jobs
from dikast.errors import DataError, UsageError
from dikast.graphs import METHODS
from dikast.graphs.method import Method
from dikast.graphs.zo_ranksgd.context import Context
from dikast.graphs.zo_ranksgd.finding import find_method
from dikast.graphs.zo_ranksgd.records import Trial
from dikast.graphs.zo_ranksgd.roles import Ran, Ranker
from dikast.training.rounds import told
from dikast.tuning.knobs import Knob, Value, parse_knobs, settings_at, with_settings

TRIALS, HELD = "trials", "held"


@dataclass(frozen=True)
class Tuned:
    """A method with knobs.

    Args:
        context: The tuning's.
        folder: Where the trials lie.
        method: What is tuned.
        knobs: What is moved.
    """

    context: Context
    folder: Path
    method: Method
    knobs: tuple[Knob, ...]

    @classmethod
    def of(cls, context: Context, folder: Path) -> Tuned:
        """The method of a tuning.

        Raises:
            UsageError: There is none of its name, or a knob is none of its context's.
        """
        knobs = parse_knobs(context.knobs, type(context.base))
        return cls(context, folder, find_method(context.method), knobs)

    @property
    def lengths(self) -> list[float]:
        """How long each knob's way is to the algorithm: for ZO-RankSGD no more than a probe's reach for each value.

        A choice of two on a way of length 1 would hardly ever be seen from its other half.
        """
        if self.context.algorithm != "zo":
            return [1.0] * len(self.knobs)
        return [1.0 if knob.most is None else min(1.0, knob.most * self.context.mu) for knob in self.knobs]

    def settings_at(self, point: Sequence[float]) -> dict[str, Value]:
        """Knob -> value, at a point of the algorithm's."""
        return settings_at(self.knobs, [at / length for at, length in zip(point, self.lengths, strict=True)])

    def ran(self, trial: Trial) -> Ran:
        """A trial with its run."""
        place = self.folder / trial["folder"] if trial["folder"] else None
        return Ran(trial, place, with_settings(self.context.base, self.knobs, trial["settings"]) if place else None)

    async def run(
        self,
        number: int,
        settings: Mapping[str, Any],
        rows: Sequence[Mapping[str, Any]],
        ranker: Ranker,
        *,
        held: bool = False,
    ) -> tuple[Trial, Mapping[str, float] | None]:
        """Run the method with these settings; begun before and broken off, it goes on.

        Args:
            number: Of the trial.
            settings: Knob -> value.
            rows: Inputs of its graph.
            ranker: Who gives the rows their values, if anybody does.
            held: Whether these are the rows that are held out.

        Returns:
            The trial, and key of a row -> value.

        Raises:
            LimitReached: A limit stopped it.
            UsageError: A signal did, or a setting that no row can work with.
        """
        name = f"{HELD if held else TRIALS}/{number:04}"
        trial = Trial(
            trial=number,
            settings=dict(settings),
            folder=name,
            outcome="ok",
            reason="",
            asked=len(rows),
            scored=0,
            value=None,
            usage={},
        )
        try:
            made = with_settings(self.context.base, self.knobs, settings)
        except UsageError as error:
            return {**trial, "folder": "", "outcome": "refused", "reason": error.message}, None
        try:
            trial["usage"] = told(await self._job(made, rows, self.folder / name))["usage"]
        except DataError as error:
            return {**trial, "outcome": "failed", "reason": error.message}, None
        values = await ranker.values(Ran(trial, self.folder / name, made))
        if values is not None:
            values = {key: value for key, value in values.items() if math.isfinite(value)}
            trial["scored"] = len(values)
            trial["value"] = fmean(values.values()) if values else None
        return trial, values

    async def _job(self, made: BaseModel, rows: Sequence[Mapping[str, Any]], folder: Path) -> jobs.Summary:
        place = f"dikast.graphs.{self.context.method}.method:method"
        return await jobs.run(
            self.method.load_graph(),
            rows,
            made,
            folder,
            concurrency=self.context.concurrency,
            settings=self.context.facts,
            method=place if self.context.method in METHODS else self.context.method,
        )
