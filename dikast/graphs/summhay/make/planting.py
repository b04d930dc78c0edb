"""The planting plan: which document is to say which insights, exact and seeded, before any document is asked for.

    plan = plant(subtopics=(0, 0, 1, 1), tokens=(30,) * 4, bounds=Bounds(12, (1, 2), (2, 8), 400), seed=0)
    plan[3]          # the insights of the fourth document, by their numbers

It is a matrix of insights by documents whose row and column sums are drawn within the bounds. That such a matrix exists
is decided before it is looked for (Gale and Ryser); it is then found as a maximum flow and shuffled by swaps of two
insights between two documents, which change no sum. Each document is given a few subtopics, from which the flow takes
its insights as far as that goes: the released haystacks have two or three subtopics a document, and a subtopic in 12 to
38 of 100 documents. Sums are uneven as theirs are: some insights are everywhere, most are in few documents.

Only whole numbers and the generator's uniform doubles decide, so that a seed gives the same plan on every machine.

Not proved: that a plan within the token budget exists. Where a lower bound already exceeds it, that is said; else swaps
are tried up to a bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dikast.errors import UsageError
from dikast.graphs.summhay.make.incidence import Draws, Plan, ceiling, choose_subtopics, find_flow, realisable, shuffle

PLANTED_SHARE = 2
"""A document's insights take one part in so many of its tokens: the rest is what surrounds them."""
ATTEMPTS = 4
"""Draws of the sums, where the first ones do not fit into the token budget."""
SKEW = 64
"""How much likelier the likeliest insight is to get a further document than the least likely."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a plan has to keep to.

    Args:
        documents: How many there are.
        insights_a_document: Least and most.
        documents_an_insight: Least and most.
        document_tokens: The length of a document; planted insights take half of it at most.
    """

    documents: int
    insights_a_document: tuple[int, int]
    documents_an_insight: tuple[int, int]
    document_tokens: int

    @property
    def budget(self) -> int:
        """Tokens that the insights of one document may have together."""
        return self.document_tokens // PLANTED_SHARE


def plant(subtopics: Sequence[int], tokens: Sequence[int], bounds: Bounds, seed: int) -> Plan:
    """A plan: of each document, the numbers of its insights, ascending.

    Args:
        subtopics: Of each insight, the number of its subtopic.
        tokens: Of each insight, its length.
        bounds: What the plan keeps to, exactly.
        seed: Of all that is drawn.

    Raises:
        UsageError: There is no such plan, or none was found within the token budget; says which bound to change.
    """
    refuse_impossible(tokens, bounds)
    draws, best = Draws(seed), 0
    for attempt in range(ATTEMPTS):
        insight_sums, document_sums = draw_sums(len(subtopics), bounds, draws)
        if attempt:
            insight_sums = by_length(insight_sums, tokens)
        chosen = choose_subtopics(subtopics, insight_sums, document_sums, draws)
        held = find_flow(subtopics, insight_sums, document_sums, chosen, draws)
        plan, longest = shuffle(held, subtopics, chosen, tokens, bounds.budget, draws)
        if longest <= bounds.budget:
            return plan
        best = min(best or longest, longest)
    told = f"no plan found in which the insights of each document fit into {bounds.budget} tokens: {best} is the best"
    hint = f"raise document_tokens to {best * PLANTED_SHARE}, shorten insights, or lower insights_a_document"
    raise UsageError(told, hint=hint)


def by_length(sums: Sequence[int], tokens: Sequence[int]) -> list[int]:
    """The same sums, the smallest for the longest insights: so that they crowd each other least."""
    order = sorted(range(len(sums)), key=lambda one: tokens[one])
    found = [0] * len(sums)
    for place, total in zip(order, sorted(sums, reverse=True), strict=True):
        found[place] = total
    return found


