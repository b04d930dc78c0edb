"""Flags of `dikast cweval score` that are no field of its context: the samples, and the folder of tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from dikast.errors import UsageError
from dikast.flags import Flag
from dikast.graphs.cweval.options import FACTS, TaskOptions, oracle_of
from dikast.graphs.cweval.options import notes as task_notes
from dikast.graphs.cweval.scoring.context import Context
from dikast.graphs.method import Given, Row

if TYPE_CHECKING:
    from dikast.graphs.cweval.samples import Samples


class Options(TaskOptions):
    """Test and score samples that were made elsewhere: a file, or the eval folder of CWEval's own program."""

    place: Annotated[Path | None, Flag(metavar="FILE|DIR", argument=True)] = None
    """Samples: JSON lines, CSV, TSV or Parquet with task_id and solution (or completion), or a folder with generated_0,
    generated_1 and so on."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your file: task_id=id,solution=code."""
    samples: int | None = Field(default=None, ge=1)
    """Samples a task that were asked for, so that those that are missing count as failures. Default: the most that any
    task has."""

    def read(self, context: Context) -> Samples:
        """The samples of the wanted tasks.

        Raises:
            UsageError: No file is named, or a sample's number is beyond what was asked for.
            DataError: The file is wrong, or has no sample of these tasks.
        """
        from dikast.graphs.cweval.samples import read_eval_folder, read_samples
        from dikast.rows import parse_columns

        if self.place is None:
            raise UsageError("no samples", hint="dikast cweval score samples.jsonl")
        tasks = self.chosen(oracle_of(context))
        if self.place.is_dir():
            return read_eval_folder(self.place, tasks)
        return read_samples(self.place, tasks, parse_columns(self.columns))


def make_fields(options: Options, given: Given) -> Mapping[str, Any]:
    """The executor, out of the folder."""
    del given
    return {"executor": options.open_oracle()}


def read_rows(options: Options, context: Context) -> list[Row]:
    """A row a sample.

    Raises:
        UsageError: A sample's number is beyond what was asked for.
    """
    found = options.read(context).samples
    beyond = next((one for one in found if options.samples is not None and one.sample >= options.samples), None)
    if beyond is not None:
        told = f"{beyond.task_id} has a sample {beyond.sample}, numbered from 0, of {options.samples} asked for"
        raise UsageError(told, hint="give a higher --samples, or leave it out")
    return [{"task_id": one.task_id, "sample": one.sample, "text": one.text, "form": one.form} for one in found]


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """Tasks that cannot be used, and those without a sample."""
    yield from task_notes(options, context, rows)
    unknown = options.read(context).unknown
    if unknown:
        yield f"left out: {sum(unknown.values())} samples of tasks that are not here: {', '.join(list(unknown)[:3])}"
    lacking = len(options.chosen(oracle_of(context))) - len({row["task_id"] for row in rows})
    if lacking > 0:
        yield f"left out: {lacking} tasks of which the file has no sample"


async def facts(options: Options, context: Context) -> Mapping[str, Any]:
    """Which samples there should be: of the tasks that have one, as many as were asked for."""
    found = options.read(context).samples
    asked = options.samples or max(one.sample + 1 for one in found)
    tasks = list(dict.fromkeys(one.task_id for one in found))
    return {FACTS: {"samples": asked, "tasks": tasks, "limited": False}}
