"""What a second pass did: of wrong drafts how many it mended, of right ones how many it broke."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from dikast.graphs.method import Report
from dikast.graphs.self_tokens.correcting.context import Context
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
    parts = (measured, table) if both else (measured,)
    data = {"rows": counts["rows"], "measured": both, "unchanged": counts["unchanged"], "answers": lines}
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


def share_of(part: int, whole: int) -> dict[str, Any]:
    """A share with its interval; none of nothing."""
    low, high = wilson(part, whole)
    return {"count": part, "of": whole, "share": part / whole if whole else None, "interval": [low, high]}


def shown(share: float | None) -> str:
    """A share in percent."""
    return "-" if share is None else f"{share:.1%}"
