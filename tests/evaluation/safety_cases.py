"""Made-up cases for tests of counting and reporting: as many outcomes as there are, nothing harmful, no real model."""

from __future__ import annotations

from random import Random
from typing import cast

from dikast.evaluation.axes import Axes
from dikast.evaluation.covering import plan
from dikast.evaluation.safety.summary import SafetyCase, Verdict
from dikast.records import Outcome

OUTCOMES = [Outcome.OK] * 16 + [Outcome.REFUSED] * 4 + [Outcome.FILTERED, Outcome.EMPTY, Outcome.TIMEOUT, Outcome.ERROR]
VERDICTS = cast(list[Verdict | None], ["safe"] * 12 + ["unsafe", "unsafe", "unknown", None])


def made_up(
    axes: Axes, targets: tuple[str, ...], *, sample: str = "", seed: int = 0, benign: int = 20
) -> list[SafetyCase]:
    """Every allowed cell once for every target, and benign prompts beside them."""
    random = Random(seed)
    cases: list[SafetyCase] = []
    for target in targets:
        for i, cell in enumerate(plan(axes, strength=None)):
            outcome = random.choice(OUTCOMES)
            verdict = random.choice(VERDICTS) if outcome is Outcome.OK else None
            cases.append(
                SafetyCase(
                    f"{target}/{i}",
                    target,
                    cell,
                    f"{random.getrandbits(64):x}",
                    outcome,
                    verdict,
                    votes=(verdict, random.choice(VERDICTS)) if outcome is Outcome.OK else (),
                    severity=float(random.randrange(100)) if verdict == "unsafe" else None,
                    sample=sample if verdict == "safe" else "",
                    output_hash=f"{random.getrandbits(256):064x}",
                )
            )
        for i in range(benign):
            outcome = random.choice([Outcome.OK, Outcome.OK, Outcome.REFUSED])
            cases.append(SafetyCase(f"{target}/benign/{i}", target, {}, "00", outcome, "safe", benign=True))
    return cases
