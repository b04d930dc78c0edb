"""What a second pass did: of wrong drafts how many it mended, of right ones how many it broke; nearer or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from dikast.graphs.method import Report
from dikast.graphs.self_tokens.correcting.context import Context
from dikast.graphs.self_tokens.matching import nearness
from dikast.jobs.reading import Run
from dikast.pages import Page, Table, Text
from dikast.stats import wilson


def report(run: Run, context: Context) -> Report:
    """Count drafts by what became of them."""
    del context
    counts = count(run.rows())
    shares = {"fixed": (counts["fixed"], counts["wrong"]), "broken": (counts["broken"], counts["right"])}
    both = counts["wrong"] + counts["right"]
    shares |= {"right before": (counts["right"], both)}
    shares |= {"right after": (counts["right"] - counts["broken"] + counts["fixed"], both)}
    lines = {name: share_of(*pair) for name, pair in shares.items()}
    measured = Text(f"{both} of {counts['rows']} rows have both passes and a reference")
    rows = tuple(
        (name, one["count"], one["of"], shown(one["share"]), " - ".join(map(shown, one["interval"])))
        for name, one in lines.items()
    )
    table = Table(("answers", "count", "of", "share", "95 % interval"), rows, "first and second pass")
    near = nearness_of(run.rows())
    told = "nearness to the reference, 0..1 (METEOR without synonyms): draft {draft:.3f}, correction {correction:.3f}"
    parts = (measured, table, *([Text(told.format(**near))] if near else [])) if both else (measured,)
    data = {"rows": counts["rows"], "measured": both, "unchanged": counts["unchanged"], "answers": lines}
    data |= {"nearness": near}
    return Report(Page("", parts), data)


def count(rows: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Rows by what became of their drafts."""
    counts = Counter[str]()
    for row in rows:
        counts["rows"] += 1
        output = row["output"]
        draft, after = (output[name] for name in ("draft", "correction")) if output else (None, None)
        if not draft or not after:
            continue
        counts["unchanged"] += draft["text"] == after["text"]
        if draft["right"] is None:
            continue
        counts["right" if draft["right"] else "wrong"] += 1
        counts["fixed"] += not draft["right"] and after["right"]
        counts["broken"] += draft["right"] and not after["right"]
    return counts


def nearness_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, float] | None:
    """How near both passes come to the reference, in the mean over rows that have both; `None` of nothing."""
    found: list[tuple[float, float]] = []
    for row in rows:
        reference, output = row["input"].get("reference"), row["output"]
        if reference and output and output["draft"] and output["correction"]:
            draft, after = (nearness(output[name]["text"], reference) for name in ("draft", "correction"))
            if draft is not None and after is not None:
                found.append((draft, after))
    if not found:
        return None
    sums = [sum(column) / len(found) for column in zip(*found, strict=True)]
    return {"draft": sums[0], "correction": sums[1]}


def share_of(part: int, whole: int) -> dict[str, Any]:
    """A share with its interval; none of nothing."""
    low, high = wilson(part, whole)
    return {"count": part, "of": whole, "share": part / whole if whole else None, "interval": [low, high]}


def shown(share: float | None) -> str:
    """A share in percent."""
    return "-" if share is None else f"{share:.1%}"
