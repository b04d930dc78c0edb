"""A summarised subtopic told: what was shown, what was written, which insight was found in which bullet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dikast.graphs.story import in_brackets
from dikast.graphs.summhay.citations import cited
from dikast.pages import Page, Table, Text


def story(row: Mapping[str, Any]) -> Page:
    """The scores, and how they came about."""
    output = row["output"]
    scores = output["scores"]
    said = ", ".join(f"{name} {told(scores[name])}" for name in ("coverage", "citation", "joint"))
    return Page(said, (*_tell_documents(output), *_tell_attempts(output), *_tell_verdicts(output)))


def told(score: float | None) -> str:
    """A score as people read it."""
    return "none" if score is None else f"{score:.3f}"


def _tell_documents(output: Mapping[str, Any]) -> Iterator[Text]:
    documents = output["documents"]
    tokens = sum(one["tokens"] for one in documents)
    whose = "tokens of the model" if output["counted_by"] == "model" else "tokens, at four characters each"
    yield Text(f"{len(documents)} documents, {tokens} {whose}", "heading")
    yield Text(", ".join(f"[{one['number']}]" + (" cut" if one["cut"] else "") for one in documents) or "none")


def _tell_attempts(output: Mapping[str, Any]) -> Iterator[Text]:
    for number, attempt in enumerate(output["attempts"], start=1):
        had = len(attempt["bullets"]) + attempt["surplus"]
        what = f"{had} bullets of {output['wanted']}, {attempt['outcome']}{in_brackets(attempt['reason'])}"
        yield Text(f"summary {number}: {what}", "heading")
        if attempt["text"]:
            yield Text(attempt["text"], "quote", "reply")
    if output["unknown_citations"]:
        yield Text(f"{output['unknown_citations']} citations of documents that there are not", "note")


def _tell_verdicts(output: Mapping[str, Any]) -> Iterator[Table]:
    rows = tuple(
        (
            one["insight_id"],
            one["coverage"],
            one["bullet"],
            ", ".join(map(str, sorted(cited(_bullet(output, one["bullet"]))))),
            one["by"],
            one["outcome"] + in_brackets(one["reason"]),
        )
        for one in output["verdicts"]
    )
    yield Table(("insight", "coverage", "bullet", "cites", "by", "outcome"), rows, "insights")


def _bullet(output: Mapping[str, Any], number: int | None) -> str:
    known = number is not None and 1 <= number <= len(output["bullets"])
    return output["bullets"][number - 1] if known and number else ""
