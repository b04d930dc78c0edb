"""A judged row told: the verdict, each reference and what its reviser did, every judgement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dikast.graphs.story import in_brackets
from dikast.pages import Page, Table, Text


def story(row: Mapping[str, Any]) -> Page:
    """What was decided, and by what."""
    output = row["output"]
    title = _score(output) if "response" in row["input"] else _verdict(output)
    return Page(title, (*_tell_references(output["references"]), _tell_judgements(output["judgements"])))


def _score(output: Mapping[str, Any]) -> str:
    return "score: " + ("none" if output["score"] is None else f"{output['score']:g}")


def _verdict(output: Mapping[str, Any]) -> str:
    winner, first, second = (output[name] or "none" for name in ("winner", "ab", "ba"))
    return f"verdict: {winner}; in each order: {first}, {second}"


def _tell_references(references: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    for number, reference in enumerate(references, start=1):
        of = f" of response {reference['primary']}" if reference["primary"] else ""
        told = f"{reference['kind']}, {reference['outcome']}{in_brackets(reference['reason'])}{of}"
        yield Text(f"reference {number}: {told}", "heading")
        if reference["diagnosis"]:
            yield Text(_diagnosis(reference["diagnosis"]))
        if reference["text"]:
            yield Text(reference["text"], "quote", "text")


def _diagnosis(diagnosis: Mapping[str, Any]) -> str:
    edited = f"{diagnosis['edit_distance']:.2f} of its words edited, {diagnosis['kept']:.2f} kept"
    flags = [name.replace("_", " ") for name in ("unchanged", "copies_guide", "nearer_to_guide") if diagnosis[name]]
    added = ", ".join(diagnosis["added_entities"]) or "none"
    return "; ".join([edited, *flags, f"names and numbers added: {added}"])


def _tell_judgements(judgements: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            one["judge"] + 1,
            None if one["reference"] is None else one["reference"] + 1,
            one["order"] + (", after a conflict" if one["synthesis"] else ""),
            one["verdict"] if one["score"] is None else f"{one['score']:g}",
            None if one["preference"] is None else f"{one['preference']:.3f}",
            one["outcome"] + in_brackets(one["reason"]),
        )
        for one in judgements
    ]
    columns = ("judge", "reference", "order", "verdict", "P(shown first)", "outcome")
    return Table(columns, tuple(rows), "judgements")
