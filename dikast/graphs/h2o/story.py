"""A row told: both replies, and the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dikast.pages import Page, Table, Text


def story(row: Mapping[str, Any]) -> Page:
    """What the small cache kept, and what came of it."""
    asked, output = row["input"], row["output"]
    compared = output["compared"]
    title = f"{asked['policy']}: heavy {asked['heavy']:g}, recent {asked['recent']:g} of the prompt"
    if compared:
        title += f"; {compared['memory_ratio']:.2f} of the memory, {compared['agreement']:.0%} agreement"
    return Page(title, tuple(parts_of(row)))


def parts_of(row: Mapping[str, Any]) -> Iterator[Text | Table]:
    """The prompt, both measurements, both replies, the observations."""
    output = row["output"]
    yield Text(row["input"]["prompt"], "quote", "prompt")
    caches = [(name, output[key]) for name, key in (("full", "full"), ("small", "small")) if output[key]]
    if row["input"]["policy"] == "full":
        caches = caches[:1]
    if caches:
        yield Table(
            ("cache", "slots", "bytes", "prompt read, s", "text read, s", "tokens", "loss"),
            tuple(
                (
                    name,
                    one["slots"],
                    one["bytes"],
                    f"{one['prefill_s']:.3f}",
                    f"{one['steps_s']:.3f}",
                    len(one["tokens"]),
                    f"{sum(one['losses']) / max(1, len(one['losses'])):.3f}",
                )
                for name, one in caches
            ),
            f"{caches[0][1]['prompt_tokens']} tokens of prompt",
        )
    for name, one in caches:
        yield Text(one["said"], "quote", f"reply with the {name} cache, {one['finish']}")
    if seen := output["observed"]:
        told = (
            f"the most attended fifth of {seen['tokens']} tokens gets {seen['skew']:.0%} of the attention; rank"
            f" correlation with co-occurrence {seen['rank_correlation']:.2f},"
            f" {seen['rank_correlation_normalised']:.2f} for attention a query"
        )
        yield Text(told)
