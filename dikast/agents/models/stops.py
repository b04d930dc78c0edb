"""Stop strings, for engines that end a reply some tokens after one of them."""

from __future__ import annotations

from collections.abc import Sequence


def cut_at_stop(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """A text up to its first stop string, and whether there is one."""
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    return (text[: min(places)], True) if places else (text, False)


def until_end(ids: Sequence[int], end: int | None) -> list[int]:
    """The tokens up to the last that ends a turn; all where none does."""
    last = max((place for place, token in enumerate(ids) if token == end), default=len(ids) - 1)
    return list(ids[: last + 1])
