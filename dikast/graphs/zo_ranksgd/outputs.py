"""What a run gave, row by row, as whoever judges it is shown it: JSON without what it cost, cut where it is long."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from dikast.errors import UsageError
from dikast.jobs.reading import Run
from dikast.records import Outcome

if TYPE_CHECKING:
    from dikast.graphs.zo_ranksgd.context import Context
    from dikast.graphs.zo_ranksgd.roles import Ran

UNSHOWN = frozenset({"usage", "provenance", "outcome", "reason"})
"""Of an output: what is about the run, and not what was asked for."""
CUT = " ..."
ABSENT = object()


def outputs_of(ran: Ran) -> dict[str, tuple[dict[str, Any], Any]]:
    """Key of a row -> its input and output; without rows that failed."""
    if ran.folder is None:
        return {}
    rows = Run.open(ran.folder).rows()
    ended = (row for row in rows if row["output"] is not None and not Outcome(row["outcome"]).failed)
    return {row["key"]: (row["input"], row["output"]) for row in ended}


def text_of(output: Any, context: Context) -> str:
    """An output as it is shown: the fields that the context names, or all of it.

    Raises:
        UsageError: It has no field of that name.
    """
    if not context.show:
        text = as_json(without_costs(output))
    else:
        parts = {field: field_at(output, field) for field in context.show}
        only = next(iter(parts.values()))
        text = only if len(parts) == 1 and isinstance(only, str) else as_json(parts)
    return text if len(text) <= context.show_characters else text[: context.show_characters] + CUT


def as_json(value: Any) -> str:
    """A value as JSON in one line; a text as it is."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def without_costs(value: Any) -> Any:
    """The value without `UNSHOWN`, however deep."""
    if isinstance(value, dict):
        named = cast(dict[str, Any], value)
        return {name: without_costs(inner) for name, inner in named.items() if name not in UNSHOWN}
    return [without_costs(inner) for inner in cast(list[Any], value)] if isinstance(value, list) else value


def field_at(output: Any, field: str) -> Any:
    """A field of an output; `turns.0.program` goes inwards.

    Raises:
        UsageError: There is none.
    """
    held = output
    for part in field.split("."):
        held = step(held, part)
        if held is ABSENT:
            known = ", ".join(cast(Mapping[str, Any], output)) if isinstance(output, Mapping) else type(output).__name__
            raise UsageError(f"the output has no field {field!r}", hint=f"it has {known}")
    return held


def step(held: Any, part: str) -> Any:
    """What a part of a field's name leads to; `ABSENT` if nowhere."""
    if isinstance(held, Mapping):
        return cast(Mapping[str, Any], held).get(part, ABSENT)
    if isinstance(held, Sequence) and not isinstance(held, str) and part.isdigit():
        items = cast(Sequence[Any], held)
        return items[int(part)] if int(part) < len(items) else ABSENT
    return ABSENT


def number_at(output: Any, field: str) -> float | None:
    """A number of an output, true and false as 1 and 0; `None` where it is null.

    Raises:
        UsageError: There is no such field, or it holds something else.
    """
    value = field_at(output, field)
    if value is None or isinstance(value, bool | int | float):
        return None if value is None else float(value)
    raise UsageError(f"output.{field} is no number: {value!r:.60}", hint="name a field that is")
