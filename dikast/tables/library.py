"""Tables by name, opened when they are asked for, sealed for the sandbox, and let go again.

    library = Library(Path("tables"))
    held = await library.open("204-590", secret=())
    held.schema("types").text, held.sealed

A name is a file in the folder, with or without its ending; or, where one database or workbook is given, a table in it.
A database or workbook by its own name is all its tables together (`dikast.tables.several`), and so is a folder inside
by its name; the whole folder is called `.`.
At most `MOST_TABLES` tables and `MOST_BYTES` are held, the least recently used going first, so that memory does not
grow with games. A table that somebody still uses lives on until they are done.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal, cast

from dikast import sandbox
from dikast.disk import refused
from dikast.errors import DataError, UsageError
from dikast.sandbox.inside.written import Spelling
from dikast.tables.duck import NoTableError
from dikast.tables.folder import members
from dikast.tables.load import ENDINGS, format_of
from dikast.tables.reading import Reading
from dikast.tables.schema import Level, Schema
from dikast.tables.several import Schemas, Together, describe_all, describe_each, open_all
from dikast.tables.sql import Language
from dikast.tables.table import MemoryTable, Table, frame
from dikast.tables.whole import name_of

Box = Literal["auto", "frame", "arrow"]

MOST_TABLES = 512
MOST_BYTES = 1 << 30
DATABASES = ("sqlite", "duckdb", "excel", "ods")
COLUMNAR = (".parquet", ".arrow", ".feather", ".ipc", ".duckdb")
"""Endings whose tables go to the box that has Arrow and DuckDB. The number of rows decides nothing, or prompts would
tell it."""

WITHOUT_CELLS: tuple[Level, ...] = ("names", "types")
"""Levels of a schema that are made when a table is opened, since they read no cell."""

SQL_OFFERED = (
    'Besides df there is sql("select ... from df"): it runs DuckDB SQL over the same columns and returns a data frame.'
)
SQL_OFFERED_OVER_SEVERAL = (
    'Besides tables there is sql(\'select ... from "NAME" join "OTHER NAME" on ...\'): it runs DuckDB SQL over the'
    " same tables, by the same names in double quotes, and returns a data frame."
)

Key = tuple[str, tuple[str, ...] | None, Language]


WHOLE = "."
"""What all tables of the folder together are called."""
Stamp = tuple[tuple[int, int, int, int], ...]
BESIDE = ("-wal", ".wal")
"""Endings of the files beside a database's that hold its latest changes."""


