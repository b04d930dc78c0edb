"""DNO's pairs: which of several scored answers to a prompt are preferred to which.

    answers = [Scored("...", "teacher", 6), Scored("...", "student", 5), Scored("...", "student", 3)]
    pairs_of(answers)                    # [Pair(chosen=0, rejected=2, margin=3.0), Pair(chosen=1, rejected=2, ...)]

Paper: Rosset et al., Direct Nash Optimization (arXiv 2404.03715), algorithm 2 (DNO-Prct): K answers of the student and
one of the teacher are scored side by side, 0 to 6 points; an answer of at least 5 is preferred to one that is worse by
at least 2, or by at least 1 where the better one is the student's own. All pairs that qualify are taken. Ties never
are; an answer that repeats itself is never the better one.

Ours: what counts as repeating oneself (`loops`), since the paper does not say; scores without their length slope, since
a judge that likes long answers doubles their length in an iteration (the paper's own warning).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from dikast.errors import UsageError

Source = Literal["student", "teacher"]

LEAST = 5.0
"""Points of an answer that may be preferred (DNO's setting: of 6)."""
STUDENT_MARGIN, TEACHER_MARGIN = 1.0, 2.0
"""Points between a pair, by who wrote the better answer (DNO's setting)."""

PERIOD, TIMES, WORDS = 32, 4, 16
"""A loop: at most so many words, at least so often in a row, at least so many words in all. Ours: four verses that end
in the same line are none, nor is a row of dashes, which are no words."""
TOKEN = re.compile(r"[\u3040-\u9fff\uac00-\ud7af]|[^\W\u3040-\u9fff\uac00-\ud7af]+")
"""A word; a sign of a script that does not part its words with spaces."""


@dataclass(frozen=True, slots=True)
class Scored:
    """An answer.

    Args:
        text: What it says.
        source: Who wrote it.
        score: The judge's points, more is better; `None` where the judge said nothing that can be read: in no pair.
    """

    text: str
    source: Source
    score: float | None


@dataclass(frozen=True, slots=True)
class Rule:
    """Which pairs qualify.

    Args:
        least: Points of the better answer.
        student_margin: Points between the two, where the better one is the student's.
        teacher_margin: The same, where it is the teacher's.
        student_wins: Whether pairs are taken whose better answer is the student's; without, it is DNO-Restrictive.

    Raises:
        UsageError: A margin is not above 0: ties are never pairs.
    """

    least: float = LEAST
    student_margin: float = STUDENT_MARGIN
    teacher_margin: float = TEACHER_MARGIN
    student_wins: bool = True

    def __post_init__(self) -> None:
        if not (self.student_margin > 0 and self.teacher_margin > 0):
            raise UsageError("a margin between the answers of a pair is above 0", hint="ties are never pairs")

    def margin(self, source: Source) -> float:
        """Points that an answer of this source has to be ahead."""
        return self.student_margin if source == "student" else self.teacher_margin


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one prompt, by their places; `margin` is how many points lie between them."""

    chosen: int
    rejected: int
    margin: float


DNO = Rule()


def pairs_of(answers: Sequence[Scored], rule: Rule = DNO) -> list[Pair]:
    """All pairs that qualify, by the places of the better and of the worse answer."""
    loop = [loops(one.text) for one in answers]
    return [
        Pair(first, second, ahead)
        for first, better in enumerate(answers)
        if not loop[first]
        for second, worse in enumerate(answers)
        if better.score is not None and worse.score is not None
        if (ahead := better.score - worse.score) >= rule.margin(better.source) and better.score >= rule.least
        if better.text.strip() != worse.text.strip() and not better.source == worse.source == "teacher"
        if rule.student_wins or better.source == "teacher"
    ]


def row_of(prompt: Any, answers: Sequence[Scored], pair: Pair) -> dict[str, Any]:
    """A pair as a `preference` row: the prompt as it is, plain or a conversation, and answers of the same form."""
    better, worse = answers[pair.chosen], answers[pair.rejected]

    def said(text: str) -> Any:
        return text if isinstance(prompt, str) else [{"role": "assistant", "content": text}]

    return {
        "prompt": prompt,
        "chosen": said(better.text),
        "rejected": said(worse.text),
        "score_chosen": better.score,
        "score_rejected": worse.score,
        "margin": pair.margin,
        "source_chosen": better.source,
        "source_rejected": worse.source,
    }


def count_sources(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    """How many rows of each kind there are: `teacher>student`, `student>teacher`, `student>student`."""
    return dict(Counter(f"{row['source_chosen']}>{row['source_rejected']}" for row in rows))


def loops(text: str) -> bool:
    """Whether the text says the same block of words over and over; case and punctuation make no difference."""
    words = TOKEN.findall(text.casefold())
    for period in range(1, min(PERIOD, len(words) // TIMES) + 1):
        needed, run = max(period * TIMES, WORDS) - period, 0
        for at in range(len(words) - period):
            run = run + 1 if words[at] == words[at + period] else 0
            if run >= needed:
                return True
    return False


def shuffled(count: int, *, seed: int, key: str) -> list[int]:
    """In which order a judge sees so many answers: place -> answer. Another prompt (`key`) has another order."""
    order = list(range(count))
    number = int.from_bytes(hashlib.blake2b(f"{seed}/{key}".encode("utf-8", "surrogatepass"), digest_size=8).digest())
    Random(number).shuffle(order)
    return order


def in_place(order: Sequence[int], scores: Sequence[float | None]) -> list[float | None]:
    """Scores by answer, of scores by the place in which the answers were shown.

    Raises:
        UsageError: There is not a score for each place.
    """
    if len(order) != len(scores):
        raise UsageError(f"{len(scores)} scores for {len(order)} answers", hint="a score for each, null where none")
    found: list[float | None] = [None] * len(order)
    for answer, score in zip(order, scores, strict=True):
        found[answer] = score
    return found


def without_length_slope(
    scores: Sequence[Sequence[float | None]], lengths: Sequence[Sequence[float]]
) -> tuple[list[list[float | None]], float]:
    """Scores less what a judge gives for length alone, and that slope in points a unit of length.

    The slope is fitted within prompts, over all of them (least squares; a prompt's own level is taken out), so that
    prompts that want long answers do not count as bias. A prompt's mean score stays what it is. Answers without a score
    stay without one, and 0 is the slope where all lengths are equal.

    Args:
        scores: Of each prompt's answers, in the order of `lengths`.
        lengths: Of the same, in whatever unit.

    Raises:
        UsageError: There are not as many lengths as scores.
    """
    import numpy as np  # Here, so that the rule for pairs costs nothing to look at.

    known = [
        [(at, score, size) for at, (score, size) in enumerate(zip(mine, sizes, strict=True)) if score is not None]
        for mine, sizes in zip(checked_sizes(scores, lengths), lengths, strict=True)
    ]
    centred = [
        (np.array([score for _, score, _ in one]), np.array([size for *_, size in one], dtype=float))
        for one in known
        if one
    ]
    across = sum(float((sizes - sizes.mean()) @ (points - points.mean())) for points, sizes in centred)
    within = sum(float(np.sum((sizes - sizes.mean()) ** 2)) for _, sizes in centred)
    slope = across / within if within > 0 else 0.0
    found: list[list[float | None]] = [list(one) for one in scores]
    for prompt, one in enumerate(known):
        mean = sum(size for *_, size in one) / len(one) if one else 0.0
        for at, score, size in one:
            found[prompt][at] = score - slope * (size - mean)
    return found, slope


def checked_sizes(
    scores: Sequence[Sequence[float | None]], lengths: Sequence[Sequence[float]]
) -> Sequence[Sequence[float | None]]:
    """The scores, if there are as many lengths.

    Raises:
        UsageError: There are not.
    """
    if [len(one) for one in scores] != [len(one) for one in lengths]:
        raise UsageError("there is not a length for each score")
    return scores
