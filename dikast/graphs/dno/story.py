"""A scored prompt told: the answers in the order of their points, the pairs, what the judge said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dikast.graphs.story import in_brackets
from dikast.pages import Page, Table, Text


def story(row: Mapping[str, Any]) -> Page:
    """The answers, and what became of them."""
    output = row["output"]
    answers: Sequence[Mapping[str, Any]] = output["answers"]
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(output["counts"].items())) or "none"
    parts = (*_tell_answers(answers), _tell_pairs(output["pairs"], answers), *_tell_judge(output["judged"]))
    return Page(f"pairs: {told}", parts)


def _tell_answers(answers: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    ranked = sorted(range(len(answers)), key=lambda place: -_points(answers[place]))
    for place in ranked:
        one = answers[place]
        score = "no score" if one["score"] is None else f"{one['score']:g} points"
        flags = ["repeats itself"] if one["loops"] else []
        flags += [] if one["repeats"] is None else [f"says the same as {_name(answers, one['repeats'])}"]
        ended = "" if one["outcome"] == "ok" else f", {one['outcome']}{in_brackets(one['reason'])}"
        yield Text(f"{_name(answers, place)}: {', '.join([score, *flags])}{ended}", "heading")
        if one["text"]:
            yield Text(one["text"], "quote", "text")


def _points(answer: Mapping[str, Any]) -> float:
    return -1.0 if answer["score"] is None else answer["score"]


def _name(answers: Sequence[Mapping[str, Any]], place: int) -> str:
    one = answers[place]
    return "gold answer" if one["source"] == "teacher" else f"answer {one['sample'] + 1}"


def _tell_pairs(pairs: Sequence[Mapping[str, Any]], answers: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (_name(answers, one["chosen"]), _name(answers, one["rejected"]), one["margin"], one["kind"]) for one in pairs
    ]
    return Table(("better", "worse", "points between", "kind"), tuple(rows), "pairs by the judge's own points")


def _tell_judge(judged: Mapping[str, Any] | None) -> Iterator[Text]:
    if judged is None:
        yield Text("There were not two different answers: no judge was asked.")
    else:
        yield Text(f"judge: {judged['outcome']}{in_brackets(judged['reason'])}", "heading")
        yield Text(judged["text"] or "nothing", "quote", "judge")
