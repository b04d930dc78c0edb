"""One row of a user's file, and the questions asked of its fields; every complaint names file, line and field.

for row in read_rows("pairs.csv"):
    text = row.text("instruction")
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from dikast.errors import DataError


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a file.

    Args:
        path: The file.
        place: Its 1-based place among the file's rows, whatever the lines. It is a row's id where it has none of its
            own, so that in `dikast runs show RUN 2` the id and the row's number are the same.
        line: The 1-based line on which it begins; `None` in Parquet and in a JSON array.
        values: Its fields, by our names.
        theirs: Our name -> the file's, where they differ; errors say the file's.
    """

    path: Path
    place: int
    line: int | None
    values: Mapping[str, object]
    theirs: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def where(self) -> str:
        """Its line, or its place: `line 3`, `row 2`."""
        return f"row {self.place}" if self.line is None else f"line {self.line}"

    def error(self, field: str, message: str, hint: str = "") -> DataError:
        """An error that says file, line (or row) and field."""
        row = self.place if self.line is None else None
        name = self.theirs.get(field, field)
        return DataError(message, path=self.path, line=self.line, row=row, field=name, hint=hint)

    def value(self, field: str) -> object:
        """The field, which must be there.

        Raises:
            DataError: It is not.
        """
        if field not in self.values:
            names = sorted(self.theirs.get(name, name) for name in self.values)
            raise self.error(field, "missing", f"the row has: {', '.join(names) or 'nothing'}")
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
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise self.error(field, f"not a finite number: {value!r:.60}")
        return number

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

    def child(self, field: str) -> Row:
        """An object within the row, read by the same rules.

        Raises:
            DataError: It is not an object.
        """
        return self._child(field, self.value(field))

    def children(self, field: str) -> list[Row]:
        """A list of objects within the row.

        Raises:
            DataError: It is not.
        """
        value = self.value(field)
        if not isinstance(value, list):
            raise self.error(field, f"not a list: {value!r:.60}")
        return [self._child(field, item) for item in cast(list[object], value)]

    def _child(self, field: str, value: object) -> Row:
        if not isinstance(value, dict):
            raise self.error(field, f"not a JSON object: {value!r:.60}")
        return Row(self.path, self.place, self.line, cast(dict[str, object], value))
