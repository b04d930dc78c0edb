"""A ladder: words and a sentence encoder first, a language model only where these are not certain.

    judge = load_coverage_judge("ladder+server:http://localhost:8000/v1#M")
    judge = load_coverage_judge("ladder?encoder=words+server:http://localhost:8000/v1#M")          # no encoder
    judge = load_coverage_judge("ladder?encoder=local:models/bge&share=0.5+batch+server:...#M")

A pair of summary and insight whose score (`dikast.graphs.summhay.coverage.similarity`) lies in a band around the
threshold of being covered goes to the model, whose verdict counts; outside of it the score is the verdict. The bands
are constants, so that a pair's verdict does not depend on what else is judged: `share` is the bound at which a band was
chosen, and what it holds elsewhere is counted in the report.

Measured on the 661 pairs with people's labels, GPT-4o's recorded verdicts standing for the model's: correlation 0.73,
linking accuracy 0.91 with 22 % asked (GPT-4o alone: 0.71, 0.88). Thresholds and band chosen on one of the two topics
and tried on the other: 0.71, 0.90 with 25 % asked (18 and 32 % by topic). By words alone: 0.71, 0.90 with 24 %.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from dikast.agents.models.request import Sampling
from dikast.graphs.summhay.coverage.roles import CoverageJudge, Verdict
from dikast.graphs.summhay.coverage.similarity import SimilarityJudge
from dikast.graphs.summhay.haystack import Insight

SHARES = (0.1, 0.25, 0.5)
SHARE = 0.25


@dataclass(frozen=True)
class LadderJudge:
    """A `CoverageJudge` of two steps.

    Args:
        first: By words, or words and encoder.
        then: Whom the uncertain pairs go to.
        share: At most what share of the pairs that is meant to be; one of `SHARES`.
    """

    first: SimilarityJudge
    then: CoverageJudge
    share: float = SHARE

    @property
    def batched(self) -> bool:
        """As the second judge has it."""
        return self.then.batched

    @property
    def asks(self) -> bool:
        """As the second judge has it."""
        return getattr(self.then, "asks", True)

    @property
    def note(self) -> str:
        """As the first judge has it."""
        return self.first.note

    @property
    def spec(self) -> str:
        """`ladder?encoder=SPEC&share=SHARE+SPEC`, without what is the default."""
        encoder = "words" if self.first.encoder is None else self.first.encoder.spec
        options = f"encoder={quote(encoder, safe=':/#@,=')}"
        options += "" if self.share == SHARE else f"&share={self.share:g}"
        return f"ladder?{options}+{self.then.spec}"

    def fingerprint(self) -> Mapping[str, object]:
        """Both judges', and the band."""
        return {"first": self.first.fingerprint(), "then": self.then.fingerprint(), "band": list(self.band)}

    @property
    def band(self) -> tuple[float, float]:
        """Between which scores a pair is uncertain: from the first on, below the second."""
        return self.first.scale.bands[self.share]

    async def cover(self, bullets: Sequence[str], insights: Sequence[Insight], *, sampling: Sampling) -> list[Verdict]:
        """Compare, and ask where that is not certain; see `CoverageJudge.cover`."""
        low, high = self.band
        matches = await self.first.match(bullets, insights)
        found = [self.first.verdict(insight, match) for insight, match in zip(insights, matches, strict=True)]
        places = [place for place, match in enumerate(matches) if low <= match.score < high]
        asked = await cover_with(self.then, bullets, [insights[place] for place in places], sampling)
        for place, verdict in zip(places, asked, strict=True):
            found[place] = replace(verdict, expected=between(found[place].expected, verdict))
        return found


def between(guess: float | None, verdict: Verdict) -> float | None:
    """About what people would say, where both judges have spoken: the mean; the guess, where the second has not."""
    if guess is None or verdict.coverage is None:
        return guess
    return round((guess + verdict.coverage) / 2, 4)


async def cover_with(
    judge: CoverageJudge, bullets: Sequence[str], insights: Sequence[Insight], sampling: Sampling
) -> list[Verdict]:
    """A judge's verdicts on any number of insights: in one call if it is batched, else one at a time, side by side."""
    if not insights:
        return []
    if judge.batched:
        return await judge.cover(bullets, insights, sampling=sampling)
    found = await asyncio.gather(*(judge.cover(bullets, [insight], sampling=sampling) for insight in insights))
    return [verdict for verdicts in found for verdict in verdicts]
