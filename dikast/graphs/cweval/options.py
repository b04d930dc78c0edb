"""Flags of `dikast cweval run` that are no field of its context: the folder of tasks, and which of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel

from dikast.errors import UsageError
from dikast.flags import Flag
from dikast.graphs.cweval.context import Context
from dikast.graphs.method import OPTIONS, Given, Row

if TYPE_CHECKING:
    from dikast.graphs.cweval.task import Task
    from dikast.graphs.cweval.task_oracle import TaskOracle

FACTS = "cweval"
"""Where the manifest has which samples were asked for."""


class TaskOptions(BaseModel):
    """Which tasks."""

    model_config = OPTIONS

    tasks: Annotated[Path | None, Flag(metavar="DIR")] = None
    """Folder of tasks: CWEval's repository, its folder benchmark or a part of it, or yours. Default: our own twelve."""
    languages: Annotated[tuple[str, ...] | None, Flag(metavar="LANGUAGE,...")] = None
    """Only these: py, js, c, cpp, go."""
    only: Annotated[tuple[str, ...] | None, Flag(metavar="ID,...")] = None
    """Only these tasks, by their ids."""

    def open_oracle(self) -> TaskOracle:
        """The oracle that holds the folder.

        Raises:
            DataError: There is no such folder, or no task in it.
        """
        from dikast.graphs.cweval.task_oracle import TaskOracle
        from dikast.graphs.cweval.tasks import OWN_TASKS

        return TaskOracle(self.tasks or OWN_TASKS)

    def chosen(self, oracle: TaskOracle) -> list[Task]:
        """The tasks that are wanted and can be read, by their ids.

        Raises:
            UsageError: One is named that there is not, or none is left.
        """
        known = {"py", "js", "c", "cpp", "go"}
        if unknown := [one for one in self.languages or () if one not in known]:
            raise UsageError(f"no language {unknown[0]!r}", hint=f"there are {', '.join(sorted(known))}")
        if unknown := [one for one in self.only or () if one not in oracle.tasks]:
            hint = f"ids are like {next(iter(oracle.tasks), '')}; dikast cweval check lists them"
            raise UsageError(f"no task {unknown[0]!r} that can be read", hint=hint)
        found = [
            task
            for task in oracle.tasks.values()
            if (self.languages is None or task.language in self.languages)
            and (self.only is None or task.task_id in self.only)
        ]
        if not found:
            raise UsageError("no task is left", hint="give other --languages or --only")
        return found


class Options(TaskOptions):
    """Have code written for tasks, test what it does and how it can be abused: func@k, sec@k, func-sec@k."""


def make_fields(options: TaskOptions, given: Given) -> Mapping[str, Any]:
    """The executor, out of the folder."""
    del given
    return {"executor": options.open_oracle()}


def oracle_of(context: Any) -> TaskOracle:
    """The context's executor, which holds a folder of tasks.

    Raises:
        UsageError: It is another one.
    """
    from dikast.graphs.cweval.task_oracle import TaskOracle

    if not isinstance(context.executor, TaskOracle):
        raise UsageError("the executor holds no folder of tasks", hint="only runs over --tasks can be listed")
    return context.executor


def read_rows(options: Options, context: Context) -> list[Row]:
    """A row a sample, the samples of a task together."""
    tasks = options.chosen(oracle_of(context))
    return [{"task_id": task.task_id, "sample": number} for task in tasks for number in range(context.samples)]


def notes(options: TaskOptions, context: Any, rows: Iterable[Row]) -> Iterable[str]:
    """Tasks that cannot be used: those whose files are broken, those whose language lacks its tools."""
    from dikast.errors import MissingExtraError
    from dikast.graphs.cweval.task_oracle import needed

    oracle = oracle_of(context)
    if options.only is None:
        yield from (f"left out: {one}" for one in oracle.broken)
    asked = {row["task_id"] for row in rows}
    lacking: dict[str, list[str]] = {}
    for task in options.chosen(oracle):
        if task.task_id in asked:
            try:
                needed(task)
            except MissingExtraError as error:
                lacking.setdefault(str(error), []).append(task.task_id)
    for why, ids in lacking.items():
        yield f"{len(ids)} tasks cannot be tested, and their rows end in error: {why}"


async def facts(options: TaskOptions, context: Context) -> Mapping[str, Any]:
    """Which samples are asked for, for the report, which counts those that never came."""
    tasks = options.chosen(oracle_of(context))
    return {FACTS: {"samples": context.samples, "tasks": [task.task_id for task in tasks]}}
