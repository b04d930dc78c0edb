"""BASH and RAC on token ids: which context tokens become the model's own, and which tokens are trained on. numpy alone.

    stream = stream_of(seed=0, key="q17", epoch=2)
    where = draw(labels, 0.25, stream, end=2)           # places whose context token is to be the model's own
    row = mix(input_ids, labels, own, where)            # labels stay what they were

A row is tokens and labels of equal length, as causal language models are trained on: a label is the token that stands
at its place in the reference, or `IGNORED` (prompt and padding). The model reads `input_ids` up to a place and has to
say the label of the next one: BASH changes what it reads and never what it has to say.

Paper: Bridging the Training-Inference Gap in LLMs by Leveraging Self-Generated Tokens (arXiv 2410.14655). Schedules are
those of Bengio et al., Scheduled Sampling (arXiv 1506.03099), which tell the share of truth; here it is p's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dikast.errors import UsageError

IGNORED = -100
"""The label of a token that the loss leaves out, in torch."""
Schedule: TypeAlias = Literal["constant", "linear", "exponential", "inverse-sigmoid"]
PACE = {"exponential": 0.5, "inverse-sigmoid": 1.0}
"""k of a schedule, where none is given."""
Places: TypeAlias = NDArray[np.bool_]
LARGEST_EXPONENT = 700.0
"""Beyond it exp() is no double any more."""


@dataclass(frozen=True, slots=True)
class Mixed:
    """A row to be trained on.

    Args:
        input_ids: What the model reads.
        labels: What it has to say: reference tokens, or `IGNORED`.
        own: 1 where the token that is read came from the model itself, else 0: the audit.
    """

    input_ids: list[int]
    labels: list[int]
    own: list[int]


def probability(schedule: Schedule, p: float, epoch: int, epochs: int, pace: float | None = None) -> float:
    """The share of context tokens that are replaced in an epoch.

    | schedule | epoch i = 0, 1, ... | k |
    | --- | --- | --- |
    | `constant` | p | |
    | `linear` | p i / (epochs - 1) | |
    | `exponential` | p (1 - k^i) | 0 < k < 1 |
    | `inverse-sigmoid` | p (1 - k / (k + exp(i / k))) | k >= 1 |

    Args:
        schedule: Its name.
        p: The highest share, 0..1.
        epoch: Counted from 0.
        epochs: How many there are.
        pace: k; `PACE` without.

    Raises:
        UsageError: Something is out of range.
    """
    if not 0 <= p <= 1:
        raise UsageError(f"a share of {p} own tokens", hint="give one within 0..1")
    if not 0 <= epoch < epochs:
        raise UsageError(f"epoch {epoch} of {epochs}", hint="epochs are counted from 0")
    if schedule == "constant":
        return p
    if schedule == "linear":
        return p * epoch / (epochs - 1) if epochs > 1 else p
    k = PACE[schedule] if pace is None else pace
    if schedule == "exponential":
        if not 0 < k < 1:
            raise UsageError(f"a pace of {k} for the schedule exponential", hint="give one above 0 and below 1")
        return p * (1 - k**epoch)
    if not 1 <= k < inf:
        raise UsageError(f"a pace of {k} for the schedule inverse-sigmoid", hint="give one from 1 up")
    return p * (1 - k / (k + exp(min(epoch / k, LARGEST_EXPONENT))))


def stream_of(*, seed: int, key: str, epoch: int) -> np.random.Generator:
    """The random numbers of one row in one epoch, whoever asks and whenever: a resumed run draws the same.

    Args:
        seed: The run's.
        key: Which row; rows of different keys are independent.
        epoch: Which epoch; epochs are independent, too.
    """
    told = json.dumps([seed, key, epoch]).encode()
    return np.random.default_rng(int.from_bytes(hashlib.sha256(told).digest()[:16], "big"))


def replaceable(labels: Sequence[int], end: int | None = None) -> Places:
    """Where a context token may be replaced: not in the prompt, not in padding, and not the final end of turn.

    Args:
        labels: The row's.
        end: The token that ends a reply; `None` where the labels have none.
    """
    places = np.asarray(labels, dtype=np.int64) != IGNORED
    if end is not None and places.any():
        last = int(np.flatnonzero(places)[-1])
        places[last] &= labels[last] != end
    return places


def draw(labels: Sequence[int], p: float, stream: np.random.Generator, end: int | None = None) -> Places:
    """Each replaceable place with probability p, on its own; a higher p adds places to those of a lower one."""
    return replaceable(labels, end) & (stream.random(len(labels)) < p)


def runs_of(where: Places) -> list[tuple[int, int]]:
    """Neighbouring places together: (the first, how many)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], where, [False])).astype(np.int8)))
    return [(int(first), int(behind - first)) for first, behind in zip(edges[::2], edges[1::2], strict=True)]


def mix(input_ids: Sequence[int], labels: Sequence[int], own: Sequence[int], where: Places) -> Mixed:
    """The row with the model's own tokens in its context.

    Args:
        input_ids: The row's tokens.
        labels: The row's labels, which stay.
        own: The model's own token for each place; looked at where it is drawn.
        where: Places that were drawn.

    Raises:
        UsageError: Lengths differ, or a place was drawn that has no label.
    """
    if not len(input_ids) == len(labels) == len(own) == len(where):
        told = f"{len(input_ids)} tokens, {len(labels)} labels, {len(own)} own tokens, {len(where)} places"
        raise UsageError(f"a row cannot be mixed: {told}")
    if bool((where & ~replaceable(labels)).any()):
        raise UsageError("a row cannot be mixed: a place without a label was drawn")
    read = np.where(where, np.asarray(own, dtype=np.int64), np.asarray(input_ids, dtype=np.int64))
    return Mixed(read.tolist(), list(labels), where.astype(int).tolist())


def correct(prompt: Sequence[int], answer: Sequence[int], cue: Sequence[int], reference: Sequence[int]) -> Mixed:
    """RAC's row: question, own answer, correction cue, reference; the loss is on the reference alone.

    Args:
        prompt: The question's tokens.
        answer: The model's own answer.
        cue: What asks for a correction.
        reference: What is to be said, its end among it.
    """
    before = [*prompt, *answer, *cue]
    labels = [*([IGNORED] * len(before)), *reference]
    own = [*([0] * len(prompt)), *([1] * len(answer)), *([0] * (len(cue) + len(reference)))]
    return Mixed([*before, *reference], labels, own)


def plain(prompt: Sequence[int], reference: Sequence[int]) -> Mixed:
    """The row of supervised fine-tuning: what BASH is with p = 0."""
    labels = [*([IGNORED] * len(prompt)), *reference]
    return Mixed([*prompt, *reference], labels, [0] * len(labels))
