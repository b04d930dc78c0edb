"""What a run amounts to: a line a cache, needles by depth, the paper's observations, and a figure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dikast.errors import MissingExtraError
from dikast.graphs.h2o.context import Context
from dikast.graphs.h2o.removal import REMOVALS
from dikast.graphs.method import Report
from dikast.jobs.reading import Run
from dikast.pages import Figure, Page, Table, Text
from dikast.records import Outcome

FIGURE = "perplexity.svg"


@dataclass
class Cache:
    """The rows of one policy and budget.

    Args:
        asked: Rows.
        measured: (full, small, compared) of those that came about.
        depths: Depth -> (found, found with the full cache) of rows with a needle.
    """

    asked: int = 0
    measured: list[tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]] = field(
        default_factory=list[tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]]
    )
    depths: dict[float, list[tuple[bool, bool]]] = field(
        default_factory=lambda: defaultdict[float, list[tuple[bool, bool]]](list)
    )


Key = tuple[str, float]


def report(run: Run, context: Context) -> Report:
    """Count, and draw perplexity by budget into the run's `export` folder."""
    del context
    caches, observed, rows, failed = add_up(run.rows())
    lines = {key: line_of(cache) for key, cache in sorted(caches.items()) if cache.measured}
    parts: list[Text | Table] = [Text(f"{rows - failed} rows of {rows} measured; {failed} failed or have no text")]
    if kept := {key: line for key, line in lines.items() if key[0] not in REMOVALS}:
        parts.append(Table(COLUMNS, tuple(cells(key, line) for key, line in kept.items()), "caches"))
    if taken := {key: line for key, line in lines.items() if key[0] in REMOVALS}:
        columns = ("taken away", "share of the prompt", "rows", "perplexity", "full", "ratio")
        told = tuple(removed(key, line) for key, line in taken.items())
        parts.append(Table(columns, told, "what removing the heavy hitters does"))
    if depths := needle_table(caches):
        parts.append(depths)
    if observed:
        parts.append(observation_table(observed))
    parts.append(Text(HOW_TO_READ, "note"))
    data: dict[str, Any] = {
        "rows": rows,
        "failed": failed,
        "caches": [{"policy": name, "budget": budget, **line} for (name, budget), line in lines.items()],
        "observed": means_of(observed),
    }
    figure, note = draw({key: line for key, line in lines.items() if key[0] != "full"}, run.path / "export" / FIGURE)
    return Report(Page("", (*parts, *figure)), data, (note,) if note else ())


COLUMNS = (
    *("policy", "budget", "rows", "memory", "speed", "agreement", "same reply"),
    *("perplexity", "full", "excess", "found"),
)
HOW_TO_READ = (
    "memory and speed are ratios to the full cache on the same prompt; perplexity is over all tokens of the texts,"
    " excess what a small cache adds to it; agreement is the share of tokens at which both caches hold the same one"
    " likeliest; skew is the share of attention that the most attended fifth of the tokens get"
)


def add_up(
    rows: Iterable[Mapping[str, Any]],
) -> tuple[dict[Key, Cache], list[Mapping[str, Any]], int, int]:
    """The journal: caches by policy and budget, observations, rows, rows without a measurement."""
    caches: dict[Key, Cache] = defaultdict(Cache)
    observed: list[Mapping[str, Any]] = []
    count = failed = 0
    for row in rows:
        count += 1
        asked, output = row["input"], row["output"]
        cache = caches[asked["policy"], round(asked["heavy"] + asked["recent"], 6)]
        cache.asked += 1
        if output is None or Outcome(row["outcome"]).failed or not output["compared"]:
            failed += 1
            continue
        compared = output["compared"]
        cache.measured.append((output["full"], output["small"], compared))
        if compared["found"] is not None:
            cache.depths[asked.get("depth", -1.0)].append((compared["found"], compared["full_found"]))
        if output["observed"]:
            observed.append(output["observed"])
    return caches, observed, count, failed