def refuse_impossible(tokens: Sequence[int], bounds: Bounds) -> None:
    """Refuse bounds that no plan can keep to.

    With sums that may be any within bounds, a plan exists exactly where each sum fits (no insight in more documents
    than there are, no document with more insights than there are) and the totals of both sides can be equal: then
    nearly equal sums can be had, and nearly equal sums are always realised (Gale and Ryser).

    Raises:
        UsageError: They are such; one line, with the bound to change.
    """
    n, m = bounds.documents, len(tokens)
    (least, most), (rare, often) = bounds.insights_a_document, bounds.documents_an_insight
    if not m:
        raise UsageError("no plan: there are no insights", hint="plan some")
    if least > m:
        hint = f"plan {least} insights or more, or lower insights_a_document to {m}"
        raise UsageError(f"no plan: a document is to have {least} insights, and there are {m}", hint=hint)
    if rare > n:
        hint = f"raise documents to {rare}, or lower documents_an_insight to {n}"
        raise UsageError(f"no plan: an insight is to be in {rare} documents, and there are {n}", hint=hint)
    if n * least > m * min(often, n):
        told = f"{n} documents of {least} insights or more have {n * least}, {m} insights in at most {min(often, n)}"
        hint = f"raise the most of documents_an_insight to {ceiling(n * least, m)}" if often < n else ""
        hint = f"{hint or 'plan more insights'}, or lower the least of insights_a_document to {m * min(often, n) // n}"
        raise UsageError(f"no plan: {told} documents have {m * min(often, n)}", hint=hint)
    if m * rare > n * min(most, m):
        told = f"{m} insights in {rare} documents or more have {m * rare}, {n} documents of at most {min(most, m)}"
        hint = f"raise the most of insights_a_document to {ceiling(m * rare, n)}, or documents to"
        hint = f"{hint} {ceiling(m * rare, min(most, m))}, or lower the least of documents_an_insight"
        raise UsageError(f"no plan: {told} insights have {n * min(most, m)}", hint=hint)
    refuse_long(tokens, bounds)


def refuse_long(tokens: Sequence[int], bounds: Bounds) -> None:
    """Refuse a token budget that is certainly too small.

    Raises:
        UsageError: It is.
    """
    least = bounds.insights_a_document[0]
    ordered = sorted(tokens)
    # Every insight stands in some document, the longest too, beside the shortest that there are.
    needed = ordered[-1] + sum(ordered[: least - 1])
    whole = sum(tokens) * bounds.documents_an_insight[0]
    needed = max(needed, ceiling(whole, bounds.documents))
    if needed > bounds.budget:
        told = f"the insights of one document have {needed} tokens, and may take {bounds.budget}"
        hint = f"raise document_tokens to {needed * PLANTED_SHARE}, shorten insights, or lower insights_a_document"
        raise UsageError(f"no plan: {told}", hint=hint)


def draw_sums(insights: int, bounds: Bounds, draws: Draws) -> tuple[list[int], list[int]]:
    """Documents of each insight, and insights of each document: within bounds, of one total, and realisable."""
    n, (least, most) = bounds.documents, bounds.insights_a_document
    rare, often = bounds.documents_an_insight[0], min(bounds.documents_an_insight[1], n)
    most = min(most, insights)
    of_documents = [least + draws.below(most - least + 1) for _ in range(n)]
    fit_total(of_documents, least, most, insights * rare, insights * often, draws)
    of_insights = spread(insights, sum(of_documents), rare, often, draws)
    while not realisable(of_insights, of_documents):
        # Sums of insights that are more nearly equal are realisable sooner; equal ones are, always.
        top = max(range(insights), key=lambda one: (of_insights[one], one))
        bottom = min(range(insights), key=lambda one: (of_insights[one], one))
        of_insights[top] -= 1
        of_insights[bottom] += 1
    return of_insights, of_documents


def fit_total(sums: list[int], least: int, most: int, low: int, high: int, draws: Draws) -> None:
    """Change sums by one, at random places, until their total lies between `low` and `high`."""
    while not low <= sum(sums) <= high:
        step = 1 if sum(sums) < low else -1
        places = [place for place, value in enumerate(sums) if least <= value + step <= most]
        sums[places[draws.below(len(places))]] += step


def spread(count: int, total: int, least: int, most: int, draws: Draws) -> list[int]:
    """So many uneven numbers of this total, each within bounds."""
    weights = [1 + draws.below(SKEW) * draws.below(SKEW) // SKEW for _ in range(count)]
    sums = [least] * count
    left = total - least * count
    for place, weight in enumerate(weights):
        sums[place] += min(most - least, left * weight // sum(weights))
    left = total - sum(sums)
    order = draws.shuffled(count)
    while left:
        for place in order:
            if left and sums[place] < most:
                sums[place] += 1
                left -= 1
    return sums
