"""Judges of coverage without a language model: by shared words, or by words and a sentence encoder.

| spec | judge | correlation | linking |
| --- | --- | --- | --- |
| `words` | the weighted share of the insight's words in the best bullet | 0.66 | 0.89 |
| `encoder`, `encoder:SPEC` | that share plus the cosine of insight and bullet | 0.72 | 0.90 |

Measured on the 661 pairs that SummHay's authors had labelled by people, against which their GPT-4o reaches 0.71 and
0.88. The thresholds (`WORDS`, `ENCODER`) were chosen on these two topics; chosen on one and tried on the other, the two
put together, it is 0.62 to 0.67 and 0.87 to 0.91 by words, and 0.70 and 0.89 with the encoder. Topics differ: on the
news topic scores lie higher, since its insights have more names and numbers.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dikast.agents.models.request import Sampling
from dikast.graphs.summhay.citations import without_citations
from dikast.graphs.summhay.coverage.roles import FULLY, NOT, PARTLY, Verdict, nobodys
from dikast.graphs.summhay.coverage.words import shares
from dikast.graphs.summhay.haystack import Insight
from dikast.records import Outcome, Usage
from dikast.retrieval.encoders.encoder import Encoder, encode, normalised
from dikast.retrieval.vectors import Vectors

DEFAULT_ENCODER = "local:all-minilm-l6-v2"
MOST_VECTORS = 8_192
"""Kept: 12 MB of 384 numbers each. A summary's bullets are met once an insight, an insight once a summary."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What scores mean.

    Args:
        partly: From here on an insight is partly covered.
        fully: From here on it is fully covered.
        slope, offset: The line from a score to what people say of it on average, by least squares.
        bands: At most what share of pairs -> between which scores these lie, the least certain ones.
    """

    partly: float
    fully: float
    slope: float
    offset: float
    bands: Mapping[float, tuple[float, float]]

    def grade(self, score: float) -> float:
        """0, 0.5 or 1."""
        return NOT if score < self.partly else PARTLY if score < self.fully else FULLY

    def expected(self, score: float) -> float:
        """About what people would say, 0..1."""
        return min(1.0, max(0.0, self.slope * score + self.offset))


WORDS = Scale(0.25, 0.42, 1.61, -0.04, {0.1: (0.22, 0.26), 0.25: (0.2, 0.3), 0.5: (0.18, 0.4)})
"""Of the share of words."""
ENCODER = Scale(0.8, 1.05, 0.93, -0.40, {0.1: (0.82, 0.9), 0.25: (0.75, 0.95), 0.5: (0.65, 1.0)})
"""Of the share plus the cosine, -1..2. `bands`: 0.1 held 8 %, 0.25 held 22 % (25 and 18 % by topic), 0.5 held 43 %."""


@dataclass(frozen=True, slots=True)
class Match:
    """The bullet that says most of an insight, the first being 1, and how much, on the judge's scale."""

    bullet: int
    score: float


@dataclass(frozen=True)
class SimilarityJudge:
    """A `CoverageJudge` that asks no language model.

    Args:
        encoder: Of sentences; `None` for words alone.
        note: What a user should know of it; empty for nothing.
    """

    encoder: Encoder | None = None
    note: str = ""
    _kept: Kept = field(default_factory=lambda: Kept(), repr=False, compare=False)

    asks = False
    batched = False

    @property
    def by(self) -> str:
        """What its verdicts are called."""
        return "words" if self.encoder is None else "encoder"

    @property
    def scale(self) -> Scale:
        """What its scores mean."""
        return WORDS if self.encoder is None else ENCODER

    @property
    def spec(self) -> str:
        """`words`, or `encoder:` and the encoder's."""
        return "words" if self.encoder is None else f"encoder:{self.encoder.spec}"

    def fingerprint(self) -> Mapping[str, object]:
        """The encoder's, and the thresholds."""
        encoder = None if self.encoder is None else self.encoder.fingerprint()
        return {"judge": self.by, "encoder": encoder, "partly": self.scale.partly, "fully": self.scale.fully}

    async def cover(self, bullets: Sequence[str], insights: Sequence[Insight], *, sampling: Sampling) -> list[Verdict]:
        """Compare; see `CoverageJudge.cover`. There always is a verdict."""
        del sampling
        matches = await self.match(bullets, insights)
        return [self.verdict(insight, match) for insight, match in zip(insights, matches, strict=True)]

    async def match(self, bullets: Sequence[str], insights: Sequence[Insight]) -> list[Match]:
        """The best bullet for each insight; the first of several equally good ones.

        Raises:
            RetrievalError: The encoder gave no vectors.
            ModelError: The server behind it did not answer.
        """
        if not insights:
            return []
        scores = np.array([shares(bullets, insight.insight) for insight in insights], np.float64)
        if self.encoder is not None:
            scores += await self._cosines(self.encoder, bullets, insights)
        places: list[int] = scores.argmax(axis=1).tolist()
        return [Match(place + 1, float(row[place])) for place, row in zip(places, scores, strict=True)]

    async def _cosines(
        self, encoder: Encoder, bullets: Sequence[str], insights: Sequence[Insight]
    ) -> npt.NDArray[np.float64]:
        """`[insights, bullets]`."""
        # Half a surrogate pair, which a model's reply may hold, is no text to a tokenizer.
        lines = [whole(without_citations(line)) for line in bullets]
        texts = [whole(insight.insight) for insight in insights]
        vectors = await self._kept.vectors_of(encoder, [*lines, *texts])
        return (vectors[len(lines) :] @ vectors[: len(lines)].T).astype(np.float64)

    def verdict(self, insight: Insight, match: Match) -> Verdict:
        """What a match amounts to."""
        coverage = self.scale.grade(match.score)
        expected = round(self.scale.expected(match.score), 4)
        bullet = match.bullet if coverage else None
        return Verdict(
            insight.insight_id, coverage, bullet, self.by, expected, Outcome.OK, "", Usage(), nobodys(self.spec)
        )


def whole(text: str) -> str:
    """The text with a question mark for half a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


class Kept:
    """Vectors of texts met lately, each encoded once, and together with those that other rows wait for.

    One text at a time takes an encoder ten times as long as 32 together.
    """

    def __init__(self, most: int = MOST_VECTORS) -> None:
        self.most = most
        self._vectors: OrderedDict[str, npt.NDArray[np.float32]] = OrderedDict()
        self._wanted: dict[str, None] = {}
        self._encoding: asyncio.Lock | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def vectors_of(self, encoder: Encoder, texts: Sequence[str]) -> Vectors:
        """Vectors of length 1: `[texts, dimension]`."""
        lock = self._lock()
        self._wanted.update(dict.fromkeys(texts))
        async with lock:
            wanted = dict.fromkeys([*self._wanted, *texts])
            self._wanted.clear()
            if missing := [text for text in wanted if text not in self._vectors]:
                made = normalised(await encode(encoder, missing, "document"))
                self._vectors.update(zip(missing, made, strict=True))
            found = np.stack([self._vectors[text] for text in texts])
            for text in texts:
                self._vectors.move_to_end(text)
            while len(self._vectors) > self.most:
                self._vectors.popitem(last=False)
            return found

    def _lock(self) -> asyncio.Lock:
        """A lock of the loop that runs: one of a loop that has ended may never be free."""
        loop = asyncio.get_running_loop()
        if self._encoding is None or self._loop is not loop:
            self._encoding, self._loop, self._wanted = asyncio.Lock(), loop, {}
        return self._encoding
