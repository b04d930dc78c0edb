"""From what a run holds to rows of a data set: split by group, checked, leak-checked, with provenance.

    def rows(run, context):
        yield from sift(candidates(run, context), "preference")

A method says which rows there could be (`Candidate`) and which there cannot (`LeftOut`); everything else is the same
for all methods and stands here. Nothing is dropped in silence: what is left out is counted, by reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dikast.jobs.card import About
from dikast.jobs.exports import LeftOut, Split
from dikast.jobs.keys import digest
from dikast.training.rows import PROBLEMS, REST, TEXTS, WHOLE, Kind, problem_of, text_columns
from dikast.training.splits import SPLITS, Leaks, Shares, split_of

LEAK = "its prompt is in another split"
REPEAT = "the same prompt and answer came before"
HELD_OUT = "held out: its group is not in the training split"

COLUMNS: Mapping[str, str] = {
    "prompt": "what the model is asked",
    "completion": "what it says",
    "chosen": "the better answer",
    "rejected": "the worse one",
    "label": "whether the completion is good",
    "value": "how good the completion is",
    "completions": "the steps",
    "labels": "of steps: whether each is good; of tokens: the reference's ids, which are to be said",
    "input_ids": "ids of the reply as the model reads it",
    WHOLE: "the whole conversation",
}
"""Column -> what it holds."""
PROVENANCE: Mapping[str, str] = {
    "group": "hash of what is in one split as a whole",
    "id": "of the input",
    "key": "the run's row",
    "model": "who wrote the answer (of a pair, the chosen one); empty where it is not known",
    "seed": "of that call",
    "made_with": "name and hash of its prompt file",
}
"""Columns beside those that a trainer looks at -> what they hold."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an answer comes from.

    Args:
        id: The input's own id; empty if it has none.
        key: The run's row.
        model: Who wrote it, without secrets.
        seed: Of the call.
        made_with: The prompt file, `name@hash`.
    """

    id: str = ""
    key: str = ""
    model: str = ""
    seed: int | None = None
    made_with: str = ""

    @classmethod
    def of(cls, id: object, key: str, provenance: Mapping[str, Any] | None) -> Origin:
        """Of a call's provenance, as a journal has it; empty where there was no call."""
        source = provenance or dict[str, Any]()
        return cls(str(id), key, source.get("model", ""), source.get("seed"), source.get("prompt", ""))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that there could be.

    Args:
        row: The columns of its kind, and others of the method's own.
        group: Hash of what is in one split as a whole: a table, a query, an instruction (`splits.digest_of`).
        origin: Where the answer comes from.
    """

    row: Mapping[str, Any]
    group: str
    origin: Origin = field(default_factory=Origin)


def sift(
    candidates: Iterable[Candidate | LeftOut],
    kind: Kind,
    *,
    longest: int | None = None,
    shares: Shares = SPLITS,
    only: str | None = None,
) -> Iterator[Split | LeftOut]:
    """Split and row of each candidate that is one, and why the others are none.

    Args:
        candidates: Gone through once. Memory: two hashes a row.
        kind: What the rows are to be.
        longest: Of a row in characters; see `dikast.training.rows.problem_of`.
        shares: Of the groups.
        only: The one split that is wanted; rows of others are told as held out.
    """
    leaks, seen = Leaks(), set[bytes]()
    for one in candidates:
        if isinstance(one, LeftOut):
            yield one
            continue
        split = split_of(one.group, shares)
        why = refusal(one.row, kind, longest) or (HELD_OUT if only not in (None, split) else "")
        if not why:
            texts = text_columns(one.row, kind)
            said = digest([one.row.get(name) for name in (*texts, "completions", "input_ids", "epoch")])
            why = LEAK if not leaks.admits(split, one.row[texts[0]]) else REPEAT if said in seen else ""
            seen.add(said)
        yield LeftOut(why) if why else (split, arranged(one, kind))


def refusal(row: Mapping[str, Any], kind: Kind, longest: int | None) -> str:
    """What is wrong with a row, in words; empty if nothing is."""
    problem = problem_of(row, kind, longest=longest)
    return PROBLEMS[problem] if problem else ""


def arranged(one: Candidate, kind: Kind) -> dict[str, Any]:
    """The columns in one order: a trainer's, the method's own, provenance."""
    first = (*text_columns(one.row, kind), *REST[kind])
    origin = {name: getattr(one.origin, name) for name in PROVENANCE if name != "group"}
    return {
        **{name: one.row[name] for name in first},
        **{name: value for name, value in one.row.items() if name not in first},
        "group": one.group,
        **origin,
    }


def about(kind: Kind, what: str, own: Mapping[str, str] | None = None) -> About:
    """What the card of a method's training rows says.

    Args:
        kind: What the rows are.
        what: Which of a run's rows they are, how they were chosen, and what is not in them: a paragraph.
        own: Columns of the method's own -> what they hold.
    """
    names = (*TEXTS[kind], *REST[kind])
    text = (
        what,
        f"Rows of the kind `{kind}`, in TRL's column names; the other columns are provenance, which no trainer looks"
        " at. A group of rows is in one split as a whole, chosen by its hash, and no prompt is in two splits.",
    )
    meanings = {name: COLUMNS[name] for name in names} | dict(own or {}) | dict(PROVENANCE)
    return About(f"Training rows: {kind}", text, meanings)
