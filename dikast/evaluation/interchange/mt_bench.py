"""MT-Bench files (FastChat's llm_judge; Zheng et al., arXiv 2306.05685): questions, answers, judgments.

    questions = read_questions("question.jsonl")
    pairs = pairs_of(questions, read_answers("a.jsonl"), read_answers("b.jsonl"))
    write_jsonl("gpt-4_pair.jsonl", judgment_rows(verdicts, "a", "b", judge=("my-judge", "pair-v1")))

Not covered: FastChat's prompts, and its scores of single answers by turn beyond reading them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dikast.conversation import Message
from dikast.errors import DataError
from dikast.evaluation.interchange.winners import read_winner
from dikast.evaluation.items import Pair
from dikast.row import Row
from dikast.rows import read_rows
from dikast.verdicts import PairVerdict, Winner

MODELS: Mapping[Winner | None, str] = {"1": "model_1", "2": "model_2", "tie": "tie", None: "error"}
"""FastChat writes `error` where no verdict could be read."""
NUMBER = re.compile(r"0|[1-9][0-9]*")
"""FastChat's question ids are numbers."""
UNSCORED = -1
"""FastChat's score of a judgment that could not be read."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question, one text a turn; `references` are given answers, one a turn, for the exact categories."""

    id: str
    category: str
    turns: tuple[str, ...]
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PairJudgment:
    """One judged pair of models on one question."""

    question_id: str
    model_1: str
    model_2: str
    judge: tuple[str, ...]
    turn: int
    verdict: PairVerdict


@dataclass(frozen=True, slots=True)
class ScoreJudgment:
    """One scored answer; `score` is `None` if unparsed."""

    question_id: str
    model: str
    judge: tuple[str, ...]
    turn: int
    score: float | None


def read_questions(path: str | Path) -> dict[str, Question]:
    """Question id -> question.

    Raises:
        DataError: A field is missing or a question occurs twice; says file, line and field.
    """
    found: dict[str, Question] = {}
    for record in read_rows(path):
        id_ = record.text("question_id")
        if id_ in found:
            raise record.error("question_id", f"{id_!r} occurs twice")
        if not record.strings("turns"):
            raise record.error("turns", "no question")
        given = record.strings("reference") if "reference" in record.values else ()
        found[id_] = Question(id_, record.text("category", default=""), record.strings("turns"), given)
    return found


