"""What the rounds are given beside models and a trainer: a file of questions. Light on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

from dikast.graphs.method import Row
from dikast.graphs.row_files import Rows, file_of, spec_of


@runtime_checkable
class Questions(Rows, Protocol):
    """Questions, each with its gold answer."""


@dataclass(frozen=True)
class QuestionFile:
    """Questions of a user's file, read at first use.

    Args:
        path: The file.
        columns: Our name -> the file's.
    """

    path: Path
    columns: Mapping[str, str]

    @property
    def spec(self) -> str:
        """The path; behind it, as a query, the names in the file."""
        return spec_of(self.path, self.columns)

    def fingerprint(self) -> Mapping[str, object]:
        """The rows, by their hash: another file with the same rows is the same."""
        from dikast.jobs.keys import digest

        return {"questions": digest(list(self.rows)).hex()}

    @property
    def rows(self) -> Sequence[Row]:
        """The questions.

        Raises:
            DataError: The file or a row is broken, or a question has no answer.
            UsageError: A column of ours is not known.
        """
        return self._rows

    @cached_property
    def _rows(self) -> Sequence[Row]:
        from dikast.errors import DataError
        from dikast.graphs.rest_mcts.options import read_questions

        rows = read_questions(self.path, self.columns)
        lacking = next((row for row in rows if not row.get("answer")), None)
        if lacking is not None:
            hint = "rounds learn from answers that are known: give every row one, or leave it out"
            raise DataError(f"question {lacking['id']!r} has no answer", path=self.path, field="answer", hint=hint)
        return rows


def load_questions(spec: str) -> QuestionFile:
    """The questions of a file, by `QuestionFile.spec`."""
    return QuestionFile(*file_of(spec))
