"""Flags of `dikast rlgf run` that are no field of its context: the file of prompts, and the names in it.

A file like CommonGen's (Lin et al., arXiv 1911.03705) has concepts in place of prompts: a list, or text with commas,
`#` or spaces between them. The prompt is then an instruction with the concepts behind it; rows with the same concepts
are one prompt, whose references are those of all of them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import BaseModel

from dikast.errors import DataError, UsageError
from dikast.flags import Flag
from dikast.graphs.measures import COVERAGE, LENGTH, METRIC, check_measures
from dikast.graphs.method import OPTIONS
from dikast.graphs.method import Row as Given
from dikast.graphs.rlgf.context import Context

if TYPE_CHECKING:
    from dikast.row import Row

OURS = ("id", "prompt", "reference", "concepts")
HINT = "give the columns prompt and reference, or concepts and reference, by --columns concepts=words,reference=target"
CONCEPTS = "Write one sentence that uses all of these words:"
"""The instruction of files with concepts; the wording is ours."""
SEPARATORS = ("#", ",", None)
"""Between concepts that are one text, the first that it holds; `None` for white space. CommonGen's own files have #."""


class Prompts(BaseModel):
    """Which prompts."""

    model_config = OPTIONS

    prompts: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Prompts, or concepts to write a sentence with, perhaps with references: CSV, TSV, JSON, JSON lines, Parquet."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your file: prompt=question,reference=target, or concepts=words,reference=target; also id."""
    instruction: Annotated[str, Flag(metavar="TEXT")] = ""
    """Stands before every prompt, or before the concepts in place of the usual one."""


class Options(Prompts):
    """Have a policy and a guide write texts in turns, and reward them."""


def read_input(options: Options, context: Context) -> list[Given]:
    """The rows of the job.

    Raises:
        UsageError: No file is named, or a column of ours is not known.
        DataError: A row is broken, or lacks what the reward measures by.
    """
    from dikast.rows import parse_columns

    if options.prompts is None:
        raise UsageError("no prompts", hint="give --prompts FILE")
    columns = parse_columns(options.columns)
    rows = read_prompts(options.prompts, columns, instruction=options.instruction, reward=context.reward.spec)
    many = context.texts > 1
    return [{**row, "sample": sample} if many else row for row in rows for sample in range(context.texts)]


def read_prompts(
    path: Path, columns: Mapping[str, str], *, instruction: str = "", reward: str = ""
) -> list[dict[str, Any]]:
    """Prompts of a file, in the shape of the graph's input, each once.

    Args:
        path: The file.
        columns: Our name -> the file's.
        instruction: What stands before each.
        reward: The reward's spec: a metric needs a reference, coverage needs concepts.

    Raises:
        UsageError: A column of ours is not known.
        DataError: A row is broken, two have one id, or there is none.
    """
    from dikast.rows import read_rows

    unknown = sorted(set(columns) - set(OURS))
    if unknown:
        raise UsageError(f"no column of ours is called {unknown[0]!r}", hint=f"ours: {', '.join(OURS)}")
    metric = reward.removeprefix(METRIC) if reward.startswith(METRIC) else ""
    found: list[dict[str, Any]] = []
    seen: dict[str, str] = {}
    together: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in read_rows(path, columns):
        made = prompt_of(row, instruction)
        need = "concepts" if metric == COVERAGE else "reference" if metric not in ("", LENGTH) else ""
        if need and need not in made:
            raise row.error(need, f"{reward} needs one", "give every row one, or another --reward")
        alike = (row.text("prompt", ""), *sorted(made.get("concepts", ())))
        same = together.setdefault(alike, made) if "concepts" in made else made
        if same is not made:
            add_references(same, made)
            continue
        if made["id"] in seen:
            raise row.error("id", f"{made['id']!r} already stands on {seen[made['id']]}")
        seen[made["id"]] = row.where
        found.append(made)
    if not found:
        raise DataError("no prompt", path=path, hint="give a file with rows")
    return found


def prompt_of(row: Row, instruction: str) -> dict[str, Any]:
    """A row of the file as a prompt.

    Raises:
        DataError: It has neither prompt nor concepts, or one of its fields is no text.
    """
    concepts, before = concepts_of(row), instruction.strip()
    if row.values.get("prompt") is None:
        if not concepts:
            raise row.error("prompt", "missing", HINT)
        prompt = f"{before or CONCEPTS} {', '.join(concepts)}"
    else:
        given = row.text("prompt")
        if not given.strip():
            raise row.error("prompt", "empty", "give every row one")
        prompt = f"{before}\n\n{given}" if before else given
    made: dict[str, Any] = {"id": row.text("id", default=str(row.place)), "prompt": prompt}
    first, *others = references_of(row) or [""]
    return made | ({"reference": first} if first else {}) | some("others", others) | some("concepts", concepts)


def some(name: str, values: Sequence[str]) -> dict[str, Any]:
    """A field of texts, if there are any."""
    return {name: list(values)} if values else {}


def references_of(row: Row) -> list[str]:
    """A row's references: one text, or a list of them."""
    return texts_of(row, "reference")


def concepts_of(row: Row) -> list[str]:
    """A row's concepts; empty without the column."""
    given = row.values.get("concepts")
    if not isinstance(given, str):
        return texts_of(row, "concepts")
    if given.strip().startswith("["):  # a list that somebody's spreadsheet wrote as text
        try:
            read: object = ast.literal_eval(given.strip())
        except (SyntaxError, ValueError) as error:
            raise row.error("concepts", f"not a list: {given!r:.60}") from error
        return listed(row, "concepts", read)
    separator = next(one for one in SEPARATORS if one is None or one in given)
    return [word.strip() for word in given.split(separator) if word.strip()]


def texts_of(row: Row, name: str) -> list[str]:
    """A field that is a text or a list of texts; blank ones are none."""
    value = row.values.get(name)
    return (
        listed(row, name, value)
        if not isinstance(value, (str, int, float, type(None)))
        else [text for text in [row.text(name, "")] if text.strip()]
    )


def listed(row: Row, name: str, value: object) -> list[str]:
    """A list of texts.

    Raises:
        DataError: It is none.
    """
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) for one in cast(list[object], value)):
        raise row.error(name, f"not a list of texts: {value!r:.60}")
    return [text for text in cast(list[str], value) if text.strip()]


def add_references(row: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Give a prompt the references of another row with the same concepts."""
    texts = [one for made in (row, more) for one in (made.get("reference"), *made.get("others", ())) if one]
    if texts:
        first, *others = dict.fromkeys(texts)
        row |= {"reference": first} | some("others", others)


def notes(options: Options, context: Context, rows: Iterable[Given]) -> Iterable[str]:
    """What a person should know before anything runs; that all measures can be taken.

    Raises:
        MissingExtraError: A measure needs a library that is not installed.
    """
    del options, rows
    check_measures(context.measures)
    if context.guide.spec.startswith(("text+", "chat+")) and context.collector != "ppo":
        yield "the guide is asked by text: each turn costs the policy two more calls, and tokens at a seam may differ"
    if context.reference is None and context.kl:
        yield "no reference: rewards have no KL penalty (--reference SPEC, as a rule the policy at the start)"
