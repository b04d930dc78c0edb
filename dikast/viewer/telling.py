"""A method's report and story as pages, for somebody who only looks.

    find = finder(own=("mine.method",))
    report_of(run, method, own)       # the report's Page; the run folder is only read
    story_of(run, method, row, reveal=False)

A manifest names where its method stands, and loading it runs code, as does making an actor like `scripted:mine:model`:
dikast's own modules are loaded, and those that the person named; whatever else a manifest says, nothing is.

A report writes files into its run's `export` folder. Here it gets a folder of links in the cache folder in place of the
run's, with an `export` of its own; its page is kept there until the run changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dikast.graphs import epochs
from dikast.graphs.again import context_from, own_method
from dikast.graphs.method import Method, load_object
from dikast.graphs.story import tell
from dikast.importing import importing_only
from dikast.jobs.folder import HELD, LOCK, ROWS
from dikast.jobs.manifest import NAME, installed
from dikast.jobs.reading import Run
from dikast.pages import Figure, Page, Table, Text, as_json
from dikast.viewer.guarding import guarded
from dikast.viewer.index import PRIVATE_FILE, folder, name_of

NOT_LINKED = frozenset({LOCK, HELD, "export"})
MOST_FIGURES = 20


def finder(own: Sequence[str] = ()) -> Callable[[Run], Method | None]:
    """What finds a run's method: dikast's own, and those in the modules that are named here."""

    def find(run: Run) -> Method | None:
        if found := own_method(run.manifest):
            return found
        if run.manifest.method.partition(":")[0] in own:
            loaded = load_object(run.manifest.method)
            return loaded if isinstance(loaded, Method) else None
        return None

    return find


def story_of(run: Run, method: Method | None, row: Mapping[str, Any], *, reveal: bool) -> Page:
    """The row's whole story.

    Args:
        run: Where it is from.
        method: Its method; without one, its output is shown as it is.
        row: The journal's line.
        reveal: Show what the method protects, too.
    """
    shown = guarded(method, row) if not reveal else row
    page = _told(shown, method.story if method else None) or _told(shown, None)
    if page is None:
        page = Page("", (Text("this row is not as rows are; its JSON is below", "note"),))
    if reveal and method and method.reveal:
        page = Page(page.title, (*page.parts, Text("withheld elsewhere", "heading"), *method.reveal(run.path, row)))
    return page


def _told(row: Mapping[str, Any], story: Callable[[Mapping[str, Any]], Page] | None) -> Page | None:
    """The row's story; `None` for a row of an older version, or of a hand, that it cannot tell."""
    try:
        return tell(row, story)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return None


def kept_report(run: Run) -> Page | None:
    """The report that was made of the run as it is now; `None` where none was."""
    path = _place(run)
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return page_from(known["page"]) if known.get("of") == state_of(run) else None


def report_of(run: Run, method: Method, own: Sequence[str] = ()) -> Page:
    """What the run amounts to, by its method's report.

    Args:
        run: The run.
        method: Its method.
        own: Modules that the run's context may name.

    Raises:
        DikastError: Its context cannot be made here, or a row is damaged.
    """
    if method.report is None:
        return Page("", ())
    if found := kept_report(run):
        return found
    before = state_of(run)
    with importing_only(own), tempfile.TemporaryDirectory(prefix="report-", dir=_home()) as made:
        context = context_from(method, run)
        shadow = _shadow(run, Path(made))
        told = epochs.report_of(method, shadow, context)
        assert told is not None
        page = _as_of(run.path, shadow.path, told.page, told.notes)
    _keep(run, before, page)
    return page


def scores_of(run: Run, method: Method, own: Sequence[str] = ()) -> Mapping[str, float]:
    """Key of a row -> the measure by which its method says how good it is; empty where it names none.

    Raises:
        DikastError: As for `report_of`.
    """
    if not (method.score and method.measures):
        return {}
    with importing_only(own), tempfile.TemporaryDirectory(prefix="score-", dir=_home()) as made:
        return method.measures(method.score)(_shadow(run, Path(made)), context_from(method, run))


