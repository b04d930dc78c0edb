"""What the rounds are given beside models and a trainer: a file of prompts. Light on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

from dikast.graphs.method import Row
from dikast.graphs.row_files import Rows, file_of, spec_of


@runtime_checkable
class Prompts(Rows, Protocol):
    """Prompts with gold answers; one may lack `gold` where a teacher writes it."""


@dataclass(frozen=True)
class PromptFile:
    """Prompts of a user's file, read at first use.

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

        return {"prompts": digest(list(self.rows)).hex()}

    @cached_property
    def rows(self) -> Sequence[Row]:
        """The prompts.

        Raises:
            DataError: The file or a row is broken.
            UsageError: A column of ours is not known.
        """
        from dikast.graphs.dno.options import read_prompts

        return read_prompts(self.path, self.columns, taught=True)


def load_prompts(spec: str) -> PromptFile:
    """The prompts of a file, by `PromptFile.spec`."""
    return PromptFile(*file_of(spec))
