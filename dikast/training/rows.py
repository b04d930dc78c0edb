"""Training rows in TRL's column names, and what is wrong with one.

    problem_of({"prompt": "2 + 2?", "chosen": "4", "rejected": "4"}, "preference")     # "same"
    checked = read("pairs.parquet", "preference", longest=4_000)
    checked.rows, checked.left_out                                                       # left out: why -> how many

| kind | columns | for |
| --- | --- | --- |
| `sft` | `prompt`, `completion`; or `messages` | SFTTrainer |
| `preference` | `prompt`, `chosen`, `rejected` | DPOTrainer, RewardTrainer |
| `unpaired` | `prompt`, `completion`, `label` (true, false) | KTOTrainer |
| `stepwise` | `prompt`, `completions`, `labels` (a truth value a step) | TRL's format up to 1.10; a value head here |
| `value` | `prompt`, `completion`, `value` (a number) | regression; TRL has no such format |
| `tokens` | `prompt`, `input_ids`, `labels` | SFT on token ids, where what is read is not what is said: BASH |

A text is plain (TRL calls it standard), or a list of messages with `role` and `content` (conversational); all texts of
a row are of one form. The ids of `tokens` are the reply's alone, by the tokenizer of the model that is trained; TRL has
no such format. Every other column is provenance, and is kept beside: `for_trainer` leaves it out.

Source: TRL 1.16, "Dataset formats and types". Not taken: preference rows without a prompt of their own (TRL's implicit
prompt), messages with tool calls or images.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from dikast.errors import DataError
from dikast.rows import read_rows

Kind = Literal["sft", "preference", "unpaired", "stepwise", "value", "tokens"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Problem = Literal["missing", "form", "empty", "same", "roles", "long", "label", "value", "steps", "tokens"]

TEXTS: Mapping[Kind, tuple[str, ...]] = {
    "sft": ("prompt", "completion"),
    "preference": ("prompt", "chosen", "rejected"),
    "unpaired": ("prompt", "completion"),
    "stepwise": ("prompt",),
    "value": ("prompt", "completion"),
    "tokens": ("prompt",),
}
"""Columns that hold one text each."""
REST: Mapping[Kind, tuple[str, ...]] = {
    "sft": (),
    "preference": (),
    "unpaired": ("label",),
    "stepwise": ("completions", "labels"),
    "value": ("value",),
    "tokens": ("input_ids", "labels"),
}
"""The other columns that a row of this kind must have."""
WHOLE = "messages"
"""The one column of an `sft` row that holds prompt and completion together."""

PROBLEMS: Mapping[Problem, str] = {
    "missing": "a column is missing",
    "form": "a text is neither plain nor a list of messages, or the row mixes the two",
    "empty": "a text is empty",
    "same": "chosen and rejected are the same",
    "roles": "roles do not alternate, or do not end with whose turn it is",
    "long": "longer than allowed",
    "label": "a label is neither true nor false",
    "value": "a value is no finite number",
    "steps": "there is no step, or not a label for each",
    "tokens": "there is no token, not a label for each, or one is no token id",
}
"""What is wrong, in words; a card counts rows by them."""

Row = Mapping[str, Any]
Measure = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Checked:
    """The rows of a file that can be trained on.

    Args:
        rows: Each with all of its columns, provenance too.
        left_out: Why -> how many.
    """

    rows: Sequence[dict[str, Any]]
    left_out: Mapping[str, int]

    @property
    def asked(self) -> int:
        """How many rows the file has."""
        return len(self.rows) + sum(self.left_out.values())


def read(
    path: str | Path,
    kind: Kind,
    columns: Mapping[str, str] | None = None,
    *,
    longest: int | None = None,
    measure: Measure = len,
) -> Checked:
    """The rows of a user's file, each checked; those with a problem are counted and left out.

    Args:
        path: A file that `dikast.rows` reads; conversational rows are in JSON lines, JSON or Parquet.
        kind: What its rows are.
        columns: Our name -> the file's.
        longest: Of a row, in whatever `measure` counts; `None` for no bound.
        measure: Text -> its length: characters, or a tokenizer's count.

    Raises:
        DataError: The file cannot be read, every row has a problem, or a row lacks a column; says file, line and field.
        UsageError: As `dikast.rows.read_rows`.
    """
    rows: list[dict[str, Any]] = []
    left_out = Counter[str]()
    for row in read_rows(path, columns):
        lacking = missing_column(row.values, kind)
        if lacking:
            wanted = ", ".join((*TEXTS[kind], *REST[kind]))
            raise row.error(lacking, "is missing", f"{kind} rows have {wanted}; give yours our names by --columns")
        problem = problem_of(row.values, kind, longest=longest, measure=measure)
        if problem is None:
            rows.append(dict(row.values))
        else:
            left_out[PROBLEMS[problem]] += 1
    if not rows:
        told = "; ".join(f"{count}: {why}" for why, count in left_out.items()) or "the file has no row"
        raise DataError(f"no {kind} row to train on", path=path, hint=told)
    return Checked(rows, dict(left_out))


def problem_of(row: Row, kind: Kind, *, longest: int | None = None, measure: Measure = len) -> Problem | None:
    """What keeps a row from being trained on; `None` if nothing does.

    The first that applies: `missing`, `form`, `empty`, `roles`, `same`, then `label`, `value`, `steps`, `tokens`, then
    `long`.

    Args:
        row: The row.
        kind: What it is to be.
        longest: Of prompt and the longest answer together.
        measure: Text -> its length.
    """
    if missing_column(row, kind):
        return "missing"
    texts = [row[name] for name in text_columns(row, kind)]
    problem = problem_of_texts(texts, whole=text_columns(row, kind) == (WHOLE,)) or problem_of_rest(row, kind)
    if problem is None and longest is not None and length(row, kind, measure) > longest:
        return "long"
    return problem


def text_columns(row: Row, kind: Kind) -> tuple[str, ...]:
    """The columns with the row's texts."""
    return (WHOLE,) if kind == "sft" and row.get(WHOLE) is not None else TEXTS[kind]


