"""How near two references are to the responses that they measure, and what each says about them: paired figures.

    compared = compare_references(trios, MEASURES, "strict")
    compared[0].difference.value            # adapted minus given, with its 95 % interval

RevisEval (Zhang et al., arXiv 2410.05193) argues that a reference made from a response is nearer to what is judged than
one that was written without it, and therefore of more use. Here both are laid beside the same responses: nearness, the
gap between the responses, the lead of the one that people prefer, and how often the nearer response is theirs.

Differences have 95 % intervals: of nearness by bootstrap over pairs, of how often something is right as between paired
judges (`dikast.stats.bounded_mean`), never without a width.

Not covered: whether nearness causes agreement; that takes judges, see `dikast.graphs.reviseval.references`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from dikast import stats
from dikast.evaluation.calibration import Estimate, Ties, credit_of
from dikast.evaluation.metrics.lexical import chrf, rouge
from dikast.evaluation.revision import words
from dikast.verdicts import Winner

Measure = Callable[[str, str], float]
"""Nearness of a response to a reference, 0..1; NaN where it cannot be measured."""


def token_f1(response: str, reference: str) -> float:
    """F-measure of the words and marks that both have, as often as both have them; two empty texts are equal."""
    mine, theirs = Counter(words(response)), Counter(words(reference))
    if not mine and not theirs:
        return 1.0
    return 2 * (mine & theirs).total() / (mine.total() + theirs.total())


def chrf_share(response: str, reference: str) -> float:
    """chrF2, 0..1.

    Raises:
        MissingExtraError: sacrebleu is not installed.
    """
    return min(1.0, chrf(response, [reference]) / 100)


def rouge_l(response: str, reference: str) -> float:
    """ROUGE-L's F-measure, 0..1; NaN for letters that it has no tokens for.

    Raises:
        MissingExtraError: rouge-score is not installed.
    """
    return rouge(response, [reference], "rougeL")


MEASURES: Mapping[str, Measure] = {"token-f1": token_f1, "chrf": chrf_share, "rougeL": rouge_l}
"""Name -> measure; an embedding's similarity is another one, where somebody brings an encoder."""


@dataclass(frozen=True, slots=True)
class Trio:
    """A pair of responses with two references.

    Args:
        id: The pair's.
        responses: Response 1, response 2.
        adapted: The references made from the responses; several where both were revised.
        given: The reference that came with the pair.
        gold: People's verdict, if there is one.
    """

    id: str
    responses: tuple[str, str]
    adapted: tuple[str, ...]
    given: str
    gold: Winner | None


@dataclass(frozen=True, slots=True)
class Paired:
    """One figure with either reference, over the same pairs.

    Args:
        measure: The measure, or the judge.
        what: What the figure is.
        n: Pairs.
        adapted: Its mean with the adapted reference.
        given: Its mean with the given one.
        difference: Adapted minus given, with its 95 % interval.
    """

    measure: str
    what: str
    n: int
    adapted: float
    given: float
    difference: Estimate


NEAR = ("nearness of response 1", "nearness of response 2")
MEAN = "nearness, mean of both responses"
APART = "gap between the responses"
LEAD = "lead of the preferred response"
RIGHT = "nearer response is the preferred one"


def nearness(trio: Trio, measure: Measure) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Nearness of either response to the adapted reference (the mean over several), and to the given one.

    `None` where the measure cannot tell for one of them.
    """
    one, two = trio.responses
    near = tuple(fmean(measure(text, reference) for reference in trio.adapted) for text in (one, two))
    far = tuple(measure(text, trio.given) for text in (one, two))
    found = ((near[0], near[1]), (far[0], far[1]))
    return None if any(math.isnan(value) for both in found for value in both) else found


def compare_references(trios: Sequence[Trio], measures: Mapping[str, Measure], ties: Ties) -> list[Paired]:
    """All figures of all measures; those about people over the labelled pairs alone, leads without their ties."""
    return [figure for name, measure in measures.items() for figure in _figures(trios, name, measure, ties)]


def _figures(trios: Sequence[Trio], name: str, measure: Measure, ties: Ties) -> Iterator[Paired]:
    found = [(trio, near) for trio in trios if (near := nearness(trio, measure)) is not None]
    for place, what in enumerate(NEAR):
        yield from paired(name, what, [(a[place], g[place]) for _, (a, g) in found])
    yield from paired(name, MEAN, [(fmean(a), fmean(g)) for _, (a, g) in found])
    yield from paired(name, APART, [(abs(a[0] - a[1]), abs(g[0] - g[1])) for _, (a, g) in found])
    sides = {"1": 1.0, "2": -1.0}
    leads = [
        (sign * (a[0] - a[1]), sign * (g[0] - g[1]))
        for trio, (a, g) in found
        if (sign := sides.get(trio.gold or "")) is not None
    ]
    yield from paired(name, LEAD, leads)
    right = [
        (credit_of(nearer(a), trio.gold, ties) or 0.0, credit_of(nearer(g), trio.gold, ties) or 0.0)
        for trio, (a, g) in found
        if trio.gold is not None and (ties != "leave-out" or trio.gold != "tie")
    ]
    yield from paired(name, RIGHT, right, credits=True)


def nearer(near: tuple[float, float]) -> Winner:
    """The response that is nearer; a tie where both are as near."""
    return "tie" if near[0] == near[1] else "1" if near[0] > near[1] else "2"


def paired(
    measure: str, what: str, values: Iterable[tuple[float, float]], *, credits: bool = False
) -> Iterator[Paired]:
    """A figure out of each pair's two values; none without a pair.

    Args:
        measure: Whose.
        what: Of what.
        values: With the adapted reference, and with the given one.
        credits: Whether they say how right something is, 0..1, and not how near.
    """
    both = list(values)
    if not both:
        return
    differences = [a - g for a, g in both]
    if credits:
        low, high = stats.bounded_mean(differences, -1, 1, pseudo=1)
    elif len(set(differences)) > 1:
        low, high = stats.bootstrap(differences)
    else:
        low, high = math.nan, math.nan  # pairs that are all alike say nothing about how sure the figure is
    difference = Estimate(fmean(differences), low, high)
    yield Paired(measure, what, len(both), fmean(a for a, _ in both), fmean(g for _, g in both), difference)
