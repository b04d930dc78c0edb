"""A haystack told: its content, what was rejected, what the oracle found, which documents are not as planned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dikast.graphs.story import in_brackets
from dikast.pages import Page, Table, Text

Part = Text | Table

SHOWN = 400
"""Characters of a document that are told."""


def story(row: Mapping[str, Any]) -> Page:
    """What was planned, and what came of it."""
    output = row["output"]
    haystack, made = output["haystack"], output["made"]
    title = f"{len(haystack['documents'])} documents" if haystack else "no haystack"
    parts: list[Part] = [*_outline(output["outline"]), *_rejected(output["rejected"])]
    if made:
        parts.append(_degrees(made))
    parts += [_rounds(output["rounds"]), *_failures(output["failures"])]
    return Page(title, (*parts, *(_documents(haystack) if haystack else ())))


def _outline(outline: Mapping[str, Any] | None) -> Iterator[Part]:
    if outline is None:
        return
    yield Text(outline["topic"], label=outline["domain"])
    rows = [
        (subtopic["name"], one["name"], one["insight"])
        for subtopic in outline["subtopics"]
        for one in subtopic["insights"]
    ]
    yield Table(("subtopic", "insight", "its words"), tuple(rows), "insights")


def _rejected(rejected: list[Mapping[str, Any]]) -> Iterator[Part]:
    if rejected:
        rows = [(one["by"], one["text"], one["reason"]) for one in rejected]
        yield Table(("by", "insight", "reason"), tuple(rows), "rejected")


def _degrees(made: Mapping[str, Any]) -> Table:
    rows = [(name.replace("_", " "), *values) for name, values in made["degrees"].items()]
    return Table(("planned", "least", "mean", "most"), tuple(rows), "plan")


def _rounds(rounds: list[Mapping[str, Any]]) -> Table:
    columns = ("name", "documents", "missing", "miss_rate", "leaked", "leak_rate", "unsettled", "by_model")
    rows = [tuple(one[name] for name in columns) for one in rounds]
    return Table(tuple(name.replace("_", " ") for name in columns), tuple(rows), "what the oracle found")


def _failures(failures: list[Mapping[str, Any]]) -> Iterator[Part]:
    for one in failures:
        yield Text(f"{one['step']}, {one['about']}: {one['outcome']}{in_brackets(one['reason'])}", "note")


def _documents(haystack: Mapping[str, Any]) -> Iterator[Part]:
    names = {
        one["insight_id"]: one["insight_name"] for subtopic in haystack["subtopics"] for one in subtopic["insights"]
    }
    for document in haystack["documents"]:
        found, planned = set(document["insights_included"]), set(document["document_metadata"]["planned"])
        if found == planned:
            continue
        told = [f"lacks {names[id_]!r}" for id_ in sorted(planned - found)]
        told += [f"also says {names[id_]!r}" for id_ in sorted(found - planned)]
        yield Text(f"document {document['idx'] + 1}: {'; '.join(told)}", "heading")
        text = document["document_text"]
        yield Text(text[:SHOWN] + ("..." if len(text) > SHOWN else ""), "quote")
