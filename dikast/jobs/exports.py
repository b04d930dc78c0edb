"""A run as a data set: JSON lines, CSV, Parquet, or a folder that Hugging Face's `datasets` loads, with its card.

    export(Run.open(Path("runs/x")), "parquet")
    export(run, "datasets", Path("my-data"), licence="cc-by-4.0")

Rows come in the order of the input and one at a time: memory holds an index entry a row and one group of rows. An
export is written beside its place and renamed when it is whole. It can be made of a run that is not finished: what it
holds is counted in the card.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal

from dikast.errors import UsageError
from dikast.jobs import parquet
from dikast.jobs.card import About, Files, card, card_of_splits
from dikast.jobs.columns import Kind, flat, kinds_of
from dikast.jobs.files import dumps, encode, explain_os_errors
from dikast.jobs.heap import spare_collector
from dikast.jobs.reading import Run
from dikast.jobs.spool import Spool
from dikast.records import Outcome

Format = Literal["jsonl", "csv", "parquet", "datasets"]
ENDINGS: dict[Format, str] = {
    "jsonl": "rows.jsonl",
    "csv": "rows.csv",
    "parquet": "rows.parquet",
    "datasets": "dataset",
}
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so is a formula to a spreadsheet; what models write stands behind an apostrophe there."""
EVERY = frozenset(Outcome)
NOT_FINITE = re.compile(rb"NaN|Infinity")
"""A line that may hold numbers that earlier versions wrote and JSON does not have."""


def export(
    run: Run,
    form: Format,
    out: Path | None = None,
    *,
    outcomes: Collection[Outcome] = EVERY,
    licence: str = "unknown",
) -> Path:
    """Write a run's finished rows in another form.

    Args:
        run: The run.
        form: `jsonl`: the rows as the journal has them, each once. `csv`: a column a field, lists and objects as JSON;
            a text that a spreadsheet would take for a formula stands behind an apostrophe. `parquet`: one file, inputs
            and outputs as columns.
            `datasets`: a folder with `data/*.parquet` and a `README.md`.
        out: Where to: a place where nothing is yet. By default inside the run folder's `export/`, where an earlier
            export is replaced.
        outcomes: Which rows.
        licence: For the card: an identifier that Hugging Face knows, such as `cc-by-4.0`.

    Returns:
        The file or folder.

    Raises:
        MissingExtraError: Parquet is wanted without pyarrow.
        UsageError: No row has one of these outcomes, or something is at `out`.
        DataError: The journal is damaged, or the disk takes no more.
    """
    place = out if out is not None else run.path / "export" / ENDINGS[form]
    if form in ("parquet", "datasets"):
        parquet.load_pyarrow()
    write: dict[Format, Callable[[Path], object]] = {
        "jsonl": lambda beside: write_jsonl(run, beside, outcomes),
        "csv": lambda beside: write_csv(run, beside, outcomes),
        "parquet": lambda beside: write_parquet(run, beside, outcomes),
        "datasets": lambda beside: write_dataset(run, beside, outcomes, licence),
    }
    return put(place, write[form], replace=out is None)


Split = tuple[str, dict[str, Any]]
"""The name of a split, and a row of it."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What could have been a row of a data set and is none; only counted.

    Args:
        why: In a few words, the same for all that are left out for the same reason; no text of the row.
    """

    why: str


@dataclass(frozen=True, slots=True)
class Exported:
    """A data set that was written.

    Args:
        path: Its folder.
        rows: Split -> rows.
        left_out: Why -> how many.
    """

    path: Path
    rows: Mapping[str, int]
    left_out: Mapping[str, int]


def export_splits(
    run: Run,
    name: str,
    rows: Iterator[Split | LeftOut],
    about: About,
    out: Path | None = None,
    *,
    licence: str = "unknown",
) -> Exported:
    """Write rows that were made of a run as a data set of several splits: Parquet, JSON lines and a card.

    Args:
        run: Where the rows come from.
        name: The folder's, inside the run folder's `export/`, where `out` is not given.
        rows: Gone through once; memory holds one group of rows.
        about: What the card says.
        out: As for `export`.
        licence: As for `export`.

    Raises:
        MissingExtraError: pyarrow is not installed.
        UsageError: There is no row, or something is at `out`.
        DataError: The disk takes no more.
    """
    parquet.load_pyarrow()
    place = out if out is not None else run.path / "export" / name
    counts, left_out = Counter[str](), Counter[str]()

    def write(beside: Path) -> None:
        write_splits(run, beside, count_rows(rows, counts, left_out), about, licence, left_out)

    put(place, write, replace=out is None)
    return Exported(place, dict(counts), dict(left_out))


def put(place: Path, write: Callable[[Path], object], *, replace: bool) -> Path:
    """Have something written beside its place and renamed when it is whole.

    Raises:
        UsageError: Something is there, and is not to be replaced.
    """
    if not replace and place.exists():
        raise UsageError(f"{place} is already there", hint="name another place, or move it away")
    with replacing(place) as beside:
        write(beside)
    return place


@contextmanager
def replacing(place: Path) -> Generator[Path]:
    """A path to write to, which takes the place of what is there when all of it is written.

    Raises:
        DataError: The disk takes no more, or the folder cannot be written.
    """
    beside = place.with_name(f".{place.name}.{os.getpid()}")
    with explain_os_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        remove(beside)
        try:
            yield beside
            remove(place)
            beside.rename(place)
        finally:
            remove(beside)


