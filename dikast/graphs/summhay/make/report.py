"""What a run of the synthesizer amounts to: topic files, the plans that they are of, and a card.

Into the run's `export` folder: `topic_ID.json` of each haystack, in the authors' schema; `plan_ID.toml`, which
`--plan` takes again, also of a row whose solver brought too little (its number stands for the id then); `README.md` and
`card.json`, which say how they were made. Files of haystacks that the run no longer has are removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dikast.errors import DataError
from dikast.files import write_json, write_text
from dikast.graphs.method import Report
from dikast.graphs.summhay.haystack import parse_haystack, write_haystack
from dikast.graphs.summhay.make.content import as_toml
from dikast.graphs.summhay.make.context import Context
from dikast.jobs.reading import Run
from dikast.pages import Page, Table, Text, markdown
from dikast.records import Outcome

README, CARD = "README.md", "card.json"
OURS = ("topic_*.json", "plan_*.toml")
ABOUT = """\
Documents into which insights were planted, in the file schema of SummHay (Laban et al., EMNLP 2024, arXiv 2407.01370).
They are invented, as is whatever they report. insights_included holds what the oracle found in a document, whether it
was planned or not; what was planned stands in document_metadata."""
RATES = """\
Miss rate: planted insights that the oracle does not find in their document. Leak rate: insights that it finds in
documents into which they were not planted, of all such pairs. Unsettled pairs are those that neither words nor a
verifier could settle; the cut of the word rule decided them. A round after the first is over all documents."""


def report(run: Run, context: Context) -> Report:
    """Write the files, and tell how the haystacks were made."""
    folder = run.path / "export"
    folder.mkdir(exist_ok=True)
    written: set[Path] = set()
    cards: list[dict[str, Any]] = []
    for row in run.rows():
        cards.append(_write_row(row, folder, written, run.path))
    for pattern in OURS:
        for stale in set(folder.glob(pattern)) - written:
            stale.unlink()
    asked = run.manifest.attempts[-1].asked
    page = Page("", (*_tables(cards), Text(RATES, "note")))
    settings = context.model_dump(mode="json")
    data = {
        "asked": asked,
        "made": sum(one["file"] is not None for one in cards),
        "complete": sum(one["outcome"] == Outcome.OK for one in cards),
        "settings": settings,
        "haystacks": cards,
    }
    card = Page("Haystacks", (Text(ABOUT), *_settings(settings), *page.parts))
    write_text(folder / README, markdown(card))
    write_json(folder / CARD, data)
    return Report(page, {name: data[name] for name in ("asked", "made", "complete", "haystacks")})


def _write_row(row: Mapping[str, Any], folder: Path, written: set[Path], run: Path) -> dict[str, Any]:
    """A row's files, and its part of the card."""
    output: Mapping[str, Any] = row["output"] or {}
    value = output.get("haystack")
    id_ = value["topic_id"] if value else f"row{row['row']}"
    card: dict[str, Any] = {"row": row["row"], "outcome": row["outcome"], "reason": row["reason"], "file": None}
    card |= {name: output.get(name) for name in ("made", "rounds", "failures")}
    card["rejected"] = len(output.get("rejected") or ())
    card["usage"] = row["usage"]
    card["topic"] = (output.get("outline") or row["input"]).get("topic", "")
    if value:
        place = folder / f"topic_{id_}.json"
        if place in written:
            hint = "make them in runs of their own"
            raise DataError(f"two haystacks are called {id_!r}", path=run, field="topic_id", hint=hint)
        write_haystack(place, parse_haystack(value))
        written.add(place)
        card["file"] = place.name
    if (outline := output.get("outline")) and outline["subtopics"]:
        # Its participants are those that were drawn: with them the same seed makes the same haystack.
        place = folder / f"plan_{id_}.toml"
        write_text(place, as_toml(outline))
        written.add(place)
        card["plan"] = place.name
    return card


def _tables(cards: list[dict[str, Any]]) -> Iterator[Table]:
    made = [
        (
            one["row"],
            one["file"],
            one["outcome"],
            _told(one["made"]["documents"]) if one["made"] else None,
            one["made"]["planned"] if one["made"] else None,
            one["made"]["found"] if one["made"] else None,
            len(one["made"]["unplanted"]) if one["made"] else None,
            one["reason"] or None,
        )
        for one in cards
    ]
    columns = ("row", "file", "outcome", "documents", "planned", "found", "insights in no document", "reason")
    yield Table(columns, tuple(made), "Haystacks")
    rounds = [
        (
            one["row"],
            told["name"],
            told["documents"],
            told["missing"],
            told["miss_rate"],
            told["leaked"],
            told["leak_rate"],
            told["unsettled"],
            told["by_model"],
        )
        for one in cards
        for told in one["rounds"] or ()
    ]
    columns = ("row", "round", "documents", "missing", "miss rate", "leaked", "leak rate", "unsettled", "by model")
    yield Table(columns, tuple(rounds), "What the oracle found")
    spent = [
        (one["row"], role, *(usage.get(name, 0) for name in ("calls", "input_tokens", "output_tokens")))
        for one in cards
        for role, usage in one["usage"].items()
    ]
    if spent:
        yield Table(("row", "role", "calls", "input tokens", "output tokens"), tuple(spent), "Spent")


def _told(documents: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {fate}" for fate, count in documents.items())


def _settings(settings: Mapping[str, Any]) -> Iterator[Table]:
    rows = [(name, str(value)) for name, value in settings.items() if not isinstance(value, dict)]
    yield Table(("setting", "value"), tuple(rows), "How they were made")
