"""A round's training rows: hard and other ones, in the mix of tasks that is wanted, none of them held out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dikast.errors import DataError
from dikast.graphs.tapir.expand.results import settled
from dikast.graphs.tapir.options import mix_of
from dikast.graphs.tapir.rounds.context import Context
from dikast.graphs.tapir.rounds.pool import Row, not_held
from dikast.jobs.reading import Run
from dikast.training.mixture import mix_by_task
from dikast.training.rows import said_by_assistant
from dikast.training.splits import digest_of


def measured_rows(run: Run, threshold: float) -> Iterator[Row]:
    """The rows of a run that have a difficulty, with the teacher's answers."""
    for record in run.rows():
        output: Mapping[str, Any] = record["output"] or dict[str, Any]()
        value = output.get("difficulty")
        if value is not None:
            yield {
                "prompt": record["input"]["instruction"],
                "completion": output["teacher"]["text"],
                "task": output["task"] or "",
                "difficulty": value,
                "hard": value >= threshold,
                "source": "given",
                "id": str(record["input"].get("id", "")),
            }


def expanded_rows(run: Run, near: float) -> Iterator[Row]:
    """The new instructions of a run that stay, with the teacher's answers."""
    for record, found in settled(run, near):
        for number, (new, dropped) in enumerate(found, start=1):
            if not dropped:
                yield {
                    "prompt": new["instruction"],
                    "completion": new["answer"],
                    "task": new["task"] or "",
                    "difficulty": None,
                    "hard": False,
                    "source": "new",
                    "id": f"{record['input'].get('id', '')}+{number}",
                }


def choose(
    measured: Sequence[Row], new: Sequence[Row], context: Context, share: float, held: frozenset[str], seed: int
) -> tuple[list[Row], dict[str, Any]]:
    """The rows as a trainer reads them, and what is told of them; none where nothing is hard any more.

    Raises:
        DataError: No row is of a task of the mix.
    """
    there, leaked = not_held([*measured, *new], held)
    different, repeated = without_repeats(there)
    mix = mix_of(context.weights, context.tasks)
    known = [row for row in different if row["task"] in mix]
    told: dict[str, Any] = {
        "different": len(different),
        "held_out": leaked,
        "said_again": repeated,
        "without_task": len(different) - len(known),
    }
    if different and not any(mix[row["task"]] > 0 for row in known):
        hint = "name a --classifier, or --tasks as your rows have them"
        raise DataError("no row that was measured is of a task of the mix", path=context.instructions, hint=hint)
    hard, others = ([row for row in known if row["hard"] is wanted] for wanted in (True, False))
    if not hard:
        return [], {**told, "rows": 0, "hard_there": 0}
    total = context.rows or len(known)
    made = mix_by_task(hard, others, task_of, mix, total, share, seed=seed, most=context.repeats)
    rows = [as_conversation(row) for _, row in made.rows]
    return rows, {
        **told,
        "rows": len(rows),
        "hard": sum(is_hard for is_hard, _ in made.rows),
        "hard_there": len(hard),
        "share_asked": share,
        "new": sum(row["source"] == "new" for _, row in made.rows),
        "tasks": {task: count for task, count in made.counts.items() if count},
        "repeats": dict(made.repeats),
        "lacking": list(made.lacking),
    }


def task_of(row: Row) -> str:
    """A row's task."""
    return row["task"]


def without_repeats(rows: Sequence[Row]) -> tuple[list[Row], int]:
    """The rows of which each instruction stands there once, the first one, and how many others there were."""
    seen: dict[str, Row] = {}
    for row in rows:
        seen.setdefault(digest_of(row["prompt"]), row)
    return list(seen.values()), len(rows) - len(seen)


def as_conversation(row: Row) -> Row:
    """A row of the kind `sft`, as a chat model reads it; what else is known of it is provenance."""
    prompt = [{"role": "user", "content": row["prompt"]}]
    return {**row, "prompt": prompt, "completion": said_by_assistant(row["completion"])}
