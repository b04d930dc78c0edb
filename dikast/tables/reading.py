"""`Reading`: how the files of a library are to be read, as their owner says it in options, a spec or Python.

    Reading.of({"decimal": ",", "types": "price=number,code=text", "skip_rows": "2"})

Options that a format has no use for are left alone, since one folder holds files of several formats: `delimiter`,
`encoding` and `missing` are about CSV and TSV, `header` and `skip_rows` about these and workbooks, `types` about every
table that has a column of that name. `decimal`, `thousands` and `dayfirst` say how text is written, wherever it stands:
programs read it so too, by `num` and `date`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from dikast.errors import UsageError
from dikast.sandbox.inside.written import Spelling
from dikast.tables.cells import GIVEN
from dikast.tables.table import Kind

OPTIONS = ("delimiter", "encoding", "missing", "decimal", "thousands", "dayfirst", "types", "header", "skip_rows")
YES, NO = ("yes", "true", "1"), ("no", "false", "0")


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read files.

    Args:
        delimiter: Between cells; `None` for the format's own.
        encoding: Of the text.
        missing: Spellings of a missing cell besides the empty one.
        decimal: `.` or `,`; `None` for what the file shows.
        thousands: Mark between groups of three digits; empty for none, `None` for what follows from the decimal mark.
        dayfirst: Whether 1/2/2004 is in February; `None` for text.
        types: Column -> its kind.
        header: Row with the column names, from 1, after the skipped ones; 0 if there is none.
        skip_rows: Lines, or a sheet's rows, at the top that are left out.
    """

    delimiter: str | None = None
    encoding: str = "utf-8"
    missing: tuple[str, ...] = ()
    decimal: str | None = None
    thousands: str | None = None
    dayfirst: bool | None = None
    types: Mapping[str, Kind] = field(default_factory=dict[str, Kind])
    header: int = 1
    skip_rows: int = 0

    def __post_init__(self) -> None:
        if self.decimal not in (None, ".", ","):
            raise UsageError(f"decimal={self.decimal!r:.20} is no decimal mark", hint="a point or a comma")
        if self.thousands is not None and (len(self.thousands) > 1 or self.thousands.isalnum()):
            raise UsageError(f"thousands={self.thousands!r:.20} is not one mark", hint="such as , or . or nothing")
        if self.thousands and self.thousands == self.decimal:
            raise UsageError(f"decimal and thousands are both {self.decimal!r}", hint="they differ in every number")
        for name, value in (("header", self.header), ("skip_rows", self.skip_rows)):
            if value < 0:
                raise UsageError(f"{name}={value} is below 0")
        for column, kind in self.types.items():
            if kind not in GIVEN:
                raise UsageError(f"types: {column!r:.80} is {kind!r:.40}", hint=f"one of {', '.join(GIVEN)}")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Reading:
        """The reading that options ask for, each a text or already what it stands for.

        Raises:
            UsageError: An option is unknown or its value is not one of its kind.
        """
        unknown = sorted(set(options) - set(OPTIONS))
        if unknown:
            raise UsageError(f"reading: unknown {', '.join(unknown)}", hint=f"one of {', '.join(OPTIONS)}")
        read: dict[str, Callable[[str, Any], Any]] = {
            "dayfirst": _truth,
            "types": _types,
            "missing": _list,
            "header": _count,
            "skip_rows": _count,
        }
        values: dict[str, Any] = {
            name: read[name](name, value) if name in read else value for name, value in options.items()
        }
        return cls(**values)

    @property
    def spelling(self) -> Spelling:
        """How text is written, as far as it was told."""
        return Spelling(self.decimal, self.thousands, self.dayfirst)

    def as_options(self) -> dict[str, str]:
        """The options that differ from the defaults, as text: what `of` reads."""
        found = {name: getattr(self, name) for name in OPTIONS if getattr(self, name) != getattr(DEFAULT, name)}
        return {name: _as_text(value) for name, value in found.items()}


DEFAULT = Reading()


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return _joined([f"{column}={kind}" for column, kind in cast(Mapping[str, str], value).items()])
    return ",".join(cast(tuple[str, ...], value)) if isinstance(value, tuple) else str(value)


def _joined(items: list[str]) -> str:
    """Items of a list, those with a comma in quotes."""
    return ",".join('"' + item.replace('"', '""') + '"' if '"' in item or "," in item else item for item in items)


def _truth(name: str, value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    text = str(value).casefold()
    if text not in YES + NO:
        raise UsageError(f"{name}={value!r:.40} is neither yes nor no")
    return text in YES


def _count(name: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise UsageError(f"{name}={value!r:.40} is not a number") from None


def _list(name: str, value: Any) -> tuple[str, ...]:
    del name
    texts = value.split(",") if isinstance(value, str) else cast(Iterable[str], value)
    return tuple(text for text in texts if text)


def _types(name: str, value: Any) -> Mapping[str, Kind]:
    """`a=number,"b,c"=text`: a column's name and its kind, with quotes around an item that holds a comma."""
    if isinstance(value, Mapping):
        return dict(cast(Mapping[str, Kind], value))
    types: dict[str, Kind] = {}
    for item in next(csv.reader([str(value)]), list[str]()):
        column, sign, kind = item.rpartition("=")
        if not sign or not column:
            raise UsageError(f"{name}: {item!r:.80} is not COLUMN=TYPE", hint=f"types are {', '.join(GIVEN)}")
        types[column.strip()] = cast(Kind, kind.strip())
    return types
