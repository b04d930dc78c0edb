"""Reading runs: rows in the order of the input, one row by name, how a run stands, how two differ.

    run = Run.open(Path("runs/x"))
    for row in run.rows(): ...
    run.row("7")          # by its number in the input; "7/2" is its third sample
    run.row("23d67470")   # by the beginning of its key
    run.frame("calls")    # a pandas table

Rows are those of the run's last input; what earlier inputs had besides stays in the journal.
Nothing is written and no lock is taken: a run may be read while it is worked on. Memory: one index entry a row.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dikast.errors import DataError, UsageError
from dikast.jobs.current import current_keys
from dikast.jobs.files import OUTCOMES, decode, dumps, encode, explain_os_errors, is_row
from dikast.jobs.folder import ERRORS, ROWS, locked
from dikast.jobs.manifest import NAME, Manifest, read_manifest
from dikast.jobs.summary import Summary, Tally, read_standing, summarise
from dikast.records import Outcome

if TYPE_CHECKING:
    import pandas as pd

    from dikast.jobs.frames import Table

ROW_NUMBER = re.compile(r"([1-9]\d{0,8})(?:/(\d+))?")
HEAD = re.compile(
    rb'{"key":"(?P<key>[0-9a-f]{32})","row":(?P<row>\d+),"ordinal":\d+,"sample":(?P<sample>\d+),"attempt":\d+,'
    rb'"outcome":"(?P<outcome>[a-z]+)",'
)
"""How a line of a journal begins: reading this much takes a tenth of the time of reading all of it."""
KEY_PREFIX = re.compile(r"[0-9a-f]{4,32}")
Wanted = Callable[[str, int], bool]
"""Whether a row is looked for, by its key and its number."""
REASON_CHARACTERS = 160
SPENDING = frozenset({"usage", "seconds", "cached"})
SHOWN = 5
"""Rows that a message about an ambiguous name lists."""


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    number: int
    sample: int
    key: str
    offset: int
    outcome: str


@dataclass(frozen=True)
class Run:
    """A run folder.

    Args:
        path: Where it is.
        manifest: What it is.
        epoch: The only sample of each row that is looked at, from 0; `None` for all. See `of_epoch`.
        guard: What each row is taken through as it is read, such as a method's `guard`; `None` for as it is.
    """

    path: Path
    manifest: Manifest
    epoch: int | None = None
    guard: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None

    @classmethod
    def open(cls, path: Path) -> Run:
        """Open a run folder for reading.

        Raises:
            DataError: It is none.
        """
        return cls(path, read_manifest(path))

    def of_epoch(self, epoch: int) -> Run:
        """The run as if this epoch had been the only one: its rows, and what was asked for.

        What was spent is still told of the whole run.

        Args:
            epoch: From 0.
        """
        *before, last = self.manifest.attempts
        asked = None if last.asked is None else last.asked // self.manifest.samples
        alone = last.model_copy(update={"asked": asked, "outcomes": {}, "journal_bytes": None})
        return replace(self, manifest=self.manifest.model_copy(update={"attempts": [*before, alone]}), epoch=epoch)

    @cached_property
    def _places(self) -> list[_Place]:
        """Where the last line of each key is, in the order of the input."""
        return self._places_where(want_every)

    @cached_property
    def _numbers(self) -> dict[str, int] | None:
        """Key -> the row's number in the last input; `None` where the journal's numbers are these."""
        keys = current_keys(self.path, self.manifest)
        samples = self.manifest.samples
        return None if keys is None else {key.hex(): index // samples + 1 for index, key in enumerate(keys)}

    def rows(self, outcomes: Collection[str] = OUTCOMES) -> Iterator[dict[str, Any]]:
        """The finished rows in the order of the input, the last line of each key.

        Args:
            outcomes: Only rows that ended so.
        """
        for _, record in self.lines(outcomes):
            yield record

    def lines(self, outcomes: Collection[str] = OUTCOMES) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """The finished rows, each with its line as the journal has it; a line that is no row is left out."""
        if not self._places:
            return
        with (self.path / ROWS).open("rb") as file:
            for place in self._places:
                if place.outcome in outcomes:
                    file.seek(place.offset)
                    line = file.readline()
                    record = decode(line)
                    if record is not None and is_whole(record):
                        if record["row"] != place.number or self.guard is not None:
                            record["row"] = place.number
                            record = dict(self.guard(record)) if self.guard is not None else record
                            line = encode(record)
                        yield line, record

    def row(self, name: str) -> dict[str, Any]:
        """One finished row.

        Args:
            name: Its 1-based number in the input (`7`; `7/0` is the first of its samples), or the beginning of its
                key, at least four digits.

        Raises:
            UsageError: No such row, or several.
        """
        found = self._named(name)
        if not found:
            there = f"{len(self._places)} rows are finished"
            raise UsageError(f"{self.path}: no finished row {name!r}; {there}", hint="give its number, key or id")
        if len(found) > 1:
            listed = ", ".join(f"{place.number}/{place.sample} ({place.key[:8]})" for place in found[:SHOWN])
            raise UsageError(f"{self.path}: {name!r} names {len(found)} rows: {listed}", hint="give one of these")
        return self._read(found[0])

    def _read(self, place: _Place) -> dict[str, Any]:
        return {**read_at(self.path / ROWS, place.offset), "row": place.number}

    def row_with_id(self, name: str) -> dict[str, Any] | None:
        """The first row, in the order of the input, whose input has this as its `qid` or `id`; `None` if none has."""
        # The journal writes a text in one of two ways; only the lines that hold it are read.
        texts = {dumps(name, ensure_ascii=ascii).encode("utf-8", "replace") for ascii in (False, True)}
        offsets = set(offsets_of(self.path / ROWS, texts))
        for place in self._places if offsets else ():
            if place.offset in offsets:
                record = self._read(place)
                if name in (record["input"].get("qid"), record["input"].get("id")):
                    return record
        return None

    def _named(self, name: str) -> list[_Place]:
        if number := ROW_NUMBER.fullmatch(name):
            wanted, sample = int(number[1]), number[2]
            found = self._places_where(lambda _, row: row == wanted)
            found = [place for place in found if sample is None or place.sample == int(sample)]
            if found or not KEY_PREFIX.fullmatch(name):
                return found
        return self._places_where(lambda key, _: key.startswith(name)) if KEY_PREFIX.fullmatch(name) else []

    def _places_where(self, wanted: Wanted) -> list[_Place]:
        numbers = self._numbers
        if numbers is None:
            found = {place.key: place for place in read_places(self.path / ROWS, wanted)}
            return sorted(place for place in found.values() if self._has(place))
        found = {place.key: place for place in read_places(self.path / ROWS) if place.key in numbers}
        placed = (replace(place, number=numbers[key]) for key, place in found.items())
        return sorted(place for place in placed if self._has(place) and wanted(place.key, place.number))

    def _has(self, place: _Place) -> bool:
        return self.epoch is None or place.sample == self.epoch

    def trace(self, key: str) -> str:
        """The last traceback of a row; empty if it never had one."""
        last = ""
        path = self.path / ERRORS
        if path.exists():
            with path.open("rb") as file:
                for line in file:
                    record = decode(line) if key.encode() in line else None
                    if record is not None and record.get("key") == key:
                        last = str(record.get("trace", ""))
        return last

    def reasons(self) -> Counter[tuple[str, str]]:
        """Outcome and reason of the rows that did not end well, counted; a reason in one line, cut where it is long."""
        found = Counter[tuple[str, str]]()
        for row in self.rows(OUTCOMES - {Outcome.OK.value}):
            found[row["outcome"], " ".join(str(row.get("reason") or "no reason told").split())[:REASON_CHARACTERS]] += 1
        return found

    def show(self, **options: Any) -> Any:
        """The run in a notebook: its report, and its first rows with their stories.

        Args:
            options: As `dikast.viewer.notebook.show` takes them.
        """
        # The viewer stands above: it is named here, and loaded when somebody looks.
        return import_module("dikast.viewer.notebook").show(self, **options)

    @property
    def active(self) -> bool:
        """Whether somebody is writing to it."""
        return locked(self.path)

    def standing(self) -> Summary:
        """How the run stands, by its manifest where that is up to date: at once, however many rows there are."""
        return read_standing(self.path, self.manifest) or self.summary()

    def frame(self, table: Table = "rows", outcomes: Collection[str] = OUTCOMES) -> pd.DataFrame:
        """The finished rows as a pandas table, all in memory; see `dikast.jobs.frames`.

        Args:
            table: `rows`: a row a finished row. `calls`: a row a model call. `messages`: a row a message sent.
            outcomes: Only rows that ended so.

        Raises:
            UsageError: There is no such table.
        """
        from dikast.jobs import frames

        if table not in frames.TABLES:
            raise UsageError(f"a run has no table {table!r}", hint=f"one of {', '.join(frames.TABLES)}")
        return frames.frame(self.rows(outcomes), table)

    def summary(self) -> Summary:
        """How the run stands, from its journal."""
        tally = Tally().read_file(self.path / ROWS)
        if (keys := current_keys(self.path, self.manifest)) is not None:
            tally.leave_out(set(keys))
        if self.epoch is not None:
            tally.leave_out({bytes.fromhex(place.key) for place in self._places})
        return summarise(self.path, self.manifest, tally)


def list_runs(folder: Path) -> list[Run]:
    """The runs in a folder, itself and its subfolders one level down, the latest first.

    Folders with a damaged or a foreign `manifest.json` are left out; `find_runs` says which.

    Raises:
        DataError: There is no such folder.
    """
    return find_runs(folder)[0]


def read_run(folder: Path | str) -> Run:
    """A run, for reading: `read_run("runs/x").frame()` is a pandas table of its rows.

    Raises:
        DataError: It is no run folder.
    """
    return Run.open(Path(folder))


def find_runs(folder: Path) -> tuple[list[Run], list[DataError]]:
    """The runs in a folder as `list_runs` gives them, and what is wrong with each one that cannot be opened.

    Raises:
        DataError: There is no such folder.
    """
    if not folder.is_dir():
        raise DataError("no such folder", path=folder, hint="name the folder that holds the run folders")
    found: list[Run] = []
    damaged: list[DataError] = []
    for path in (folder, *sorted(folder.iterdir())):
        try:
            if (path / NAME).is_file():
                found.append(Run.open(path))
        except DataError as error:
            damaged.append(error)
        except OSError as error:  # a subfolder that may not be looked into
            damaged.append(DataError(f"cannot be read: {error.strerror}", path=path))
    return sorted(found, key=lambda run: run.manifest.attempts[-1].started, reverse=True), damaged


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that two runs do not have alike.

    Args:
        key: The row's.
        number: Its number in the input of the run that has it (the first, if both do).
        before: The first run's row; `None` if only the second has it.
        after: The second run's row; `None` if only the first has it.
        fields: What differs: `outcome`, `output.NAME`.
    """

    key: str
    number: int
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    fields: tuple[str, ...]


