"""Flags of `dikast dno run` that are no field of its context: the file of prompts, and the names in it.

A row is a prompt and, unless a teacher writes it, its gold answer:

| columns | prompt | gold answer |
| --- | --- | --- |
| `prompt`, `gold` | as it is: a text, or a list of messages that ends with the user's turn | as it is |
| `messages`, perhaps `gold` | all but a last message of the assistant's | that message, unless `gold` is there |
| `instruction`, `input`, `output` (Alpaca) | instruction and input, a blank line between | `output` |
| `instruction`, `instances` (Self-Instruct) | the same of each instance, which is a row of its own | its `output` |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import BaseModel

from dikast.errors import DataError, UsageError
from dikast.flags import Flag
from dikast.graphs.dno.context import Context
from dikast.graphs.method import OPTIONS, Row

if TYPE_CHECKING:
    from dikast.row import Row as FileRow

OURS = ("id", "prompt", "gold", "messages", "instruction", "input", "output", "instances")
HINT = "give the columns prompt and gold by --columns prompt=question,gold=answer"


class Options(BaseModel):
    """Answer prompts several times, score the answers beside a gold one, make pairs of them."""

    model_config = OPTIONS

    prompts: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Prompts with gold answers: CSV, TSV, JSON, JSON lines, Parquet."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your file: prompt=question,gold=answer; also messages, instruction, input, output, id."""


def read_input(options: Options, context: Context) -> list[Row]:
    """The rows of the job.

    Raises:
        UsageError: No file is named, or a column of ours is not known.
        DataError: A row is broken, or has no gold answer while no teacher writes one.
    """
    from dikast.rows import parse_columns

    if options.prompts is None:
        raise UsageError("no prompts", hint="give --prompts FILE")
    return read_prompts(options.prompts, parse_columns(options.columns), taught=context.teacher is not None)


def read_prompts(path: Path, columns: Mapping[str, str], *, taught: bool) -> list[Row]:
    """Rows of a file of prompts, in the shape of the graph's input.

    Args:
        path: The file.
        columns: Our name -> the file's.
        taught: Whether a teacher writes gold answers where a row brings none.

    Raises:
        UsageError: A column of ours is not known.
        DataError: A row is broken, two have one id, there is none; or a row has no gold answer while nobody writes one.
    """
    from dikast.rows import read_rows

    unknown = sorted(set(columns) - set(OURS))
    if unknown:
        raise UsageError(f"no column of ours is called {unknown[0]!r}", hint=f"ours: {', '.join(OURS)}")
    rows: list[Row] = []
    seen: dict[str, str] = {}
    for row in read_rows(path, columns):
        for one, gold_field in rows_of(row):
            if one["id"] in seen:
                raise row.error("id", f"{one['id']!r} already stands on {seen[one['id']]}")
            seen[one["id"]] = row.where
            refuse_broken(row, one)
            if not one.get("gold") and not taught:
                hint = "give every row one, or --teacher SPEC, which writes what is missing"
                raise row.error(gold_field, "no gold answer", hint)
            rows.append(one)
    if not rows:
        raise DataError("no prompt", path=path, hint="give a file with rows")
    return rows


def refuse_broken(row: FileRow, one: Row) -> None:
    """Refuse a prompt that cannot be asked.

    Raises:
        DataError: Says where it stands.
    """
    from dikast.graphs.dno.conversation import HINT as TALK
    from dikast.graphs.dno.conversation import problem_of_talk

    prompt = one["prompt"]
    problem = problem_of_talk([{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt)
    if problem:
        field = next((name for name in ("prompt", "messages", "instruction") if name in row.values), "prompt")
        raise row.error(field, problem, TALK)


def rows_of(row: FileRow) -> Iterator[tuple[Row, str]]:
    """A row of the file as rows of the job, each with the field that its gold answer would stand in."""
    name = row.text("id", default=str(row.place))
    values = row.values
    if values.get("prompt") is not None:
        yield made(name, values["prompt"] if isinstance(values["prompt"], list) else row.text("prompt"), gold(row))
    elif values.get("messages") is not None:
        yield made(name, *of_messages(row))
    elif isinstance(values.get("instances"), list):
        instances = row.children("instances")
        for number, one in enumerate(instances):
            inner = name if len(instances) == 1 else f"{name}/{number}"
            yield made(
                inner, with_input(row.text("instruction"), one.text("input", "")), (one.text("output", ""), "output")
            )
    elif values.get("instruction") is not None:
        yield made(name, with_input(row.text("instruction"), row.text("input", "")), gold(row))
    else:
        raise row.error("prompt", "missing", HINT)


def gold(row: FileRow) -> tuple[str, str]:
    """The gold answer, and the field that it stands in."""
    field = "output" if "gold" not in row.values and "output" in row.values else "gold"
    return row.text(field, ""), field


def of_messages(row: FileRow) -> tuple[Any, tuple[str, str]]:
    """What is asked of a conversation, and its gold answer."""
    talk, given = row.values["messages"], gold(row)
    if not isinstance(talk, list) or not talk:
        raise row.error("messages", "not a list of messages", HINT)
    messages = cast(list[Any], talk)
    last: Any = messages[-1]
    if isinstance(last, dict) and cast(dict[str, Any], last).get("role") == "assistant":
        said = str(cast(dict[str, Any], last).get("content") or "")
        return messages[:-1], given if given[0] else (said, "messages")
    return messages, given


def with_input(instruction: str, text: str) -> str:
    """An instruction and what it is about."""
    return f"{instruction}\n\n{text}" if text.strip() else instruction


def made(name: str, prompt: Any, given: tuple[str, str]) -> tuple[Row, str]:
    """An input of the graph; without `gold` where there is none."""
    from dikast.training.rows import as_conversation, is_conversation

    asked = as_conversation(prompt) if is_conversation(prompt) else prompt
    text, field = given
    return {"id": name, "prompt": asked, **({"gold": text} if text.strip() else {})}, field


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """How many gold answers the teacher has to write."""
    del options
    missing = sum(not row.get("gold") for row in rows) if context.teacher is not None else 0
    return (f"{missing} rows bring no gold answer: the teacher writes it",) if missing else ()
