"""What ASTRAL writes down of an oracle's word, as JSON."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from dikast.graphs.astral.safety_verdict import SafetyVerdict as Verdict


class Judged(TypedDict):
    """One oracle's word. `reason` is empty unless every oracle says safe."""

    verdict: Verdict | None
    reason: str
    outcome: str
    usage: dict[str, float]
    provenance: dict[str, Any]
