"""Documents, topics and judgments of the `ir_datasets` package, where it and its data are present.

    documents("irds:vaswani"), topics("irds:vaswani"), qrels("irds:vaswani")

The package fetches a data set that it does not have by itself, which needs the network, and a licence for some.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from dikast.errors import DataError, MissingExtraError
from dikast.records import Document

SCHEME = "irds:"


def documents(source: str) -> Iterator[Document]:
    """The documents of `irds:NAME`, each with its default text.

    Raises:
        MissingExtraError: `ir_datasets` is not installed.
        DataError: The package knows no such data set, or cannot get its data.
    """
    for document in _records(source, "docs"):
        yield Document(str(document.doc_id), document.default_text())


def topics(source: str, fields: Sequence[str] = ()) -> dict[str, str]:
    """Query id -> text of `irds:NAME`: its default text, or these fields joined by a space; raises as `documents`."""
    return {str(query.query_id): _text(source, query, fields) for query in _records(source, "queries")}


def _text(source: str, query: Any, fields: Sequence[str]) -> str:
    for name in fields:
        if not isinstance(getattr(query, name, None), str):
            hint = f"the query has {', '.join(getattr(query, '_fields', ()))}"
            raise DataError(f"{source}: query {query.query_id!r} has no text {name!r}", hint=hint)
    return " ".join(getattr(query, name) for name in fields) if fields else query.default_text()


def qrels(source: str) -> dict[str, dict[str, int]]:
    """The judgments of `irds:NAME`; raises as `documents`."""
    judged: dict[str, dict[str, int]] = {}
    for record in _records(source, "qrels"):
        judged.setdefault(str(record.query_id), {})[str(record.doc_id)] = int(record.relevance)
    return judged


def _records(source: str, kind: str) -> Iterator[Any]:
    try:
        package = import_module("ir_datasets")
    except ImportError as error:
        raise MissingExtraError("ir_datasets", extra="irds") from error
    try:
        yield from getattr(package.load(source.removeprefix(SCHEME)), f"{kind}_iter")()
    except Exception as error:  # the package has no exception of its own for what it cannot find or fetch
        raise DataError(f"{source}: ir_datasets has no {kind} to give: {type(error).__name__}: {error}") from error
