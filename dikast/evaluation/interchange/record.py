"""One record of a file, and the questions asked of its fields; every complaint names file, line and field."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from dikast.errors import DataError, UsageError
from dikast.verdicts import Winner

WINNERS: Mapping[str, Winner] = {
    "1": "1", "2": "2", "a": "1", "b": "2", "model_1": "1", "model_2": "2", "response_1": "1", "response_2": "2",
    "output_1": "1", "output_2": "2", "0": "tie", "tie": "tie", "c": "tie", "draw": "tie", "equal": "tie",
}  # fmt: skip
"""How people write a human verdict. 0 is a tie, as in PandaLM, if `check_labels` lets it pass."""
NO_LABELS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file. `line` is its 1-based line, or its 1-based place in a JSON list.

    `place` is its 1-based place among the file's records, whatever the lines: its id where it has none of its own, so
    that in `dikast runs show RUN 2` the id and the row's number are the same.
    """

    path: Path
    line: int
    values: Mapping[str, object]
    place: int = 0

    def error(self, field: str, message: str, hint: str = "") -> DataError:
        """An error that says file, line and field."""
        return DataError(message, path=self.path, line=self.line, field=field, hint=hint)

    def value(self, field: str) -> object:
        """The field, which must be there.

        Raises:
            DataError: It is not.
        """
        if field not in self.values:
            raise self.error(field, "missing", f"the record has: {', '.join(sorted(self.values)) or 'nothing'}")
        return self.values[field]

    def text(self, field: str, default: str | None = None) -> str:
        """A string, number or truth value, as text; `default` where the field is absent or null.

        PandaLM has responses such as `true`, typed so by a spreadsheet on their way.

        Raises:
            DataError: It is something else, or absent without a default.
        """
        value = self.value(field) if default is None else self.values.get(field)
        if value is None and default is not None:
            return default
        if not isinstance(value, str | int | float):
            raise self.error(field, f"not text: {value!r:.60}")
        return str(value)

    def number(self, field: str) -> float:
        """A finite number, also one written as text.

        Raises:
            DataError: It is not.
        """
        value = self.value(field)
        try:
            number = math.nan if isinstance(value, bool) else float(cast(str, value))
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise self.error(field, f"not a finite number: {value!r:.60}")
        return number

    def winner(self, field: str, labels: Mapping[str, str] = NO_LABELS) -> Winner:
        """A verdict in any of the spellings of `WINNERS`.

        Args:
            field: Where it stands.
            labels: The file's own spellings -> those of `WINNERS`, in lower case.

        Raises:
            DataError: It is none of them.
        """
        value = self.value(field)
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        name = str(whole).strip().lower().removesuffix(".0")
        name = labels.get(name, name)
        if isinstance(value, bool) or name not in WINNERS:
            raise self.error(field, f"not a verdict: {value!r:.60}", "write 1, 2 or tie, or say --labels THEIRS=1,...")
        return WINNERS[name]

    def strings(self, field: str) -> tuple[str, ...]:
        """A list of strings.

        Raises:
            DataError: It is not.
        """
        value = self.value(field)
        items = cast(list[object], value) if isinstance(value, list) else [None]
        if not all(isinstance(item, str) for item in items):
            raise self.error(field, f"not a list of strings: {value!r:.60}")
        return tuple(cast(list[str], items))

    def child(self, field: str) -> Record:
        """An object within the record, read by the same rules.

        Raises:
            DataError: It is not an object.
        """
        return Record(self.path, self.line, as_object(self.path, self.line, self.value(field), field))

    def children(self, field: str) -> list[Record]:
        """A list of objects within the record.

        Raises:
            DataError: It is not.
        """
        value = self.value(field)
        if not isinstance(value, list):
            raise self.error(field, f"not a list: {value!r:.60}")
        return [
            Record(self.path, self.line, as_object(self.path, self.line, item, field))
            for item in cast(list[object], value)
        ]


def parse_labels(text: str | None) -> dict[str, str]:
    """Read `--labels`: the file's spelling in lower case -> 1, 2 or tie.

    Raises:
        UsageError: It is not THEIRS=OURS, comma-separated, ours being 1, 2 or tie.
    """
    pairs = [part.partition("=") for part in (text or "").split(",") if part]
    if not all(theirs.strip() and ours.strip() in ("1", "2", "tie") for theirs, _, ours in pairs):
        raise UsageError(f"--labels {text!r}: write THEIRS=1, THEIRS=2 or THEIRS=tie, comma-separated")
    return {theirs.strip().lower(): ours.strip() for theirs, _, ours in pairs}


def check_labels(records: Iterable[Record], fields: Iterable[str], labels: Mapping[str, str] = NO_LABELS) -> None:
    """Refuse labels that may mean two things: 0 beside nothing but 1 is a tie, or the first response.

    Args:
        records: The file's.
        fields: The columns that share a coding.
        labels: What the user has said about them.

    Raises:
        DataError: They are such labels, and `labels` does not say what 0 is; says file, line and field.
    """
    names, seen, first = list(fields), set[str](), None
    for record in records:
        for name in names:
            value = str(record.values.get(name, "")).strip().lower().removesuffix(".0")
            if value not in ("", "none", "null", "nan", "unparsed", "error"):
                seen.add(value)
                first = (record, name) if value == "0" and first is None else first
    if first and "0" not in labels and seen <= {"0", "1"}:
        hint = (
            "say --labels 0=1,1=2 where 0 is the first response; --labels 0=2 where it is the second; 0=tie for a tie"
        )
        raise first[0].error(first[1], "labels 0 and 1: is 0 a tie, or a response?", hint)


def as_object(path: Path, line: int, value: object, field: str | None = None) -> Mapping[str, object]:
    """The value, which must be a JSON object.

    Raises:
        DataError: It is not.
    """
    if not isinstance(value, dict):
        raise DataError(f"not a JSON object: {value!r:.60}", path=path, line=line, field=field)
    return cast(dict[str, object], value)
