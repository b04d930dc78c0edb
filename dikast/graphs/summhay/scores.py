"""SummHay's scores: coverage, citation and joint, as the authors compute them, and some that say more.

    labels = {"i1": Covered(1.0, bullet=2), "i2": Covered(0.0)}
    scored = score_summary(["- E85 gives 1,025 hp. [3]", "..."], labels, gold={"i1": {3, 7}, "i2": {4}})
    pool([scored]).joint

That is all a system needs that retrieves and summarises elsewhere: bullets, labels, and which documents hold what.

| score | over | formula |
| --- | --- | --- |
| coverage | all insights | mean of 0, 0.5 (partly), 1 (fully) |
| citation | covered insights | mean F1 of the matched bullet's citations against the documents that hold the insight |
| joint | all insights | mean of coverage times that F1 |
| bullet precision | bullets, headings left out | share of bullets that some insight is matched to |
| redundancy | the same | share of bullets that an earlier one says already: `SAME` of its words stand there |
| length-adjusted joint | summaries, by their insights | joint times min(1, `WORDS` / words of the summary) |
| spread | covered insights | share of which a second bullet adds `ADDS` of the insight's words |
| spread citation | the same | citation, where spread insights take the citations of both bullets |

Means are pooled over the insights of all summaries, as the authors' are, and not averaged by topic. Where there is
nothing to take the mean of, the score is `None` and its n is 0. An insight without a label counts as not covered, and
`unlabelled` says how many: `bounds` has what the scores would be, had all of them been covered or none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import islice
from math import fsum

from dikast.graphs.summhay.citations import cited, without_citations
from dikast.graphs.summhay.haystack import FULL, PARTIAL, Haystack, Label, Subtopic
from dikast.retrieval.analysis import analyze

PARTIAL_SCORE = 0.5
WORDS = 300
"""Words that the authors' prompt allows a summary."""
SAME = 0.8
ADDS = 0.2


@dataclass(frozen=True, slots=True)
class Covered:
    """What a judge says of an insight.

    Args:
        coverage: 0, 0.5 or 1; `None` where the judge could not tell.
        bullet: The matching bullet, the first being 1; `None` for none.
    """

    coverage: float | None
    bullet: int | None = None


@dataclass(frozen=True, slots=True)
class InsightScore:
    """One insight in one summary. Precision, recall and `f1` are `None` where it is not covered.

    `best_f1` is what an insight without a label could have: the F1 of the bullet whose citations fit it best.
    """

    coverage: float
    precision: float | None
    recall: float | None
    f1: float | None
    labelled: bool
    linked: bool
    spread: bool
    spread_f1: float | None
    best_f1: float

    @property
    def joint(self) -> float:
        """Coverage times citation."""
        return self.coverage * (self.f1 or 0.0)


@dataclass(frozen=True, slots=True)
class SummaryScore:
    """One summary: its insights, and what its bullets are like.

    Args:
        insights: A score an insight.
        bullets: Lines that are no heading.
        matched: Of these, how many some insight is matched to.
        redundant: How many say what an earlier one says.
        words: Of the whole summary, citations left out.
    """

    insights: tuple[InsightScore, ...]
    bullets: int
    matched: int
    redundant: int
    words: int

    @property
    def within_length(self) -> float:
        """1 for a summary of at most `WORDS` words; the share that it should have been, of a longer one."""
        return min(1.0, WORDS / self.words) if self.words else 1.0


@dataclass(frozen=True, slots=True)
class Scores:
    """Pooled scores, in 0..1; `None` where n is 0."""

    insights: int
    covered: int
    unlabelled: int
    unlinked: int
    bullets: int
    coverage: float | None
    citation: float | None
    joint: float | None
    precision: float | None
    recall: float | None
    bullet_precision: float | None
    redundancy: float | None
    length_adjusted_joint: float | None
    spread: float | None
    spread_citation: float | None
    words_a_bullet: float | None

    def as_dict(self) -> dict[str, float | int | None]:
        """All fields, for JSON."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


def score_summary(
    bullets: Sequence[str],
    labels: Mapping[str, Covered],
    gold: Mapping[str, Collection[int]],
    texts: Mapping[str, str] | None = None,
) -> SummaryScore:
    """Score one summary.

    Args:
        bullets: Its lines, as the judge numbered them.
        labels: Insight id -> what the judge says; an insight of `gold` that is missing here is unlabelled.
        gold: Insight id -> numbers of the documents that hold it, for every insight that was asked for.
        texts: Insight id -> its words, for the scores of spread insights; without it none is spread.
    """
    places = [place for place, line in enumerate(bullets, start=1) if not is_heading(line)]
    matched = {label.bullet for label in labels.values() if label.coverage}
    stems, numbers = [words_of(line) for line in bullets], [cited(line) for line in bullets]
    found = tuple(
        _score_insight(numbers, stems, labels.get(insight), frozenset(holding), (texts or {}).get(insight, ""))
        for insight, holding in gold.items()
    )
    return SummaryScore(
        found,
        bullets=len(places),
        matched=sum(place in matched for place in places),
        redundant=_count_redundant([stems[place - 1] for place in places]),
        words=sum(len(without_citations(line).split()) for line in bullets),
    )


def _score_insight(
    cites: Sequence[frozenset[int]],
    stems: Sequence[frozenset[str]],
    label: Covered | None,
    gold: frozenset[int],
    text: str,
) -> InsightScore:
    if label is None or label.coverage is None:
        best = max((f1_of(numbers, gold)[2] for numbers in cites), default=0.0)
        return InsightScore(0.0, None, None, None, False, True, False, None, best)
    if not label.coverage:
        return InsightScore(0.0, None, None, None, True, True, False, None, 0.0)
    place = label.bullet - 1 if label.bullet is not None and 1 <= label.bullet <= len(cites) else None
    numbers = frozenset[int]() if place is None else cites[place]
    precision, recall, f1 = f1_of(numbers, gold)
    second = _second_bullet(stems, place, words_of(text)) if place is not None and text else None
    spread_f1 = f1 if second is None else f1_of(numbers | cites[second], gold)[2]
    linked = place is not None
    return InsightScore(label.coverage, precision, recall, f1, True, linked, second is not None, spread_f1, f1)


def f1_of(given: Collection[int], gold: Collection[int]) -> tuple[float, float, float]:
    """Precision, recall and F1 of a set of numbers; 0 where there is nothing to divide by."""
    right = len(set(given) & set(gold))
    precision = right / len(given) if given else 0.0
    recall = right / len(gold) if gold else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if right else 0.0


def _second_bullet(stems: Sequence[frozenset[str]], first: int, wanted: frozenset[str]) -> int | None:
    """The place of the bullet that adds most to what `first` has of the wanted words, if it is `ADDS` of them."""
    if not wanted:
        return None
    left = wanted - stems[first]
    adds = [len(left & words) / len(wanted) if place != first else 0.0 for place, words in enumerate(stems)]
    best = max(range(len(adds)), key=adds.__getitem__)
    return best if adds[best] >= ADDS else None


def _count_redundant(stems: Sequence[frozenset[str]]) -> int:
    return sum(
        any(words and len(words & earlier) >= SAME * len(words) for earlier in islice(stems, place))
        for place, words in enumerate(stems)
    )


@lru_cache(maxsize=4_096)
def words_of(text: str) -> frozenset[str]:
    """The distinct stems of a text's words, stop words and citations left out."""
    return frozenset(analyze(without_citations(text)))


