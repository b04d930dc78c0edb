"""The contract that every retriever keeps, over real Lucene."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from dikast.records import Document
from dikast.retrieval.lucene_build import build_lucene_index
from tests.contract import retrievers
from tests.contract.retrievers import Kind
from tests.contract.test_retrievers import *  # noqa: F403


def lucene(scheme: str) -> retrievers.Make:
    def make(documents: Sequence[Document], folder: Path) -> str:
        build_lucene_index(documents, folder / "x.lucene")
        return f"{scheme}:{folder / 'x.lucene'}"

    return make


OVER_LUCENE = {"lucene": Kind(lucene("lucene")), "lucene-rm3": Kind(lucene("lucene-rm3"))}


@pytest.fixture(scope="module", params=sorted(OVER_LUCENE))
def kind(request: pytest.FixtureRequest) -> Kind:
    return OVER_LUCENE[request.param]
