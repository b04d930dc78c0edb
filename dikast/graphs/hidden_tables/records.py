"""What a game of HiddenTables writes down, all of it JSON.

A game has turns (a question and its follow-ups), a turn has rounds (tries), a round has drafts (one reply a sample).
No record holds an answer or a cell, but `Turn.answer` where the owner allows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired

from typing_extensions import TypedDict


class Draft(TypedDict):
    """One reply of the Solver.

    `problem` says why there is no program (`no_code`, `many_blocks`, `cut`); `remark` is a critic's objection. `text`
    is the reply, cut, where there is no program in it.
    """

    turn: int
    round: int
    sample: int
    program: str
    problem: str
    text: str
    outcome: str
    reason: str
    usage: dict[str, float]
    provenance: dict[str, Any]


class Reviewed(TypedDict):
    """A critic's word on a draft. `approved` is `None` where it said nothing that could be read."""

    turn: int
    round: int
    sample: int
    approved: bool | None
    remark: str
    outcome: str
    reason: str


class Execution(TypedDict):
    """One program's end: `status` for the owner, `code` as the Solver may be told, `group` equal for equal answers."""

    sample: int
    status: str
    code: str
    group: int | None


class Round(TypedDict):
    """One try. `feedback` is what the Solver was told, if anything; `bits` the most that it can have learnt by it."""

    turn: int
    round: int
    executions: list[Execution]
    chosen: int | None
    feedback: str
    bits: float


class Kept(TypedDict):
    """What a turn keeps of an answer."""

    answer: list[str] | None
    table: Mapping[str, Any] | None


class Pasting(TypedDict):
    """What the question would have taken with its table in the prompt, as CSV; counted, and never sent.

    `tokens` are of the table and the question, without instructions and reply; `counted` of the table's `rows` were
    counted, the rest taken in proportion. `by` is `model`, whose tokenizer the Solver's engine has, or `characters`,
    four a token.
    """

    rows: int
    counted: int
    tokens: int
    by: str


class Turn(TypedDict):
    """One question's end. `status` is the last program's, else why there was none; `answer` only where allowed.

    `table` is a grouped or tabular answer with its labels: `{"columns": [...], "rows": [[...], ...]}`. `pasted` is
    there where the run counts it.
    """

    id: str
    question: str
    schema: str
    rounds: int
    status: str
    program: str
    correct: bool | None
    answer: list[str] | None
    table: Mapping[str, Any] | None
    pasted: NotRequired[Pasting]
    outcome: str
    reason: str
