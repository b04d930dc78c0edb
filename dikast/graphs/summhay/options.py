"""Flags of `dikast summhay run` that are no field of its context: the haystacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel

from dikast.errors import DataError, UsageError
from dikast.flags import Flag
from dikast.graphs.method import OPTIONS, Given, Row
from dikast.graphs.summhay.context import Context


class Options(BaseModel):
    """Summarise haystacks, subtopic by subtopic, judge coverage, score citations."""

    model_config = OPTIONS

    haystack: Annotated[list[str], Flag(metavar="FILE")] = []
    """Topic file of SummHay's authors, or one that 'dikast summhay make' wrote; several times for several."""
    subtopics: Annotated[str | None, Flag(metavar="ID,...")] = None
    """Only these subtopics, by their ids."""


def make_fields(options: Options, given: Given) -> Mapping[str, Any]:
    """The haystacks, by their files.

    Raises:
        UsageError: No file is named.
    """
    del given
    if not options.haystack:
        hint = "give --haystack FILE; 'dikast summhay make' writes one"
        raise UsageError("no haystack", hint=hint)
    return {"haystacks": tuple(str(Path(path).resolve()) for path in options.haystack)}


def read_rows(options: Options, context: Context) -> list[Row]:
    """A row a subtopic.

    Raises:
        DataError: A file is no haystack, two are of one topic, or there is no subtopic of a given id.
    """
    from dikast.graphs.summhay.haystack import read_haystack

    del context
    found: list[Row] = []
    seen: dict[str, str] = {}
    for path in options.haystack:
        haystack = read_haystack(path)
        if haystack.topic_id in seen:
            told = f"topic {haystack.topic_id!r} is that of {seen[haystack.topic_id]}, too"
            raise DataError(told, path=path, field="topic_id", hint="give each haystack its own topic_id")
        seen[haystack.topic_id] = path
        found += [{"topic_id": haystack.topic_id, "subtopic_id": one.subtopic_id} for one in haystack.subtopics]
    if options.subtopics is None:
        return found
    wanted = [id_.strip() for id_ in options.subtopics.split(",") if id_.strip()]
    known = {row["subtopic_id"] for row in found}
    unknown = next((id_ for id_ in wanted if id_ not in known), None)
    if unknown is not None:
        raise DataError(f"no subtopic {unknown!r}", field="--subtopics", hint=f"there are {', '.join(sorted(known))}")
    return [row for row in found if row["subtopic_id"] in wanted]


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """Insights that no document holds."""
    from dikast.graphs.summhay.haystack import read_haystack

    del context, rows
    for path in options.haystack:
        if unplanted := read_haystack(path).unplanted:
            yield (
                f"{path}: {len(unplanted)} insights stand in no document ({', '.join(unplanted[:3])}, ...): "
                "they count in coverage and can never be cited rightly"
            )