def pairs(first: Run, second: Run) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The rows that two runs both have, in the first one's order."""
    others = {place.key: place for place in second._places}
    for before in first.rows():
        if (place := others.get(before["key"])) is not None:
            yield before, second._read(place)


def diff(first: Run, second: Run) -> Iterator[Difference]:
    """The rows that two runs do not have alike, in the first one's order, then those that only the second has.

    Compared are outcomes and outputs; not seconds, usage, attempts or what the calls said.
    """
    others = {place.key: place for place in second._places}
    for before in first.rows():
        place = others.pop(before["key"], None)
        after = None if place is None else second._read(place)
        fields = list_differing(before, after) if after is not None else ()
        if after is None or fields:
            yield Difference(before["key"], before["row"], before, after, fields)
    for place in others.values():
        after = second._read(place)
        yield Difference(after["key"], after["row"], None, after, ())


def list_differing(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, ...]:
    """The names of what differs between two rows' results."""
    one, two = flat(before), flat(after)
    return tuple(name for name in [*one, *(name for name in two if name not in one)] if one.get(name) != two.get(name))


def flat(record: dict[str, Any]) -> dict[str, Any]:
    """A row's results by field name, without what they took, however deep in the output that is told."""
    output = without_spending(record["output"])
    if not isinstance(output, dict):
        return {"outcome": record["outcome"], "output": output}
    named = {f"output.{name}": value for name, value in cast(dict[str, Any], output).items()}
    return {"outcome": record["outcome"], **named}


