"""All tables of a database or workbook together, so that a program can join them.

    together = open_all(Path("shop.sqlite"), reading)
    describe_all(together, "types", secret=()).text
    # There is no df: several data frames are in a dict called tables, by name.
    #
    # The data frame tables["orders"] has these columns:
    # - "id": integer

A file's bounds hold for all its tables together. Table names are told as column names are, cleaned and as Python
string literals; with every column secret they are secret, too.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dikast.errors import DataError, UsageError
from dikast.tables import bounds
from dikast.tables.bounds import Budget
from dikast.tables.columns import relevant
from dikast.tables.duck import WhichTableError
from dikast.tables.excel import EmptySheetError
from dikast.tables.headers import clean_name, free_name
from dikast.tables.load import open_table
from dikast.tables.reading import Reading
from dikast.tables.schema import Level, Schema, describe
from dikast.tables.table import Table

MOST_TOGETHER = 32
"""Tables that are given together: each costs a prompt its columns."""
HEADING = "There is no df: several data frames are in a dict called tables, by name."


@dataclass(frozen=True, slots=True)
class Together:
    """Tables of one file.

    Args:
        tables: One or more.
        empty: Sheets that hold nothing and are left out.
        budget: What is left for the file.
    """

    tables: tuple[Table, ...]
    empty: tuple[str, ...]
    budget: Budget

    @property
    def notes(self) -> list[str]:
        """What their owner should know, one line each."""
        left_out = [f"sheet {name!r} is empty and left out" for name in self.empty]
        if len(self.tables) == 1:
            return left_out + [problem.message for problem in self.tables[0].problems]
        names = [table.name for table in self.tables]
        called = zip(names, shown_names(names, ()), strict=True)
        renamed = [f"table {name!r} is called {shown!r}" for name, shown in called if name != shown]
        found = [f"table {table.name!r}: {problem.message}" for table in self.tables for problem in table.problems]
        return left_out + renamed + found


@dataclass(frozen=True, slots=True)
class Schemas:
    """Several tables without their cells, by the names that programs have them under."""

    parts: Mapping[str, Schema]

    @property
    def text(self) -> str:
        """What a prompt says."""
        frames = (schema.text_of(f"The data frame tables[{literal(name)}]") for name, schema in self.parts.items())
        return "\n\n".join([HEADING, *frames])


def open_all(path: Path, reading: Reading, table: str | None = None) -> Together:
    """Open the table that is named, or all that the file has.

    Raises:
        DataError: One cannot be read, there are too many, or together they are too large.
    """
    budget = Budget(path, bounds.SHEET_SECONDS)
    try:
        return Together((open_table(path, reading, table=table),), (), budget)
    except WhichTableError as error:
        if not error.known:
            raise
        known = error.known
    _check(path, known)
    tables, empty = list[Table](), list[str]()
    for name in known:
        try:
            opened = open_table(path, reading, table=name)
        except EmptySheetError:
            empty.append(name)
            continue
        budget.spend(opened.rows * len(opened.columns))
        tables.append(opened)
    if not tables:
        raise DataError(f"all of its {len(known)} sheets are empty", path=path, hint="a table needs a header row")
    return Together(tuple(tables), tuple(empty), budget)


def _check(path: Path, known: Sequence[str]) -> None:
    if len(known) > MOST_TOGETHER:
        told = f"{len(known)} tables, and {MOST_TOGETHER} are given together at most"
        raise DataError(told, path=path, hint="name one of them, as `tables play --sheet NAME` does")
    twice = [name for name, count in Counter(known).items() if count > 1]
    if twice:
        raise DataError(f"several tables are called {twice[0]!r:.80}", path=path, hint="in different schemas?")


def describe_all(together: Together, level: Level, secret: Collection[str] | None) -> Schema | Schemas:
    """Describe the table, or each of several; see `describe`.

    Raises:
        UsageError: As for `describe`; a secret column is in none of the tables.
    """
    if len(together.tables) == 1:
        return describe(together.tables[0], level, secret=secret)
    columns = [{column.name for column in table.columns} for table in together.tables]
    unknown = set(secret or ()).difference(*columns)
    if unknown:
        hint = "headers are cleaned while loading: see the tables' columns"
        raise UsageError(f"{len(unknown)} of the secret columns are in none of the tables", hint=hint)
    own = [None if secret is None else names.intersection(secret) for names in columns]
    names = shown_names([table.name for table in together.tables], secret)
    described = [describe(table, level, secret=hidden) for table, hidden in zip(together.tables, own, strict=True)]
    return Schemas(dict(zip(names, described, strict=True)))


def shown_names(names: Sequence[str], secret: Collection[str] | None) -> list[str]:
    """Names for programs and prompts, all different even to SQL, which tells no case; `table_N` where all is secret."""
    shown, taken = list[str](), set[str]()
    for position, raw in enumerate(names, start=1):
        clean = (clean_name(raw) if secret is not None else "") or f"table_{position}"
        low = clean.casefold()
        free = free_name(low, taken)
        taken.add(free)
        shown.append(clean + free.removeprefix(low))
    return shown


def shorten(schema: Schema | Schemas, question: str, limit: int) -> Schema | Schemas:
    """List at most `limit` columns of each table, those that the question is about; see `relevant`."""
    if isinstance(schema, Schema):
        return relevant(schema, question, limit)
    return Schemas({name: relevant(part, question, limit) for name, part in schema.parts.items()})


def literal(name: str) -> str:
    """A name as a Python string literal."""
    return json.dumps(name, ensure_ascii=False)
