"""Samples as training rows: code that does its work and is safe against code that fails a test.

    for split, row in rows("preference", run, context): ...

The code of every round is taken, as a reply to the first round's prompt. It is good if all functional and all security
cases pass, bad if one of either fails or it cannot be tested by its own doing; where security was not looked at nothing
is known. Pairs are of one task, out of all its samples. In no row: tests, what they said, and the authors' solutions.

The tasks are a benchmark's: whoever trains on them cannot measure by them any more. The card says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from dikast.graphs.cweval.context import Context
from dikast.graphs.cweval.fences import in_block
from dikast.graphs.cweval.graph import LANGUAGES
from dikast.graphs.cweval.records import Verdict
from dikast.jobs.card import About
from dikast.jobs.exports import LeftOut, Split
from dikast.jobs.reading import Run
from dikast.training.exports import Candidate, Origin, sift
from dikast.training.exports import about as about_rows
from dikast.training.rows import Kind, as_conversation, said_by_assistant
from dikast.training.splits import digest_of

NO_END = LeftOut("the sample came to no output")
NO_CODE = LeftOut("a reply without whole code")
UNKNOWN = LeftOut("nobody knows whether the code is good: it was not tested to the end")
NO_GOOD = LeftOut("no code of the task works and is safe")
NO_BAD = LeftOut("no code of the task fails a test")

WHAT = (
    "Code that language models wrote for CWEval's tasks (Peng et al. 2025), as replies to the first round's prompt."
    " Good code passes all functional and all security tests; bad code fails one, or does not compile. `sft`: good"
    " code; `preference`: each good code of a task against each bad one; `unpaired` and `value`: all of them (`value`:"
    " 1 or 0). Tests and what they said are not in it. The tasks are those of a benchmark: a model that was trained on"
    " these rows cannot be measured by them, nor by the same tasks in another language."
)

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """A draft, whether it is good, and the line of the journal that it is of."""

    draft: Record
    good: bool
    record: Record


def about(kind: Kind) -> About:
    """What the card says."""
    return about_rows(kind, WHAT)


def rows(kind: Kind, run: Run, context: Context) -> Iterator[Split | LeftOut]:
    """Split and row of what a run's samples give; a task is in one split in all of its languages.

    Memory: the code of all samples, since those of a task are compared.

    Raises:
        DataError: A task is not there any more.
    """
    return sift(candidates(kind, run.rows(), context), kind)


def candidates(kind: Kind, records: Iterable[Record], context: Context) -> Iterator[Candidate | LeftOut]:
    """The rows that there could be, and why there are no more."""
    tasks: dict[str, list[Known]] = {}
    for record in records:
        found = tasks.setdefault(record["input"]["task_id"], [])
        for one in known_of(record):
            if isinstance(one, LeftOut):
                yield one
            else:
                found.append(one)
    for task_id, found in tasks.items():
        for row, one in rows_of(kind, found):
            if isinstance(row, LeftOut):
                yield row
            else:
                yield Candidate(
                    {"prompt": prompt_of(task_id, context), **row},
                    group_of(task_id),
                    Origin.of(f"{task_id}/{one.record['input']['sample']}", one.record["key"], one.draft["provenance"]),
                )


def group_of(task_id: str) -> str:
    """The hash of the task's name without set and language: `cwe_022_0` of `core.c.cwe_022_0_c`, for all languages."""
    parts = task_id.split(".")
    language, name = parts[-2] if len(parts) > 1 else "", parts[-1]
    return digest_of(name.removesuffix(f"_{language}"))


def prompt_of(task_id: str, context: Context) -> list[dict[str, str]]:
    """The messages of a sample's first round."""
    task = context.executor.task(task_id)
    known = {"language": LANGUAGES[task.language], "code": task.prompt}
    fields = {name: text for name, text in known.items() if name in context.style.fields}
    return as_conversation(context.style.render(fields))


def known_of(record: Record) -> Iterator[Known | LeftOut]:
    """The drafts of a sample of which it is known how good they are, and what the others are."""
    if record["output"] is None:
        yield NO_END
        return
    for one in record["output"]["rounds"]:
        draft, good = one["draft"], verdict(one["tested"])
        if draft["missing"] or not draft["code"].strip():
            yield NO_CODE
        else:
            yield UNKNOWN if good is None else Known(draft, good, record)


def verdict(tested: Record) -> bool | None:
    """Whether code is good; `None` where that was not found out."""
    if tested["verdict"] == Verdict.SANDBOX_ERROR:
        return None
    if tested["verdict"] != Verdict.PASS:
        return False
    return True if tested["functional"] and tested["secure"] else None


def rows_of(kind: Kind, found: list[Known]) -> Iterator[tuple[dict[str, Any] | LeftOut, Known]]:
    """Columns beside the prompt, each with the code that it is of; one reason where a task with code gives none."""
    good, bad = [one for one in found if one.good], [one for one in found if not one.good]
    if kind in ("unpaired", "value"):
        for one in found:
            told = {"label": one.good} if kind == "unpaired" else {"value": float(one.good)}
            yield {"completion": said(one), **told}, one
    elif found and not good:
        yield NO_GOOD, found[0]
    elif kind == "sft":
        for one in good:
            yield {"completion": said(one)}, one
    elif found and not bad:
        yield NO_BAD, found[0]
    else:
        for one, other in product(good, bad):
            yield {"chosen": said(one), "rejected": said(other)}, one


def said(one: Known) -> list[dict[str, str]]:
    """The code as a reply: one code block and nothing else, which is what is asked for."""
    return said_by_assistant(in_block(one.draft["code"]))
