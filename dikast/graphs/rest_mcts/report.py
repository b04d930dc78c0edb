"""What a run of ReST-MCTS* amounts to: accuracy by search with what it cost, what ended searches, the trees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dikast.files import write_text
from dikast.graphs.method import Report
from dikast.graphs.rest_mcts.context import Context
from dikast.jobs.reading import Run
from dikast.pages import Cell, Page, Table, Text, files_of
from dikast.records import Outcome
from dikast.stats import bootstrap, wilson

SPENDING = ("solver_tokens", "critic_tokens", "solver_calls", "critic_calls", "iterations")


@dataclass
class Found:
    """What the journal says of one search.

    Args:
        asked: Rows, failed ones among them.
        failed: Rows whose own calls failed.
        known: Rows with a gold answer; the denominator of the accuracy.
        right: Of these, answered rightly.
        solved: Of these, with a right solution anywhere in the tree.
        answered: Rows with an answer.
        unchecked: Rows with an answer of which the check could not say whether it is right.
        spent: Sums of what was spent.
        stopped: What ended the searches.
        ends: How the tree's leaves ended.
        outcomes: Of nodes that are not `ok`.
        drawn: Proposals, duplicates of siblings among them.
        by_question: Question's id -> whether it was answered rightly, for pairs of searches.
    """

    asked: int = 0
    failed: int = 0
    known: int = 0
    right: int = 0
    solved: int = 0
    answered: int = 0
    unchecked: int = 0
    nodes: int = 0
    inferred: int = 0
    drawn: int = 0
    duplicates: int = 0
    spent: Counter[str] = field(default_factory=Counter[str])
    stopped: Counter[str] = field(default_factory=Counter[str])
    ends: Counter[str] = field(default_factory=Counter[str])
    outcomes: Counter[str] = field(default_factory=Counter[str])
    by_question: dict[str, float] = field(default_factory=dict[str, float])


def report(run: Run, context: Context) -> Report:
    """Count what a run found, and write the page into the run's `export` folder."""
    found = add_up(run.rows(), context.searches)
    data: dict[str, Any] = {"searches": {name: as_data(one) for name, one in found.items()}, "against": against(found)}
    data["rows"] = sum(one.asked for one in found.values())
    asked = run.manifest.attempts[-1].asked
    data["asked"] = data["rows"] if asked is None else asked
    page = page_of(data)
    folder = run.path / "export"
    folder.mkdir(exist_ok=True)
    for name, text in files_of(page).items():
        write_text(folder / name, text)
    return Report(page, data, (f"the report as a page: {folder / 'report.html'}",))


def add_up(rows: Iterable[Mapping[str, Any]], searches: Sequence[str]) -> dict[str, Found]:
    """The journal, row by row."""
    found = {name: Found() for name in searches}
    for row in rows:
        given = row["input"]
        one = found.setdefault(given.get("search") or searches[0], Found())
        one.asked += 1
        known = bool(str(given.get("answer") or "").strip())
        one.known += known
        output = row["output"]
        if known:
            right = bool(output and output["correct"])
            one.right += right
            one.by_question[str(given.get("id", row["key"]))] = float(right)
        if output is None or Outcome(row["outcome"]).failed:
            one.failed += 1
        if output is not None:
            one.unchecked += known and output["taken"] is not None and output["correct"] is None
            count_output(one, output)
    return {name: one for name, one in found.items() if one.asked}


def count_output(one: Found, output: Mapping[str, Any]) -> None:
    """Add one tree."""
    nodes = output["nodes"]
    one.answered += output["found"] is not None
    one.solved += any(node["right"] for node in nodes)
    one.nodes += len(nodes) - 1
    one.inferred += sum(node["inferred"] is not None for node in nodes[1:])
    one.drawn += output["spent"]["drawn"]
    one.duplicates += output["spent"]["duplicates"]
    for name in SPENDING:
        one.spent[name] += output["spent"][name]
    one.stopped[output["stopped"]] += 1
    one.ends.update(node["end"] for node in nodes[1:] if node["end"])
    one.outcomes.update(node["outcome"] for node in nodes[1:] if node["outcome"] != Outcome.OK)


