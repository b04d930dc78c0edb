"""The runs that are looked at: found in the folders that were named, opened once, with an index each.

shelf = Shelf([Path("runs")])
shelf.runs()                        # name in addresses -> Run, the latest first
with shelf.book("demo-3fa9c1d2ab") as book: ...
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dikast.errors import DataError
from dikast.graphs.method import Method
from dikast.jobs.manifest import NAME
from dikast.jobs.reading import Run, find_runs
from dikast.viewer.guarding import guarded
from dikast.viewer.index import Index, name_of


@dataclass(frozen=True, slots=True)
class Book:
    """A run that somebody looks at.

    Args:
        name: In addresses.
        run: As its manifest is now.
        method: What tells its rows; `None` where it may not be loaded, or there is none.
        index: Of its rows.
    """

    name: str
    run: Run
    method: Method | None
    index: Index


FindMethod = Callable[[Run], Method | None]


class Shelf:
    """Runs by name.

    Args:
        folders: Run folders, and folders that hold run folders.
        find_method: The method that tells a run's rows, if it may be loaded.

    Raises:
        DataError: One of the folders is not there.
    """

    def __init__(self, folders: Sequence[Path], find_method: FindMethod) -> None:
        self._folders, self._find_method = tuple(folders), find_method
        self._indexes: dict[str, tuple[bytes, Index]] = {}
        self._lock = threading.Lock()
        self.damaged: list[str] = []
        self.runs()

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where runs are looked for."""
        return self._folders

    def runs(self) -> Mapping[str, Run]:
        """Every run by name, the latest first; what cannot be opened is in `damaged`."""
        found: dict[str, Run] = {}
        self.damaged = []
        for folder in self._folders:
            runs, damaged = find_runs(folder)
            found |= {name_of(run.path): run for run in runs}
            self.damaged += [str(error) for error in damaged]
        return dict(sorted(found.items(), key=lambda one: one[1].manifest.attempts[-1].started, reverse=True))

    def place(self, name: str) -> Path | None:
        """The folder of the run with this name; `None` where there is none of it."""
        for folder in self._folders:
            for path in (folder, *(folder.iterdir() if folder.is_dir() else ())):
                if name_of(path) == name and (path / NAME).is_file():
                    return path
        return None

    def open(self, name: str) -> Book | None:
        """A run with its index; `None` where there is none of this name.

        Raises:
            DataError: Its manifest is damaged, or the cache folder cannot be written.
        """
        path = self.place(name)
        if path is None:
            return None
        run = Run.open(path)
        method = self._find_method(run)
        with self._lock:
            manifest = (path / NAME).read_bytes()
            before, index = self._indexes.get(name, (b"", None))
            if index is None or before != manifest:
                if index is not None:
                    index.close()
                index = Index(run, partial(guarded, method))
                self._indexes[name] = manifest, index
        return Book(name, run, method, index)

    def throw_away(self) -> None:
        """Have every index made again: one of them is damaged."""
        with self._lock:
            for _, index in self._indexes.values():
                index.throw_away()
            self._indexes.clear()

    def close(self) -> None:
        """Close all indexes."""
        with self._lock:
            for _, index in self._indexes.values():
                index.close()
            self._indexes.clear()


def check_folders(folders: Sequence[Path]) -> None:
    """Refuse a folder that is not there.

    Raises:
        DataError: One is none.
    """
    for folder in folders:
        if not folder.is_dir():
            raise DataError("no such folder", path=folder, hint="name run folders, or the folder that holds them")
