"""A run as a data set: JSON lines, Parquet, or a folder that Hugging Face's `datasets` loads, with its card.

    export(Run.open(Path("runs/x")), "parquet")
    export(run, "datasets", Path("my-data"), licence="cc-by-4.0")

Rows come in the order of the input and one at a time: memory holds an index entry a row and one group of rows. An
export is written beside its place and renamed when it is whole. It can be made of a run that is not finished: what it
holds is counted in the card.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Literal

from dikast.errors import UsageError
from dikast.jobs import parquet
from dikast.jobs.card import card
from dikast.jobs.columns import Kind, flat, kinds
from dikast.jobs.files import encode, told
from dikast.jobs.reading import Run
from dikast.records import Outcome

Format = Literal["jsonl", "parquet", "datasets"]
ENDINGS: dict[Format, str] = {"jsonl": "rows.jsonl", "parquet": "rows.parquet", "datasets": "dataset"}
EVERY = frozenset(Outcome)


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
        form: `jsonl`: the rows as the journal has them, each once. `parquet`: one file, inputs and outputs as columns.
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
    if out is not None and out.exists():
        raise UsageError(f"{out} is already there", hint="name another place, or move it away")
    if form != "jsonl":
        parquet.load_pyarrow()
    beside = place.with_name(f".{place.name}.{os.getpid()}")
    with told(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        remove(beside)
        try:
            if form == "datasets":
                write_dataset(run, beside, outcomes, licence)
            else:
                (write_jsonl if form == "jsonl" else write_parquet)(run, beside, outcomes)
            remove(place)
            beside.rename(place)
        finally:
            remove(beside)
    return place


def remove(place: Path) -> None:
    """Take a file or a folder away, if it is there."""
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def chosen(run: Run, outcomes: Collection[Outcome]) -> Iterator[dict[str, Any]]:
    """The rows with one of these outcomes.

    Raises:
        UsageError: There is none.
    """
    none = True
    for record in run.rows():
        if record["outcome"] in outcomes:
            none = False
            yield record
    if none:
        wanted = ", ".join(sorted(outcomes))
        raise UsageError(f"{run.path}: no finished row has the outcome {wanted}", hint="nothing to export")


def write_jsonl(run: Run, place: Path, outcomes: Collection[Outcome]) -> None:
    """One row a line."""
    with place.open("wb") as file:
        for record in chosen(run, outcomes):
            file.write(encode(record))


def write_parquet(run: Run, place: Path, outcomes: Collection[Outcome]) -> dict[str, Kind]:
    """Columns of the kinds that all rows together have; these are returned."""
    columns = kinds(chosen(run, outcomes))
    parquet.write(place, (flat(record) for record in chosen(run, outcomes)), columns)
    return columns


def write_dataset(run: Run, place: Path, outcomes: Collection[Outcome], licence: str) -> None:
    """The folder that `datasets.load_dataset` and the Hugging Face hub read."""
    data = place / "data"
    data.mkdir(parents=True)
    columns = write_parquet(run, data / "train-00000-of-00001.parquet", outcomes)
    counts = Counter(Outcome(record["outcome"]) for record in chosen(run, outcomes))
    (place / "README.md").write_text(card(run, counts, columns, licence), encoding="utf-8")
