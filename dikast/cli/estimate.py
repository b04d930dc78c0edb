"""What a run would ask and cost, by the method's own count of calls; asks nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from dikast.cli.running import Running
from dikast.graphs.method import Method, Row
from dikast.records import Usage


def estimate_run(method: Method, rows: Iterable[Row], context: Any, running: Running) -> dict[str, object]:
    """Rows asked and owed, calls by role, tokens, and the cost at the prices of `--price`."""
    from dikast.jobs import estimate

    owed: list[Row] = []
    found = estimate(
        method.load_graph(),
        rows,
        context,
        running.out,
        on_owed=owed.append,
        shard=running.part(),
        samples=running.epochs,
        redact=running.redact,
    )
    told: dict[str, object] = {"rows asked": found.asked, "rows owed": found.owed}
    if method.calls is None:
        return told
    count, given, made = Counter[str](), 0, 0
    for row in owed:
        for role, calls in method.calls(context, row).items():
            count[role] += calls.count
            given, made = given + calls.input_tokens, made + calls.output_tokens
    told["calls at most"] = count.total()
    told |= {f"{role} calls at most": number for role, number in count.items()}
    lacking = f", without {method.uncounted}" if method.uncounted else ""
    told |= {f"input tokens{lacking}, about": given, "output tokens at most": made}
    limits = running.limits()
    if limits.price_input or limits.price_output:
        told[f"cost at most{lacking}, about"] = limits.cost_of(Usage(input_tokens=given, output_tokens=made))
    return told
