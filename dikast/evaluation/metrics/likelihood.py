"""BARTScore (Yuan et al., arXiv 2106.11520) over whatever scorer is passed in.

    bart_score("a candidate", "the reference", my_scorer, "f")

Not covered: the BART model. Any conditional language model that can score a given target will do; name it beside the
figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

Direction = Literal["precision", "recall", "f"]


class ConditionalScorer(Protocol):
    """A conditional language model that scores a given text."""

    def mean_log_likelihood(self, sources: Sequence[str], targets: Sequence[str]) -> Sequence[float]:
        """For each pair, the mean log probability of the target's tokens given the source; at most 0."""
        ...


def bart_score(candidate: str, reference: str, scorer: ConditionalScorer, direction: Direction = "f") -> float:
    """Mean log likelihood, at most 0; higher is better.

    Args:
        candidate: The text that is scored.
        reference: What it is scored against; with the source document here, `precision` is the paper's faithfulness.
        scorer: The model.
        direction: `precision` = candidate given reference, `recall` = reference given candidate, `f` = their mean
            (the paper's section 3.2).
    """
    both = {"precision": [(reference, candidate)], "recall": [(candidate, reference)]}
    pairs = both["precision"] + both["recall"] if direction == "f" else both[direction]
    scores = scorer.mean_log_likelihood([source for source, _ in pairs], [target for _, target in pairs])
    return sum(scores) / len(pairs)
