"""What a Reviser did to a response on the way to a reference: diagnostics of RevisEval's first step.

    diagnosis = diagnose(response, reference, guide=other_response, instruction=question)
    diagnosis.nearer_to_guide      # True: the reference is a copy of the other answer, not a revision of this one

RevisEval (Zhang et al., arXiv 2410.05193) takes its reference from one response, the other being shown as a guide. A
Reviser that returns the response as it is, copies the guide, or adds facts of its own makes the judgement say
something else than it seems to; the paper measures none of this.

Not covered: whether the revision is better; that is what calibration of the judge tells. Entities are found by their
spelling (capitals, digits), which fits English and similar scripts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from dikast.lazy import open_module

if TYPE_CHECKING:
    import numpy as np
else:
    np = open_module("numpy")

COPY_WORDS = 5
"""Words in a row that both texts share by copying rather than by chance; the 5-grams of duplicate detection in text
corpora (Lee et al., arXiv 2107.06499, use longer ones for whole passages)."""
COPIED_SHARE = 0.5
"""From this share of copied words on, a reference counts as copying its guide: most of it is the other answer."""
MAX_WORDS = 4000
"""Longer texts are compared by their first words: the edit distance takes time in the product of both lengths."""

WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*%?")
SENTENCE_OPENER = re.compile(r"(?:^|[.!?:]['\")\]]*\s+|\n\s*(?:[-*•]|\d+[.)])?\s*)\W*$")
OPENER_CHARACTERS = 12
"""How far before a word the end of the sentence before it is looked for."""
LIST_NUMBER = re.compile(r"^[ \t]*\d+[.)](?=\s)", re.MULTILINE)
NAME = re.compile(r"\b[A-Z][\w'’]*(?:[ -][A-Z][\w'’]*)*")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One revision. Shares and distances lie within 0..1.

    Args:
        unchanged: The reference is the response, but for white space.
        edit_distance: Words inserted, deleted or replaced between response and reference, by the longer's length.
        kept: Share of the response's words that the reference keeps, in order.
        copied: Share of the reference's words that lie in runs of at least 5 shared with the guide and not with the
            response; NaN without a guide.
        copies_guide: `copied` is at least 0.5.
        nearer_to_guide: The edit distance to the guide is smaller than that to the response: the reference belongs to
            the wrong response. False without a guide.
        entities: Names and numbers in the reference.
        added_entities: Those of them that stand neither in the response, nor in the guide, nor in the instruction.
    """

    unchanged: bool
    edit_distance: float
    kept: float
    copied: float
    copies_guide: bool
    nearer_to_guide: bool
    entities: tuple[str, ...]
    added_entities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RevisionSummary:
    """Many revisions.

    Args:
        n: Revisions.
        unchanged: Share returned as they were.
        edit_distance: Mean.
        kept: Mean.
        copies_guide: Share.
        nearer_to_guide: Share.
        added_entity_rate: Added entities by all entities of the references; NaN where there is none.
    """

    n: int
    unchanged: float
    edit_distance: float
    kept: float
    copies_guide: float
    nearer_to_guide: float
    added_entity_rate: float


def diagnose(response: str, reference: str, *, guide: str = "", instruction: str = "") -> Diagnosis:
    """Compare a response-adapted reference with what it was made from.

    Args:
        response: The primary text, which was to be revised.
        reference: What the Reviser returned.
        guide: The other response, if it was shown.
        instruction: What both answer; its names and numbers are not additions.
    """
    y, r, g = words(response), words(reference), words(guide)
    distance = edit_distance(y, r)
    copied = _copied_share(r, y, g) if guide else math.nan
    found = entities(reference)
    known = {word.lower() for text in (response, guide, instruction) for word in WORD.findall(text)}
    return Diagnosis(
        unchanged=response.split() == reference.split(),
        edit_distance=distance,
        kept=_common_length(y, r) / len(y) if y else 1.0,
        copied=copied,
        copies_guide=bool(guide) and copied >= COPIED_SHARE,
        nearer_to_guide=bool(guide) and edit_distance(g, r) < distance,
        entities=found,
        added_entities=tuple(name for name in found if not _is_known(name, known, (response, guide, instruction))),
    )


