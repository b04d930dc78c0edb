"""Games as training rows: a question as the Solver is first asked it, and programs that are known to be right or wrong.

    for split, row in rows("preference", run, context): ...

A program is known to be right or wrong where the run knew the gold answer: the one that was decided for, and those that
gave an equal answer, are as right as the question's end; beside a right one, a program of another answer or of none is
wrong. Beside a wrong one only programs without an answer are known (to be wrong, too); the others are left out.

In no row: answers, cells, and the codes that later tries were told. Whether a program is right does tell of the gold
answer, as any such training does: groups are tables, so that no held-out table has a program here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dikast.graphs.hidden_tables.context import Context
from dikast.graphs.hidden_tables.language import PYTHON, Language
from dikast.graphs.hidden_tables.options import oracle_of
from dikast.graphs.hidden_tables.rounds import fields_of, quote_earlier
from dikast.jobs.card import About
from dikast.jobs.exports import LeftOut, Split
from dikast.jobs.reading import Run
from dikast.tables.oracle import TableOracle
from dikast.training.exports import Candidate, Origin, sift
from dikast.training.exports import about as about_rows
from dikast.training.rows import Kind, as_conversation, said_by_assistant

OPEN_TABLES = 64
UNKNOWN = LeftOut("nobody knows whether the question was answered rightly")
NO_END = LeftOut("the game came to no output")
UNDECIDED = LeftOut("nothing is known of a program's answer beside a wrong one")
NO_RIGHT = LeftOut("no program of the question was right")
NO_WRONG = LeftOut("no program of the question was wrong")
ANSWERED = ("ok", "empty")
"""Ends of a program that gave an answer."""

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """A program of which it is known whether it is right, and the draft that it comes from."""

    draft: Record
    right: bool


WHAT = (
    "Programs that a language model wrote for tables that it does not see (HiddenTables, Watson et al., EMNLP 2023), as"
    " replies to the first try's prompt, also where they were written in a later one. `sft`: right programs;"
    " `preference`: each right program of a question against each wrong one; `unpaired` and `value`: every program of"
    " which it is known whether it is right (`value`: 1 or 0). No answer and no cell is in it."
)


def about(kind: Kind) -> About:
    """What the card says."""
    return about_rows(kind, WHAT)


def rows(kind: Kind, run: Run, context: Context) -> Iterator[Split | LeftOut]:
    """Split and row of what a run's games give; all questions of a table are in one split, that of `pyqtax`.

    Raises:
        DataError: A table is not there any more.
    """
    return sift(candidates(kind, run.rows(), oracle_of(context), context), kind)


def candidates(
    kind: Kind, records: Iterable[Record], owner: TableOracle, context: Context
) -> Iterator[Candidate | LeftOut]:
    """The rows that there could be, and why there are no more."""
    digest = lru_cache(OPEN_TABLES)(owner.digest)
    for record in records:
        if record["output"] is None:
            yield NO_END
            continue
        turns = record["output"]["turns"]
        for position, turn in enumerate(turns):
            if turn["correct"] is None:
                yield UNKNOWN
                continue
            found, undecided = known_programs(record["output"], position, turn)
            yield from (UNDECIDED for _ in range(undecided))
            earlier = quote_earlier(turns[:position], context.samples, context.written_in)
            prompt = prompt_of(context, turn, earlier)
            for row, draft in rows_of(kind, found, context.written_in):
                if isinstance(row, LeftOut):
                    yield row
                else:
                    group = digest(record["input"]["table"])
                    origin = Origin.of(turn["id"], record["key"], draft["provenance"])
                    yield Candidate({"prompt": prompt, **row}, group, origin)


def prompt_of(context: Context, turn: Record, earlier: str) -> list[dict[str, str]]:
    """The messages of a question's first try."""
    fields = fields_of(context.prompt, turn["schema"], earlier, turn["question"])
    return as_conversation(context.prompt.render(fields))


def known_programs(output: Record, position: int, turn: Record) -> tuple[list[Known], int]:
    """The question's programs of which it is known how right they are, each once, and how many others there are."""
    drafts = {(one["round"], one["sample"]): one for one in output["drafts"] if one["turn"] == position}
    closed = [one for one in output["rounds"] if one["turn"] == position]
    found: dict[str, Known] = {}
    undecided = 0
    for round_ in sorted(closed, key=lambda one: one["round"]):
        last = not round_["feedback"]
        group = next((one["group"] for one in round_["executions"] if one["sample"] == round_["chosen"]), None)
        for one in round_["executions"]:
            draft = drafts[round_["round"], one["sample"]]
            if not draft["program"] or draft["program"] in found:
                continue
            right = verdict(one, decided=last and turn["correct"], group=group, last=last, correct=turn["correct"])
            if right is None:
                undecided += 1
            else:
                found[draft["program"]] = Known(draft, right)
    return list(found.values()), undecided


def verdict(execution: Record, *, decided: bool, group: int | None, last: bool, correct: bool) -> bool | None:
    """Whether a program is right; `None` where nothing is known of it."""
    if execution["status"] not in ANSWERED:
        return False
    if last and execution["group"] == group:
        return correct
    return False if decided else None


def rows_of(
    kind: Kind, found: list[Known], language: Language = PYTHON
) -> Iterator[tuple[dict[str, Any] | LeftOut, Record]]:
    """Columns beside the prompt, each with the draft that it comes from."""
    right, wrong = [one for one in found if one.right], [one for one in found if not one.right]
    nothing: Record = {}
    if kind in ("unpaired", "value"):
        for one in found:
            told = one.right if kind == "unpaired" else float(one.right)
            name = "label" if kind == "unpaired" else "value"
            yield {"completion": said(one, language), name: told}, one.draft
    elif not right:
        yield NO_RIGHT, nothing
    elif kind == "sft":
        for one in right:
            yield {"completion": said(one, language)}, one.draft
    elif not wrong:
        yield NO_WRONG, nothing
    else:
        for one, other in ((one, other) for one in right for other in wrong):
            yield {"chosen": said(one, language), "rejected": said(other, language)}, one.draft


def said(one: Known, language: Language) -> list[dict[str, str]]:
    """The program as a reply: one code block and nothing else, which is what is asked for."""
    return said_by_assistant(language.quoted(one.draft["program"].rstrip() + "\n"))