def remove(place: Path) -> None:
    """Take a file or a folder away, if it is there."""
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def refuse_nothing(run: Run, outcomes: Collection[Outcome]) -> None:
    """Raise `UsageError` if no row has one of these outcomes."""
    if next(run.rows(outcomes), None) is None:
        wanted = ", ".join(sorted(outcomes))
        raise UsageError(f"{run.path}: no finished row has the outcome {wanted}", hint="nothing to export")


def write_jsonl(run: Run, place: Path, outcomes: Collection[Outcome]) -> None:
    """One row a line, as the journal has it."""
    refuse_nothing(run, outcomes)
    with spare_collector(), place.open("wb") as file:
        for line, record in run.lines(outcomes):
            file.write(encode(record) if NOT_FINITE.search(line) or not line.endswith(b"\n") else line)


def write_csv(run: Run, place: Path, outcomes: Collection[Outcome]) -> None:
    """A line a row, a column a field that any row has; model calls are left out."""
    refuse_nothing(run, outcomes)
    columns = dict.fromkeys(name for row in run.rows(outcomes) for name in flat(row) if name != "calls")
    with spare_collector(), place.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.DictWriter(file, list(columns), extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for row in run.rows(outcomes):
            writer.writerow({name: csv_cell(value) for name, value in flat(row).items()})


def csv_cell(value: object) -> object:
    """A value as a cell: texts and numbers as they are, anything else as JSON, nothing for null."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    return (
        value
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool))
        else dumps(value, ensure_ascii=False)
    )


def write_parquet(run: Run, place: Path, outcomes: Collection[Outcome]) -> tuple[dict[str, Kind], Counter[Outcome]]:
    """Columns of the kinds that all rows together have; these are returned, and how many rows ended how."""
    refuse_nothing(run, outcomes)
    counts = Counter[Outcome]()
    with spare_collector(), TemporaryFile(dir=place.parent) as file:
        spool = Spool(file, parquet.ROWS_A_GROUP)
        columns = kinds_of(spool.keep(count_outcomes(run.rows(outcomes), counts)))
        parquet.write_groups(place, spool.groups(), columns)
    return columns, counts


def count_outcomes(records: Iterator[dict[str, Any]], counts: Counter[Outcome]) -> Iterator[dict[str, Any]]:
    """The records as columns, counted by outcome as they pass."""
    for record in records:
        counts[Outcome(record["outcome"])] += 1
        yield flat(record)


def write_dataset(run: Run, place: Path, outcomes: Collection[Outcome], licence: str) -> None:
    """The folder that `datasets.load_dataset` and the Hugging Face hub read."""
    file = place / "data" / name_shard("train")
    file.parent.mkdir(parents=True)
    columns, counts = write_parquet(run, file, outcomes)
    files = files_of({"train": sum(counts.values())}, file.parent)
    (place / "README.md").write_text(card(run, counts, columns, files, licence), encoding="utf-8")


def name_shard(split: str) -> str:
    """The name of a split's one file, as the hub names them."""
    return f"{split}-00000-of-00001.parquet"


def files_of(counts: Mapping[str, int], data: Path) -> Files:
    """What a card says of the files of a data set."""
    digests: list[str] = []
    for split in counts:
        with (data / name_shard(split)).open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    sizes = {split: (data / name_shard(split)).stat().st_size for split in counts}
    return Files(counts, sizes, hashlib.sha256("".join(digests).encode()).hexdigest())


def count_rows(rows: Iterator[Split | LeftOut], counts: Counter[str], left_out: Counter[str]) -> Iterator[Split]:
    """The rows, counted as they pass; what is left out is counted and goes no further."""
    for one in rows:
        if isinstance(one, LeftOut):
            left_out[one.why] += 1
        else:
            counts[one[0]] += 1
            yield one


def write_splits(
    run: Run, place: Path, rows: Iterator[Split], about: About, licence: str, left_out: Mapping[str, int]
) -> None:
    """A folder with `data/SPLIT-*.parquet`, `SPLIT.jsonl` and a card; `left_out` is read when the rows are through."""
    data = place / "data"
    data.mkdir(parents=True)
    with spare_collector(), ExitStack() as stack:
        spools: dict[str, Spool] = {}
        counts = Counter[str]()

        def keep() -> Iterator[dict[str, Any]]:
            for split, row in rows:
                if split not in spools:
                    spools[split] = Spool(stack.enter_context(TemporaryFile(dir=place.parent)), parquet.ROWS_A_GROUP)
                counts[split] += 1
                spools[split].add(row)
                yield row

        columns = kinds_of(keep())
        if not counts:
            reasons = "; ".join(f"{count} left out: {why}" for why, count in left_out.items())
            raise UsageError(f"{run.path}: no row to export", hint=reasons or "no finished row can become one")
        for split, spool in spools.items():
            parquet.write_groups(data / name_shard(split), spool.groups(), columns)
            with (place / f"{split}.jsonl").open("wb") as file:
                file.writelines(encode(row) for group in spool.groups() for row in group)
    text = card_of_splits(run, files_of(counts, data), columns, about, licence, left_out)
    (place / "README.md").write_text(text, encoding="utf-8")
