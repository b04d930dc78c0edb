"""LLMBar (Zeng et al., arXiv 2310.07641): its pairs, its recorded judges, and its own statistics.

    gold = gold_of(read_pairs("pairs.jsonl"))
    runs = read_recorded("recorded_judgments.jsonl")
    official_statistics([run.verdict() for run in runs if run.evaluator == "GPT-4/CoT"], gold)

A pair is `{"input", "output_1", "output_2", "label": 1 | 2}`, `id` and `subset` optional; the published files are JSON
lists, the packed ones JSON Lines.

Not covered: the published kappa, which compares winners "1"/"2" with "0"/"1" and is wrong;
`dikast.evaluation.agreement` has the right one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dikast.errors import DataError
from dikast.evaluation.interchange.winners import read_winner
from dikast.evaluation.items import Pair
from dikast.row import Row
from dikast.rows import read_rows
from dikast.verdicts import PairVerdict, VerdictFormat, Winner, read_verdict, winner_of

PHRASE_EVALUATORS = frozenset({"GPT-4", "ChatGPT", "LLaMA2"})
"""Models whose chain-of-thought judges were told to end with "Output (x) is better."; all others begin with it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One recorded judgement.

    Args:
        completion: What the judge said; `None` for a rating judge, whose winner follows from two scores.
        winner: What the official program read, as the response's own number.
    """

    completion: str | None
    winner: Winner | None


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a recorded judge: text made on the way (`aux`), or a judgement in both orders."""

    aux: str | None = None
    ab: Reply | None = None
    ba: Reply | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """All that one judge said about one pair; its last stage decides."""

    id: str
    evaluator: str
    stages: tuple[Stage, ...]

    @property
    def form(self) -> VerdictFormat:
        """How this judge was asked to answer."""
        model, _, method = self.evaluator.partition("/")
        return "phrase" if model in PHRASE_EVALUATORS and "CoT" in method else "line"

    def verdict(self) -> PairVerdict:
        """The last stage, read anew from its completions; a rating judge's as recorded.

        Raises:
            DataError: The last stage holds no judgement.
        """
        last = self.stages[-1] if self.stages else Stage()
        if last.ab is None or last.ba is None:
            raise DataError(f"{self.evaluator} on {self.id!r}: the last stage has no verdict")
        return PairVerdict(self.id, self._read(last.ab, swapped=False), self._read(last.ba, swapped=True))

    def _read(self, reply: Reply, *, swapped: bool) -> Winner | None:
        if reply.completion is None:
            return reply.winner
        return winner_of(read_verdict(reply.completion, self.form), swapped=swapped)


def read_pairs(path: str | Path) -> list[Pair]:
    """The file's pairs, in its order.

    Raises:
        DataError: A field is missing or a label is no verdict; says file, line and field.
    """
    return [
        Pair(
            id=record.text("id", default=str(record.place)),
            instruction=record.text("input"),
            response_1=record.text("output_1"),
            response_2=record.text("output_2"),
            gold=read_winner(record, "label"),
            group=record.text("subset", default=""),
        )
        for record in read_rows(path)
    ]


def read_recorded(path: str | Path) -> list[Recorded]:
    """Recorded judges: `{"id", "evaluator", "steps": [{"aux"} | {"AB", "BA"}, ...]}`.

    Raises:
        DataError: A record is malformed; says file, line and field.
    """
    return [
        Recorded(record.text("id"), record.text("evaluator"), tuple(_stage(step) for step in record.children("steps")))
        for record in read_rows(path)
    ]


def _stage(step: Row) -> Stage:
    if "aux" in step.values:
        return Stage(aux=step.text("aux"))
    return Stage(ab=_reply(step.child("AB")), ba=_reply(step.child("BA")))


def _reply(record: Row) -> Reply:
    completion = record.text("completion") if "completion" in record.values else None
    return Reply(completion, None if record.value("winner") is None else read_winner(record, "winner"))


def official_statistics(verdicts: Sequence[PairVerdict], gold: Mapping[str, Winner]) -> dict[str, str]:
    """The fields that LLMBar's program reports for a run, digit for digit, but for its wrong kappas.

    `correct_False`/`correct_True` = right with response 1/2 shown first; `equal` = the same winner in both orders, two
    unparsed replies counting as equal.

    Raises:
        DataError: A verdict has no gold label, or there is none.
    """
    missing = [verdict.id for verdict in verdicts if verdict.id not in gold]
    if missing or not verdicts:
        raise DataError(f"no gold label for {missing[0]!r}" if missing else "no verdicts")
    ab = [verdict.ab == gold[verdict.id] for verdict in verdicts]
    ba = [verdict.ba == gold[verdict.id] for verdict in verdicts]
    both = [one and other for one, other in zip(ab, ba, strict=True)]
    n = len(verdicts)
    return {
        "correct_False": _share(sum(ab), n),
        "correct_True": _share(sum(ba), n),
        "correct_average": f"{(sum(ab) + sum(ba)) / 2 / n * 100}%",
        "correct_both": _share(sum(both), n),
        "equal": _share(sum(verdict.ab == verdict.ba for verdict in verdicts), n),
    }


def _share(count: int, n: int) -> str:
    return f"{count} / {n} = {count / n * 100}%"