def without_spending(value: object) -> object:
    """A value without the `usage`, the `seconds` and the `cached` in it: they differ between equal results."""
    if isinstance(value, dict):
        named = cast(dict[str, object], value)
        return {name: without_spending(one) for name, one in named.items() if name not in SPENDING}
    if isinstance(value, list):
        return [without_spending(one) for one in cast(list[object], value)]
    return value


def read_at(path: Path, offset: int) -> dict[str, Any]:
    """The row whose line begins at a byte of a journal.

    Raises:
        DataError: No row begins there.
    """
    with path.open("rb") as file:
        file.seek(offset)
        record = decode(file.readline())
    if record is None or not is_row(record):
        hint = "the disk or a hand damaged it: give the run's command again, and its row is done again"
        raise DataError(f"the line at byte {offset} is no row", path=path, hint=hint)
    return record


def is_whole(record: dict[str, Any]) -> bool:
    """Whether a record whose beginning is a row's has the rest of it, too."""
    return isinstance(record.get("input"), dict) and "output" in record and isinstance(record.get("usage"), dict)


def offsets_of(path: Path, texts: Collection[bytes]) -> Iterator[int]:
    """Where the lines of a file are that hold one of these texts."""
    if not path.exists():
        return
    offset = 0
    with explain_os_errors(path, "read"), path.open("rb") as file:
        for line in file:
            if any(text in line for text in texts):
                yield offset
            offset += len(line)


def want_every(key: str, row: int) -> bool:
    """Want every row: the filter that lets all pass."""
    return True


def read_places(path: Path, wanted: Wanted = want_every) -> Iterator[_Place]:
    """Where each line of a journal is and whose, by its beginning; an absent file is empty."""
    if not path.exists():
        return
    offset = 0
    with explain_os_errors(path, "read"), path.open("rb") as file:
        for line in file:
            head = HEAD.match(line)
            if head and line.endswith(b"\n"):
                key, row, sample, outcome = head.groups()
                if wanted(key.decode(), int(row)):
                    yield _Place(int(row), int(sample), key.decode(), offset, outcome.decode())
            elif (record := decode(line)) is not None and is_row(record) and wanted(record["key"], record["row"]):
                yield _Place(record["row"], record["sample"], record["key"], offset, record["outcome"])
            offset += len(line)