def as_data(one: Found) -> dict[str, Any]:
    """The figures, for programs; what was spent is a mean a question."""
    low, high = wilson(one.right, one.known) if one.known else (None, None)
    return {
        "asked": one.asked,
        "failed": one.failed,
        "with_gold": one.known,
        "right": one.right,
        "accuracy": one.right / one.known if one.known else None,
        "interval": [low, high],
        "solved": one.solved,
        "answered": one.answered,
        "unchecked": one.unchecked,
        "tokens": (one.spent["solver_tokens"] + one.spent["critic_tokens"]) / one.asked,
        **{name: one.spent[name] / one.asked for name in SPENDING},
        "nodes": one.nodes,
        "inferred": one.inferred,
        "drawn": one.drawn,
        "duplicates": one.duplicates,
        "stopped": dict(one.stopped),
        "ends": dict(one.ends),
        "outcomes": dict(one.outcomes),
    }


def against(found: Mapping[str, Found]) -> list[dict[str, Any]]:
    """The first search beside each other one: the difference in accuracy on the questions of both, its interval."""
    first, *others = found.items() if found else [("", Found())]
    told: list[dict[str, Any]] = []
    for name, other in others:
        both = [id_ for id_ in first[1].by_question if id_ in other.by_question]
        if both:
            gains = [first[1].by_question[id_] - other.by_question[id_] for id_ in both]
            low, high = bootstrap(gains)
            told.append(
                {
                    "search": first[0],
                    "beside": name,
                    "questions": len(both),
                    "difference": sum(gains) / len(gains),
                    "interval": [low, high],
                }
            )
    return told


def page_of(data: Mapping[str, Any]) -> Page:
    """The figures, for people."""
    searches: Mapping[str, Mapping[str, Any]] = data["searches"]
    parts: list[Text | Table] = [Text(f"{data['rows']} searches of {data['asked']} asked")]
    rows = tuple(accuracy_cells(name, one) for name, one in searches.items())
    columns = ("search", "right", "accuracy, 95 %", "a right one in the tree", "tokens", "critic's", "calls", "rounds")
    parts.append(Table(columns, rows, "accuracy by search; means a question"))
    if data["against"]:
        told = tuple(
            (f"{one['search']} - {one['beside']}", one["questions"], interval(one["difference"], one["interval"]))
            for one in data["against"]
        )
        parts.append(Table(("searches", "questions", "difference, 95 %"), told, "searches side by side"))
    counts = tuple(
        (name, kind, what, count)
        for name, one in searches.items()
        for kind, told in (("search stopped", "stopped"), ("branch ended", "ends"), ("node without value", "outcomes"))
        for what, count in sorted(one[told].items(), key=lambda it: -it[1])
    )
    parts.append(Table(("search", "what", "by", "count"), counts, "how searches and branches ended"))
    trees = tuple(
        (name, one["nodes"], one["inferred"], one["drawn"], one["duplicates"], one["answered"], one["failed"])
        for name, one in searches.items()
    )
    columns = ("search", "nodes", "with inferred value", "proposals", "duplicates", "searches with answer", "failed")
    parts.append(Table(columns, trees, "trees"))
    return Page("ReST-MCTS*", tuple(parts))


def accuracy_cells(name: str, one: Mapping[str, Any]) -> tuple[Cell, ...]:
    """A search's line."""
    accuracy = None if one["accuracy"] is None else interval(one["accuracy"], one["interval"])
    return (
        name,
        f"{one['right']} of {one['with_gold']}",
        accuracy,
        one["solved"],
        round(one["tokens"]),
        round(one["critic_tokens"]),
        round(one["solver_calls"] + one["critic_calls"], 1),
        round(one["iterations"], 1),
    )


def interval(value: float, bounds: Sequence[float]) -> str:
    """A figure with its interval."""
    return f"{value:.3f} [{bounds[0]:.3f}, {bounds[1]:.3f}]"
