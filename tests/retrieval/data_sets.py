"""A stand-in for the ir_datasets package, with what of it dikast uses."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest


class Query(NamedTuple):
    """A query, as a data set with several fields has it."""

    query_id: str
    title: str
    narrative: str

    def default_text(self) -> str:
        return self.title


class FakeDataset:
    """Two documents, a query, two judgments, or none."""

    def __init__(
        self,
        *,
        queries: Mapping[str, str] | None = None,
        grades: Sequence[tuple[str, str, int]] = (("q1", "d1", 2), ("q1", "d2", 0)),
    ) -> None:
        self.queries, self.grades = queries or {"q1": "cats"}, grades

    def has_docs(self) -> bool:
        return True

    def has_queries(self) -> bool:
        return True

    def has_qrels(self) -> bool:
        return bool(self.grades)

    def docs_iter(self) -> Iterator[Any]:
        for docid, text in (("d1", "cats purr"), ("d2", "dogs bark")):
            yield SimpleNamespace(doc_id=docid, default_text=lambda text=text: text)

    def queries_iter(self) -> Iterator[Query]:
        for qid, text in self.queries.items():
            yield Query(qid, text, f"which {'purr' if text == 'cats' else text}")

    def qrels_iter(self) -> Iterator[Any]:
        for qid, docid, grade in self.grades:
            yield SimpleNamespace(query_id=qid, doc_id=docid, relevance=grade)


class FakePackage:
    """`load`, and a registry of names."""

    def __init__(self) -> None:
        self.registry: dict[str, FakeDataset] = {"toy/pets": FakeDataset(grades=()), "toy/pets/test": FakeDataset()}

    def load(self, name: str) -> FakeDataset:
        return self.registry[name]


def use(monkeypatch: pytest.MonkeyPatch) -> FakePackage:
    """Have `import ir_datasets` give the stand-in."""
    package = FakePackage()
    monkeypatch.setitem(sys.modules, "ir_datasets", package)
    return package