def is_heading(line: str) -> bool:
    """Whether a line heads or leads in to bullets: it cites nothing, and begins with # or ends in a colon."""
    bare = line.strip().rstrip("*_ ")
    return not cited(line) and (line.lstrip().startswith("#") or bare.endswith(":"))


def pool(summaries: Iterable[SummaryScore]) -> Scores:
    """The scores over all insights and bullets of these summaries."""
    kept = list(summaries)
    insights = [insight for summary in kept for insight in summary.insights]
    covered = [insight for insight in insights if insight.coverage]
    bullets = sum(summary.bullets for summary in kept)
    adjusted = (insight.joint * summary.within_length for summary in kept for insight in summary.insights)
    return Scores(
        insights=len(insights),
        covered=len(covered),
        unlabelled=sum(not insight.labelled for insight in insights),
        unlinked=sum(not insight.linked for insight in insights),
        bullets=bullets,
        coverage=_mean([insight.coverage for insight in insights]),
        citation=_mean([insight.f1 or 0.0 for insight in covered]),
        joint=_mean([insight.joint for insight in insights]),
        precision=_mean([insight.precision or 0.0 for insight in covered]),
        recall=_mean([insight.recall or 0.0 for insight in covered]),
        bullet_precision=_share(sum(summary.matched for summary in kept), bullets),
        redundancy=_share(sum(summary.redundant for summary in kept), bullets),
        length_adjusted_joint=_mean(list(adjusted)),
        spread=_share(sum(insight.spread for insight in covered), len(covered)),
        spread_citation=_mean([insight.spread_f1 or 0.0 for insight in covered]),
        words_a_bullet=_share(sum(summary.words for summary in kept), bullets),
    )


def bounds(summaries: Iterable[SummaryScore]) -> Mapping[str, tuple[float, float]]:
    """Lowest and highest coverage and joint, had the unlabelled insights been labelled; nothing where n is 0.

    At best an unlabelled insight is fully covered, in the bullet whose citations fit it best.
    """
    insights = [insight for summary in summaries for insight in summary.insights]
    if not insights:
        return {}
    n = len(insights)
    coverage = fsum(insight.coverage for insight in insights)
    joint = fsum(insight.joint for insight in insights)
    missing = [insight for insight in insights if not insight.labelled]
    return {
        "coverage": (coverage / n, (coverage + len(missing)) / n),
        "joint": (joint / n, (joint + fsum(insight.best_f1 for insight in missing)) / n),
    }


def _mean(values: Sequence[float]) -> float | None:
    return fsum(values) / len(values) if values else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def covered_by(label: Label, partial: float = PARTIAL_SCORE) -> Covered:
    """A label of the file as what it is worth.

    A bullet that is no whole number is none: the authors' program takes the last line but one there.
    """
    worth = {FULL: 1.0, PARTIAL: partial}.get(label.coverage, 0.0)
    bullet = label.bullet_id
    if isinstance(bullet, str):
        bullet = int(bullet) if bullet.strip().isdecimal() and len(bullet) < 10 else None
    return Covered(worth, int(bullet) if bullet is not None and bullet == int(bullet) else None)


def score_subtopic(
    haystack: Haystack, subtopic: Subtopic, key: str, *, partial: float = PARTIAL_SCORE
) -> SummaryScore | None:
    """Score one of the file's summaries by the file's labels; `None` where the file has not both.

    Insights that the summary has no label for are unlabelled, and count.
    """
    if key not in subtopic.summaries or key not in subtopic.eval_summaries:
        return None
    labels = {label.insight_id: covered_by(label, partial) for label in subtopic.eval_summaries[key]}
    gold = {insight.insight_id: haystack.gold[insight.insight_id] for insight in subtopic.insights}
    texts = {insight.insight_id: insight.insight for insight in subtopic.insights}
    return score_summary(subtopic.summaries[key], labels, gold, texts)
