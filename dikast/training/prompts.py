"""Rows that have a prompt alone, for GRPO; every other column goes to its reward functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dikast.errors import DataError
from dikast.rows import read_rows
from dikast.training.rows import PROBLEMS, Checked, Problem, alternates, is_conversation


def prompts_of(rows: Path | str | Sequence[Mapping[str, Any]], columns: Mapping[str, str] | None = None) -> Checked:
    """The rows whose prompt can be answered; the others counted.

    Args:
        rows: A file, or rows.
        columns: Our name -> the file's.

    Raises:
        DataError: There is none, or a row has no prompt.
    """
    given = (
        [dict(row.values) for row in read_rows(rows, columns)] if isinstance(rows, (str, Path)) else [*map(dict, rows)]
    )
    left_out = Counter[str]()
    kept: list[dict[str, Any]] = []
    for number, row in enumerate(given, start=1):
        if row.get("prompt") is None:
            raise DataError("is missing", row=number, field="prompt")
        problem = problem_of_prompt(row["prompt"])
        if problem is None:
            kept.append(row)
        else:
            left_out[PROBLEMS[problem]] += 1
    if not kept:
        told = "; ".join(f"{count}: {why}" for why, count in left_out.items()) or "there is none"
        raise DataError("no prompt to train on", hint=told)
    return Checked(kept, dict(left_out))


def problem_of_prompt(prompt: Any) -> Problem | None:
    """What keeps a prompt from being answered; `None` if nothing does."""
    if isinstance(prompt, str):
        return None if prompt.strip() else "empty"
    if not is_conversation(prompt):
        return "form"
    if not prompt or not all(message["content"].strip() for message in prompt):
        return "empty"
    return None if alternates(prompt, "user", "user") else "roles"
