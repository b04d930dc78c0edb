"""Solutions with a label a step, in the shapes in which others publish them; read, and written.

    for one in read_steps("math-shepherd.jsonl", "math_shepherd"):
        one.prompt, one.completions, one.labels
    told_in("prm800k", one)

| form | a row |
| --- | --- |
| `trl` | `prompt`, `completions`, `labels` (true, false, 1, 0): TRL's stepwise supervision up to 1.10 |
| `math_shepherd` | `input`: the question, `Step 1: ...`, a mark behind each; `label`: + or - for the mark; `task` |
| `prm800k` | `question.problem`, `label.steps[]` with rated `completions[]` (1, 0, -1) and the one that was chosen |

Of PRM800K's rows every rated completion becomes the end of a row of its own, behind the steps that were chosen before
it; a neutral rating (0) counts as right, as its authors count it, or as wrong. What cannot be read is told with file,
line and field; completions that nobody rated are left out and counted.

Shapes: Lightman et al. 2023 (PRM800K), Wang et al. 2024 (Math-Shepherd), TRL's documentation. Not here: which of these
data sets may be used for what; see their licences.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

from dikast.errors import UsageError
from dikast.row import Row
from dikast.rows import read_rows

Form: TypeAlias = Literal["trl", "math_shepherd", "prm800k"]
FORMS: tuple[Form, ...] = get_args(Form)
MARK = "\u043a\u0438"
"""Math-Shepherd's mark: two Cyrillic letters, which no English solution holds."""
FIRST_STEP = re.compile(r"Step 1\s{0,9}:")
STEP = re.compile(r"^\s*Step \d+\s*:\s*")
SIGNS = {True: "+", False: "-"}
UNRATED, FLAGGED = "nobody rated the completion", "flagged as broken by the rater"


@dataclass(frozen=True, slots=True)
class Stepped:
    """A solution with a label a step.

    Args:
        prompt: The question.
        completions: The steps.
        labels: Whether each is good.
    """

    prompt: str
    completions: tuple[str, ...]
    labels: tuple[bool, ...]

    def as_row(self) -> dict[str, Any]:
        """The row of the kind `stepwise`."""
        return {"prompt": self.prompt, "completions": list(self.completions), "labels": list(self.labels)}


def read_steps(
    path: str | Path,
    form: Form,
    columns: Mapping[str, str] | None = None,
    *,
    neutral: bool = True,
    left_out: Counter[str] | None = None,
) -> Iterator[Stepped]:
    """The solutions of a file.

    Args:
        path: JSON lines, JSON or Parquet.
        form: Its rows' shape.
        columns: Our name -> the file's, of the row's own fields.
        neutral: Whether PRM800K's rating 0 is good.
        left_out: Gets what was left out: why -> how many.

    Raises:
        DataError: A row is not of that shape; says file, line and field.
        UsageError: The form is not known.
    """
    if form not in FORMS:
        raise UsageError(f"no shape of steps is called {form!r}", hint=f"there are {', '.join(FORMS)}")
    lost = Counter[str]() if left_out is None else left_out
    for row in read_rows(path, columns):
        if form == "trl":
            yield of_trl(row)
        elif form == "math_shepherd":
            yield of_math_shepherd(row)
        else:
            yield from of_prm800k(row, neutral=neutral, left_out=lost)


def of_trl(row: Row) -> Stepped:
    """A row of TRL's stepwise supervision."""
    steps, labels = row.strings("completions"), row.value("labels")
    given = cast(list[object], labels) if isinstance(labels, list) else [None]
    if any(one not in (0, 1, True, False) or isinstance(one, float) for one in given):
        raise row.error("labels", "not a list of truth values", "true or false for each step; scores are kept apart")
    if len(given) != len(steps) or not steps:
        raise row.error("labels", f"{len(given)} labels for {len(steps)} steps", "give each step one")
    return Stepped(row.text("prompt"), steps, tuple(bool(one) for one in given))


def of_math_shepherd(row: Row) -> Stepped:
    """A row of Math-Shepherd's."""
    text, labelled = row.text("input"), row.text("label")
    first = FIRST_STEP.search(text)
    if first is None:
        raise row.error("input", "no 'Step 1:' in it", "the question, then steps, each with a mark behind it")
    parts = text[first.start() :].split(MARK)
    if parts[-1].strip() or len(parts) < 2:
        raise row.error("input", f"no mark {MARK!r} behind the last step")
    at, labels = first.start(), list[bool]()
    if labelled[:at] != text[:at]:
        raise row.error("label", "does not say what the input says")
    for part in parts[:-1]:
        sign = labelled[at + len(part) : at + len(part) + 1]
        if labelled[at : at + len(part)] != part or sign not in SIGNS.values():
            raise row.error("label", f"no + or - behind step {len(labels) + 1}, or another text than the input's")
        labels.append(sign == SIGNS[True])
        at += len(part) + 1
    steps = tuple(STEP.sub("", part).strip() for part in parts[:-1])
    return Stepped(text[: first.start()].strip(), steps, tuple(labels))


def of_prm800k(row: Row, *, neutral: bool, left_out: Counter[str]) -> Iterator[Stepped]:
    """Every rated completion of a row of PRM800K's, behind the steps that were chosen before it."""
    problem = row.child("question").text("problem")
    before: list[str] = []
    labels: list[bool] = []
    for step in row.child("label").children("steps"):
        given = step.values.get("completions")
        rated = step.children("completions") if given is not None else []
        chosen = step.values.get("chosen_completion")
        kept: tuple[str, bool] | None = None
        for place, one in enumerate(rated):
            rating, text = one.values.get("rating"), one.text("text")
            if rating not in (-1, 0, 1) or one.values.get("flagged") is True:
                left_out[FLAGGED if one.values.get("flagged") is True else UNRATED] += 1
                if place == chosen:
                    kept = (text, True)
                continue
            good = rating == 1 or (rating == 0 and neutral)
            if place == chosen:
                kept = (text, good)
            yield Stepped(problem, (*before, text), (*labels, good))
        own = step.values.get("human_completion")
        if kept is None and isinstance(own, dict):
            written = step.child("human_completion").text("text")
            kept = (written, True)
            yield Stepped(problem, (*before, written), (*labels, True))
        if kept is None:
            return
        before.append(kept[0])
        labels.append(kept[1])


def told_in(form: Form, one: Stepped, *, task: str = "dikast") -> dict[str, Any]:
    """A solution in somebody's shape.

    Args:
        form: Whose.
        one: The solution.
        task: What Math-Shepherd's column of that name says.

    Raises:
        UsageError: A step holds the very mark that is to stand behind it.
    """
    if form == "trl":
        return one.as_row()
    if form == "prm800k":
        steps = [
            {
                "completions": [{"text": text, "rating": 1 if label else -1, "flagged": None}],
                "human_completion": None,
                "chosen_completion": 0,
            }
            for text, label in zip(one.completions, one.labels, strict=True)
        ]
        return {"question": {"problem": one.prompt}, "label": {"steps": steps, "finish_reason": "solution"}}
    if any(MARK in text for text in (one.prompt, *one.completions)):
        raise UsageError(f"a step holds {MARK!r}, which marks the end of steps in this shape", hint="use another form")
    numbered = [f"Step {number}: {text}" for number, text in enumerate(one.completions, start=1)]
    return {
        "input": f"{one.prompt} " + "\n".join(f"{text} {MARK}" for text in numbered),
        "label": f"{one.prompt} "
        + "\n".join(f"{text} {SIGNS[label]}" for text, label in zip(numbered, one.labels, strict=True)),
        "task": task,
    }
