"""What a judge of two responses can say, and how it is read out of its reply.

A judge names a *side* (the response shown first or second, or a tie); which *winner* (response 1 or 2) that means
depends on the order in which the two were shown. A reply in which no verdict can be read is `None`: a result to be
counted, never a guess.

A verdict is a statement (`dikast.statements` has the rule): thoughts are taken out before anything is read, unseen
characters and other forms of a letter are no others, and whatever stands in double brackets counts as a verdict that is
named, if only one that is none of the known. Marks and JSON objects, pairs and scores are read by the same rule.

    side = read_verdict("Both are right, B is shorter. [[B]]", "mark")   # "second"
    winner_of(side, swapped=True)                                        # "1"

Formats: `mark` is what dikast's own judge prompts ask for (MT-Bench's [[A]], [[B]], [[C]] for a tie); `phrase` and
`line` read the judges recorded with LLMBar (Zeng et al., arXiv 2310.07641) as they were read then; `json` reads a reply
held to a schema.

Not covered: asking the judge again. A reply that quotes the format without choosing stays unread; whether a reply was
cut off is known to whoever asked (`dikast.agents.judge`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from dikast.errors import UsageError
from dikast.reply_json import read_objects, stands_alone
from dikast.spoken import IGNORABLE, plain, spoken
from dikast.statements import Manner, Named, stated

Side = Literal["first", "second", "tie"]
"""A verdict as the judge sees the pair: by the place in which a response was shown."""

Winner = Literal["1", "2", "tie"]
"""A verdict as the pair's owner sees it: by the response's own number, whatever the order was."""

VerdictFormat = Literal["mark", "phrase", "line", "json"]

_UNSEEN = rf"[\s{IGNORABLE}]{{0,9}}"
MARK = re.compile(
    rf"[\[［]{_UNSEEN}[\[［]{_UNSEEN}(A|B|C|tie|-?\d{{1,9}}(?:\.\d{{1,9}})?|[Ａ-Ｃａ-ｃ]){_UNSEEN}[\]］]{_UNSEEN}[\]］]",
    re.IGNORECASE,
)
"""Verdict marks of pairwise and pointwise judges, with whatever unseen in them. `dikast.fence` breaks all of them in
judged text."""
NAMED = re.compile(r"\[\[([^\[\]\n]{0,60})\]\]")
"""Whatever a reply writes as a mark, in plain letters: also [[А]] with a Cyrillic letter, [[8/10]], [[A>B]]."""
NUMBER = re.compile(r"-?\d{1,9}(?:\.\d{1,9})?")

SIDES: Mapping[str, Side] = {"a": "first", "b": "second", "c": "tie", "tie": "tie"}
LABELS = {
    "a": re.compile(
        r"(?<![\w'])(?:A(?![\w'])|(?i:response|assistant|answer|output|option|model) a\b|(?i:first (?:one"
        r"|response|answer|assistant|output)|former)\b)"
    ),
    "b": re.compile(
        r"(?<![\w'])(?:B(?![\w'])|(?i:response|assistant|answer|output|option|model) b\b|(?i:second (?:one"
        r"|response|answer|assistant|output)|latter)\b)"
    ),
    "c": re.compile(r"(?<!\w)(?i:a tie|it is a tie|tied|equally good)(?!\w)"),
}
"""How prose names the verdicts on a pair."""
PAIRS = Manner(LABELS)


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

    The same rule as for sides; "[[4]] / 5" is read where 5 is the highest score. A score off the scale is unparsed.
    """
    value = _stated_mark(text, NUMBER, _scores(high))
    return _within(float(value), low, high) if value else None


def read_json_score(text: str, low: float, high: float) -> float | None:
    """The `score` of a reply that states one JSON object, within `low`..`high`; see `read_verdict`, form `json`."""
    score = _stated_field(text, "score", _scores(high))
    if isinstance(score, bool) or not isinstance(score, int | float):
        return None
    return _within(score, low, high)


def _within(score: float, low: float, high: float) -> float | None:
    return float(score) if low <= score <= high else None


def _scores(high: float) -> Manner:
    """Scores, with what people write behind them: the highest one, or a unit."""
    return Manner({}, re.compile(rf"[\s*_`]*(?:(?:/|out of)\s?{high:g}(?![\d.])|points?\b|stars?\b)", re.IGNORECASE))


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


def _stated_mark(text: str, known: re.Pattern[str], manner: Manner) -> str | None:
    """The mark that a reply states, in lower case."""
    said = spoken(plain(text))
    marks = [(mark, mark[1].strip().lower()) for mark in NAMED.finditer(said)]
    named = [Named(*mark.span(), value if known.fullmatch(value) else "") for mark, value in marks]
    return stated(said, named, manner)


def _read_mark(text: str) -> Side | None:
    mark = _stated_mark(text, re.compile("[abc]|tie"), PAIRS)
    return SIDES.get(mark) if mark else None


def _read_phrase(text: str) -> Side | None:
    text = spoken(text)
    # Any character may follow "better", as in "better than": so the recorded runs were read.
    return _first_found(text, r"Output \(a\) is better.", r"Output \(b\) is better.")


def _read_line(text: str) -> Side | None:
    return _first_found(spoken(text), r"(?:^|\n) ?Output \(a\)", r"(?:^|\n) ?Output \(b\)")


def _first_found(text: str, first: str, second: str) -> Side | None:
    """(a) is looked for before (b), wherever they stand: so the recorded runs were read."""
    if re.search(first, text):
        return "first"
    return "second" if re.search(second, text) else None


def _read_json(text: str) -> Side | None:
    """The object's `winner` is A, B, C or tie; an object quoted inside prose is no verdict."""
    winner = _stated_field(text, "winner", PAIRS)
    return SIDES.get(winner.strip().lower()) if isinstance(winner, str) else None


def _stated_field(text: str, field: str, manner: Manner) -> object:
    """The field of the one object that a reply holds, where that is stated; `None` else."""
    said = spoken(plain(text))
    found = read_objects(said)
    if found is None or len(found) != 1:
        return None
    [one] = found
    if one.twice or one.names.count(field) != 1 or not stands_alone(said, one):
        return None
    # An object is complete: what comes behind it is a sentence of its own, also on its line.
    said = f"{said[: one.end]}\n{said[one.end :]}"
    value = one.fields.get(field)
    label = str(value).strip().lower()
    named = [Named(one.start, one.end, label)] if label else []
    return value if stated(said, named, manner) else None


_READERS: Mapping[VerdictFormat, Callable[[str], Side | None]] = {
    "mark": _read_mark,
    "phrase": _read_phrase,
    "line": _read_line,
    "json": _read_json,
}
