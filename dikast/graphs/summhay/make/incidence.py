"""A matrix of insights by documents with given sums: whether there is one, found as a flow, shuffled by swaps.

The parts of `dikast.graphs.summhay.make.planting`, which says what they are for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np

SUBTOPICS_A_DOCUMENT = (5, 2)
"""Two and a half on average, as a fraction: the released news topics have two or three."""
SWAPS = 12
"""Tries of a swap for each planted pair: half as many already leave no trace of how the flow was found."""
ROUNDS = 20
"""Shuffles at most, while documents are over their token budget."""

Plan = tuple[tuple[int, ...], ...]


class Draws:
    """Seeded draws, made of the generator's uniform doubles alone: NumPy keeps no promise for the rest."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.Generator(np.random.PCG64(seed))
        self._left: list[float] = []

    def below(self, most: int) -> int:
        """A whole number from 0 to below `most`."""
        if not self._left:
            self._left = self._generator.random(4096).tolist()
        return min(int(self._left.pop() * most), most - 1)

    def shuffled(self, count: int) -> list[int]:
        """The numbers from 0 to below `count` in another order (Fisher and Yates)."""
        order = list(range(count))
        for place in range(count - 1, 0, -1):
            other = self.below(place + 1)
            order[place], order[other] = order[other], order[place]
        return order


def ceiling(number: int, by: int) -> int:
    """A quotient, rounded up."""
    return -(-number // by)


def realisable(rows: Sequence[int], columns: Sequence[int]) -> bool:
    """Whether there is a matrix of zeros and ones with these sums (Gale 1957, Ryser 1957)."""
    if sum(rows) != sum(columns):
        return False
    conjugate = [sum(column > place for column in columns) for place in range(len(rows))]
    ordered = sorted(rows, reverse=True)
    # `rows` are at most dominated by the conjugate of `columns`, read the other way round.
    return all(ours <= theirs for ours, theirs in zip(accumulate(ordered), accumulate(conjugate), strict=True))


def choose_subtopics(
    subtopics: Sequence[int], insight_sums: Sequence[int], document_sums: Sequence[int], draws: Draws
) -> list[set[int]]:
    """Of each document, the few subtopics that its insights are to come from.

    A subtopic is in enough documents for its insights' pairs, at two and a half subtopics a document, and for the one
    of them that is in most.
    """
    n, kinds = len(document_sums), max(subtopics) + 1
    above, below = SUBTOPICS_A_DOCUMENT
    quotas = [0] * kinds
    for kind in range(kinds):
        own = [total for total, of in zip(insight_sums, subtopics, strict=True) if of == kind]
        share = ceiling(sum(own) * n * above, sum(insight_sums) * below)
        quotas[kind] = min(n, max([share, *own]))
    chosen: list[set[int]] = [set() for _ in range(n)]
    left, order = sum(quotas), draws.shuffled(n)
    for place, document in enumerate(order):
        wanted = min(kinds, ceiling(left, n - place))
        ranked = sorted(draws.shuffled(kinds), key=lambda kind: -quotas[kind])[:wanted]
        for kind in ranked:
            chosen[document].add(kind)
            quotas[kind] -= 1
        left -= wanted
    return chosen


def find_flow(
    subtopics: Sequence[int],
    insight_sums: Sequence[int],
    document_sums: Sequence[int],
    chosen: Sequence[set[int]],
    draws: Draws,
) -> list[set[int]]:
    """Which insights each document holds: a maximum flow, at first within the chosen subtopics, then anywhere."""
    n = len(document_sums)
    room, held = list(document_sums), [set[int]() for _ in range(n)]
    lacking = list(insight_sums)
    for allowed_only in (True, False):
        for insight in draws.shuffled(len(insight_sums)):
            order = draws.shuffled(n)
            while lacking[insight]:
                path = find_path(insight, subtopics, room, held, chosen if allowed_only else None, order)
                if path is None:
                    break
                for giver, document in path:
                    held[document].add(giver)
                for (_, document), (taken, _) in pairwise(path):
                    held[document].remove(taken)
                room[path[-1][1]] -= 1
                lacking[insight] -= 1
    if any(lacking):
        raise RuntimeError("sums that are realisable were not realised")
    return held


def find_path(
    insight: int,
    subtopics: Sequence[int],
    room: Sequence[int],
    held: Sequence[set[int]],
    chosen: Sequence[set[int]] | None,
    order: Sequence[int],
) -> list[tuple[int, int]] | None:
    """The shortest way to give an insight one more document: who goes where, each making room for the one before."""
    came: dict[int, tuple[int, int]] = {}
    """Document -> the insight that would go there, and the document that it would leave (-1 for none)."""
    waiting = deque([(insight, -1)])
    tried = {insight}
    while waiting:
        one, left = waiting.popleft()
        free = [
            document
            for document in order
            if document not in came
            and one not in held[document]
            and (chosen is None or subtopics[one] in chosen[document])
        ]
        # Where there is most room: a later insight finds it easier.
        for document in sorted(free, key=lambda place: -room[place]):
            came[document] = (one, left)
            if room[document]:
                return unwind(document, came)
            for other in sorted(held[document] - tried):
                tried.add(other)
                waiting.append((other, document))
    return None


def unwind(document: int, came: dict[int, tuple[int, int]]) -> list[tuple[int, int]]:
    """The path that ends at a document, from its beginning."""
    path: list[tuple[int, int]] = []
    while document >= 0:
        one, left = came[document]
        path.append((one, document))
        document = left
    return path[::-1]


def shuffle(
    held: Sequence[set[int]],
    subtopics: Sequence[int],
    chosen: Sequence[set[int]],
    tokens: Sequence[int],
    budget: int,
    draws: Draws,
) -> tuple[Plan, int]:
    """Swap insights between documents: no sum changes, and the cost does not grow.

    The cost is what stands outside of the chosen subtopics, and tokens over the budget.

    Returns:
        The plan, and the most tokens that the insights of a document have: over the budget if no more could be done.
    """
    documents = [sorted(one) for one in held]
    lengths = [sum(tokens[one] for one in document) for document in documents]
    tries = SWAPS * sum(map(len, documents))
    if len(documents) > 1:
        for _ in range(ROUNDS):
            for _ in range(tries):
                swap(documents, lengths, subtopics, chosen, tokens, budget, draws)
            if max(lengths) <= budget:
                break
    return tuple(tuple(sorted(document)) for document in documents), max(lengths)


def swap(
    documents: list[list[int]],
    lengths: list[int],
    subtopics: Sequence[int],
    chosen: Sequence[set[int]],
    tokens: Sequence[int],
    budget: int,
    draws: Draws,
) -> None:
    """Try one swap: two documents, an insight of each."""
    n = len(documents)
    one, two = draws.below(n), draws.below(n)
    ours, theirs = documents[one], documents[two]
    here, there = draws.below(len(ours)), draws.below(len(theirs))
    mine, other = ours[here], theirs[there]
    if one == two or mine in theirs or other in ours:
        return
    grown = tokens[other] - tokens[mine]
    outside = (
        (subtopics[other] not in chosen[one])
        + (subtopics[mine] not in chosen[two])
        - (subtopics[mine] not in chosen[one])
        - (subtopics[other] not in chosen[two])
    )
    over = (
        max(0, lengths[one] + grown - budget)
        + max(0, lengths[two] - grown - budget)
        - max(0, lengths[one] - budget)
        - max(0, lengths[two] - budget)
    )
    if over > 0 or (over == 0 and outside > 0):
        return
    ours[here], theirs[there] = other, mine
    lengths[one] += grown
    lengths[two] -= grown
