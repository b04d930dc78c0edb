"""`tuning.jsonl`: what a tuning tried and how it was ranked, a line each, on the disk before the next thing is done.

| kind | what |
| --- | --- |
| `tuning` | the first line: what all of it stands on |
| `trial` | settings that were run (`Trial`) |
| `answer` | what a person said about one row of a question (`Answered`) |
| `round` | a question with its ranking (`Round`) |

The rounds are all that an algorithm's state is made of (`dikast.tuning.replaying`). A crash can tear only the last
line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, cast

from dikast.disk import make_folder, told_if_refused
from dikast.errors import DataError, ResumeMismatchError
from dikast.graphs.zo_ranksgd.records import Answered, Round, Trial
from dikast.jobs.files import LineFile, decode, encode
from dikast.jobs.manifest import differences

NAME = "tuning.jsonl"
Kind = Literal["tuning", "trial", "answer", "round"]


class Journal:
    """A tuning's journal.

    Args:
        folder: The tuning's.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def begin(self, ground: Mapping[str, Any]) -> None:
        """Write what the tuning stands on, or see that it is the same.

        Raises:
            ResumeMismatchError: What is there stands on something else.
            DataError: It cannot be written, or is damaged.
        """
        make_folder(self.path.parent)
        first = next(self._records(), None)
        if first is None:
            self._append("tuning", ground)
            return
        before = {name: value for name, value in first.items() if name != "kind"}
        found = differences(before, dict(ground))
        if first["kind"] != "tuning" or found:
            what = ", ".join(name for name, _, _ in found) or "its beginning"
            hint = "name another folder, or start over with --force-new"
            raise ResumeMismatchError(f"{self.path}: made on other ground: {what}", hint=hint)

    def trials(self) -> list[Trial]:
        """The trials, in their order."""
        return cast(list[Trial], list(self._of("trial")))

    def rounds(self) -> list[Round]:
        """The rounds, in their order."""
        return cast(list[Round], list(self._of("round")))

    def answers(self, round_: int) -> dict[str, Answered]:
        """Key of a row -> what a person said about it in a round."""
        return {one["row"]: cast(Answered, one) for one in self._of("answer") if one["round"] == round_}

    def add_trial(self, trial: Trial) -> None:
        """Write a trial down."""
        self._append("trial", trial)

    def add_round(self, round_: Round) -> None:
        """Write a round down."""
        self._append("round", round_)

    def add_answer(self, answered: Answered) -> None:
        """Write an answer down."""
        self._append("answer", answered)

    def _append(self, kind: Kind, record: Mapping[str, Any]) -> None:
        file = LineFile(self.path)
        try:
            file.append(encode({"kind": kind, **record}))
        finally:
            file.close()

    def _of(self, kind: Kind) -> Iterator[dict[str, Any]]:
        for record in self._records():
            if record["kind"] == kind:
                yield {name: value for name, value in record.items() if name != "kind"}

    def _records(self) -> Iterator[dict[str, Any]]:
        with told_if_refused(self.path):
            lines = self.path.read_bytes().splitlines(keepends=True) if self.path.exists() else []
        for number, line in enumerate(lines, start=1):
            record = decode(line)
            if record is not None and "kind" in record:
                yield record
            elif number < len(lines):  # the last one may be torn, and is mended by the next
                hint = "restore it, or name another folder: the order of the lines is the algorithm's state"
                raise DataError("no line of a tuning", path=self.path, line=number, hint=hint)
