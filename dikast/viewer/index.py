"""The rows of a run as an SQLite file in the cache folder, kept up to date with the journal.

    index = Index(run, guard=None)
    while index.catch_up(seconds=0.5) < 1: ...      # how much of the journal is read, 0..1
    index.file.execute("SELECT ...")                 # `dikast.viewer.asking` does

The journal is read from where it was left, up to its last whole line; the run folder is not written to, and no lock is
taken. A journal that is no longer the one that was read (shorter, changed before that place, another input) is read
from its beginning. So is a broken index. Memory: one batch of rows.

Table `rows` has the last line of each key: number, sample, outcome, ..., and a column for each of the run's first
`MOST_COLUMNS` scalars (`c0`, `c1`, ...), named in table `columns`. Table `words` is what can be searched.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from dikast.agents.models.catalog import cache_folder
from dikast.disk import told_if_refused
from dikast.jobs.current import current_keys
from dikast.jobs.files import decode, is_row
from dikast.jobs.folder import ROWS
from dikast.jobs.reading import Run
from dikast.pages import Cell
from dikast.viewer.cells import BIGGEST, cells_of, digest_of, kind_of, number_of, whole, words_of

VERSION = 1
"""Of the tables below: an index of another version is another file."""
MOST_COLUMNS = 24
BATCH_ROWS = 500
BUSY_SECONDS = 30
PRINT_BYTES = 4096
"""Of the journal's beginning, and before the place up to which it was read, that say whether it is still the same."""
REASON_CHARACTERS = 300
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
TABLES = """
CREATE TABLE meta(name TEXT PRIMARY KEY, value);
CREATE TABLE columns(place INTEGER PRIMARY KEY, name TEXT UNIQUE, kind TEXT);
CREATE TABLE rows(
    id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB UNIQUE, number INTEGER, sample INTEGER, attempt INTEGER,
    outcome TEXT, reason TEXT, place INTEGER, seconds REAL, tokens INTEGER,
    digest INTEGER, score REAL
);
CREATE INDEX in_order ON rows(number, sample);
CREATE INDEX by_outcome ON rows(outcome, number, sample);
CREATE VIRTUAL TABLE words USING fts5(text, content='', detail=full);
"""
Guard = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""A line of the journal -> the same without what is protected."""


def folder() -> Path:
    """Where the viewer keeps what it made."""
    return cache_folder() / "viewer"


def name_of(path: Path) -> str:
    """A run folder's name in the viewer's addresses and files: readable, and its own."""
    whole_path = path.resolve()
    readable = "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in whole_path.name.lower()).split())
    digest = hashlib.blake2b(os.fsencode(whole_path), digest_size=5).hexdigest()
    return f"{readable[:40]}-{digest}" if readable else digest


class Index:
    """A run's rows, in order, to be asked.

    Args:
        run: The run.
        guard: What its method takes out of a row before anybody sees it.
        home: The folder of the index.

    Raises:
        DataError: The cache folder cannot be written.
    """

    def __init__(self, run: Run, guard: Guard | None = None, home: Path | None = None) -> None:
        self.run, self._guard = run, guard
        home = home or folder()
        with told_if_refused(home, "written", "folder"):
            home.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        self.path = home / f"{name_of(run.path)}.v{VERSION}.sqlite"
        self.lock = threading.RLock()
        self._numbers: dict[str, int] | None = None
        self._known_numbers = False
        self._done = False
        self.file = self._open()

    def _open(self) -> sqlite3.Connection:
        with told_if_refused(self.path, "written"):
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE))
        try:
            return self._connect()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:  # not one of ours any more: it can be made again
            self.path.write_bytes(b"")
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        file = sqlite3.connect(self.path, BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            # What is lost in a crash is made again.
            file.execute("PRAGMA synchronous=OFF")
            file.execute("PRAGMA cache_size=-16384")
            if not file.execute("SELECT count(*) FROM sqlite_master WHERE name = 'rows'").fetchone()[0]:
                file.executescript(f"BEGIN IMMEDIATE; {TABLES} COMMIT;")
        except BaseException:
            file.close()
            raise
        return file

    def throw_away(self) -> None:
        """Delete the file, which is damaged."""
        self.close()
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self.file.close()

    @property
    def meta(self) -> dict[str, Any]:
        """What is known of the journal: `offset`, `foreign` (lines that are no rows), `usage` by role as JSON."""
        with self.lock:
            return dict(self.file.execute("SELECT name, value FROM meta"))

    @property
    def columns(self) -> dict[str, tuple[str, str]]:
        """Column -> (its name in the table `rows`, `number` or `text`)."""
        with self.lock:
            found = self.file.execute("SELECT name, place, kind FROM columns ORDER BY place").fetchall()
        return {name: (f"c{place}", kind) for name, place, kind in found}

    def forget(self) -> None:
        """Have the journal read from its beginning next time."""
        with self.lock, self._transaction():
            self._forget("")

    def put_scores(self, name: str, scores: Mapping[str, float], state: str) -> None:
        """Note how good rows are.

        Args:
            name: The measure.
            scores: Key of a row -> its number.
            state: Of the run that was measured.
        """
        with self.lock, self._transaction():
            values = ((score, bytes.fromhex(key)) for key, score in scores.items())
            self.file.executemany("UPDATE rows SET score = ? WHERE key = ?", values)
            self._note(score=name, scored=state)

    def catch_up(self, seconds: float = 0.5) -> float:
        """Read what the journal has more, for about so long; the share of it that is read by now.

        Raises:
            DataError: Some rows are of another input than the run's, and it is not known which.
        """
        until, share = time.monotonic() + seconds, 0.0
        while True:
            with self.lock, self._transaction():
                share = self._batch()
            if share >= 1 or time.monotonic() >= until:
                return share

    @contextmanager
    def _transaction(self) -> Generator[None]:
        self.file.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.file.execute("ROLLBACK")
            raise
        self.file.execute("COMMIT")

    def _batch(self) -> float:
        journal = self.run.path / ROWS
        if not journal.exists():
            self._forget("")
            return 1.0
        with told_if_refused(journal), journal.open("rb") as lines:
            known, size = self.meta, os.fstat(lines.fileno()).st_size
            self._number_rows()
            input_now = self._input()
            if not self._is_same(lines, known, size) or known.get("input") != input_now:
                self._forget(input_now)
                known = self.meta
            offset = self._read(lines, int(known.get("offset", 0)), known)
            self._note(offset=offset, head=_print_of(lines, 0, offset), tail=_print_of(lines, offset, offset))
            stat = os.fstat(lines.fileno())
            self._note(size=stat.st_size, changed=stat.st_mtime_ns)
        return 1.0 if self._done else min(offset / max(size, 1), 0.999)

    def _is_same(self, lines: BinaryIO, known: Mapping[str, Any], size: int) -> bool:
        offset = int(known.get("offset", 0))
        if size < offset or (
            size == known.get("size") and known.get("changed") != os.fstat(lines.fileno()).st_mtime_ns
        ):
            return False
        return known.get("head", "") in ("", _print_of(lines, 0, offset)) and known.get("tail", "") in (
            "",
            _print_of(lines, offset, offset),
        )

    def _input(self) -> str:
        """Which rows are shown, under which numbers: empty for all that the journal has, as it numbers them."""
        return "" if self._numbers is None else str(self.run.manifest.attempts[-1].input_hash)

    def _forget(self, input_now: str) -> None:
        self.file.execute("DELETE FROM meta")
        self.file.execute("DELETE FROM columns")
        self.file.execute("DELETE FROM rows")
        self.file.execute("INSERT INTO words(words) VALUES('delete-all')")
        self._note(input=input_now)

    def _number_rows(self) -> None:
        """Learn which numbers the rows have, where the run's input has changed."""
        if not self._known_numbers:
            keys, samples = current_keys(self.run.path, self.run.manifest), self.run.manifest.samples
            self._numbers = None if keys is None else {key.hex(): at // samples + 1 for at, key in enumerate(keys)}
            self._known_numbers = True

    def _read(self, lines: BinaryIO, offset: int, known: Mapping[str, Any]) -> int:
        """Put a batch of lines into the tables; where the next one begins."""
        lines.seek(offset)
        foreign, usage = int(known.get("foreign", 0)), json.loads(known.get("usage", "{}"))
        columns, self._done = self.columns, False
        for _ in range(BATCH_ROWS):
            line = lines.readline()
            if not line.endswith(b"\n"):
                self._done = True
                break
            record = decode(line)
            if record is None or not is_row(record):
                foreign += 1
            else:
                self._put(record, offset, columns)
                _add_usage(usage, record["usage"])
            offset += len(line)
        self._note(foreign=foreign, usage=json.dumps(usage))
        return offset

    def _put(self, record: dict[str, Any], place: int, columns: dict[str, tuple[str, str]]) -> None:
        number = record["row"] if self._numbers is None else self._numbers.get(record["key"])
        if number is None or not (number <= BIGGEST and abs(record["sample"]) <= BIGGEST):
            return
        shown = self._guard(record) if self._guard else record
        values: dict[str, Any] = {
            "key": bytes.fromhex(record["key"]),
            "number": number,
            "sample": record["sample"],
            "attempt": number_of(record.get("attempt")),
            "outcome": record["outcome"],
            "reason": whole(str(shown.get("reason") or "")[:REASON_CHARACTERS]),
            "place": place,
            "seconds": number_of(record.get("seconds")),
            "tokens": number_of(sum(spent.get("output_tokens", 0) for spent in record["usage"].values())),
            "digest": digest_of(record),
        }
        for name, cell in cells_of(shown).items():
            if column := self._column(whole(name), cell, columns):
                values[column] = cell
        marks = ", ".join("?" * len(values))
        sql = f"INSERT OR REPLACE INTO rows({', '.join(values)}) VALUES({marks})"
        id_ = self.file.execute(sql, tuple(values.values())).lastrowid
        self.file.execute("INSERT INTO words(rowid, text) VALUES(?, ?)", (id_, words_of(shown)))

    def _column(self, name: str, cell: Cell, columns: dict[str, tuple[str, str]]) -> str | None:
        """Where a value goes; a new name gets a column while there are any."""
        if cell is None:
            return None
        column, kind = columns.get(name, (f"c{len(columns)}", ""))
        now = "text" if kind == "text" else kind_of(cell)
        if not kind and len(columns) >= MOST_COLUMNS:
            return None
        if not kind and column not in {one[1] for one in self.file.execute("PRAGMA table_info(rows)")}:
            self.file.execute(f"ALTER TABLE rows ADD COLUMN {column}")
        if now != kind:
            self.file.execute("INSERT OR REPLACE INTO columns VALUES(?, ?, ?)", (int(column[1:]), name, now))
            columns[name] = column, now
        return column

    def _note(self, **values: object) -> None:
        self.file.executemany("INSERT OR REPLACE INTO meta VALUES(?, ?)", list(values.items()))


def _print_of(lines: BinaryIO, at: int, offset: int) -> str:
    """A hash of the first bytes of what was read, or of the last before `at`; where nothing was read, of nothing."""
    start = max(0, at - PRINT_BYTES) if at else 0
    lines.seek(start)
    return hashlib.blake2b(lines.read(min(PRINT_BYTES, offset - start)), digest_size=16).hexdigest() if offset else ""


def _add_usage(total: dict[str, dict[str, float]], usage: Mapping[str, Mapping[str, float]]) -> None:
    for role, spent in usage.items():
        mine = total.setdefault(role, {})
        for name, value in spent.items():
            mine[name] = mine.get(name, 0) + value