def state_of(run: Run) -> str:
    """What changes when the run does: a hash over its manifest, the journal's size and time, and dikast's version."""
    journal = run.path / ROWS
    stat = journal.stat() if journal.exists() else None
    parts = [(run.path / NAME).read_bytes(), repr((stat.st_size, stat.st_mtime_ns) if stat else None).encode()]
    return hashlib.blake2b(b"\0".join([*parts, installed("dikast").encode()]), digest_size=16).hexdigest()


def _home() -> Path:
    home = folder()
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    return home


def _place(run: Run) -> Path:
    return folder() / f"{name_of(run.path)}.report.json"


def _shadow(run: Run, made: Path) -> Run:
    """The run in a folder of links, called as it is called: some reports tell the folder's name."""
    home = made / run.path.resolve().name
    (home / "export").mkdir(parents=True)
    for entry in run.path.iterdir():
        if entry.name not in NOT_LINKED:
            (home / entry.name).symlink_to(entry.resolve())
    return Run(home, run.manifest)


def _as_of(real: Path, shadow: Path, page: Page, notes: Sequence[str]) -> Page:
    """The page with the run's own path, the figures that the report wrote as files, and its notes."""
    there = {part.name for part in page.parts if isinstance(part, Figure)}
    drawn = sorted((shadow / "export").glob("*.svg"))[:MOST_FIGURES]
    figures = (Figure(one.read_text(encoding="utf-8"), one.name) for one in drawn if one.name not in there)
    parts = [*page.parts, *figures, *(Text(note, "note") for note in notes)]
    return Page(page.title, tuple(_with_path(part, str(shadow), str(real)) for part in parts))


def _with_path(part: Text | Table | Figure, shadow: str, real: str) -> Text | Table | Figure:
    if isinstance(part, Text):
        return Text(part.text.replace(shadow, real), part.kind, part.label)
    if isinstance(part, Table):
        rows = (tuple(_cell_with(cell, shadow, real) for cell in row) for row in part.rows)
        return Table(part.columns, tuple(rows), part.title)
    return part


def _cell_with(cell: Any, shadow: str, real: str) -> Any:
    return cell.replace(shadow, real) if isinstance(cell, str) else cell


def _keep(run: Run, state: str, page: Page) -> None:
    text = json.dumps({"of": state, "page": as_json(page)})
    handle, name = tempfile.mkstemp(dir=_home())
    with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 # a handle, not a path
        file.write(text)
    Path(name).chmod(PRIVATE_FILE)
    Path(name).replace(_place(run))


def page_from(told: Mapping[str, Any]) -> Page:
    """A page out of what `dikast.pages.as_json` made of it."""
    return Page(told["title"], tuple(_parts_from(told["parts"])))


def _parts_from(parts: Sequence[Mapping[str, Any]]) -> Iterator[Text | Table | Figure]:
    for part in parts:
        if part["type"] == "table":
            yield Table(tuple(part["columns"]), tuple(map(tuple, part["rows"])), part["title"])
        elif part["type"] == "figure":
            yield Figure(part["svg"], part["name"], part["caption"])
        else:
            yield Text(part["text"], part["kind"], part["label"])


def files_in(run: Run) -> list[tuple[str, int]]:
    """The files of the run's `export` folder and their bytes, those in folders below counted to these."""
    home = run.path / "export"
    found: list[tuple[str, int]] = []
    for entry in sorted(home.iterdir()) if home.is_dir() else ():
        if entry.is_file():
            found.append((entry.name, entry.stat().st_size))
        elif entry.is_dir():
            sizes = (Path(at, name).stat().st_size for at, _, names in os.walk(entry) for name in names)
            found.append((f"{entry.name}/", sum(sizes)))
    return found
