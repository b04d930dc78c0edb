"""BERTScore and MoverScore over whatever encoder is passed in.

    class MyEncoder:
        def encode(self, texts): ...     # one Encoded(tokens, vectors) a text

    bert_score("a cat", "the cat", MyEncoder()).f1

BERTScore: Zhang et al., arXiv 1904.09675, equations 1 to 3, without baseline rescaling. MoverScore: Zhao et al.,
arXiv 1909.02622, unigrams. Figures depend on the encoder and layer: name them beside the score.

Not covered: an encoder. dikast ships none, so that no deep-learning package has to be installed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from dikast.errors import DataError

Vectors = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text's tokens, without the model's special ones, and their contextual vectors, shape (tokens, dimensions)."""

    tokens: tuple[str, ...]
    vectors: Vectors


class TokenEncoder(Protocol):
    """Turns texts into contextual token vectors."""

    def encode(self, texts: Sequence[str]) -> Sequence[Encoded]:
        """One `Encoded` a text, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and their harmonic mean; each within -1..1 as cosines are."""

    precision: float
    recall: float
    f1: float


def inverse_frequencies(texts: Sequence[Encoded]) -> dict[str, float]:
    """Token -> log((M + 1) / (df + 1)) over M reference texts (BERTScore, section 3, with its plus-one smoothing)."""
    counts = Counter(token for text in texts for token in set(text.tokens))
    return {token: math.log((len(texts) + 1) / (count + 1)) for token, count in counts.items()}


def bert_score(
    candidate: str, reference: str, encoder: TokenEncoder, weights: Mapping[str, float] | None = None
) -> Score:
    """Greedy matching of token vectors by cosine.

    Args:
        candidate: The text that is scored.
        reference: The text that it is scored against.
        encoder: Where token vectors come from.
        weights: Token -> importance, as `inverse_frequencies` gives it; a token that is not there weighs as much as
            the rarest. Without it all tokens weigh the same.

    Raises:
        DataError: The encoder's vectors do not fit its tokens.
    """
    left, right = _encode(candidate, reference, encoder)
    if not left.tokens or not right.tokens:
        return Score(0.0, 0.0, 0.0)
    cosines = _unit(left) @ _unit(right).T
    precision = float(cosines.max(axis=1) @ _normal_weights(left, weights))
    recall = float(cosines.max(axis=0) @ _normal_weights(right, weights))
    total = precision + recall
    return Score(precision, recall, 2 * precision * recall / total if total > 0 else 0.0)


def mover_score(
    candidate: str, reference: str, encoder: TokenEncoder, weights: Mapping[str, float] | None = None
) -> float:
    """1 - earth mover's distance between the two texts' token vectors, each of length 1; -1..1, 1 = same tokens.

    Args:
        candidate: The text that is scored.
        reference: The text that it is scored against.
        encoder: Where token vectors come from.
        weights: As for `bert_score`; the paper uses inverse frequencies.

    Raises:
        DataError: The encoder's vectors do not fit its tokens.
    """
    left, right = _encode(candidate, reference, encoder)
    if not left.tokens or not right.tokens:
        return -1.0
    squared = np.clip(2 - 2 * _unit(left) @ _unit(right).T, 0, None)
    return 1 - _transport_cost(np.sqrt(squared), _normal_weights(left, weights), _normal_weights(right, weights))


def _encode(candidate: str, reference: str, encoder: TokenEncoder) -> tuple[Encoded, Encoded]:
    texts = list(encoder.encode([candidate, reference]))
    for text in texts:
        if text.vectors.ndim != 2 or len(text.tokens) != len(text.vectors):
            raise DataError(f"encoder: {len(text.tokens)} tokens but vectors of shape {text.vectors.shape}")
    if len(texts) != 2:
        raise DataError(f"encoder: {len(texts)} results for 2 texts")
    return texts[0], texts[1]


def _unit(text: Encoded) -> Vectors:
    lengths = np.linalg.norm(text.vectors, axis=1, keepdims=True)
    return text.vectors / np.where(lengths == 0, 1, lengths)


def _normal_weights(text: Encoded, weights: Mapping[str, float] | None) -> Vectors:
    """The tokens' weights, summing to 1; equal ones where every token of the text weighs nothing."""
    rarest = max(weights.values(), default=1.0) if weights else 1.0
    raw = np.array([weights.get(token, rarest) if weights else 1.0 for token in text.tokens])
    return raw / raw.sum() if raw.sum() > 0 else np.full(len(raw), 1 / len(raw))


def _transport_cost(distances: Vectors, supply: Vectors, demand: Vectors) -> float:
    """Least cost of moving `supply` onto `demand` (both sum to 1): the transport problem as a linear programme."""
    import scipy.optimize
    import scipy.sparse

    optimize, sparse = cast(Any, scipy.optimize), cast(Any, scipy.sparse)
    rows, columns = distances.shape
    leaving = sparse.kron(sparse.eye_array(rows), np.ones((1, columns)))
    arriving = sparse.kron(np.ones((1, rows)), sparse.eye_array(columns))
    # One row fewer: the last follows from the others, and rounding would make the full set infeasible.
    result = optimize.linprog(
        distances.ravel(),
        A_eq=sparse.vstack([leaving, arriving]).tocsr()[:-1],
        b_eq=np.concatenate([supply, demand])[:-1],
        method="highs",
    )
    return float(result.fun)
