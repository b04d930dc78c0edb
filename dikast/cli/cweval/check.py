"""`dikast cweval check`: whether tasks are fit to be scored on; no model is asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dikast.cli import options
from dikast.cli.output import emit, say, table

if TYPE_CHECKING:
    from dikast.graphs.cweval.checking import Checked

NOT_USABLE = 3
"""Exit code where a task is not usable, as that of a run whose rows ended in error."""


def check(
    tasks: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of tasks. Default: our own twelve.")] = None,
    languages: Annotated[
        str | None, typer.Option(metavar="LANGUAGE,...", help="Only these: py, js, c, cpp, go.")
    ] = None,
    only: Annotated[str | None, typer.Option(metavar="ID,...", help="Only these tasks, by their ids.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Tasks at once. Default: one a core.")] = None,
    json: options.Json = False,
) -> None:
    """Try every task's tests on its reference, its insecure variants, an empty file and a refusal.

    A task is usable, vacuous, flaky, wrong, or lacks a toolchain; what to install is told. Time limits are made of what
    the references take, and are kept for 'cweval run'. Exit code 3 where a task is not usable.
    """
    from dikast.cli.running import finish
    from dikast.graphs.cweval.checking import as_dict
    from dikast.graphs.cweval.checking import check as check_tasks
    from dikast.graphs.cweval.options import TaskOptions

    chosen = TaskOptions(tasks=tasks, languages=split(languages), only=split(only))
    oracle = chosen.open_oracle()
    wanted = [*chosen.chosen(oracle), *(oracle.broken if chosen.only is None else ())]

    async def work() -> list[Checked]:
        async with oracle:
            return await check_tasks(oracle, wanted, concurrency=concurrency, on_done=tell)

    found = sorted(finish(work()), key=lambda one: one.task_id)
    counts = {name: sum(one.standing == name for one in found) for name in dict.fromkeys(one.standing for one in found)}
    if json:
        emit({"tasks": len(found), "standings": counts, "checked": [as_dict(one) for one in found]})
    else:
        columns = ("task", "standing", "insecure caught", "nothing is secure", "tests, s", "why")
        table(columns, [row(one) for one in found])
    say(", ".join(f"{count} {name}" for name, count in counts.items()) + f" of {len(found)} tasks")
    raise typer.Exit(0 if all(one.standing == "usable" for one in found) else NOT_USABLE)


def split(text: str | None) -> tuple[str, ...] | None:
    """The parts of `A,B,...`; `None` where none is given."""
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def tell(one: Checked) -> None:
    """Say at once what is not usable."""
    if one.standing != "usable":
        say(f"{one.task_id}: {one.standing}: {one.why}")


def row(one: Checked) -> tuple[object, ...]:
    """A task's line."""
    caught = f"{sum(it.caught for it in one.insecure.values())} of {len(one.insecure)}"
    return one.task_id, one.standing, caught, "yes" if one.secure_for_nothing else "no", f"{one.tests_s:.1f}", one.why
