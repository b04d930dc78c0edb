"""Documents, topics and judgments of the `ir_datasets` package, where it and its data are present.

    documents("irds:vaswani"), topics("irds:vaswani"), qrels("irds:vaswani")
    sources("beir/scifact/test")        # {"corpus": "irds:beir/scifact/test", "topics": .., "qrels": ..}

The package fetches a data set that it does not have by itself, which needs the network, and a licence for some.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from dikast.errors import DataError, MissingExtraError
from dikast.records import Document

SCHEME = "irds:"
KINDS = {"corpus": "docs", "topics": "queries", "qrels": "qrels"}
"""What a collection is made of -> what ir_datasets calls it."""
NAMES_SHOWN = 5
REASON_CHARACTERS = 200


def sources(name: str) -> dict[str, str | None]:
    """What stands for corpus, topics and judgments of a data set: `irds:NAME`, or `None` for what it lacks.

    Nothing is fetched for that.

    Raises:
        MissingExtraError: `ir_datasets` is not installed.
        DataError: The package knows no such data set.
    """
    source = f"{SCHEME}{name.removeprefix(SCHEME)}"
    dataset = _load(source)
    return {ours: source if _has(dataset, theirs) else None for ours, theirs in KINDS.items()}


def documents(source: str) -> Iterator[Document]:
    """The documents of `irds:NAME`, each with its default text.

    Raises:
        MissingExtraError: `ir_datasets` is not installed.
        DataError: The package knows no such data set, or cannot get its data.
    """
    for document in _records(source, "docs"):
        yield Document(str(document.doc_id), document.default_text())


def topics(source: str, fields: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """Id and text of each query of `irds:NAME`: its default text, or these fields joined by a space.

    Raises:
        MissingExtraError: `ir_datasets` is not installed.
        DataError: The package knows no such data set or cannot get its data, or a query lacks a field.
    """
    for query in _records(source, "queries"):
        yield str(query.query_id), _text(source, query, fields)


def _text(source: str, query: Any, fields: Sequence[str]) -> str:
    for name in fields:
        if not isinstance(getattr(query, name, None), str):
            hint = f"--topic-field names what is the query; it has {', '.join(getattr(query, '_fields', ()))}"
            raise DataError(f"{source}: query {query.query_id!r} has no text {name!r:.60}", hint=hint)
    return " ".join(getattr(query, name) for name in fields) if fields else query.default_text()


def qrels(source: str) -> dict[str, dict[str, int]]:
    """The judgments of `irds:NAME`; raises as `documents`, and if a document is judged twice and differently."""
    judged: dict[str, dict[str, int]] = {}
    for record in _records(source, "qrels"):
        qid, docid, grade = str(record.query_id), str(record.doc_id), int(record.relevance)
        if judged.setdefault(qid, {}).setdefault(docid, grade) != grade:
            what = f"document {docid!r} has two grades for query {qid!r}: {judged[qid][docid]} and {grade}"
            raise DataError(f"{source}: {what}")
    return judged


def _records(source: str, kind: str) -> Iterator[Any]:
    dataset = _load(source)
    if not _has(dataset, kind):
        children = [name for name in _names() if name.startswith(f"{source.removeprefix(SCHEME)}/")]
        having = [name for name in children if _has(_load(f"{SCHEME}{name}"), kind)][:NAMES_SHOWN]
        hint = f"these have: {', '.join(having)}" if having else ""
        raise DataError(f"{source}: the data set has no {kind}", hint=hint)
    try:
        yield from getattr(dataset, f"{kind}_iter")()
    except Exception as error:  # the package has no exception of its own for what it cannot find or fetch
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:REASON_CHARACTERS]
        hint = "it comes over the network, once, into IR_DATASETS_HOME (~/.ir_datasets); your own files need none"
        raise DataError(f"{source}: ir_datasets cannot give its {kind}: {reason}", hint=hint) from error


def _package() -> Any:
    try:
        return import_module("ir_datasets")
    except ImportError as error:
        raise MissingExtraError("ir_datasets", extra="irds") from error


def _names() -> list[str]:
    """Every data set that the package knows."""
    return list(_package().registry)


def _load(source: str) -> Any:
    name = source.removeprefix(SCHEME)
    try:
        return _package().load(name)
    except KeyError as error:
        close = get_close_matches(name, _names(), n=NAMES_SHOWN)
        hint = f"did you mean {' or '.join(close)}?" if close else "https://ir-datasets.com lists them"
        raise DataError(f"ir_datasets knows no data set {name!r:.100}", hint=hint) from error


def _has(dataset: Any, kind: str) -> bool:
    return bool(getattr(dataset, f"has_{kind}")())