def stamp(path: Path) -> Stamp:
    """Which file lies here, and as of when: inode, size, and times of change in nanoseconds; without reading it.

    Of a folder, which files lie in it.

    Raises:
        DataError: There is none.
    """
    if path.is_dir():
        return tuple(one for file in members(path)[0] for one in stamp(file))
    try:
        return tuple(
            (state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
            for file in (path, *(path.with_name(path.name + ending) for ending in BESIDE))
            if file == path or file.exists()
            for state in [file.stat()]
        )
    except OSError as error:
        raise refused(error, path) from error


@dataclass
class Held:
    """A table, or all of a file, ready to be asked; its cells are nowhere but in the sealed copy.

    Args:
        stamp: Its file as it was when it was opened.
        secret: Columns under aliases.
        sealed: Its cells, for the sandbox.
        spelling: How numbers and dates are written in its text.
        schemas: By level, those that are known.
        load: Opens the table again, for levels that look at cells.
        language: What its programs are written in.
    """

    stamp: Stamp
    secret: tuple[str, ...] | None
    sealed: sandbox.Table
    spelling: Spelling
    schemas: dict[str, Schema | Schemas]
    load: Callable[[], Together]
    language: Language = "python"

    def schema(self, level: str) -> Schema | Schemas:
        """The schema at a level.

        Raises:
            UsageError: There is no such level.
        """
        if level not in self.schemas:
            self.schemas[level] = describer(self.language)(self.load(), cast(Level, level), self.secret)
        return self.schemas[level]

    @property
    def offered(self) -> str:
        """What a prompt says besides the schema; empty if that is all."""
        if not self.sealed.arrow or self.language == "sql":
            return ""
        return SQL_OFFERED_OVER_SEVERAL if isinstance(self.schema("names"), Schemas) else SQL_OFFERED


def describer(language: Language) -> Callable[[Together, Level, tuple[str, ...] | None], Schema | Schemas]:
    """What describes tables to writers of this language: SQL names each table, also where there is only one."""
    return describe_each if language == "sql" else describe_all


class Library:
    """The tables of a folder, a file or a database.

    Args:
        place: Where they are.
        reading: Options of `load`, by name, as text or values; see `dikast.tables.reading`.
        box: Which kind of box tables go to: `auto` by the file's format, `frame` for pandas alone, `arrow` for DuckDB
            besides.
        besides: A file that is no table, even where a folder is given whole: that of the questions.
    """

    def __init__(
        self,
        place: Path,
        reading: Mapping[str, Any] | None = None,
        box: Box = "auto",
        besides: Path | None = None,
    ) -> None:
        self.place, self.box, self.besides = place, box, besides
        self.options = Reading.of(reading or {})
        self.reading = self.options.as_options()
        self._held: OrderedDict[Key, Held] = OrderedDict()
        self._opening: dict[Key, asyncio.Future[Held]] = {}

    @cached_property
    def _is_database(self) -> bool:
        return format_of(self.place) in DATABASES and self.place.is_file()

    def load(self, name: str) -> Together:
        """Open a table, or all of a file, for reading; nothing is kept.

        Raises:
            DataError: There is none of this name.
        """
        path = self.path(name)
        if not self._is_database or name == self.place.name:
            return open_all(path, self.options, besides=self.besides)
        try:
            return open_all(path, self.options, table=name)
        except NoTableError:
            if name != name_of(self.place):
                raise
        return open_all(path, self.options)  # the file by its name without the ending

    def path(self, name: str) -> Path:
        """The file that holds a table, or the folder whose files are several.

        Raises:
            DataError: There is none.
        """
        if self.place.is_file():
            if not self._is_database and name not in (self.place.name, name_of(self.place)):
                raise DataError(
                    f"no table is called {name!r:.80}", path=self.place, hint=f"it is {name_of(self.place)!r}"
                )
            return self.place
        if name == WHOLE and self.place.is_dir():
            return self._folder(self.place)
        try:
            return self._file_in_folder(name)
        except (OSError, ValueError) as error:  # too long for a name, or holding what no name can
            raise DataError(f"{name!r:.80} is no name of a file", path=self.place, field="table") from error

    def _file_in_folder(self, name: str) -> Path:
        """The file of this name, with or without its ending."""
        # "." and "../FOLDER" are inside, but with an ending they are the folder's neighbour.
        parts = name.split("/")
        inside = (self.place / name).resolve().is_relative_to(self.place.resolve())
        if parts[-1] in ("", ".") or ".." in parts or not inside:
            raise DataError(f"{name!r:.80} is not inside the folder", path=self.place, field="table")
        for suffix in ("", *ENDINGS):
            if (found := self.place / f"{name}{suffix}").is_file():
                return found
        if (folder := self.place / name).is_dir():
            return self._folder(folder)
        raise DataError(f"no table is called {name!r:.80}", path=self.place, field="table", hint="name its file")

    def _folder(self, folder: Path) -> Path:
        """A folder, or the one table file in it."""
        files, _ = members(folder, self.besides)
        return files[0] if len(files) == 1 else folder

    def files(self, name: str) -> list[Path]:
        """The files that hold a table or several.

        Raises:
            DataError: There is none.
        """
        path = self.path(name)
        return members(path, self.besides)[0] if path.is_dir() else [path]

    async def open(self, name: str, secret: Sequence[str] | None, language: Language = "python") -> Held:
        """A table, opened once however many ask for it at the same time.

        Raises:
            DataError: There is none of this name, or it cannot be read.
            UsageError: A secret column is not in it, or the language is SQL and the box is to have none.
        """
        if language == "sql" and self.box == "frame":
            raise UsageError("the box of pandas alone runs no SQL", hint="leave --box out, or --language sql")
        key = (name, None if secret is None else tuple(secret), language)
        held, opening = self._held.get(key), self._opening.get(key)  # once: other threads' loops change them, too
        if held is not None and held.stamp == stamp(self.path(name)):
            with suppress(KeyError):
                self._held.move_to_end(key)
            return held
        if held is not None:
            self._held.pop(key, None)  # the file has changed since, or another lies in its place
        if opening is not None and opening.get_loop() is asyncio.get_running_loop():
            return await asyncio.shield(opening)
        task = asyncio.ensure_future(asyncio.to_thread(self._open, *key))
        self._opening[key] = task
        try:
            held = await asyncio.shield(task)
        finally:
            self._opening.pop(key, None)
        self._keep(key, held)
        return held

    def _open(self, name: str, secret: tuple[str, ...] | None, language: Language) -> Held:
        seen = stamp(self.path(name))  # before it is read: a change meanwhile is seen at the next question
        together = self.load(name)
        schemas = {level: describer(language)(together, level, secret) for level in WITHOUT_CELLS}
        table = together.tables[0]
        alone = isinstance(table, MemoryTable) and len(together.tables) == 1
        spelling = table.spelling if isinstance(table, MemoryTable) and alone else self.options.spelling
        sealed = self._seal(together, schemas["names"], language)
        return Held(seen, secret, sealed, spelling, dict(schemas), partial(self.load, name), language)

    def _seal(self, together: Together, schema: Schema | Schemas, language: Language) -> sandbox.Table:
        if isinstance(schema, Schema):
            [table] = together.tables
            return sandbox.Table.of(self._copy(table, schema.names, self._columnar(table)))
        parts = zip(schema.parts.items(), together.tables, strict=True)
        columnar = language == "sql" or any(map(self._columnar, together.tables))  # all go to one box
        copies = ((name, self._copy(table, part.names, columnar)) for (name, part), table in parts)
        return sandbox.Table.of_several(copies, partial(together.budget.spend, 0))

    def _copy(self, table: Table, names: Sequence[str], columnar: bool) -> Any:
        if not columnar:
            return frame(table, names)
        from dikast.tables.arrow import arrow_table

        return arrow_table(table, names)

    def _columnar(self, table: Table) -> bool:
        if self.box != "auto":
            return self.box == "arrow"
        return table.source is not None and table.source.suffix.lower() in COLUMNAR

    def _keep(self, key: Key, held: Held) -> None:
        self._held[key] = held
        while len(self._held) > 1 and (len(self._held) > MOST_TABLES or self.held_bytes > MOST_BYTES):
            self._held.popitem(last=False)

    @property
    def held_bytes(self) -> int:
        """Bytes of the tables that are held."""
        return sum(held.sealed.size for held in self._held.values())

    def __len__(self) -> int:
        return len(self._held)
