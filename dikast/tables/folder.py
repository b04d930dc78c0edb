"""A folder of table files that is asked about as a whole: which files are its tables, and what is left out.

files, left_out = members(Path("tables/shop"))     # [orders.csv, people.json], ["README.md"]
"""

from __future__ import annotations

from pathlib import Path

from dikast.disk import refused
from dikast.errors import DataError
from dikast.tables.load import format_of

MOST_FILES = 10_000
"""Files of a folder that are looked at."""


def members(folder: Path, besides: Path | None = None) -> tuple[list[Path], list[str]]:
    """The table files of a folder, by name, and the names of what is none.

    Folders inside it, hidden files and `besides`, which holds the questions, are neither; a link that leads out of the
    folder is left out.

    Raises:
        DataError: The folder cannot be listed, or holds no table or too many files.
    """
    try:
        found = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise refused(error, folder) from error
    if len(found) > MOST_FILES:
        raise DataError(f"more than {MOST_FILES:,} files", path=folder, hint="name one of them")
    inside = folder.resolve()
    asked = None if besides is None else besides.resolve()
    files, left_out = list[Path](), list[str]()
    for path in found:
        real = path.resolve()
        if real == asked:
            continue
        if format_of(path) is not None and real.is_relative_to(inside):
            files.append(path)
        else:
            left_out.append(path.name)
    if not files:
        raise DataError("no table is in this folder", path=folder, hint="CSV, TSV, JSON, Parquet, Excel, SQLite, ...")
    return files, left_out
