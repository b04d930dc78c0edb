"""The small collection that ships with dikast: documents, topics and graded judgments of our own.

Its README says how it was written and judged, and what it is too small for.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import NamedTuple


class Sample(NamedTuple):
    """Where the files are."""

    corpus: Path
    topics: Path
    qrels: Path
    synonyms: Path
    """JSON: query id -> expansion terms that somebody who knows the subject would give."""


def sample_files() -> Sample:
    """The files of the sample collection."""
    folder = Path(str(files("dikast.retrieval"))) / "collection"
    return Sample(*(folder / name for name in ("corpus.jsonl", "topics.tsv", "qrels.txt", "synonyms.json")))
