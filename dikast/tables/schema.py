"""A table's schema as natural language, richer by level, and what each level gives away.

    describe(table, "types").text
    # The data frame has these columns:
    # - "Region": text
    # - "Amount": decimal number

| level | says besides | what it depends on |
| --- | --- | --- |
| `names` | the column names | the header only; with aliases, the number of columns only |
| `types` (the paper's) | one of seven kinds | Parquet, Arrow, DuckDB: the file's declared types, no cell. CSV, Excel, SQLite: one of at most seven kinds a column (2.8 bits), by whether all its cells are numbers or dates |
| `presence` | missing cells, repeated values | two statements a column of at most four and three values (3.6 bits), each about k or more rows |
| `formats` | how text is written | up to four forms a text column, each shared by k or more different values; no letter or digit of a cell |

Rows are never counted, so that `names` and `types` of typed files are byte-identical from 10 rows to 10 million, and the
other levels are wherever the same statements hold. A secret header gets an alias; pass `Schema.names` to `frame` or
`arrow_table`, so that a program sees the same names as the prompt. Each name is a Python string literal.

Paper: Watson et al. 2023 (doi 10.18653/v1/2023.emnlp-main.442), whose prompts have names and types only; the levels
above are ours. Not covered: a header or a choice of columns that gives data away by itself.
"""  # noqa: E501 one table row a line

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from dikast.errors import UsageError
from dikast.tables.headers import free_name
from dikast.tables.profile import K, Profile, profile
from dikast.tables.table import Kind, Table

Level = Literal["names", "types", "presence", "formats"]
LEVELS: tuple[Level, ...] = get_args(Level)

SAID: dict[Kind, str] = {
    "text": "text",
    "integer": "integer",
    "number": "decimal number",
    "boolean": "true or false",
    "date": "date (datetime64)",
    "datetime": "date and time (datetime64)",
    "other": "other, as text",
}


def literal(name: str) -> str:
    """A name as a Python string literal."""
    return json.dumps(name, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a schema is put to writers of one language.

    Args:
        quote: A name as it is written in a program.
        said: The kinds' words.
    """

    quote: Callable[[str], str]
    said: Mapping[Kind, str]


PYTHON = Dialect(literal, SAID)
FRAME = "The data frame"
HEADING = "{} has these columns:"
SOME = "{} has more columns; these may be relevant:"


@dataclass(frozen=True, slots=True)
class ColumnSchema:
    """What is said of one column.

    Args:
        name: As shown: the table's own name or an alias.
        kind: `None` below the level `types`.
        profile: `None` below the level `presence`; without forms below `formats`.
        zone: Of moments, their time zone; empty below the level `types`.
    """

    name: str
    kind: Kind | None = None
    profile: Profile | None = None
    zone: str = ""

    def line(self, dialect: Dialect = PYTHON) -> str:
        """One line of the schema."""
        said = [dialect.said[self.kind]] if self.kind else []
        if self.zone:
            said.append(f"time zone {self.zone}")
        if self.profile:
            said += _statements(self.profile)
        name = dialect.quote(self.name)
        return f"- {name}: {', '.join(said)}" if said else f"- {name}"


@dataclass(frozen=True, slots=True)
class Schema:
    """A table without its cells.

    Args:
        columns: All columns, in order.
        shown: Positions of those that the text lists.
    """

    columns: tuple[ColumnSchema, ...]
    shown: tuple[int, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Every column's name as a program has to write it, listed or not."""
        return tuple(column.name for column in self.columns)

    @property
    def text(self) -> str:
        """What a prompt says, one line a column, without a final newline."""
        return self.text_of(FRAME)

    def text_of(self, frame: str, dialect: Dialect = PYTHON) -> str:
        """The same, about what programs have as `frame`, in another dialect."""
        heading = HEADING if len(self.shown) == len(self.columns) else SOME
        return "\n".join([heading.format(frame), *(self.columns[at].line(dialect) for at in self.shown)])

    def only(self, columns: Collection[int]) -> Schema:
        """The schema that lists these columns, in the table's order."""
        return replace(self, shown=tuple(sorted(set(columns))))


def describe(table: Table, level: Level = "types", *, secret: Collection[str] | None = (), k: int = K) -> Schema:
    """Describe a table.

    Args:
        table: Any table; its cells are read for `presence` and `formats` only.
        level: How much to say.
        secret: Names of columns to show as `c1`, `c2`, ... by their position; `None` for all of them.
        k: The fewest rows, or different values, that a statement may be about.

    Raises:
        UsageError: The level is unknown, `k` is below 1, or a secret column is not in the table.
    """
    if level not in LEVELS:
        raise UsageError(f"no schema level is called {level!r}", hint=f"one of {', '.join(LEVELS)}")
    if k < 1:
        raise UsageError(f"k={k}: a statement is about one row at least", hint=f"the default is {K}")
    names = _aliased([column.name for column in table.columns], secret)
    depth = LEVELS.index(level)
    columns: list[ColumnSchema] = []
    for position, name in enumerate(names):
        kind = table.columns[position].kind if depth >= LEVELS.index("types") else None
        found = profile(table, position, k) if depth >= LEVELS.index("presence") else None
        if found and level == "presence":
            found = replace(found, forms=(), other_forms=False)
        columns.append(ColumnSchema(name, kind, found, table.columns[position].zone if kind else ""))
    return Schema(tuple(columns), tuple(range(len(columns))))


def _aliased(names: list[str], secret: Collection[str] | None) -> list[str]:
    hidden = set(names) if secret is None else set(secret)
    unknown = len(hidden - set(names))
    if unknown:
        # Not named: what is secret does not belong into a message either.
        hint = "headers are cleaned while loading: see the table's columns"
        raise UsageError(f"{unknown} of the secret columns are not in the table", hint=hint)
    taken = {name for name in names if name not in hidden}
    shown: list[str] = []
    for position, name in enumerate(names, start=1):
        alias = free_name(f"c{position}", taken) if name in hidden else name
        taken.add(alias)
        shown.append(alias)
    return shown


def _statements(found: Profile) -> list[str]:
    said: list[str] = []
    if found.missing:
        said.append(f"{found.missing} missing")
    if found.values:
        said.append(f"values {found.values}")
    if found.forms:
        forms = " | ".join(json.dumps(form, ensure_ascii=False) for form in found.forms)
        said.append(f"written like {forms}{' | other forms' if found.other_forms else ''}")
    return said
