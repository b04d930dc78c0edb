"""How much of an insight stands in each bullet, by words: distinct stems, stop words and citations left out.

A word counts by how few of the bullets have it, ln((n + 1) / df) of n bullets, df at least 1: what all bullets say
tells none of them apart. On 661 pairs that people labelled (SummHay's authors, two topics), the best bullet's share
correlates with their grades at 0.67, and at 0.63 where all words count alike; the best bullet is theirs in 79 % of the
pairs, and in 77 %. Counting numbers twice gave nothing beyond that (0.67).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from dikast.graphs.summhay.scores import words_of


def shares(bullets: Sequence[str], insight: str) -> list[float]:
    """The weighted share of the insight's words that each bullet has, 0..1; 0 for an insight without words."""
    wanted = words_of(insight)
    there = [wanted & words_of(line) for line in bullets]
    weights = {word: math.log((len(bullets) + 1) / max(1, sum(word in one for one in there))) for word in wanted}
    total = math.fsum(weights.values())
    return [math.fsum(weights[word] for word in sorted(one)) / total if total else 0.0 for one in there]
