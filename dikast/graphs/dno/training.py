"""Scored answers as training rows: DNO's pairs, the best answer of each prompt, every answer with its score.

    for split, row in rows("preference", run, context): ...

With `Context.scores = "residual"` the scores are the judge's less what it gives for length alone, by one slope fitted
over all rows of the run; the pairs are then made anew, by the same rule. Prompts and answers are conversations, since a
student was asked through its chat template. In no row: the judge's words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from dikast.graphs.dno.context import Context
from dikast.graphs.dno.conversation import messages_of
from dikast.graphs.dno.pairing import Points, answers_of, pairs_among, residual_scores, rule_of, scored_of
from dikast.graphs.dno.records import Answer
from dikast.jobs.card import About
from dikast.jobs.exports import LeftOut, Split
from dikast.jobs.reading import Run
from dikast.training.exports import Candidate, Origin, sift
from dikast.training.exports import about as about_rows
from dikast.training.pairs import Pair, Scored, row_of
from dikast.training.rows import Kind, as_conversation, said_by_assistant
from dikast.training.splits import digest_of

FAILED = LeftOut("the row failed")
UNSCORED = LeftOut("no score: the judge's reply could not be read, or there was nothing to compare")
NO_PAIR = LeftOut("no two answers are far enough apart, or none is good enough")
NO_GOOD = LeftOut("no answer is good enough")

Record = Mapping[str, Any]
WHAT = (
    "Answers of a student and gold answers, scored side by side by a judge (Direct Nash Optimization, Rosset et al."
    " 2024). `preference`: all pairs that qualify by the run's rule; `sft`: the best answer of each prompt, if it is"
    " good enough to be the better one of a pair; `value`: every answer with its score. The scores are a language"
    " model's, not people's; its words are not in it. An answer that repeats itself is never a better one."
)
PAIR_COLUMNS = {
    "score_chosen": "points of the better answer, of 6",
    "score_rejected": "points of the worse one",
    "margin": "points between them",
    "source_chosen": "`teacher` for a gold answer, else `student`",
    "source_rejected": "the same",
    "length_chosen": "characters",
    "length_rejected": "characters",
}
OWN: Mapping[str, Mapping[str, str]] = {
    "preference": PAIR_COLUMNS,
    "sft": {"score": "its points", "source": "who wrote it"},
    "value": {"source": "who wrote it"},
}
ITERATION = {"iteration": "of DNO, from 1"}


def about(kind: Kind) -> About:
    """What the card says."""
    return about_rows(kind, WHAT, {**OWN[kind], **ITERATION})


def rows(kind: Kind, run: Run, context: Context) -> Iterator[Split | LeftOut]:
    """Split and row of what a run gives; rows with one prompt are in one split."""
    return sift(candidates(kind, run.rows, context), kind)


def candidates(kind: Kind, records: Callable[[], Iterable[Record]], context: Context) -> Iterator[Candidate | LeftOut]:
    """The rows that there could be, and why there are no more.

    Args:
        kind: What the rows are to be.
        records: Gives the journal's lines anew at each call; called twice for residual scores.
        context: The rule, and by which scores.
    """
    scores = scores_of(records(), context) if context.scores == "residual" else None
    for record in records():
        answers = answers_of(record)
        if answers is None:
            yield FAILED
        else:
            mine = None if scores is None else next(scores)
            yield from of_row(kind, record, answers, scored_of(answers, mine), mine, context)


def scores_of(records: Iterable[Record], context: Context) -> Iterator[Points]:
    """The residual scores of each row that did not fail, in their order."""
    del context
    found, _ = residual_scores(answers for record in records if (answers := answers_of(record)) is not None)
    return iter(found)


def of_row(
    kind: Kind,
    record: Record,
    answers: Sequence[Answer],
    scored: Sequence[Scored],
    scores: Points | None,
    context: Context,
) -> Iterator[Candidate | LeftOut]:
    """What one prompt's answers give."""
    if all(one.score is None for one in scored):
        yield UNSCORED
        return
    if kind == "value":
        for place, one in enumerate(scored):
            if one.score is not None:
                columns = {"completion": said_by_assistant(one.text), "value": one.score, "source": one.source}
                yield candidate(record, answers[place], columns, context)
    elif kind == "sft":
        good = [place for place, one in enumerate(scored) if is_good(one, answers[place], context)]
        if not good:
            yield NO_GOOD
            return
        best = max(good, key=lambda place: (scored[place].score or 0.0, -place))
        one = scored[best]
        columns = {"completion": said_by_assistant(one.text), "score": one.score, "source": one.source}
        yield candidate(record, answers[best], columns, context)
    else:
        yield from of_pairs(record, answers, scored, scores, context)


def is_good(one: Scored, answer: Answer, context: Context) -> bool:
    """Whether an answer could be the better one of a pair."""
    allowed = context.rule == "all" or one.source == "teacher"
    return one.score is not None and one.score >= context.least and not answer["loops"] and allowed


def of_pairs(
    record: Record, answers: Sequence[Answer], scored: Sequence[Scored], scores: Points | None, context: Context
) -> Iterator[Candidate | LeftOut]:
    """All pairs of a prompt that qualify."""
    pairs = pairs_among(answers, rule_of(context), scores)
    if not pairs:
        yield NO_PAIR
    for one in pairs:
        row = row_of([], scored, Pair(one["chosen"], one["rejected"], one["margin"]))
        lengths = {
            "length_chosen": answers[one["chosen"]]["length"],
            "length_rejected": answers[one["rejected"]]["length"],
        }
        columns = {name: value for name, value in row.items() if name != "prompt"} | lengths
        yield candidate(record, answers[one["chosen"]], columns, context)


def candidate(record: Record, answer: Answer, columns: Mapping[str, Any], context: Context) -> Candidate:
    """A row; the answer is that whose writer is told."""
    prompt = as_conversation(messages_of(record["input"]))
    origin = Origin.of(record["input"].get("id", ""), record["key"], answer["provenance"])
    return Candidate({"prompt": prompt, **columns, "iteration": context.iteration}, digest_of(prompt), origin)
