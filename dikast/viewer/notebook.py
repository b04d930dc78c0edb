"""A run in a notebook: the page that `dikast view RUN --export` writes, in a frame that may do nothing else.

from dikast.viewer.notebook import show
show("runs/x")          # or Run.open(Path("runs/x")).show()
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from dikast.graphs.method import Method
from dikast.jobs.reading import Run
from dikast.viewer.export import page_of
from dikast.viewer.telling import finder

MOST_ROWS = 50
HEIGHT = 640


@dataclass(frozen=True)
class Shown:
    """What a notebook draws.

    Args:
        html: A whole document.
        height: Of its frame, in pixels.
    """

    html: str
    height: int

    def _repr_html_(self) -> str:
        # A frame of its own, without its origin: neither its style nor its script reaches the notebook.
        return (
            f'<iframe sandbox="allow-scripts" referrerpolicy="no-referrer" title="dikast run" width="100%" '
            f'height="{self.height}" style="border:1px solid #8888" srcdoc="{escape(self.html)}"></iframe>'
        )


def show(
    run: Run | Path | str, *, method: Method | None = None, most_rows: int = MOST_ROWS, height: int = HEIGHT
) -> Shown:
    """A run as a notebook's last line.

    Args:
        run: The run, or its folder.
        method: Its method, where it is not one of dikast's own.
        most_rows: Rows that are told at most.
        height: Of the frame, in pixels.

    Raises:
        DataError: It is no run folder.
        MissingExtraError: Jinja2 is not installed.
    """
    opened = run if isinstance(run, Run) else Run.open(Path(run))
    return Shown(page_of(opened, method or finder()(opened), most_rows=most_rows), height)
