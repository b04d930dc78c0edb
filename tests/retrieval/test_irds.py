from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from dikast.errors import DataError, MissingExtraError
from dikast.records import Document
from dikast.retrieval.corpus import read_corpus
from dikast.retrieval.trec import read_qrels, read_topics


class FakeDataset:
    def docs_iter(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(doc_id="d1", default_text=lambda: "text")]

    def queries_iter(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(query_id="q1", default_text=lambda: "query")]

    def qrels_iter(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(query_id="q1", doc_id="d1", relevance=2)]


def test_ir_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> FakeDataset:
        if name != "vaswani":
            raise KeyError(name)
        return FakeDataset()

    monkeypatch.setitem(sys.modules, "ir_datasets", SimpleNamespace(load=load))
    assert list(read_corpus("irds:vaswani")) == [Document("d1", "text")]
    assert read_topics("irds:vaswani") == {"q1": "query"}
    assert read_qrels("irds:vaswani") == {"q1": {"d1": 2}}
    with pytest.raises(DataError, match="irds:nonsense: ir_datasets has no docs to give: KeyError"):
        list(read_corpus("irds:nonsense"))


def test_ir_datasets_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ir_datasets", None)
    with pytest.raises(MissingExtraError, match=r"ir_datasets is not installed \(pip install 'dikast\[irds\]'\)"):
        list(read_corpus("irds:vaswani"))
