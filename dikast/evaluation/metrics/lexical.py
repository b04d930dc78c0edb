"""BLEU, chrF and ROUGE of one text against its references, as sacrebleu and rouge-score compute them; all by name.

    bleu("the cat sat", ["the cat sat down"])          # 0 .. 100
    rouge("the cat sat", ["the cat sat down"], "rougeL")   # 0 .. 1, F-measure

Needs `pip install 'dikast[evaluation]'`. Figures of other programs differ by tokenisation; these two are the ones that
papers can be compared by (Post, arXiv 1804.08771).

A metric that sees too little of a text to measure it says NaN, not 0: ROUGE has no token for letters other than a to
z, and BLEU and METEOR take what is written without spaces (Chinese, Japanese, Thai, ...) for one word.

Not covered: corpus-level BLEU (average of sentences is not the same), other languages' tokenisers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Literal, Protocol

from dikast.errors import MissingExtraError, UsageError
from dikast.evaluation.metrics.meteor import meteor_exact_stem
from dikast.evaluation.metrics.scripts import is_latin, is_spaced

if TYPE_CHECKING:
    from rouge_score.rouge_scorer import RougeScorer
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

RougeKind = Literal["rouge1", "rouge2", "rougeL"]


class Metric(Protocol):
    """A text against references that say the same: higher is nearer."""

    def __call__(self, candidate: str, references: Sequence[str]) -> float:
        """The score; its range is the metric's own."""
        ...


def bleu(candidate: str, references: Sequence[str]) -> float:
    """Sentence BLEU, 0..100: sacrebleu's defaults for a sentence (13a tokens, exponential smoothing, effective order).

    Raises:
        UsageError: There is no reference.
        MissingExtraError: sacrebleu is not installed.
    """
    if not all(is_spaced(text) for text in (candidate, *_checked(references))):
        return math.nan
    return _bleu().sentence_score(candidate, _checked(references)).score


def chrf(candidate: str, references: Sequence[str]) -> float:
    """Sentence chrF2, 0..100: character 6-grams, beta 2; the best of several references.

    Raises:
        UsageError: There is no reference.
        MissingExtraError: sacrebleu is not installed.
    """
    return _chrf().sentence_score(candidate, _checked(references)).score


def rouge(candidate: str, references: Sequence[str], kind: RougeKind) -> float:
    """ROUGE F-measure, 0..1, with Porter stemming; the best of several references.

    Raises:
        UsageError: There is no reference.
        MissingExtraError: rouge-score is not installed.
    """
    scorer = _rouge(kind)
    if not all(is_latin(text) for text in (candidate, *_checked(references))):
        return math.nan
    return max(scorer.score(reference, candidate)[kind].fmeasure for reference in _checked(references))


METRICS: Mapping[str, Metric] = {
    "bleu": bleu,
    "chrf": chrf,
    "rouge1": partial(rouge, kind="rouge1"),
    "rouge2": partial(rouge, kind="rouge2"),
    "rougeL": partial(rouge, kind="rougeL"),
    "meteor-exact-stem": meteor_exact_stem,
}
"""Name -> metric, for tables and votes: all that need neither an encoder nor a model."""


def _checked(references: Sequence[str]) -> Sequence[str]:
    if isinstance(references, str) or not references:
        raise UsageError("a metric needs a list with at least one reference text")
    return references


@cache
def _bleu() -> BLEU:
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError as error:
        raise MissingExtraError("sacrebleu", extra="evaluation") from error
    return BLEU(effective_order=True)


@cache
def _chrf() -> CHRF:
    try:
        from sacrebleu.metrics.chrf import CHRF
    except ImportError as error:
        raise MissingExtraError("sacrebleu", extra="evaluation") from error
    return CHRF()


@cache
def _rouge(kind: RougeKind) -> RougeScorer:
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError as error:
        raise MissingExtraError("rouge-score", extra="evaluation") from error
    return RougeScorer([kind], use_stemmer=True)