def line_of(cache: Cache) -> dict[str, Any]:
    """The numbers of one cache; ratios of sums, so that long texts count for what they are."""
    full, small, compared = ([one[side] for one in cache.measured] for side in (0, 1, 2))
    found = [pair for pairs in cache.depths.values() for pair in pairs]
    tokens = sum(len(one["tokens"]) for one in full)
    same = sum(one["agreement"] * len(other["tokens"]) for one, other in zip(compared, full, strict=True))
    mine, theirs = (math.exp(sum(sum(one["losses"]) for one in side) / tokens) for side in (small, full))
    return {
        "asked": cache.asked,
        "measured": len(compared),
        "tokens": tokens,
        "memory_ratio": sum(one["bytes"] for one in small) / sum(one["bytes"] for one in full),
        "speed_ratio": ratio(sum(one["steps_s"] for one in full), sum(one["steps_s"] for one in small)),
        "agreement": same / tokens,
        "same_reply": sum(one["same_reply"] for one in compared) / len(compared),
        "perplexity": mine,
        "full_perplexity": theirs,
        "excess": mine / theirs - 1,
        "found": [sum(mine for mine, _ in found), len(found)] if found else None,
    }


def ratio(above: float, below: float) -> float:
    """A ratio; 1 where nothing took any time."""
    return above / below if below else 1.0


def cells(key: Key, line: Mapping[str, Any]) -> tuple[str | int, ...]:
    """A cache's line of the table."""
    found = line["found"]
    return (
        key[0],
        f"{key[1]:g}",
        line["measured"],
        *map(three, (line["memory_ratio"], line["speed_ratio"], line["agreement"], line["same_reply"])),
        *map(three, (line["perplexity"], line["full_perplexity"], line["excess"])),
        f"{found[0]} of {found[1]}" if found else "",
    )


def removed(key: Key, line: Mapping[str, Any]) -> tuple[str | int, ...]:
    """A removal's line of the table."""
    numbers = (line["perplexity"], line["full_perplexity"], line["excess"] + 1)
    return (key[0], f"{key[1]:g}", line["measured"], *map(three, numbers))


def needle_table(caches: Mapping[Key, Cache]) -> Table | None:
    """Answers found, by depth."""
    depths = sorted({depth for cache in caches.values() for depth in cache.depths if depth >= 0})
    if not depths:
        return None
    rows = tuple(
        (name, f"{budget:g}", *(hits(cache.depths.get(depth, ())) for depth in depths))
        for (name, budget), cache in sorted(caches.items())
        if cache.depths
    )
    return Table(("policy", "budget", *(f"depth {depth:g}" for depth in depths)), rows, "needles found")


def hits(pairs: Sequence[tuple[bool, bool]]) -> str:
    """How many of how many."""
    return f"{sum(mine for mine, _ in pairs)} of {len(pairs)}"


def means_of(observed: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The observations, means over prompts."""
    names = ("skew", "rank_correlation", "rank_correlation_normalised") if observed else ()
    return {name: sum(one[name] for one in observed) / len(observed) for name in names}


def observation_table(observed: Sequence[Mapping[str, Any]]) -> Table:
    """The observations at all prompts together."""
    means = means_of(observed)
    row = (len(observed), *(three(means[name]) for name in means))
    columns = ("prompts", "skew", "correlation with co-occurrence", "of attention a query")
    return Table(columns, (row,), "accumulated attention")


def three(number: float) -> str:
    """With three decimals; no zero is negative."""
    return f"{round(number, 3) + 0.0:.3f}"


def draw(lines: Mapping[Key, Mapping[str, Any]], path: Path) -> tuple[tuple[Figure, ...], str]:
    """Draw perplexity over the full cache's, by budget and policy; the figure, and where it is or what it lacks."""
    from dikast.retrieval.plots import curves, save

    drawn: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for (name, budget), line in sorted(lines.items()):
        if name not in REMOVALS:
            drawn[name].append((budget, line["excess"] + 1))
    if not drawn:
        return (), ""
    try:
        figure = curves(drawn, "perplexity / full cache's", "slots, share of the prompt", "Small caches")
    except MissingExtraError as error:
        return (), f"no figure: {error}"
    path.parent.mkdir(exist_ok=True)
    save(figure, path)
    made = Figure(path.read_text(encoding="utf-8"), FIGURE, "perplexity over the full cache's, by budget")
    return (made,), f"perplexity by budget: {path}"