def read_answers(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Question id -> one answer a turn (the first choice); the last of several answers to a question counts.

    Raises:
        DataError: A field is missing; says file, line and field.
    """
    found: dict[str, tuple[str, ...]] = {}
    for record in read_rows(path):
        choices = record.children("choices")
        if not choices:
            raise record.error("choices", "no answer")
        turns = choices[0].strings("turns")
        if not turns:
            raise record.error("choices", "an answer without a turn")
        found[record.text("question_id")] = turns
    return found


def pairs_of(
    questions: Mapping[str, Question],
    answers_1: Mapping[str, tuple[str, ...]],
    answers_2: Mapping[str, tuple[str, ...]],
    references: Mapping[str, tuple[str, ...]] | None = None,
    *,
    turn: int = 1,
) -> list[Pair]:
    """One turn of two models' answers, side by side, for every question that both answered so far.

    Args:
        questions: As `read_questions` gives them.
        answers_1: One model's answers.
        answers_2: The other's.
        references: Reference answers; the questions' own where left out.
        turn: Which one, from 1; a later one has each model's conversation before it.

    Raises:
        DataError: An answer belongs to no question.
    """
    unknown = next((id_ for id_ in (*answers_1, *answers_2) if id_ not in questions), None)
    if unknown is not None:
        raise DataError(f"an answer to question {unknown!r}, which is not in the question file")
    given = {id_: question.references for id_, question in questions.items()} if references is None else references
    return [
        Pair(
            id=id_ if turn == 1 else f"{id_} turn {turn}",
            instruction=question.turns[turn - 1],
            response_1=answers_1[id_][turn - 1],
            response_2=answers_2[id_][turn - 1],
            reference=(*given.get(id_, ()), *[""] * turn)[turn - 1],
            group=question.category,
            before_1=_before(question, answers_1[id_], turn),
            before_2=_before(question, answers_2[id_], turn),
        )
        for id_, question in questions.items()
        if min(len(question.turns), len(answers_1.get(id_, ())), len(answers_2.get(id_, ()))) >= turn
    ]


def _before(question: Question, answers: tuple[str, ...], turn: int) -> tuple[Message, ...]:
    """The conversation up to a later turn's question."""
    if turn == 1:
        return ()
    earlier = [
        message
        for asked, answer in zip(question.turns[: turn - 1], answers, strict=False)
        for message in (Message(role="user", content=asked), Message(role="assistant", content=answer))
    ]
    return (*earlier, Message(role="user", content=question.turns[turn - 1]))


def left_out(
    questions: Mapping[str, Question],
    answers_1: Mapping[str, tuple[str, ...]],
    answers_2: Mapping[str, tuple[str, ...]],
    *,
    turns: int = 1,
) -> dict[str, str]:
    """What is in no pair of `pairs_of`, taken of the first `turns` -> why."""
    found: dict[str, str] = {}
    for id_, question in questions.items():
        silent = [name for name, answers in (("1", answers_1), ("2", answers_2)) if id_ not in answers]
        if silent:
            found[id_] = f"not answered by model {' and '.join(silent)}"
            continue
        answered = min(len(answers_1[id_]), len(answers_2[id_]))
        if answered < min(turns, len(question.turns)):
            found[f"{id_} from turn {answered + 1}"] = "not answered by both"
        elif len(question.turns) > turns:
            found[f"{id_} from turn {turns + 1}"] = "only the first turn is compared"
    return found


def read_pair_judgments(path: str | Path) -> list[PairJudgment]:
    """FastChat's `*_pair.jsonl`: both games of each match.

    Raises:
        DataError: A field is missing or a winner is unknown; says file, line and field.
    """
    return [
        PairJudgment(
            record.text("question_id"),
            record.text("model_1"),
            record.text("model_2"),
            record.strings("judge"),
            int(record.number("turn")) if "turn" in record.values else 1,
            PairVerdict(record.text("question_id"), _winner(record, "g1_winner"), _winner(record, "g2_winner")),
        )
        for record in read_rows(path)
    ]


def read_score_judgments(path: str | Path) -> list[ScoreJudgment]:
    """FastChat's `*_single.jsonl`: one score an answer and turn.

    Raises:
        DataError: A field is missing; says file, line and field.
    """
    found: list[ScoreJudgment] = []
    for record in read_rows(path):
        score = record.number("score")
        found.append(
            ScoreJudgment(
                record.text("question_id"),
                record.text("model"),
                record.strings("judge"),
                int(record.number("turn")),
                None if score == UNSCORED else score,
            )
        )
    return found


def judgment_rows(
    verdicts: Iterable[PairVerdict], model_1: str, model_2: str, *, judge: tuple[str, str], turn: int = 1
) -> list[dict[str, object]]:
    """Rows that FastChat's `show_result.py --mode pairwise-all` reads; `judge` is (model, prompt's name)."""
    return [
        {
            "question_id": _question(verdict.id),
            "model_1": model_1,
            "model_2": model_2,
            "g1_winner": MODELS[verdict.ab],
            "g2_winner": MODELS[verdict.ba],
            "judge": list(judge),
            "turn": turn,
        }
        for verdict in verdicts
    ]


def score_rows(
    scores: Iterable[tuple[str, str, float | None]], *, judge: tuple[str, str], turn: int = 1
) -> list[dict[str, object]]:
    """Rows of a `*_single.jsonl`, from (question, model, score); an unparsed score is -1 there."""
    return [
        {
            "question_id": _question(id_),
            "model": model,
            "judge": list(judge),
            "turn": turn,
            "score": UNSCORED if score is None else score,
        }
        for id_, model, score in scores
    ]


def _question(id_: str) -> int | str:
    return int(id_) if NUMBER.fullmatch(id_) else id_


def _winner(record: Row, field: str) -> Winner | None:
    return None if record.text(field) == "error" else read_winner(record, field)
