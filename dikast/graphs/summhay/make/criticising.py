"""The rules by which insights are rejected, on words alone: vague ones, and such of which another says most.

Two insights overlap where the oracle that reads documents could take one for the other: the greater of the shares of
the one's terms in the other (`dikast.graphs.summhay.make.words`) is `OVERLAP` or more. Of the 2,080 pairs of insights
in the one released haystack here 2 do, with .50 and .54. The measure is the same for both, so that what passes here can
be told apart there. Of a plan of somebody's own only those are refused which the oracle would take for one another when
words decide (`CUT`); those in between are told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from dikast.errors import DataError
from dikast.graphs.summhay.make.content import fields_of, insights_of
from dikast.graphs.summhay.make.records import Content, PlannedSubtopic, Rejected
from dikast.graphs.summhay.make.words import ABSENT, CUT, WordOracle, is_specific, terms_of

OVERLAP = ABSENT
"""Below it a document that says the one is never in doubt about the other."""
SAME_SUBTOPIC = 0.6
"""Share of the terms of two subtopics that both have, from which on they are one."""
LONGEST = 80
"""Words: the longest insight released has 38."""
WORDS_RULE = "words"


def objections(insights: Sequence[str], specific: bool, overlap: float = OVERLAP) -> Iterator[tuple[int, str]]:
    """Which of some insights are rejected, and why; the earlier of two that overlap stays.

    Args:
        insights: All, those that are accepted already first.
        specific: Whether each needs a number or a name.
        overlap: From which share on two overlap.
    """
    shares = [WordOracle(insights).read(one) for one in insights] if insights else []
    kept: list[int] = []
    for number, insight in enumerate(insights):
        over = next((one for one in kept if max(shares[one][number], shares[number][one]) >= overlap), None)
        if not terms_of(insight):
            yield number, "it has no words"
        elif len(insight.split()) > LONGEST:
            yield number, f"it is longer than {LONGEST} words"
        elif specific and not is_specific(insight):
            yield number, "it is vague: it has no number and no name"
        elif over is not None:
            share = max(shares[over][number], shares[number][over])
            yield number, f"{share:.0%} of its words are those of another: {insights[over]!r:.80}"
        else:
            kept.append(number)


def refuse_content(content: Content, specific: bool, path: Path | None = None) -> None:
    """Refuse a plan whose insights cannot be told apart, or are vague.

    Raises:
        DataError: One is; names the file and the field.
    """
    rejected = dict(objections([one["insight"] for one in insights_of(content)], specific, CUT))
    for number, (field, _, insight) in enumerate(fields_of(content)):
        if number in rejected:
            hint = "change it or take it out"
            hint += "" if "vague" not in rejected[number] else "; or allow such insights: --no-specific"
            raise DataError(f"{insight!r:.80}: {rejected[number]}", path=path, field=field, hint=hint)


def close_calls(content: Content) -> list[tuple[str, str]]:
    """Insights of a plan that another comes near to: the field, and what is near."""
    near = dict(objections([one["insight"] for one in insights_of(content)], specific=False))
    return [(field, near[number]) for number, (field, _, _) in enumerate(fields_of(content)) if number in near]


def distinct(accepted: Sequence[PlannedSubtopic], suggested: Sequence[PlannedSubtopic]) -> Iterator[bool]:
    """Of each suggested subtopic, whether it is another than those accepted and those before it."""
    known = [_terms(one) for one in accepted]
    names = {one["name"].casefold() for one in accepted}
    for one in suggested:
        own = _terms(one)
        new = one["name"].casefold() not in names and all(_alike(own, other) < SAME_SUBTOPIC for other in known)
        if new:
            known.append(own)
            names.add(one["name"].casefold())
        yield new


def _terms(subtopic: PlannedSubtopic) -> set[str]:
    return set(terms_of(f"{subtopic['name']} {subtopic['subtopic']}"))


def _alike(one: set[str], two: set[str]) -> float:
    return len(one & two) / len(one | two) if one | two else 1.0


def rejections(candidates: Content, accepted: Sequence[str], specific: bool) -> dict[int, Rejected]:
    """Candidates, by their number, that the rules reject beside what is accepted."""
    fields = list(fields_of(candidates))
    every = [*accepted, *(text for _, _, text in fields)]
    return {
        number - len(accepted): Rejected(
            subtopic=fields[number - len(accepted)][1],
            text=fields[number - len(accepted)][2],
            reason=reason,
            by=WORDS_RULE,
        )
        for number, reason in objections(every, specific)
        if number >= len(accepted)
    }
