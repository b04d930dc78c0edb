"""What a judge of two responses can say, and how it is read out of its reply.

A judge names a *side* (the response shown first or second, or a tie); which *winner* (response 1 or 2) that means
depends on the order in which the two were shown. A reply in which no verdict can be read is `None`: a result to be
counted, never a guess.

    side = read_verdict("Both are right, B is shorter. [[B]]", "mark")   # "second"
    winner_of(side, swapped=True)                                        # "1"

Formats: `mark` is what dikast's own judge prompts ask for (MT-Bench's [[A]], [[B]], [[C]] for a tie); `phrase` and
`line` read the judges recorded with LLMBar (Zeng et al., arXiv 2310.07641); `json` reads a reply held to a schema.

Not covered: asking the judge again. A reply that was cut off, or quotes the format without choosing, stays unread.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from dikast.errors import UsageError

Side = Literal["first", "second", "tie"]
"""A verdict as the judge sees the pair: by the place in which a response was shown."""

Winner = Literal["1", "2", "tie"]
"""A verdict as the pair's owner sees it: by the response's own number, whatever the order was."""

VerdictFormat = Literal["mark", "phrase", "line", "json"]

MARK = re.compile(r"\[\[\s*(A|B|C|tie|-?\d+(?:\.\d+)?)\s*\]\]", re.IGNORECASE)
"""Verdict marks of pairwise and pointwise judges. `dikast.fence` breaks all of them in judged text."""

SIDES: Mapping[str, Side] = {"a": "first", "b": "second", "c": "tie", "tie": "tie"}
NOTHING_MORE = re.compile(r"[\s.!*_`\"')]*")


@dataclass(frozen=True, slots=True)
class PairVerdict:
    """One judge's verdicts on one pair.

    Args:
        id: The pair's id.
        ab: With response 1 shown first; `None` if unparsed.
        ba: With response 2 shown first; already mapped back to the response's own number; `None` if unparsed.
    """

    id: str
    ab: Winner | None
    ba: Winner | None


def winner_of(side: Side | None, *, swapped: bool) -> Winner | None:
    """The response that a side stands for; `swapped` = response 2 was shown first."""
    if side is None or side == "tie":
        return side
    return "1" if (side == "first") != swapped else "2"


def read_verdict(text: str, form: VerdictFormat = "mark") -> Side | None:
    """Read a judge's reply.

    Args:
        text: The whole reply.
        form: How the judge was asked to answer.

    Returns:
        The side chosen, or `None` where none, or more than one, was named.
    """
    return _READERS[form](text)


def read_score(text: str, low: float, high: float) -> float | None:
    """Read a pointwise judge's mark, such as [[7]] or [[3.5]], within `low`..`high`.

    The same rule as for sides: one mark, or the last one if it ends the reply. A score off the scale is unparsed.
    """
    value = _decisive_mark(text)
    if value is None or value.lower() in SIDES:
        return None
    return float(value) if low <= float(value) <= high else None


def first_preference(logprobs: Mapping[str, float], first: str = "A", second: str = "B") -> float:
    """Probability that the judge prefers the response shown first, from the log probabilities of the two labels.

    Only the two labels' own mass counts: p(first) / (p(first) + p(second)), so that nothing has to be parsed.

    Raises:
        UsageError: The engine's answer lacks one of the labels: without it the ratio is not known.
    """
    if first not in logprobs or second not in logprobs:
        raise UsageError(
            f"labels {first!r} and {second!r} are both needed, got {sorted(logprobs)}",
            hint="ask the engine for more top log probabilities, or read the verdict from text",
        )
    return logistic(logprobs[first] - logprobs[second])


def logistic(x: float) -> float:
    """1 / (1 + exp(-x)), without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _decisive_mark(text: str) -> str | None:
    """The only mark named, or the one that ends the reply.

    A judge that quotes its instructions ("[[A]] if A is better, [[B]] if B is better") has not chosen.
    """
    marks = list(MARK.finditer(text))
    if not marks:
        return None
    if len({mark[1].lower() for mark in marks}) == 1:
        return marks[0][1]
    return marks[-1][1] if NOTHING_MORE.fullmatch(text, marks[-1].end()) else None


def _read_mark(text: str) -> Side | None:
    mark = _decisive_mark(text)
    return SIDES.get(mark.lower()) if mark else None


def _read_phrase(text: str) -> Side | None:
    # Any character may follow "better", as in "better than": so the recorded runs were read.
    return _first_found(text, r"Output \(a\) is better.", r"Output \(b\) is better.")


def _read_line(text: str) -> Side | None:
    return _first_found(text, r"(?:^|\n) ?Output \(a\)", r"(?:^|\n) ?Output \(b\)")


def _first_found(text: str, first: str, second: str) -> Side | None:
    """(a) is looked for before (b), wherever they stand: so the recorded runs were read."""
    if re.search(first, text):
        return "first"
    return "second" if re.search(second, text) else None


def _read_json(text: str) -> Side | None:
    """The whole reply is an object whose `winner` is A, B, C or tie; an object quoted inside prose is no verdict."""
    body = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```")
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    winner = cast(dict[str, object], value).get("winner")
    return SIDES.get(winner.strip().lower()) if isinstance(winner, str) else None


_READERS: Mapping[VerdictFormat, Callable[[str], Side | None]] = {
    "mark": _read_mark,
    "phrase": _read_phrase,
    "line": _read_line,
    "json": _read_json,
}
