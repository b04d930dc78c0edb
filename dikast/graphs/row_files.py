"""Rows of a user's file as something that a context is given: what it can say of itself, and its spec.

spec_of("q.jsonl", {"question": "problem"})         # "q.jsonl?question=problem"
file_of("q.jsonl?question=problem")                 # the path, and the names in the file
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable
from urllib.parse import parse_qsl, quote, unquote, urlencode

from dikast.graphs.method import Row


@runtime_checkable
class Rows(Protocol):
    """Rows in the shape of a graph's input."""

    @property
    def spec(self) -> str:
        """The string that stands for them in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What they are."""
        ...

    @property
    def rows(self) -> Sequence[Row]:
        """The rows, each once."""
        ...


def spec_of(path: Path | str, columns: Mapping[str, str]) -> str:
    """The path; behind it, as a query, the names in the file."""
    named = urlencode(columns, quote_via=quote)
    return f"{quote(str(path))}{'?' if named else ''}{named}"


def file_of(spec: str) -> tuple[Path, dict[str, str]]:
    """The path and the names of a spec that `spec_of` made."""
    path, _, query = spec.partition("?")
    return Path(unquote(path)), dict(parse_qsl(query))
