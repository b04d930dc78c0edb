"""A sample told: the code of each round, what its tests said, what the critic said, what it is worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dikast.graphs.story import in_brackets
from dikast.pages import Page, Table, Text


def story(row: Mapping[str, Any]) -> Page:
    """The verdict, and how it came about."""
    output = row["output"]
    last = output["last"]
    said = "not tested" if last is None else f"{last['verdict']}: {worth(last)}"
    return Page(said, tuple(part for one in output["rounds"] for part in tell_round(one, output.get("remarks", []))))


def worth(judged: Mapping[str, Any]) -> str:
    """`functional, not secure`."""
    return ", ".join(name if judged[name] else f"not {name}" for name in ("functional", "secure"))


def tell_round(one: Mapping[str, Any], remarks: list[Any]) -> Iterator[Text | Table]:
    """One round."""
    draft, tested = one["draft"], one["tested"]
    seconds = f"compiled in {tested['compile_s']:.2f} s, tested in {tested['tests_s']:.2f} s"
    yield Text(f"round {draft['round'] + 1}: {tested['verdict']}, {seconds}", "heading")
    if draft["missing"]:
        yield Text(f"no code: {draft['missing']}, the reply ended {draft['outcome']}{in_brackets(draft['reason'])}")
        return
    yield Text(draft["code"], "quote", f"code, {draft['place']}")
    cases = [(case["name"], case["kind"], case["verdict"], case["seconds"]) for case in tested["cases"]]
    yield Table(("case", "kind", "verdict", "seconds"), tuple(cases), "cases")
    for case in tested["cases"]:
        if case["reason"]:
            yield Text(case["reason"], "quote", case["name"])
    for remark in remarks:
        if remark["round"] == draft["round"]:
            yield Text(remark["text"] or f"none: {remark['outcome']}", "quote", "critic")
