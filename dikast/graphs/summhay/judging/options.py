"""Flags of judging that are no field of its context: the files, and whose summaries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from dikast.errors import DataError, UsageError
from dikast.flags import Flag
from dikast.graphs.method import OPTIONS, Row
from dikast.graphs.summhay.haystack import SUMMARY_PREFIX, Haystack, Subtopic, read_haystack
from dikast.graphs.summhay.judging.context import Context

HAYSTACKS = "haystacks"
"""Where the manifest has the files' places, which the report reads again."""


class Options(BaseModel):
    """Judge how far the summaries in topic files cover the insights."""

    model_config = OPTIONS

    files: Annotated[list[str], Flag(names=("--file",), metavar="FILE")] = Field(default_factory=list[str])
    """Topic files in the schema of SummHay's authors."""
    systems: Annotated[tuple[str, ...] | None, Flag(metavar="A,B,...")] = None
    """Whose summaries; all without."""


def read_rows(options: Options, context: Context) -> Iterator[Row]:
    """The rows, one file at a time: an insight in a summary, or a summary for a judge that takes insights together.

    Raises:
        UsageError: No file is named, or nobody of a name wrote a summary.
        DataError: A file is broken, or two are of one topic.
    """
    if not options.files:
        raise UsageError("nothing to judge", hint="name a topic file: docs/methods/summhay.md has the schema")
    topics: dict[str, str] = {}
    seen: set[str] = set()
    for path in options.files:
        haystack = read_haystack(path)
        if haystack.topic_id in topics:
            told = f"topic {haystack.topic_id!r} stands in {topics[haystack.topic_id]}, too"
            raise DataError(told, path=path, field="topic_id", hint="give each topic once")
        topics[haystack.topic_id] = path
        seen.update(haystack.systems())
        for subtopic in haystack.subtopics:
            yield from rows_of(haystack, subtopic, options.systems, together=context.judge.batched)
    unknown = next((one for one in options.systems or () if one not in seen), None)
    if unknown is not None:
        raise UsageError(f"no summary is by {unknown!r}", hint=f"there are {', '.join(sorted(seen)) or 'none'}")


def rows_of(haystack: Haystack, subtopic: Subtopic, systems: Sequence[str] | None, *, together: bool) -> Iterator[Row]:
    """The rows of one subtopic; those of one summary share its lines."""
    insights = [{"insight_id": one.insight_id, "insight": one.insight} for one in subtopic.insights]
    groups = [insights] if together else [[one] for one in insights]
    for key, lines in subtopic.summaries.items():
        system = key.removeprefix(SUMMARY_PREFIX)
        if systems is not None and system not in systems:
            continue
        name = f"{haystack.topic_id}/{subtopic.subtopic_id}/{system}"
        for group in groups:
            yield {
                "id": name if together else f"{name}/{group[0]['insight_id']}",
                "topic_id": haystack.topic_id,
                "subtopic_id": subtopic.subtopic_id,
                "system": system,
                "bullets": lines,
                "insights": group,
            }


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """What the judge has to say of itself."""
    del options, rows
    note = getattr(context.judge, "note", "")
    return (note,) if note else ()


async def facts(options: Options, context: Context) -> Mapping[str, Any]:
    """Where the files are, for the report."""
    del context
    return {HAYSTACKS: [str(Path(path).resolve()) for path in options.files]}