def missing_column(row: Row, kind: Kind) -> str:
    """The first column that the row lacks; empty if it has all."""
    return next((name for name in (*text_columns(row, kind), *REST[kind]) if row.get(name) is None), "")


def for_trainer(row: Row, kind: Kind) -> dict[str, Any]:
    """The columns that TRL looks at, and no other: more of them are more than its collators expect."""
    return {name: row[name] for name in (*text_columns(row, kind), *REST[kind])}


def problem_of_texts(texts: Sequence[object], *, whole: bool) -> Problem | None:
    """What is wrong with a row's texts: prompt first, then answers; or one whole conversation."""
    plain = [isinstance(text, str) for text in texts]
    if all(plain) and not whole:
        spoken = [str(text) for text in texts]
        if not all(map(str.strip, spoken)):
            return "empty"
        return "same" if len(set(map(str.strip, spoken[1:]))) < len(spoken) - 1 else None
    if any(plain) or not all(map(is_conversation, texts)):
        return "form"
    talks = cast(Sequence[Sequence[Mapping[str, str]]], texts)
    if any(not talk or not all(message["content"].strip() for message in talk) for talk in talks):
        return "empty"
    if whole:
        return None if alternates(talks[0], "user", "assistant") else "roles"
    prompt, *answers = talks
    if not alternates(prompt, "user", "user") or not all(alternates(one, "assistant", "assistant") for one in answers):
        return "roles"
    said = [[message["content"].strip() for message in answer] for answer in answers]
    return "same" if any(one in said[:at] for at, one in enumerate(said)) else None


def is_conversation(text: object) -> bool:
    """Whether it is a list of messages; it may be empty."""
    if not isinstance(text, list):
        return False
    return all(
        isinstance(message, dict) and isinstance(message.get("role"), str) and isinstance(message.get("content"), str)
        for message in cast(list[Mapping[str, object]], text)
    )


def alternates(talk: Sequence[Mapping[str, str]], first: str, last: str) -> bool:
    """Whether user and assistant take turns from `first` to `last`; a system message may stand before a user's."""
    roles = [message["role"] for message in talk]
    if first == "user" and roles[:1] == ["system"]:
        roles = roles[1:]
    turns = ["user", "assistant"] if first == "user" else ["assistant", "user"]
    return roles == [turns[at % 2] for at in range(len(roles))] and roles[-1:] == [last]


def problem_of_rest(row: Row, kind: Kind) -> Problem | None:
    """What is wrong beside the texts."""
    if kind == "unpaired":
        return None if isinstance(row["label"], bool) else "label"
    if kind == "value":
        return None if is_finite(row["value"]) else "value"
    if kind == "tokens":
        return None if are_token_ids(row["input_ids"], row["labels"]) else "tokens"
    return problem_of_steps(row["completions"], row["labels"]) if kind == "stepwise" else None


def problem_of_steps(completions: object, labels: object) -> Problem | None:
    """What is wrong with the steps of a `stepwise` row: plain texts, and a truth value for each."""
    if not isinstance(completions, list) or not isinstance(labels, list):
        return "steps"
    steps, right = cast(list[object], completions), cast(list[object], labels)
    if not steps or len(steps) != len(right):
        return "steps"
    if not all(isinstance(step, str) for step in steps):
        return "form"
    if not all(str(step).strip() for step in steps):
        return "empty"
    return None if all(isinstance(label, bool) for label in right) else "label"


def are_token_ids(*columns: object) -> bool:
    """Whether they are lists of token ids, of one length, and not empty."""
    lists = [cast(list[object], one) for one in columns if isinstance(one, list)]
    if len(lists) < len(columns) or len(set(map(len, lists))) != 1 or not lists[0]:
        return False
    return all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for ids in lists for one in ids)


def is_finite(value: object) -> bool:
    """Whether it is a number, and neither NaN nor infinite; a truth value is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def length(row: Row, kind: Kind, measure: Measure = len) -> int:
    """The prompt's length and that of the longest answer, added: what a trainer has to hold at once."""
    prompt, *answers = (sum(map(measure, contents(row[name]))) for name in text_columns(row, kind))
    steps = sum(map(measure, cast(list[str], row["completions"]))) if kind == "stepwise" else 0
    return prompt + max(answers, default=0) + steps


def contents(text: object) -> Iterator[str]:
    """The texts of a plain text, or of its messages."""
    if isinstance(text, str):
        yield text
    else:
        yield from (message["content"] for message in cast(Sequence[Mapping[str, str]], text))


def as_conversation(messages: Iterable[Mapping[str, object]]) -> list[dict[str, str]]:
    """Messages as rows hold them: role and content, and nothing else."""
    return [{"role": str(message["role"]), "content": str(message["content"])} for message in messages]


def said_by_assistant(text: str) -> list[dict[str, str]]:
    """A completion of one message."""
    return [{"role": "assistant", "content": text}]
