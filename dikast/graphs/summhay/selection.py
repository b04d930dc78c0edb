"""What a summariser is shown: a ranking filled into a budget of tokens, in an order.

    shown = await select(haystack, ranking, budget=15_000, order="best-first", count=count_by_characters)

Documents are taken best first until the budget is full; the last one is cut at a word so that it fits, as the authors
do. Their budget is 15,000 tokens of one vendor's tokenizer; here a model's own tokenizer counts where it is at hand.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dikast.graphs.method import CHARACTERS_PER_TOKEN

if TYPE_CHECKING:
    from dikast.graphs.summhay.haystack import Haystack
    from dikast.graphs.summhay.ranking import Ranked

Order = Literal["best-first", "best-last", "best-middle", "given"]
Count = Callable[[str], Awaitable[int]]
"""Text to tokens."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A document as a summariser sees it.

    Args:
        number: By which it is cited.
        docid: Its id.
        text: As much of it as fits.
        tokens: Of that.
        cut: Whether something is missing.
    """

    number: int
    docid: str
    text: str
    tokens: int
    cut: bool


async def count_by_characters(text: str) -> int:
    """About how many tokens a text has."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


async def select(
    haystack: Haystack, ranking: Sequence[Ranked], *, budget: int | None, order: Order, count: Count
) -> list[Shown]:
    """The documents that fit, in the order in which they are shown.

    Args:
        haystack: Where the documents are.
        ranking: Best first.
        budget: Tokens of all documents together; `None` for no bound.
        order: `best-first`, `best-last`, `best-middle`, or that of the file.
        count: Counts tokens.
    """
    return arrange(await fill(haystack, ranking, budget, count), order)


async def fill(haystack: Haystack, ranking: Sequence[Ranked], budget: int | None, count: Count) -> list[Shown]:
    """The documents that fit, best first; an empty document takes no room."""
    found: list[Shown] = []
    left = budget
    for docid, _ in ranking:
        number = haystack.numbers[docid]
        text = haystack.documents[number - 1].document_text
        tokens = await count(text)
        if left is not None and tokens > left:
            part = await cut(text, left, count)
            if part:
                found.append(Shown(number, docid, part, await count(part), True))
            break
        found.append(Shown(number, docid, text, tokens, False))
        left = None if left is None else left - tokens
    return found


async def cut(text: str, budget: int, count: Count) -> str:
    """The longest beginning of a text, in whole words, that has no more tokens than the budget."""
    ends = [at for at, letter in enumerate(text) if letter.isspace()] + [len(text)]
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high + 1) // 2
        fits = await count(text[: ends[middle - 1]].rstrip()) <= budget
        low, high = (middle, high) if fits else (low, middle - 1)
    return text[: ends[low - 1]].rstrip() if low else ""


def arrange(best_first: Sequence[Shown], order: Order) -> list[Shown]:
    """Documents that come best first, in another order; `best-middle` puts the worst at both ends by turns."""
    if order == "best-first":
        return list(best_first)
    if order == "given":
        return sorted(best_first, key=lambda one: one.number)
    if order == "best-last":
        return list(reversed(best_first))
    front, back = list(best_first[::-1][::2]), list(best_first[::-1][1::2])
    return [*front, *reversed(back)]