def summarise(diagnoses: Iterable[Diagnosis]) -> RevisionSummary:
    """Rates over many revisions; NaN throughout where there is none."""
    rows = list(diagnoses)
    total = sum(len(row.entities) for row in rows)

    def mean(values: Iterable[float]) -> float:
        return fmean(values) if rows else math.nan

    return RevisionSummary(
        n=len(rows),
        unchanged=mean(row.unchanged for row in rows),
        edit_distance=mean(row.edit_distance for row in rows),
        kept=mean(row.kept for row in rows),
        copies_guide=mean(row.copies_guide for row in rows),
        nearer_to_guide=mean(row.nearer_to_guide for row in rows),
        added_entity_rate=sum(len(row.added_entities) for row in rows) / total if total else math.nan,
    )


def words(text: str) -> list[str]:
    """Lower-case words and punctuation marks, the first 4,000."""
    return [word.lower() for word in WORD.findall(text)][:MAX_WORDS]


def edit_distance(first: Sequence[str], second: Sequence[str]) -> float:
    """Levenshtein distance over words by the length of the longer text, 0..1; two empty texts are equal."""
    longest = max(len(first), len(second))
    return _edits(first, second) / longest if longest else 0.0


def entities(text: str) -> tuple[str, ...]:
    """Names and numbers, each once, in order: numbers, and capitalised words that do not just open a sentence."""
    text = LIST_NUMBER.sub(lambda match: " " * len(match[0]), text)
    spans = [(m.start(), m[0]) for m in NUMBER.finditer(text)]
    spans += [(m.start(), name) for m in NAME.finditer(text) if (name := _without_opener(text, m))]
    return tuple(dict.fromkeys(name for _, name in sorted(spans)))


def _without_opener(text: str, match: re.Match[str]) -> str:
    """The name, less its first word where that is capitalised only because it opens a sentence."""
    before = max(0, match.start() - OPENER_CHARACTERS)
    opens = match.start() == 0 or SENTENCE_OPENER.search(text, before, match.start())
    name = match[0].partition(" ")[2] if opens else match[0]
    return "" if name == "I" else name


def _is_known(name: str, known: set[str], texts: tuple[str, ...]) -> bool:
    return all(word.lower() in known for word in WORD.findall(name)) or any(name in text for text in texts)


def _codes(*texts: Sequence[str]) -> list[np.ndarray]:
    numbers: dict[str, int] = {}
    return [np.array([numbers.setdefault(word, len(numbers)) for word in text], dtype=np.int64) for text in texts]


def _edits(first: Sequence[str], second: Sequence[str]) -> int:
    """Levenshtein distance, a row at a time.

    Within a row, insertions are a running minimum: d[j] = min over k <= j of (e[k] + j - k).
    """
    a, b = _codes(first, second)
    places = np.arange(len(b) + 1)
    row = places.copy()
    for i, word in enumerate(a, start=1):
        entered = np.empty_like(row)
        entered[0] = i
        entered[1:] = np.minimum(row[1:] + 1, row[:-1] + (b != word))
        row = np.minimum.accumulate(entered - places) + places
    return int(row[-1])


def _common_length(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, a row at a time."""
    a, b = _codes(first, second)
    row = np.zeros(len(b) + 1, dtype=np.int64)
    for word in a:
        matched = row.copy()
        matched[1:] = np.maximum(row[1:], row[:-1] + (b == word))
        row = np.maximum.accumulate(matched)
    return int(row[-1])


def _copied_share(reference: Sequence[str], response: Sequence[str], guide: Sequence[str]) -> float:
    """Share of the reference's words in 5-grams of the guide that the response does not have."""
    from_guide = _grams(guide) - _grams(response)
    covered: set[int] = set()
    for start in range(len(reference) - COPY_WORDS + 1):
        if tuple(reference[start : start + COPY_WORDS]) in from_guide:
            covered.update(range(start, start + COPY_WORDS))
    return len(covered) / len(reference) if reference else 0.0


def _grams(text: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(text[start : start + COPY_WORDS]) for start in range(len(text) - COPY_WORDS + 1)}
