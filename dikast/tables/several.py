"""All tables of a database, a workbook or a folder together, so that a program can join them.

    together = open_all(Path("shop.sqlite"), reading)
    describe_all(together, "types", secret=()).text
    # There is no df: several data frames are in a dict called tables, by name.
    #
    # The data frame tables["orders"] has these columns:
    # - "id": integer

The bounds of a file hold for all tables together. Keys that a database declares are told with its columns. Table names
are told as column names are, cleaned and as Python string literals; with every column secret they are secret, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dikast.errors import DataError, UsageError
from dikast.tables import bounds
from dikast.tables.bounds import Budget
from dikast.tables.columns import relevant
from dikast.tables.duck import WhichTableError
from dikast.tables.excel import EmptySheetError
from dikast.tables.folder import members
from dikast.tables.headers import clean_name, free_name
from dikast.tables.keys import NO_KEYS, Keys, describe_keys
from dikast.tables.load import open_table
from dikast.tables.reading import Reading
from dikast.tables.schema import Level, Schema, describe, literal
from dikast.tables.table import Table
from dikast.tables.whole import name_of

MOST_TOGETHER = 32
"""Tables that are given together: each costs a prompt its columns."""
HEADING = "There is no df: several data frames are in a dict called tables, by name."


@dataclass(frozen=True, slots=True)
class Together:
    """Tables of one file or folder.

    Args:
        tables: One or more.
        empty: Sheets that hold nothing and are left out.
        budget: What is left for the file.
        names: What the tables are called together, before they are cleaned; empty for their own names.
        besides: Files of a folder that are no tables and are left out.
    """

    tables: tuple[Table, ...]
    empty: tuple[str, ...]
    budget: Budget
    names: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()

    @property
    def called(self) -> list[str]:
        """What the tables are called, before names are cleaned."""
        return list(self.names) or [table.name for table in self.tables]

    @property
    def notes(self) -> list[str]:
        """What their owner should know, one line each."""
        left_out = [f"sheet {name!r} is empty and left out" for name in self.empty]
        left_out += [f"file {name!r} is no table and left out" for name in self.besides]
        if len(self.tables) == 1:
            return left_out + [problem.message for problem in self.tables[0].problems]
        shown = zip(self.called, shown_names(self.called, ()), strict=True)
        renamed = [f"table {name!r} is called {new!r}" for name, new in shown if name != new]
        pairs = zip(self.called, self.tables, strict=True)
        found = [f"table {name!r}: {problem.message}" for name, table in pairs for problem in table.problems]
        return left_out + renamed + found


@dataclass(frozen=True, slots=True)
class Schemas:
    """Several tables without their cells, by the names that programs have them under, and lines about their keys."""

    parts: Mapping[str, Schema]
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])

    @property
    def text(self) -> str:
        """What a prompt says."""
        frames = (
            "\n".join([schema.text_of(f"The data frame tables[{literal(name)}]"), *self.keys.get(name, ())])
            for name, schema in self.parts.items()
        )
        return "\n\n".join([HEADING, *frames])


def open_all(path: Path, reading: Reading, table: str | None = None, besides: Path | None = None) -> Together:
    """Open the table that is named, or all that the file or the folder has.

    Args:
        path: A file or a folder.
        reading: The owner's options.
        table: One of the file's.
        besides: A file of the folder that is no table of it: the one with the questions.

    Raises:
        DataError: One cannot be read, there are too many, or together they are too large.
    """
    budget = Budget(path, bounds.SHEET_SECONDS)
    if path.is_dir():
        return _open_folder(path, reading, budget, besides)
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


def _open_folder(folder: Path, reading: Reading, budget: Budget, besides: Path | None) -> Together:
    """The tables of all files; those of a file with several are called `FILE.TABLE`."""
    files, left_out = members(folder, besides)
    if len(files) > MOST_TOGETHER:
        raise too_many(folder, f"{len(files)} files")
    tables, names, empty = list[Table](), list[str](), list[str]()
    for file in files:
        found = open_all(file, reading)
        alone = len(found.tables) == 1 and not found.empty
        for table in found.tables:
            if len(files) > 1:  # what one file has, it has counted itself
                budget.spend(table.rows * len(table.columns))
            tables.append(table)
            plain = len(files) == 1 or (alone and table.name == name_of(file))
            names.append(table.name if plain else f"{name_of(file)}.{table.name}")
        empty += [name if len(files) == 1 else f"{name_of(file)}.{name}" for name in found.empty]
    if len(tables) > MOST_TOGETHER:
        raise too_many(folder, f"{len(tables)} tables")
    return Together(tuple(tables), tuple(empty), budget, tuple(names), tuple(left_out))


def too_many(path: Path, what: str) -> DataError:
    """The error for more tables than are given together."""
    hint = "name one of them, as `tables play --sheet NAME` does"
    return DataError(f"{what}, and {MOST_TOGETHER} are given together at most", path=path, hint=hint)


def _check(path: Path, known: Sequence[str]) -> None:
    if len(known) > MOST_TOGETHER:
        raise too_many(path, f"{len(known)} tables")
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
    return describe_each(together, level, secret)


def describe_each(together: Together, level: Level, secret: Collection[str] | None) -> Schemas:
    """Describe each table by its name, also where there is only one.

    Raises:
        UsageError: A secret column is in none of the tables.
    """
    columns = [{column.name for column in table.columns} for table in together.tables]
    unknown = set(secret or ()).difference(*columns)
    if unknown:
        hint = "headers are cleaned while loading: see the tables' columns"
        raise UsageError(f"{len(unknown)} of the secret columns are in none of the tables", hint=hint)
    own = [None if secret is None else names.intersection(secret) for names in columns]
    names = shown_names(together.called, secret)
    described = [describe(table, level, secret=hidden) for table, hidden in zip(together.tables, own, strict=True)]
    parts = dict(zip(names, described, strict=True))
    return Schemas(parts, {} if level == "names" else _keys_of(together, parts))


def _keys_of(together: Together, parts: Mapping[str, Schema]) -> dict[str, list[str]]:
    """What databases declare; a reference stays within its file."""
    told: dict[str, list[str]] = {}
    by_file: dict[Path | None, list[tuple[Table, str]]] = {}
    for table, name in zip(together.tables, parts, strict=True):
        by_file.setdefault(table.source, []).append((table, name))
    for pairs in by_file.values():
        tables = {table.name.casefold(): name for table, name in pairs}
        columns = {name: shown_columns(table, parts[name].names) for table, name in pairs}
        if len(tables) == len(pairs):
            told |= describe_keys([keys_of(table) for table, _ in pairs], tables, columns)
    return told


def keys_of(table: Table) -> Keys:
    """What a table declares, if it is a database's."""
    return getattr(table, "keys", NO_KEYS)


def shown_columns(table: Table, shown: Sequence[str]) -> dict[str, str]:
    """A table's columns, by the file's names, without case -> as they are shown."""
    fields: Sequence[str] = getattr(table, "fields", ()) or [column.name for column in table.columns]
    return {field.casefold(): name for field, name in zip(fields, shown, strict=True)}


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
    return replace(schema, parts={name: relevant(part, question, limit) for name, part in schema.parts.items()})
