"""What run files are called in tables, and which of them a name means.

    named = name_runs([Path("r1/export/after.run"), Path("r2/export/after.run"), Path("bm25.k1-0.9.run.gz")])
    list(named)                                   # r1/export/after, r2/export/after, bm25.k1-0.9
    find_run("bm25.k1-0.9.run.gz", named)         # bm25.k1-0.9

The rule: a run is called by its file's name without `.gz` and without a run's ending; other dots are the name's own.
Where two would be called the same, as many folders stand before it as tell them apart, or else the whole path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dikast.errors import UsageError

ENDINGS = (".run", ".txt", ".trec", ".res", ".tsv")
"""What run files end in, Anserini's, pyserini's and TREC's among them; a system may be called `input.v2`."""


def name_runs(paths: Sequence[Path]) -> dict[str, Path]:
    """Name -> path, in the order given.

    Raises:
        UsageError: A file is given twice.
    """
    places = [path.absolute() for path in paths]
    if len({place.resolve() for place in places}) < len(places):
        raise UsageError("two runs have the same name: a file is given twice", hint="give each run once")
    return {_shortest(place, places) or str(path): path for path, place in zip(paths, places, strict=True)}


def find_run(given: str, named: Mapping[str, Path]) -> str:
    """The name of the run that is meant by its name, its file's name with or without endings, or its path.

    Raises:
        UsageError: It is none of the runs, or several.
    """
    if given in named:
        return given
    wanted = Path(given)
    found = [name for name, path in named.items() if path == wanted or path.absolute() == wanted.absolute()]
    found = found or [name for name, path in named.items() if given in (path.name, path.name.removesuffix(".gz"))]
    found = found or [name for name, path in named.items() if _bare(path) == _bare(wanted)]
    if len(found) != 1:
        told = "none of the runs" if not found else "the name of several runs"
        raise UsageError(
            f"baseline {given!r} is {told}: {', '.join(found or named)}", hint="give its name, or its path"
        )
    return found[0]


def _bare(path: Path) -> str:
    name = path.name.removesuffix(".gz")
    ending = next((ending for ending in ENDINGS if name.endswith(ending) and name != ending), "")
    return name.removesuffix(ending)


def _shortest(place: Path, places: Sequence[Path]) -> str:
    """The last parts of a path that no other path ends in; empty where there are none."""
    for depth in range(1, len(place.parts)):
        name = _tail(place, depth)
        if [_tail(other, depth) for other in places].count(name) == 1:
            return name
    return ""


def _tail(place: Path, depth: int) -> str:
    return "/".join((*place.parts[-depth:-1], _bare(place)))
