"""Flags of `dikast judge run` that are no field of its context: what is judged, and the form of verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel

from dikast.errors import DataError, UsageError
from dikast.flags import Flag
from dikast.graphs.method import OPTIONS, Given, Row
from dikast.graphs.reviseval.context import ANSWERED, Context
from dikast.row import Row as FileRow

OPTIONAL = ("gold", "reference", "group")
RUBRIC_COLUMN = "rubric"
SINGLE_COLUMNS = ("id", "instruction", "response", *OPTIONAL, "turn", RUBRIC_COLUMN)
PANEL = "Method"


class Options(BaseModel):
    """Judge pairs in both orders, or score single responses."""

    model_config = OPTIONS

    pairs: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Pairs to compare: CSV, TSV, JSON, JSON lines, Parquet."""
    responses: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Single responses to score, in place of --pairs."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your file: instruction=question,response_1=a,response_2=b,gold=better; chosen=a,rejected=b for a file
    that has the better response in a column of its own."""
    labels: Annotated[str | None, Flag(metavar="THEIRS=OURS,...")] = None
    """What people's verdicts are called in your file: left=1,right=2,same=tie,unclear=none; 0=1,1=2 for places from 0.
    1, A, model_a, response_1, tie, tie (bothbad) and the like are known."""
    verdict: Annotated[Literal["mark", "json", "logprobs"], Flag(panel=PANEL)] = "mark"
    """Form of the verdict; logprobs needs an engine that gives them."""


def make_fields(options: Options, given: Given) -> Mapping[str, Any]:
    """The judges with their form of verdict, and the model that makes references, where the mode needs one."""
    judges = given.fields.get("judges") or (given.model(),)
    found: dict[str, Any] = {"judges": tuple(with_form(spec, options.verdict) for spec in judges)}
    if given.fields.get("mode", "reviseval") in ("reviseval", "direct"):
        found["solver"] = given.fields.get("solver") or given.model()
    else:
        found["solver"] = None
    return found


def with_form(spec: Any, verdict: str) -> Any:
    """The judge's spec with the form of its verdict, unless it names one, or is no model."""
    from dikast.agents.judge import PREFIXES
    from dikast.graphs.reviseval.metric_judge import PREFIX

    if verdict == "mark" or not isinstance(spec, str) or spec.startswith((PREFIX, *PREFIXES)):
        return spec
    return f"{verdict}+{spec}"


def read_input(options: Options, context: Context) -> list[Row]:
    """The rows of the job: ours by our names, and whatever else the file has under its own.

    Raises:
        UsageError: Neither kind of file is named, or both.
        DataError: A row is broken.
    """
    from dikast.evaluation.interchange.winners import parse_labels
    from dikast.rows import parse_columns

    del context
    if (options.pairs is None) == (options.responses is None):
        raise UsageError("nothing to judge, or too much", hint="give --pairs FILE, or --responses FILE")
    ours = parse_columns(options.columns)
    if options.pairs is not None:
        rows = read_pair_rows(options.pairs, ours, parse_labels(options.labels))
    else:
        rows = read_singles(options.responses or Path(), ours)
    return rows


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """How many rows have no label, where others have; rows that the mode cannot judge are refused.

    Raises:
        DataError: One does.
    """
    if context.mode == "human":
        refuse_without_reference(rows, options.pairs or options.responses)
    if context.mode in ANSWERED:
        refuse_conversations(rows, context.mode, options.pairs or options.responses)
    labelled = [row.get("gold") not in (None, "") for row in rows]
    if not any(labelled) or all(labelled):
        return ()
    missing = f"{labelled.count(False)} of {len(labelled)} rows have no label"
    return (f"{missing}: they are judged, and in no figure of agreement",)


def read_pair_rows(path: Path, columns: Mapping[str, str], labels: Mapping[str, str]) -> list[Row]:
    """Pairs, as rows: ours by our names, and whatever else the file has, but for what became ours."""
    from dikast.evaluation.interchange import columns as files

    found: list[Row] = []
    for pair, row in files.read_pairs_with_rows(path, columns, labels):
        known = (*files.PAIR_COLUMNS, *(files.PREFERRED if files.is_preference(row) else ()), RUBRIC_COLUMN)
        others = {name: value for name, value in row.values.items() if name not in known} | files.writers_of(row, pair)
        texts = {"instruction": pair.instruction, "response_1": pair.response_1, "response_2": pair.response_2}
        more = {"gold": pair.gold, "reference": pair.reference, "group": pair.group, "rubric": rubric_of(row)}
        before = {"before_1": list(pair.before_1), "before_2": list(pair.before_2)} if pair.before_1 else {}
        said = {name: value for name, value in more.items() if value not in (None, "")}
        found.append(others | {"id": pair.id} | texts | before | said)
    return found


def rubric_of(row: FileRow) -> str:
    """A row's own rubric: text, or a list of criteria, one a line; empty where it has none.

    Raises:
        DataError: It is something else.
    """
    if isinstance(row.values.get(RUBRIC_COLUMN), list):
        return "\n".join(f"- {criterion}" for criterion in row.strings(RUBRIC_COLUMN))
    return row.text(RUBRIC_COLUMN, default="").strip()


def read_singles(path: Path, columns: Mapping[str, str]) -> list[Row]:
    """Single responses: `instruction` and `response`, the rest as it comes."""
    from dikast.evaluation.interchange.columns import read_said
    from dikast.rows import read_rows

    unknown = sorted(set(columns) - set(SINGLE_COLUMNS))
    if unknown:
        raise UsageError(f"no column of ours is called {unknown[0]!r}", hint=f"ours: {', '.join(SINGLE_COLUMNS)}")
    rows: list[Row] = []
    seen: dict[str, str] = {}
    for row in read_rows(path, columns):
        said = read_said(row, "response")
        found: Row = {"instruction": said.instruction, "response": said.reply}
        found["id"] = id_ = row.text("id", default=str(row.place))
        if id_ in seen:
            raise row.error("id", f"{id_!r} already stands on {seen[id_]}")
        seen[id_] = row.where
        found |= {"before": list(said.before)} if said.before else {}
        found |= {"rubric": rubric} if (rubric := rubric_of(row)) else {}
        others = {
            name: value
            for name, value in row.values.items()
            if name != RUBRIC_COLUMN and (name not in OPTIONAL or value not in (None, ""))
        }
        rows.append({**others, **found, **{name: row.text(name) for name in OPTIONAL if name in others}})
    return rows


def refuse_conversations(rows: Iterable[Row], mode: str, path: Path | None) -> None:
    """Tell at once that a mode whose references answer an instruction cannot answer a conversation."""
    for number, row in enumerate(rows, start=1):
        if any(row.get(name) for name in ("before", "before_1", "before_2")):
            hint = "take the mode reviseval, human or free"
            message = f"row {number} ({row['id']}) is a conversation, for which mode {mode!r} makes no reference"
            raise DataError(message, path=path, hint=hint)


def refuse_without_reference(rows: Iterable[Row], path: Path | None) -> None:
    """Tell at once that mode `human` lacks references, rather than at the first such row."""
    for number, row in enumerate(rows, start=1):
        if not str(row.get("reference", "")).strip():
            hint = "give every row a reference (--columns reference=...), or take another mode"
            raise DataError(f"row {number} ({row['id']}) has no reference", path=path, field="reference", hint=hint)
