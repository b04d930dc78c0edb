"""A search told: what was answered, and the tree drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dikast.graphs.rest_mcts.tree import Node, is_whole
from dikast.graphs.story import in_brackets
from dikast.pages import Page, Table, Text, visible

MOST_CHARACTERS = 90
"""Of a step in the drawing; the whole text is in the table."""
BRANCH, LAST, PASS, NOTHING = "├─ ", "└─ ", "│  ", "   "


def story(row: Mapping[str, Any]) -> Page:
    """The answer, the solution that was taken, the tree, its table."""
    output = row["output"]
    verdict = {True: "right", False: "wrong", None: "not checked"}[output["correct"]]
    answer = "no answer" if output["found"] is None else f"answer {output['found']}"
    return Page(f"{output['searched']}: {answer}, {verdict}", tuple(_parts(output)))


def _parts(output: Mapping[str, Any]) -> Iterator[Text | Table]:
    spent, nodes = output["spent"], output["nodes"]
    yield Text(
        f"stopped by {output['stopped']} after {spent['iterations']} rounds: {spent['solver_tokens']} tokens of the"
        f" policy, {spent['critic_tokens']} of the critic; {spent['drawn']} proposals, of which {spent['duplicates']}"
        f" said what a sibling says" + in_brackets(output["reason"])
    )
    if output["solution"]:
        yield Text(output["solution"], "quote", "solution")
    yield Text("tree", "heading")
    yield Text("V by the search, n visits, v inferred; * the one that was taken, ~ a step of a rollout", "note")
    yield Text("\n".join(draw(nodes, output["taken"])), "quote", "tree")
    columns = ("node", "parent", "who", "V", "appraised", "n", "right", "steps to right", "v", "end", "text")
    yield Table(columns, tuple(_row(one) for one in nodes), "nodes")


def _row(one: Node) -> tuple[Any, ...]:
    right = {True: "yes", False: "no", None: None}[one["right"]]
    end = one["end"] + in_brackets(one["reason"] or ("" if one["outcome"] == "ok" else one["outcome"]))
    known = (one["value"], one["appraised"], one["visits"], right, one["distance"], one["inferred"])
    return (one["id"], one["parent"], one["who"], *known, end, one["text"])


def draw(nodes: Sequence[Node], taken: int | None = None) -> list[str]:
    """The tree in lines, rollouts beside steps.

    Args:
        nodes: The table.
        taken: The node that gets a star.
    """
    below: dict[int, list[Node]] = {}
    for one in nodes[1:]:
        below.setdefault(one["parent"] or 0, []).append(one)
    lines, open_ = [f"question  {_figures(nodes[0])}"], [(one, "") for one in reversed(below.get(0, []))]
    while open_:
        one, before = open_.pop()
        last = below[one["parent"] or 0][-1] is one
        mark = ("*" if one["id"] == taken else "") + ("~" if one["who"] == "rollout" else "")
        lines.append(f"{before}{LAST if last else BRANCH}{mark}[{one['id']}] {_text(one)}  {_figures(one)}")
        inner = before + (NOTHING if last else PASS)
        open_ += [(child, inner) for child in reversed(below.get(one["id"], []))]
    return lines


def _text(one: Node) -> str:
    text = " ".join(visible(one["text"]).split()) or f"nothing: {one['outcome']}"
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 3]}..."


def _figures(one: Node) -> str:
    told = [f"V {one['value']:.2f}" if one["value"] is not None else "no V", f"n {one['visits']}"]
    if one["inferred"] is not None:
        told.append(f"v {one['inferred']:.2f}")
    if one["right"] is not None:
        told.append("right" if one["right"] else "wrong")
    if one["end"] and not is_whole(one):
        told.append(one["end"])
    return f"({', '.join(told)})"
